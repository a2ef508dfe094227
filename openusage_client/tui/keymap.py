"""
Keys as data: one table that drives the handlers, the footer and the help screen.

Key names are plain words (`q`, `Enter`, `PgDn`); only the canvas knows curses' numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openusage_client.tui.analytics import keys as analytics_keys
from openusage_client.tui.detail import keys as detail_keys
from openusage_client.tui.key_row import Key
from openusage_client.tui.sessions import keys as sessions_keys
from openusage_client.tui.settings import keys as settings_keys

MAIN: Final = "main"
DETAIL: Final = detail_keys.DETAIL
DRILL: Final = detail_keys.DRILL
EXPLAIN: Final = detail_keys.EXPLAIN
HELP: Final = "help"
ANALYTICS: Final = analytics_keys.ANALYTICS
SESSIONS: Final = sessions_keys.SESSIONS
SESSION: Final = sessions_keys.SESSION
FILTER: Final = "filter"
PALETTE: Final = "palette"
TYPING: Final = (FILTER, PALETTE)
"""Contexts in which a key that is no command is text."""
_SCROLLED: Final = (MAIN, DETAIL, DRILL, EXPLAIN, HELP, ANALYTICS, SESSION)
_ALL: Final = (*_SCROLLED, SESSIONS)
_PAGES: Final = (DETAIL, DRILL, EXPLAIN, HELP, ANALYTICS, SESSION, SESSIONS)
_WINDOWED: Final = (MAIN, DETAIL, ANALYTICS, SESSIONS)
_TEXTS: Final = (EXPLAIN, HELP, ANALYTICS, SESSION)
"""Pages without rows that can be chosen."""

KEYS: Final[tuple[Key, ...]] = (
    Key(keys=("Up", "k"), command="select.up", contexts=(MAIN,), help="account above"),
    Key(keys=("Down", "j"), command="select.down", contexts=(MAIN,), help="account below"),
    Key(keys=("Left", "h"), command="select.left", contexts=(MAIN,), help="account to the left"),
    Key(keys=("Right", "l"), command="select.right", contexts=(MAIN,), help="account to the right"),
    Key(
        keys=("Enter", "Space"),
        command="detail.open",
        contexts=(MAIN,),
        help="everything about the selected account",
        hint="details",
    ),
    Key(keys=("v",), command="view.next", contexts=(MAIN,), help="next view of the accounts",
        hint="view"),
    Key(keys=("V",), command="view.previous", contexts=(MAIN,), help="previous view"),
    Key(keys=("/",), command="filter.open", contexts=(MAIN, ANALYTICS, SESSIONS),
        help="show only what contains a text", hint="filter"),
    Key(keys=("Esc",), command="filter.clear", contexts=(MAIN,), help="show everything again"),
    Key(keys=("^O",), command="rows.expand", contexts=(MAIN,),
        help="all rows of the selected account, or the top ones"),
    Key(keys=("c",), command="costs.next", contexts=(MAIN, DETAIL),
        help="costs: by the plan, hidden, shown"),
    Key(keys=("u",), command="limits.turn", contexts=(MAIN, DETAIL),
        help="limits: what is used, or what is left"),
    Key(keys=("w",), command="window.next", contexts=_WINDOWED, help="longer time window",
        hint="window"),
    Key(keys=("W",), command="window.previous", contexts=_WINDOWED,
        help="shorter time window"),
    Key(keys=("r",), command="refresh",
        contexts=(MAIN, DETAIL, DRILL, EXPLAIN, ANALYTICS, SESSIONS, SESSION),
        help="detect tools, read logs and ask the vendors now", hint="refresh"),
    Key(keys=("PgDn", "^F", "^D"), command="page.down", contexts=_SCROLLED, help="one screen down"),
    Key(keys=("PgUp", "^B", "^U"), command="page.up", contexts=_SCROLLED, help="one screen up"),
    Key(keys=("g", "Home"), command="go.first", contexts=_SCROLLED, help="to the start"),
    Key(keys=("G", "End"), command="go.last", contexts=_SCROLLED, help="to the end"),
    Key(keys=("Down", "j"), command="scroll.down", contexts=_TEXTS, help="one line down",
        hint="scroll"),
    Key(keys=("Up", "k"), command="scroll.up", contexts=_TEXTS, help="one line up"),
    *detail_keys.KEYS,
    *analytics_keys.KEYS,
    *sessions_keys.KEYS,
    Key(keys=("Esc", "Backspace"), command="back", contexts=_PAGES, help="back", hint="back"),
    *settings_keys.KEYS,
    Key(keys=("?", "F1"), command="help.open",
        contexts=(MAIN, DETAIL, DRILL, EXPLAIN, ANALYTICS, SESSIONS, SESSION),
        help="this page", hint="help"),
    Key(keys=("?", "F1"), command="back", contexts=(HELP,), help="back"),
    Key(keys=(":", "^P"), command="palette.open", contexts=_ALL,
        help="find a command by its name", hint="commands"),
    Key(keys=("Enter",), command="filter.keep", contexts=(FILTER,), help="keep the filter",
        hint="keep"),
    Key(keys=("Esc",), command="filter.cancel", contexts=(FILTER,), help="as it was before",
        hint="as before"),
    Key(keys=("Enter",), command="palette.run", contexts=(PALETTE,), help="do it", hint="do it"),
    Key(keys=("Down", "^N", "Tab"), command="palette.down", contexts=(PALETTE,),
        help="next command", hint="choose"),
    Key(keys=("Up", "^P", "BackTab"), command="palette.up", contexts=(PALETTE,),
        help="previous command"),
    Key(keys=("Esc",), command="palette.close", contexts=(PALETTE,), help="back", hint="back"),
    Key(keys=("Backspace",), command="text.delete", contexts=TYPING, help="delete a character"),
    Key(keys=("^W",), command="text.word", contexts=TYPING, help="delete a word"),
    Key(keys=("^U",), command="text.clear", contexts=TYPING, help="delete the line"),
    Key(keys=("^L",), command="redraw", contexts=_ALL, help="draw the screen again"),
    Key(keys=("q",), command="quit", contexts=_ALL, help="leave (the daemon keeps collecting)",
        hint="quit"),
)  # fmt: skip

_SYMBOLS: Final = {"Up": "↑", "Down": "↓", "Left": "←", "Right": "→"}


def lookup(context: str, key: str) -> str:
    """The command of a key on a screen, empty when it has none."""
    for row in KEYS:
        if context in row.contexts and key in row.keys:
            return row.command
    return ""


def rows(context: str) -> Sequence[Key]:
    """The rows that work on a screen, in the table's order."""
    return [row for row in KEYS if context in row.contexts]


def key_text(row: Key) -> str:
    """All keys of a row for the help screen: `↓ j`."""
    return " ".join(_SYMBOLS.get(key, key) for key in row.keys)


def first_key(row: Key) -> str:
    """The key the footer names."""
    return _SYMBOLS.get(row.keys[0], row.keys[0])
