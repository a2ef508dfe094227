"""
`dashboard`: which accounts are shown, in what order and view, with which sections.

Data for the client; the daemon itself uses only which accounts are switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from openusage_proto.values import dataclass
from openusaged.config.reading import Section

VIEWS: Final = ("grid", "stacked", "tabs", "split", "compare", "compact")
_OLD_VIEWS: Final = {"list": "split"}

WIDGET_SECTIONS: Final = (
    "top_usage_progress",
    "model_burn",
    "client_burn",
    "project_breakdown",
    "tool_usage",
    "mcp_usage",
    "language_burn",
    "code_stats",
    "daily_usage",
    "provider_burn",
    "upstream_providers",
    "other_data",
)
DETAIL_SECTIONS: Final = (
    "usage",
    "spending",
    "models",
    "clients",
    "projects",
    "tools",
    "mcp",
    "languages",
    "code_stats",
    "trends",
    "activity_heatmap",
    "cost_requests",
    "forecast",
    "upstream",
    "provider_burn",
    "other_data",
    "timers",
    "info",
)
_ALIASES: Final[Mapping[str, str]] = {"actual_tool_usage": "tool_usage"}
_ALWAYS_SHOWN: Final = "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardProvider:
    """One entry of `dashboard.providers`: order of the list is the order of the tiles."""

    account_id: str
    enabled: bool = True
    hide_costs: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSection:
    """One entry of a list of sections; a section that is not listed comes after, as built in."""

    id: str
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSettings:
    """`dashboard`; no sections listed means the built-in order."""

    providers: tuple[DashboardProvider, ...] = ()
    view: str = "grid"
    widget_sections: tuple[ShownSection, ...] = ()
    detail_sections: tuple[ShownSection, ...] = ()
    hide_sections_with_no_data: bool = True
    hide_costs: bool | None = None
    show_remaining: bool = False
    """Limits say what is left of them instead of what is used."""


def read(section: Section) -> DashboardSettings:
    """The settings of `dashboard`."""
    return DashboardSettings(
        providers=_providers(section),
        view=_view(section),
        widget_sections=_sections(section, "widget_sections", WIDGET_SECTIONS),
        detail_sections=_sections(section, "detail_sections", DETAIL_SECTIONS),
        hide_sections_with_no_data=section.flag("hide_sections_with_no_data", default=True),
        hide_costs=section.optional_flag("hide_costs"),
        show_remaining=section.flag("show_remaining", default=False),
    )


def _providers(section: Section) -> tuple[DashboardProvider, ...]:
    entries: dict[str, DashboardProvider] = {}
    for item in section.sections("providers", "account_id"):
        account_id = item.text("account_id")
        if account_id and account_id not in entries:
            entries[account_id] = DashboardProvider(
                account_id=account_id,
                enabled=item.flag("enabled", default=True),
                hide_costs=item.optional_flag("hide_costs"),
            )
    return tuple(entries.values())


def _view(section: Section) -> str:
    value = section.text("view", "grid").lower()
    value = _OLD_VIEWS.get(value, value)
    if value in VIEWS:
        return value
    section.warn("view", section.raw("view"), "one of " + ", ".join(VIEWS), "grid is used")
    return "grid"


def _sections(section: Section, key: str, known: tuple[str, ...]) -> tuple[ShownSection, ...]:
    found: dict[str, ShownSection] = {}
    for item in section.sections(key, "id"):
        name = item.text("id").lower()
        name = _ALIASES.get(name, name)
        if name in found or name == _ALWAYS_SHOWN:
            continue
        if name not in known:
            item.warn("id", item.raw("id"), "a section", "ignored")
            continue
        found[name] = ShownSection(id=name, enabled=item.flag("enabled", default=True))
    return tuple(found.values())
