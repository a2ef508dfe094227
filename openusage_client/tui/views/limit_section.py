"""A tile's gauges, balances and billing cycle; the figures that may stop a user come first."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from openusage_client.formatting import format_duration, format_money, format_percent
from openusage_client.tui import limits
from openusage_client.tui.layout import Line, clip_line, pick
from openusage_client.tui.state import AppState
from openusage_client.tui.text import FULL, TRACK, cell_width, clean, pad
from openusage_client.tui.views import gauge, wording
from openusage_proto.messages import AccountSnapshot, Metric

_FEW: Final = 2
_SOME: Final = 6
_FIGURES: Final = 4
_TEAM: Final = ("spend_limit", "individual_spend", "team_budget_others")
_TEAM_LABEL: Final = "Own and others"
_CYCLE: Final = ("billing_cycle_start", "billing_cycle_end")

Labelled = tuple[str, Metric]


def shown_gauges(
    state: AppState, account: AccountSnapshot, level: int, *, expanded: bool
) -> tuple[list[Labelled], int]:
    """
    The gauges a tile shows and how many it leaves out.

    What is far from its limit may give way to more accounts; what is near never does.
    """
    every = limits.gauges(account, state.providers.get(account.provider_id))
    most = _FEW if level == 0 else len(every) if expanded else _SOME
    warn = state.preferences.thresholds.warn
    shown = every[:most] + [
        item
        for item in every[most:]
        if limits.is_limit(item[1]) and (limits.used_percent(item[1]) or 0.0) >= warn
    ]
    return shown, len(every) - len(shown)


def shown_figures(account: AccountSnapshot) -> list[Metric]:
    """Balances and sums of money that stand beside the gauges; the others are other data."""
    figures = [metric for metric in limits.figures(account) if metric.key not in _TEAM[1:]]
    wanted = [metric for metric in figures if metric.remaining is not None or metric.money_kind]
    return wanted[:_FIGURES]


def label_cells(state: AppState, account: AccountSnapshot, level: int, width: int) -> int:
    """Cells of the label column that gauges, balances and totals of a tile share."""
    shown, _ = shown_gauges(state, account, level, expanded=False)
    names = [label for label, _ in shown]
    names += [limits.label(metric) for metric in shown_figures(account)]
    if any(metric.key == _TEAM[2] for metric in account.metrics):
        names.append(_TEAM_LABEL)
    return gauge.label_width([*names, "30 days"], width)


def render_limits(
    state: AppState, account: AccountSnapshot, width: int, level: int, *, expanded: bool
) -> list[Line]:
    """One line per gauge and balance, the team's gauge in its parts, the billing cycle."""
    shown, hidden = shown_gauges(state, account, level, expanded=expanded)
    cells = label_cells(state, account, level, width)
    wishes = state.preferences
    lines = gauge.render_gauges(
        shown, state.now, wishes.thresholds, width, cells, left=wishes.show_remaining
    )
    lines += _team(account, width, cells)
    if hidden and level > 0:
        words = f"{hidden} more far from their limits (Ctrl+O)"
        lines.append(clip_line([(pad("", cells), "label"), (f" {words}", "muted")], width))
    for metric in shown_figures(account):
        name = pad(clean(limits.label(metric)), cells)
        value: Line = [(wording.metric_value(metric), "value")]
        lines.append(clip_line([(name, "label"), (" ", "text"), *value], width))
    if level > 0:
        lines += _cycle(state, account, width, cells)
    return lines


def _team(account: AccountSnapshot, width: int, cells: int) -> list[Line]:
    """The own and the others' part of a team's budget, as shares of its limit."""
    by_key = {metric.key: metric for metric in account.metrics}
    pool, own, others = (by_key.get(key) for key in _TEAM)
    if pool is None or own is None or others is None or not pool.limit:
        return []
    parts = [(own.used or 0.0), (others.used or 0.0)]
    room = max(0, min(40, width - cells - 1))
    filled = [round(part / pool.limit * room) for part in parts]
    # A part that is something is seen, and together they never leave the bar.
    filled = [max(1, count) if part > 0 else 0 for count, part in zip(filled, parts, strict=True)]
    filled[1] = max(0, min(filled[1], room - filled[0]))
    bar: Line = [
        (FULL * min(filled[0], room), "series.2"),
        (FULL * filled[1], "series.1"),
        (TRACK * max(0, room - sum(filled)), "track"),
    ]
    you, rest = (format_money(part, clean(pool.unit)) for part in parts)
    words: Line = [
        (pad("", cells), "label"), (" ", "text"), ("■ ", "series.2"), (f"you {you}", "text"),
        ("  ■ ", "series.1"), (f"others {rest}", "text"),
    ]  # fmt: skip
    whole = f" of {format_money(pool.limit, clean(pool.unit))}"
    name = pad(_TEAM_LABEL, cells)
    return [
        clip_line([(name, "label"), (" ", "text"), *bar], width),
        pick([[*words, (whole, "muted")], words], width),
    ]


def _cycle(state: AppState, account: AccountSnapshot, width: int, cells: int) -> list[Line]:
    """The billing cycle from and to, in local time, and how long it still runs."""
    start, end = (account.attributes.get(name, "") for name in _CYCLE)
    days = []
    for text in (start, end):
        moment = limits.moment(text) if text else None
        known = moment is not None and moment.year > 1970
        local = moment.astimezone(state.now.tzinfo) if moment is not None and known else None
        days.append(local)
    first, last = days
    if last is None:
        return []
    left = last - state.now
    words = f"until {last:%b} {last.day}"
    if first is not None:
        words = f"{first:%b} {first.day} → {last:%b} {last.day}"
    name = pad("Billing cycle", cells) if cells >= cell_width("Billing cycle") else "Billing cycle"
    line: Line = [(name, "label"), (f" {words}", "text")]
    if left > timedelta():
        line.append((f" · ends in {format_duration(left.total_seconds())}", "muted"))
    return [clip_line(line, width)]


def cache_share(percent: float) -> Line:
    """A share of the prompt that came from the cache; much of it is good."""
    role = "ok" if percent >= 50 else "muted"
    return [(f"{format_percent(percent)} from cache", role)]
