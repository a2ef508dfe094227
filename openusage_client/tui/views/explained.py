"""The screen that says where one number comes from."""

from __future__ import annotations

from datetime import datetime

from openusage_client.explain_page import explain_lines
from openusage_client.formatting import format_ago, format_local, format_money, format_percent
from openusage_client.tui import limits
from openusage_client.tui.analytics.figures import hidden_accounts
from openusage_client.tui.detail import asking
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.state import AppState
from openusage_client.tui.text import clean, pad, wrap
from openusage_client.tui.views import wording
from openusage_client.tui.views.detail_page import widest
from openusage_proto.activity_messages import Series, SeriesPoint
from openusage_proto.explain_messages import Explanation
from openusage_proto.messages import AccountSnapshot, Metric

_POINTS = 12


def render_explained(state: AppState, width: int) -> list[Line]:
    """All lines of the screen; empty when no number was asked about."""
    figure = state.detail.figure
    if figure is None:
        return []
    outer = max(1, width - 2)
    lines: list[Line] = [[(clean(figure.title), "title")], []]
    if figure.metric:
        lines += _limit(state, figure.metric, outer)
    else:
        lines += _usage(state, outer)
    return [[(" ", "text"), *clip_line(line, outer)] if line else [] for line in lines]


def _usage(state: AppState, width: int) -> list[Line]:
    answer = asking.answer_to(state, asking.explain_question(state))
    if answer is None:
        return [[("asking the daemon …", "muted")]]
    if answer.error:
        return [[(part, "warn")] for part in wrap(clean(answer.error), width)]
    if not isinstance(answer.value, Explanation):
        return []
    costs, note = _costs(state)
    lines = explain_lines(answer.value, now=state.now, width=width, costs=costs)
    return [*lines, [], *[[(part, "muted")] for part in wrap(note, width)]] if note else lines


def _costs(state: AppState) -> tuple[bool, str]:
    """
    Whether the number's costs may be shown, and words where other screens show less.

    A sum over all accounts has those of flat rates in it, which is no secret but no bill either;
    what a user has hidden by word is in no sum.
    """
    figure = state.detail.figure
    hidden = hidden_accounts(state)
    owner = (figure.account or figure.owner) if figure else ""
    if owner:
        return owner not in hidden, ""
    accounts = state.model.accounts if state.model else []
    if any(state.preferences.hides_costs_of(one.account_id) for one in accounts):
        return False, ""
    words = "The costs of accounts with a flat rate are in it; other screens leave them out."
    return True, words if hidden else ""


def _limit(state: AppState, key: str, width: int) -> list[Line]:
    """A limit or balance: what the vendor said, when, and how it moved before."""
    account = state.account
    metric = next((one for one in account.metrics if one.key == key), None) if account else None
    if account is None or metric is None:
        return [[("the vendor does not report this figure any more", "muted")]]
    rows = _facts(account, metric, state.now)
    names = widest([name for name, _ in rows], 20)
    lines: list[Line] = [[("Number", "heading"), (" as the vendor reports it", "muted")]]
    for name, value in rows:
        for index, part in enumerate(wrap(value, max(12, width - names - 4)) or [""]):
            start = pad(name if index == 0 else "", names)
            lines.append([("  ", "text"), (start, "label"), ("  ", "text"), (part, "text")])
    series = asking.value_of(state, asking.series_question(state), Series)
    points = next((one.points for one in series.series if one.metric == key), []) if series else []
    if points:
        lines += [[], [("Measured", "heading"), (f" {len(points)} points, newest first", "muted")]]
        for point in list(reversed(points))[:_POINTS]:
            moment = format_local(point.at, state.now)
            lines.append(
                [("  ", "text"), (moment, "label"), (f"  {_point(point, metric)}", "text")]
            )
    return lines


def _facts(account: AccountSnapshot, metric: Metric, now: datetime) -> list[tuple[str, str]]:
    percent = limits.used_percent(metric)
    rows = [("key", clean(metric.key))]
    known = [
        f"{name} {value:g} {clean(metric.unit)}"
        for name, value in (
            ("used", metric.used),
            ("limit", metric.limit),
            ("remaining", metric.remaining),
        )
        if value is not None
    ]
    rows.append(("reported", ", ".join(known) or "—"))
    if percent is not None:
        how = {True: "as reported", False: "used / limit x 100"}[metric.unit == "%"]
        if metric.used is None:
            how = "(limit - remaining) / limit x 100"
        rows.append(("shown", f"{format_percent(percent)} used = {how}, rounded down"))
    if metric.money_kind:
        rows.append(("money", clean(metric.money_kind)))
    if metric.window:
        rows.append(("window", clean(metric.window)))
    forms = wording.reset_forms(metric, now)
    if forms:
        rows.append(("reset", forms[0]))
    rate = limits.pace(metric, now)
    if rate is not None and rate.projected_percent is not None and percent is not None:
        elapsed = format_percent(rate.elapsed * 100)
        projected = format_percent(rate.projected_percent)
        words = f"{format_percent(percent)} used in {elapsed} of the window: {projected} at its end"
        rows.append(("pace", words))
    source = clean(account.attributes.get("source", ""))
    checked = f"{format_local(account.fetched_at, now)} ({format_ago(account.fetched_at, now)})"
    rows.append(("checked", f"{checked}, {source}" if source else checked))
    if account.stale_reason:
        rows.append(("old because", clean(account.stale_reason)))
    return rows


def _point(point: SeriesPoint, metric: Metric) -> str:
    if metric.unit == "%" and point.used is not None:
        return f"{format_percent(point.used)} used"
    if point.remaining is not None:
        return f"{format_money(point.remaining, clean(metric.unit))} left"
    if point.used is not None:
        of = f" of {point.limit:g}" if point.limit is not None else ""
        return f"{point.used:g}{of} {clean(metric.unit)} used"
    return "—"
