"""
The sections of a tile: what each shows of an account, from which level of detail on.

Their ids, order and switches are those of `dashboard.widget_sections`.  A section without data has
no lines; where the settings ask for it, a sentence says so instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from openusage_client.formatting import format_count
from openusage_client.preferences import Preferences
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.state import AppState
from openusage_client.tui.views import (
    breakdown,
    code_section,
    limit_section,
    other_section,
    wording,
)
from openusage_client.tui.views import model_section as models
from openusage_client.tui.views.days import first_day
from openusage_proto.messages import AccountSnapshot, Usage
from openusage_proto.values import dataclass

Render = Callable[["Drawing"], list[Line]]

TOP: Final = 3
"""Rows of a breakdown that is not expanded."""
_MANY: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What a section is drawn from and for: `width` cells, all rows when `expanded`."""

    state: AppState
    account: AccountSnapshot
    width: int
    level: int
    expanded: bool = False

    @property
    def usage(self) -> Usage:
        """What was used; empty sums when nothing is known."""
        return self.account.usage or _NOTHING

    def top(self, rows: int = TOP) -> int:
        """How many rows of a breakdown are shown: 0 for all."""
        return 0 if self.expanded else rows


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its id, its name for people, the level it appears from, how it is drawn."""

    id: str
    title: str
    level: int
    render: Render


def _models(given: Drawing) -> list[Line]:
    series = models.model_days(given.state, given.account)
    return models.render_models(
        given.usage,
        given.width,
        given.top(),
        table=given.level >= _TABLE_FROM or given.expanded,
        series=series,
    )


def _clients(given: Drawing) -> list[Line]:
    clients = given.usage.clients if len(given.usage.clients) > 1 or given.expanded else []
    agents = given.usage.agents if len(given.usage.agents) > 1 else []
    return [
        *breakdown.render_breakdown("Clients", clients, given.width, given.top()),
        *breakdown.render_breakdown("Agents", agents, given.width, given.top()),
    ]


def _projects(given: Drawing) -> list[Line]:
    rows = given.usage.projects
    note = _today(given.usage)
    return breakdown.render_breakdown("Projects", rows, given.width, given.top(), note=note)


def _today(usage: Usage) -> Line:
    """`today harbour 12, buoy 3`: requests of the projects that were worked on today."""
    rows = sorted(usage.projects_today, key=lambda row: -row.totals.requests)
    parts = [f"{wording.name(row)} {format_count(row.totals.requests)}" for row in rows[:TOP]]
    more = ", …" if len(rows) > TOP else ""
    return [(f"today {', '.join(parts)}{more}", "muted")] if parts else []


def _tools(given: Drawing) -> list[Line]:
    return code_section.render_tools(given.usage.tools, given.width, expanded=given.expanded)


def _mcp(given: Drawing) -> list[Line]:
    return code_section.render_mcp(given.usage.mcp, given.width, expanded=given.expanded)


def _languages(given: Drawing) -> list[Line]:
    rows = given.usage.languages
    if given.expanded:
        return code_section.render_count_rows("Languages", rows, given.width)
    return breakdown.render_counts("Languages", rows, given.width)


def _code(given: Drawing) -> list[Line]:
    return code_section.render_code(given.usage, given.account.metrics, given.width)


def _daily(given: Drawing) -> list[Line]:
    since = first_day(given.state)
    return breakdown.render_sparkline(
        given.usage.days,
        given.state.now,
        since,
        given.width,
        full=given.expanded or given.level >= _TABLE_FROM,
    )


def _billed_through(given: Drawing) -> list[Line]:
    rows = given.usage.providers if len(given.usage.providers) > 1 or given.expanded else []
    return breakdown.render_breakdown("Billed through", rows, given.width, given.top(_MANY))


def _upstream(given: Drawing) -> list[Line]:
    return other_section.render_upstream(given.account, given.width, given.top(_MANY))


def _limits(given: Drawing) -> list[Line]:
    return limit_section.render_limits(
        given.state, given.account, given.width, given.level, expanded=given.expanded
    )


def _other(given: Drawing) -> list[Line]:
    return other_section.render_other(given.account, given.width, expanded=given.expanded)


_TABLE_FROM: Final = 5
LIMITS: Final = "top_usage_progress"
SECTIONS: Final = (
    Section(LIMITS, "Limits", 0, _limits),
    Section("model_burn", "Models", 1, _models),
    Section("client_burn", "Clients", 5, _clients),
    Section("project_breakdown", "Projects", 3, _projects),
    Section("tool_usage", "Tools", 4, _tools),
    Section("mcp_usage", "MCP", 4, _mcp),
    Section("language_burn", "Languages", 4, _languages),
    Section("code_stats", "Code", 5, _code),
    Section("daily_usage", "Days", 2, _daily),
    Section("provider_burn", "Billed through", 5, _billed_through),
    Section("upstream_providers", "Upstream", 5, _upstream),
    Section("other_data", "Other", 5, _other),
)
_BY_ID: Final = {section.id: section for section in SECTIONS}
_NOTHING: Final = Usage(totals=breakdown.NOTHING, today=breakdown.NOTHING)


def chosen_sections(preferences: Preferences) -> list[Section]:
    """The sections that are switched on: the listed ones in their order, then the others."""
    listed = [(name, on) for name, on in preferences.sections if name in _BY_ID]
    names = {name for name, _ in listed}
    shown = [_BY_ID[name] for name, on in listed if on]
    return shown + [section for section in SECTIONS if section.id not in names]


def section_blocks(given: Drawing) -> list[list[Line]]:
    """The blocks of all sections that are switched on and belong to the level of detail."""
    blocks: list[list[Line]] = []
    for section in chosen_sections(given.state.preferences):
        if section.level > given.level:
            continue
        lines = [clip_line(line, given.width) for line in section.render(given)]
        if not lines and not given.state.preferences.hide_empty and section.id != LIMITS:
            lines = [clip_line([(section.title, "heading"), ("  nothing in this window", "muted")],
                               given.width)]  # fmt: skip
        if lines:
            blocks.append(lines)
    return blocks
