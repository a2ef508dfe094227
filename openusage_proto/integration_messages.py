"""
Messages about integrations: how hooks are wired into other tools, and wiring them.

Separate from `messages` because hooks, dashboard and reports never need them; the same rules hold.
"""

from __future__ import annotations

from dataclasses import field
from typing import Final

from openusage_proto.values import dataclass

CALLER_VARIABLES: Final = (
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_SETTINGS_FILE",
    "CODEX_HOME",
    "CODEX_CONFIG_DIR",
    "OPENCODE_CONFIG_DIR",
    "OPENUSAGE_BIN",
    "XDG_CONFIG_HOME",
)
"""What is taken over from a caller's environment; other names are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationsParams:
    """
    `environment`: variables of the caller that say where tools keep their configuration.

    A daemon that the system has started does not see what a user's shell exports.
    """

    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationPlace:
    """How a tool is wired in one of its homes, and why."""

    home: str
    config: str
    """The file that is edited; for OpenCode the plugin's own file."""
    state: str
    """`missing`, `partial`, `ready`, `outdated` or `broken`."""
    reasons: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    """Optional parts that are wired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationOption:
    """An optional part of an integration."""

    name: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationInfo:
    """
    One tool that can be wired.

    `delivery` says what has become of events: empty when nothing is wired, `never` when none has
    come yet, `delivering`, or `silent` when the tool's logs grow and its hook says nothing.
    """

    id: str
    title: str
    state: str
    detected: bool
    """Whether the tool is on this machine."""
    version: int | None = None
    """Version of the installed script."""
    shipped_version: int = 0
    reasons: list[str] = field(default_factory=list)
    places: list[IntegrationPlace] = field(default_factory=list)
    available_options: list[IntegrationOption] = field(default_factory=list)
    last_event_at: str | None = None
    last_log_change_at: str | None = None
    delivery: str = ""
    delivery_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrations:
    """The answer of `integrations`."""

    integrations: list[IntegrationInfo] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationInstallParams:
    """
    Wire a tool, in every home of it.

    With `dry_run` nothing is written.  `plan`, when given, is the one of a dry run: what would be
    done now must be exactly what was shown.  With `upgrade` only what is wired already is brought
    up to date.
    """

    id: str
    options: list[str] = field(default_factory=list)
    upgrade: bool = False
    dry_run: bool = False
    plan: str = ""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationUninstallParams:
    """Take our entries and scripts out again; as for `integration_install`."""

    id: str
    dry_run: bool = False
    plan: str = ""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationChange:
    """One file: what was done to it, the difference (secrets left out), where the old bytes are."""

    path: str
    action: str
    """`create`, `change` or `delete`."""
    diff: str = ""
    backup: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationResult:
    """The answer of `integration_install` and `integration_uninstall`."""

    id: str
    title: str
    action: str
    """`installed`, `upgraded`, `uninstalled` or `unchanged`; with `dry_run` what it would be."""
    dry_run: bool
    state: str
    """The state now (with `dry_run`: still)."""
    version: int | None = None
    changes: list[IntegrationChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What to do or to know besides."""
    plan: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatuslineInstallParams:
    """
    Put our status line into Claude Code's settings, without any hook.

    `foreign` says what becomes of somebody else's line: `replace` remembers it for uninstalling,
    `chain` runs it first and prints both; empty leaves it alone.
    """

    arguments: list[str] = field(default_factory=list)
    """Flags of `openusage statusline`."""
    foreign: str = ""
    dry_run: bool = False
    plan: str = ""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatuslineUninstallParams:
    """Take our status line out and bring back what it stood in for."""

    dry_run: bool = False
    plan: str = ""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatuslineWiring:
    """The answer of `statusline_install` and `statusline_uninstall`."""

    result: IntegrationResult
    foreign: str = ""
    """The command of somebody else's line that is in the way; nothing was changed then."""
    commands: list[str] = field(default_factory=list)
    """What stands in each settings file now; empty where there is no status line."""
