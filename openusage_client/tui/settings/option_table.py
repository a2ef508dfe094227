"""
The options of the settings file that have no tab of their own: names, words and kinds.

Data only; `options` reads and writes the values.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from openusage_proto.values import dataclass

Kind = Literal["flag", "choice", "integer", "number", "percent", "text", "list", "pairs", "file"]
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """
    One setting: where it is, what it is called, how it is typed.

    `choices` are value and word; `written` is the key in the file where the effective value goes by
    another name.
    """

    path: Path
    label: str
    kind: Kind
    help: str
    unit: str = ""
    choices: tuple[tuple[Any, str], ...] = ()
    written: str = ""

    @property
    def name(self) -> str:
        """Its name in the file."""
        return ".".join((*self.path[:-1], self.written or self.path[-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Options under one heading."""

    title: str
    options: tuple[Option, ...]


def _words(*names: str) -> tuple[tuple[Any, str], ...]:
    return tuple((name, name) for name in names)


_SHOWN: Final = (
    Option(
        path=("dashboard", "hide_costs"),
        label="Costs of all accounts",
        kind="choice",
        choices=(
            (None, "hidden for flat rates only"),
            (False, "always shown"),
            (True, "always hidden"),
        ),
        help="`c` decides for one account; its word counts before this one",
    ),
    Option(
        path=("dashboard", "show_remaining"),
        label="Show what is left of limits",
        kind="flag",
        help="instead of what is used; `u` turns it in the dashboard",
    ),
    Option(
        path=("ui", "warn_threshold"),
        label="Yellow when there is left",
        kind="percent",
        help="a gauge turns yellow when this share of the limit, or less, remains",
    ),
    Option(
        path=("ui", "crit_threshold"),
        label="Red when there is left",
        kind="percent",
        help="a gauge turns red when this share of the limit, or less, remains",
    ),
    Option(
        path=("model_normalization", "enabled"),
        label="Group names of one model",
        kind="flag",
        help="names that mean the same model become one row",
    ),
    Option(
        path=("model_normalization", "group_by"),
        label="Group models by",
        kind="choice",
        choices=_words("lineage", "release"),
        help="lineage: all releases of a model together",
    ),
    Option(
        path=("model_normalization", "min_confidence"),
        label="Group from a likeness of",
        kind="percent",
        help="below it names stay apart",
    ),
    Option(
        path=("model_normalization", "overrides"),
        label="Names that were grouped by hand",
        kind="file",
        help="raw names and the models they stand for",
    ),
    Option(
        path=("experimental", "analytics"),
        label="Unfinished parts of analytics",
        kind="flag",
        help="kept for other versions; the analytics screen is there in any case",
    ),
)
_COLLECTED: Final = (
    Option(
        path=("ui", "refresh_interval_seconds"),
        label="Ask vendors every",
        kind="integer",
        unit="s",
        help="10 to 86400; a vendor's own minimum counts before it",
    ),
    Option(
        path=("telemetry", "poll"),
        label="Ask vendors at all",
        kind="flag",
        help="off: only local records and hooks, no network",
    ),
    Option(
        path=("ui", "check_for_updates"),
        label="Look for a newer release",
        kind="flag",
        help="on: the dashboard asks pypi.org once when it starts; a line says what is out",
    ),
    Option(
        path=("data", "retention_days"),
        label="Keep every turn for",
        kind="integer",
        unit="days",
        help="1 to 3650; daily sums stay for ever",
    ),
    Option(
        path=("auto_detect",),
        label="Find tools and keys",
        kind="flag",
        help="off: only the accounts of the settings file",
    ),
    Option(
        path=("detect", "shell_rc"),
        label="Read shell start-up files",
        kind="flag",
        help="for API keys that they export; the keys stay in memory",
    ),
    Option(
        path=("detect", "dotenv"),
        label="Read .env files",
        kind="flag",
        help="in the directories below, for API keys",
    ),
    Option(
        path=("detect", "directories"),
        label="Project directories",
        kind="list",
        help="separated by commas; for .env files and tools that keep settings in a project",
    ),
    Option(
        path=("pricing", "refresh"),
        label="Fetch prices of new models",
        kind="flag",
        help="once a day; off: the prices that came with the program",
    ),
    Option(
        path=("pricing", "catalogue_url"),
        label="Fetch them from",
        kind="text",
        help="empty: the public LiteLLM catalogue",
    ),
)
_TMUX: Final = (
    Option(
        path=("tmux", "preset"),
        label="Preset",
        kind="text",
        help="empty: the standard one; `openusage tmux --list-presets` names them",
    ),
    Option(path=("tmux", "format"), label="Format", kind="text", help="counts before the preset"),
    Option(path=("tmux", "theme"), label="Theme", kind="text", help="empty: the dashboard's"),
    Option(
        path=("tmux", "color_mode"),
        label="Colours",
        kind="choice",
        choices=_words("truecolor", "256", "ansi", "none"),
        help="what your tmux can show",
    ),
    Option(
        path=("tmux", "glyphs"),
        label="Glyphs",
        kind="choice",
        choices=_words("ascii", "unicode", "nerdfont"),
        help="what your font has",
    ),
    Option(
        path=("tmux", "provider"),
        label="Always this account",
        kind="text",
        help="empty: the one that is in use",
    ),
    Option(
        path=("tmux", "active_strategy"),
        label="The one in use is found by",
        kind="text",
        help="recency, priority, or both in this order",
    ),
    Option(
        path=("tmux", "priority_order"),
        label="Order of priority",
        kind="list",
        help="accounts, separated by commas",
    ),
    Option(
        path=("tmux", "recency_window_s"),
        label="In use means within",
        kind="text",
        written="recency_window",
        help="a time such as 4h or 90m",
    ),
    Option(
        path=("tmux", "interval"), label="Draw every", kind="integer", unit="s", help="1 to 3600"
    ),
    Option(
        path=("tmux", "max_runtime_ms"),
        label="Give up after",
        kind="integer",
        unit="ms",
        help="50 to 60000",
    ),
    Option(
        path=("tmux", "source"),
        label="Figures from",
        kind="choice",
        choices=_words("auto", "daemon", "direct"),
        help="auto: the daemon if it runs",
    ),
    Option(
        path=("tmux", "variables"),
        label="Own variables",
        kind="pairs",
        help="name=value, separated by commas",
    ),
    Option(
        path=("tmux", "segments"),
        label="Own segments",
        kind="pairs",
        help="name=format, separated by commas",
    ),
    Option(
        path=("tmux", "color_rules"),
        label="Colour rules",
        kind="file",
        help="from which values a variable turns to which colour",
    ),
)
_ALERTS: Final = (
    Option(path=("alerts", "enabled"), label="Tell me", kind="flag",
           help="before a limit is reached, when it will not last, when it starts anew"),
    Option(path=("alerts", "desktop"), label="On the desktop", kind="flag",
           help="a notification; `openusage alerts test` tries it"),
    Option(path=("alerts", "tmux"), label="In tmux", kind="flag",
           help="a message in every attached client"),
    Option(path=("alerts", "command"), label="By a program", kind="file",
           help="a list: the program and its arguments"),
    Option(path=("alerts", "webhook", "url"), label="By a POST to", kind="text",
           help="https://, or http:// on this machine"),
    Option(path=("alerts", "webhook", "url_env"), label="The address is in", kind="text",
           help="name of a variable of the daemon, for an address that is a secret"),
    Option(path=("alerts", "quiet_hours"), label="Quiet hours", kind="text",
           help="22:00-07:00; told afterwards what still holds; empty: none"),
    Option(path=("alerts", "cooldown_minutes"), label="Not again for", kind="integer", unit="min",
           help="0 to 10080; for what comes and goes"),
    Option(path=("alerts", "rules"), label="Rules", kind="file",
           help="what is watched, built-in rules included; `openusage alerts set` makes one"),
    Option(path=("budgets",), label="Budgets", kind="file",
           help="`openusage budget set` makes one, `openusage budget` lists them"),
)  # fmt: skip
_TMUX_ALERTS: Final = (
    Option(path=("tmux", "alerts", "burn_rate_per_hour"), label="When an hour costs", kind="number",
           unit="USD", help="empty: no alert"),
    Option(path=("tmux", "alerts", "block_minutes_remaining"), label="When a block has left",
           kind="integer", unit="min", help="empty: no alert"),
    Option(path=("tmux", "alerts", "cooldown_minutes"), label="Not again for", kind="integer",
           unit="min", help="0 to 1440"),
    Option(path=("tmux", "alerts", "mode"), label="By", kind="choice",
           choices=_words("message", "bell", "both", "none"), help="how tmux tells you"),
)  # fmt: skip

GROUPS: Final = (
    Group(title="What is shown", options=_SHOWN),
    Group(title="What is collected", options=_COLLECTED),
    Group(title="Status bar of tmux", options=_TMUX),
    Group(title="Alerts and budgets", options=_ALERTS),
    Group(title="Alerts of `openusage tmux watch`", options=_TMUX_ALERTS),
)
ELSEWHERE: Final = frozenset(
    {
        ("theme",),
        ("data", "time_window"),
        ("dashboard", "view"),
        ("dashboard", "providers"),
        ("dashboard", "widget_sections"),
        ("dashboard", "detail_sections"),
        ("dashboard", "hide_sections_with_no_data"),
        ("telemetry", "provider_links"),
        ("integrations",),
        ("accounts",),
        ("disabled_accounts",),
    }
)
"""What other tabs change."""
UNUSED: Final = frozenset({("export",), ("hub",)})
"""Kept in the file for other versions; this one does nothing with them."""
