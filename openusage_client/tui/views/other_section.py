"""A tile's remaining figures, what the vendor says about the account, and its upstream hosts."""

from __future__ import annotations

from typing import Final

from openusage_client.tui import limits
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.text import cell_width, clean, clip, pad, wrap
from openusage_client.tui.views import breakdown, wording
from openusage_client.tui.views.code_section import is_code_metric
from openusage_client.tui.views.limit_section import shown_figures
from openusage_proto.messages import AccountSnapshot, Metric

_FIRST: Final = (
    "plan", "plan_name", "plan_type", "tier", "organization", "organization_type", "team", "role",
    "model", "version", "source", "usage_source",
)  # fmt: skip
_ROWS: Final = 6
_ERROR: Final = "_error"
_ELSEWHERE: Final = frozenset({"billing_cycle_start", "billing_cycle_end"})
_TEAM_PARTS: Final = frozenset({"individual_spend", "team_budget_others"})


def render_other(account: AccountSnapshot, width: int, *, expanded: bool) -> list[Line]:
    """Figures that stand nowhere else, then plan and account; a question left open is a warning."""
    rows = [(clean(limits.label(metric)), wording.plain_value(metric)) for metric in
            _remaining(account)]  # fmt: skip
    rows += _facts(account)
    rows = [(name, value) for name, value in rows if value]
    most = len(rows) if expanded else _ROWS
    lines: list[Line] = []
    names = min(max((cell_width(name) for name, _ in rows[:most]), default=0), max(8, width // 2))
    for name, value in rows[:most]:
        text = clip(value, max(1, width - names - 4))
        lines.append([("  ", "text"), (pad(name, names), "label"), ("  ", "text"), (text, "text")])
    if len(rows) > most:
        lines.append([(f"  {len(rows) - most} more (Ctrl+O)", "muted")])
    for name, value in sorted(account.attributes.items()):
        if name.endswith(_ERROR) and value:
            what = clean(name.removesuffix(_ERROR)).replace("_", " ")
            words = wrap(f"{what} not known: {clean(value)}", max(1, width - 4), 2)
            lines += [[("  ", "text"), (part, "warn")] for part in words]
    if not lines:
        return []
    return [[("Account", "heading")], *[clip_line(line, width) for line in lines]]


def _remaining(account: AccountSnapshot) -> list[Metric]:
    """The figures without a gauge of their own that no other section shows."""
    shown = {metric.key for metric in shown_figures(account)} | _TEAM_PARTS
    return [
        metric
        for metric in account.metrics
        if not limits.is_gauge(metric) and metric.key not in shown and not is_code_metric(metric)
    ]


def _facts(account: AccountSnapshot) -> list[tuple[str, str]]:
    """Attributes for people, the plan first."""
    names = [name for name in account.attributes
             if not name.endswith(_ERROR) and name not in _ELSEWHERE]  # fmt: skip
    names.sort(key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    return [
        (clean(name).replace("_", " "), clean(account.attributes[name]).strip()) for name in names
    ]


def render_upstream(account: AccountSnapshot, width: int, limit: int) -> list[Line]:
    """Who really answered behind a router, as far as the vendor's own report says."""
    lines = breakdown.render_breakdown("Upstream", account.upstream, width, limit)
    return [*lines, [("  as the vendor reports it, 30 days", "muted")]] if lines else []
