"""An account in one or two short lines: state, name, its tightest limit and when that resets."""

from __future__ import annotations

from typing import Final

from openusage_client.tui import limits
from openusage_client.tui.layout import Line, spread
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, clean
from openusage_client.tui.views import gauge, wording
from openusage_proto.messages import AccountSnapshot, Metric
from openusage_proto.values import dataclass

_MINI_BAR: Final = 8


@dataclass(frozen=True, slots=True)
class Tightest:
    """The limit of an account that is used up first, by the share that is used."""

    label: str
    metric: Metric
    percent: float


def tightest(state: AppState, account: AccountSnapshot) -> Tightest | None:
    """The limit with the largest share used; None when no share is known."""
    best: Tightest | None = None
    for label, metric in limits.gauges(account, state.providers.get(account.provider_id)):
        percent = limits.used_percent(metric)
        if percent is None or not limits.is_limit(metric):
            continue
        if best is None or percent > best.percent:
            best = Tightest(label, metric, percent)
    return best


def summary(state: AppState, account: AccountSnapshot) -> Line:
    """The one most useful figure: how much of what is used; else a balance, or what was used."""
    if account.status in {"AUTH_REQUIRED", "ERROR"} and not account.metrics:
        return [(wording.status_words(account)[0], wording.status_words(account)[1])]
    limit = tightest(state, account)
    if limit is not None:
        role = limits.severity(limit.percent, state.preferences.thresholds)
        return [
            (gauge.share_words(limit.percent, left=state.preferences.show_remaining), role),
            (f" {clean(limit.label)}", "muted"),
        ]
    figures = limits.figures(account)
    if figures:
        return [(wording.metric_value(figures[0]), "value")]
    if account.usage is not None:
        return wording.totals_line(account.usage.totals)[:3]
    return [("no figures yet", "muted")]


def list_entry(
    state: AppState, account: AccountSnapshot, width: int, *, selected: bool
) -> list[Line]:
    """Two lines for a list beside a pane, `width` cells wide."""
    word, role = wording.status_words(account)
    mark = ("┃" if selected else " ", "border.selected")
    name_role = "title.selected" if selected else "title"
    first: Line = [mark, (f"{word[:1]} ", role), (wording.title(account), name_role)]
    limit = tightest(state, account)
    second: Line = [mark, ("  ", "text"), *summary(state, account)]
    tail: Line = []
    if limit is not None:
        bar_role = limits.severity(limit.percent, state.preferences.thresholds)
        left = state.preferences.show_remaining
        share = 100.0 - limit.percent if left else limit.percent
        tail = gauge.bar_spans(share / 100.0, _MINI_BAR, bar_role)
        used: Line = [(gauge.share_words(limit.percent, left=left), bar_role)]
        room = width - 5 - _MINI_BAR - cell_width(used[0][0])
        forms = [clean(limit.label), *wording.reset_forms(limit.metric, state.now)[2:]]
        note = next((text for text in forms if cell_width(text) <= room), "")
        second = [mark, ("  ", "text"), *used, (f" {note}", "muted")]
    return [spread(first, [], width), spread(second, tail, width)]
