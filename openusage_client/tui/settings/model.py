"""
What the settings screen knows beside the settings themselves: the tab, the cursors, the answers.

The settings are those of the daemon (`Preferences.document`); nothing is kept here that is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Final

from openusage_proto.values import dataclass

if TYPE_CHECKING:
    from openusage_client.tui.theme_files import Catalogue
    from openusage_proto.integration_messages import IntegrationInfo
    from openusage_proto.messages import AccountInfo

ACCOUNTS: Final = "accounts"
SECTIONS: Final = "sections"
THEME: Final = "theme"
VIEW: Final = "view"
KEYS: Final = "keys"
TELEMETRY: Final = "telemetry"
INTEGRATIONS: Final = "integrations"
OPTIONS: Final = "options"

TABS: Final[Mapping[str, tuple[str, str]]] = {
    ACCOUNTS: ("Accounts", "Acc"),
    SECTIONS: ("Sections", "Sect"),
    THEME: ("Theme", "Theme"),
    VIEW: ("View", "View"),
    KEYS: ("Keys", "Keys"),
    TELEMETRY: ("Telemetry", "Telem"),
    INTEGRATIONS: ("Integrations", "Integ"),
    OPTIONS: ("Options", "Opt"),
}
"""Tabs in their order: full and short title."""
PREFIX: Final = "settings."
CONTEXTS: Final[tuple[str, ...]] = tuple(PREFIX + tab for tab in TABS)
"""Contexts of the keymap, one per tab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsState:
    """
    The screen's own state.

    `cursors` is the row per tab; what is None has not been answered yet; `failures` are words by
    topic for what could not be asked; `busy` says what is being waited for.
    """

    tab: str = ACCOUNTS
    cursors: Mapping[str, int] = field(default_factory=dict)
    detail_sections: bool = False
    preview_scroll: int = 0
    accounts: tuple[AccountInfo, ...] | None = None
    browsers: tuple[str, ...] = ()
    integrations: tuple[IntegrationInfo, ...] | None = None
    catalogue: Catalogue | None = None
    path: str = ""
    warnings: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    busy: str = ""

    @property
    def context(self) -> str:
        """The context of the keymap."""
        return PREFIX + self.tab

    @property
    def cursor(self) -> int:
        """The row of the open tab; may lie behind rows that have gone."""
        return self.cursors.get(self.tab, 0)
