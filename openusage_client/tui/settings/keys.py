"""The keys of the settings screen, tab by tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from openusage_client.tui.key_row import Key
from openusage_client.tui.settings import model

_ALL: Final = model.CONTEXTS


def _in(*tabs: str) -> tuple[str, ...]:
    return tuple(model.PREFIX + tab for tab in tabs)


_FROM: Final = ("main", "detail", "analytics", "sessions", "session")
_BELOW: Final = ("drill", "explain")
"""Screens that are opened from those: the footer has better things to say there."""
_THEMED: Final = (*_FROM, *_BELOW, "help")
_LISTS: Final = _in(model.ACCOUNTS, model.SECTIONS)
_PAGED: Final = tuple(name for name in _ALL if name not in _in(model.SECTIONS))
_ACTS: Final[Mapping[str, tuple[str, str]]] = {
    model.ACCOUNTS: ("switch an account on or off", "on/off"),
    model.SECTIONS: ("switch a section on or off", "on/off"),
    model.THEME: ("keep the theme that is shown", "keep"),
    model.VIEW: ("open with this view", "choose"),
    model.KEYS: ("type a key, or connect a browser", "edit"),
    model.TELEMETRY: ("choose the window, or whose usage it is", "choose"),
    model.INTEGRATIONS: ("install the hooks, or bring them up to date", "install"),
    model.OPTIONS: ("change the option", "change"),
}

KEYS: Final[tuple[Key, ...]] = (
    Key(keys=(",", "S"), command="settings.open", contexts=_FROM,
        help="settings", hint="settings"),
    Key(keys=(",", "S"), command="settings.open", contexts=_BELOW, help="settings"),
    Key(keys=("Up", "k"), command="settings.up", contexts=_ALL, help="row above"),
    Key(keys=("Down", "j"), command="settings.down", contexts=_ALL, help="row below"),
    Key(keys=("g", "Home"), command="settings.first", contexts=_ALL, help="first row"),
    Key(keys=("G", "End"), command="settings.last", contexts=_ALL, help="last row"),
    Key(keys=("PgUp",), command="settings.page.up", contexts=_PAGED, help="ten rows up"),
    Key(keys=("PgDn",), command="settings.page.down", contexts=_PAGED, help="ten rows down"),
    Key(keys=("J",), command="settings.move.down", contexts=_LISTS, help="one place down",
        hint="order"),
    Key(keys=("K",), command="settings.move.up", contexts=_LISTS, help="one place up"),
    Key(keys=("c",), command="settings.costs", contexts=_in(model.ACCOUNTS),
        help="costs of the account: by its plan, hidden, shown", hint="costs"),
    Key(keys=("<", ">"), command="settings.half", contexts=_in(model.SECTIONS),
        help="sections of the tiles, or of the detail screen", hint="other"),
    Key(keys=("h",), command="settings.hide_empty", contexts=_in(model.SECTIONS),
        help="hide or show sections without data", hint="empty ones"),
    Key(keys=("PgUp",), command="settings.preview.up", contexts=_in(model.SECTIONS),
        help="preview up"),
    Key(keys=("PgDn",), command="settings.preview.down", contexts=_in(model.SECTIONS),
        help="preview down"),
    Key(keys=("d", "x"), command="settings.forget", contexts=_in(model.KEYS),
        help="forget the stored key or session", hint="forget"),
    Key(keys=("c",), command="settings.connect", contexts=_in(model.KEYS),
        help="connect through a browser", hint="connect"),
    Key(keys=("b",), command="settings.site", contexts=_in(model.KEYS),
        help="open the site to sign in", hint="site"),
    Key(keys=("m",), command="settings.act", contexts=_in(model.TELEMETRY),
        help="say whose usage it is"),
    Key(keys=("x",), command="settings.unlink", contexts=_in(model.TELEMETRY),
        help="take the mapping away", hint="unmap"),
    Key(keys=("u",), command="settings.uninstall", contexts=_in(model.INTEGRATIONS),
        help="take the hooks out again", hint="uninstall"),
    Key(keys=("d",), command="settings.default", contexts=_in(model.OPTIONS),
        help="as it comes", hint="default"),
    # What the footer keeps longest comes last.
    *(
        Key(keys=("Enter", "Space"), command="settings.act", contexts=_in(tab), help=words,
            hint=hint)
        for tab, (words, hint) in _ACTS.items()
    ),
    *(
        Key(keys=(str(number),), command=f"settings.tab.{tab}", contexts=_ALL,
            help=f"tab {titles[0]}")
        for number, (tab, titles) in enumerate(model.TABS.items(), 1)
    ),
    Key(keys=("Tab", "Right", "l", "]"), command="settings.tab.next", contexts=_ALL,
        help="next tab", hint="tabs"),
    Key(keys=("BackTab", "Left", "["), command="settings.tab.previous", contexts=_ALL,
        help="previous tab"),
    Key(keys=("r",), command="settings.refresh", contexts=_ALL,
        help="look again, themes included"),
    Key(keys=("Esc", "Backspace", ",", "S"), command="back", contexts=_ALL, help="back",
        hint="back"),
    Key(keys=("?", "F1"), command="help.open", contexts=_ALL, help="all keys", hint="help"),
    Key(keys=("^L",), command="redraw", contexts=_ALL, help="draw the screen again"),
    Key(keys=("q",), command="quit", contexts=_ALL, help="leave (the daemon keeps collecting)",
        hint="quit"),
    Key(keys=("t",), command="theme.next", contexts=_THEMED,
        help="next theme"),
    Key(keys=("T",), command="theme.previous", contexts=_THEMED,
        help="previous theme"),
)  # fmt: skip
