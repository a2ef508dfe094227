"""The keys of the list of sessions and of one session."""

from __future__ import annotations

from typing import Final

from openusage_client.tui.key_row import Key

SESSIONS: Final = "sessions"
SESSION: Final = "session"

KEYS: Final[tuple[Key, ...]] = (
    Key(keys=("s",), command="sessions.open", contexts=("main", "detail"),
        help="single sessions: when, where, how much", hint="sessions"),
    Key(keys=("Down", "j"), command="sessions.down", contexts=(SESSIONS,), help="next session",
        hint="choose"),
    Key(keys=("Up", "k"), command="sessions.up", contexts=(SESSIONS,), help="session above"),
    Key(keys=("PgDn", "^F", "^D"), command="sessions.page.down", contexts=(SESSIONS,),
        help="one screen down"),
    Key(keys=("PgUp", "^B", "^U"), command="sessions.page.up", contexts=(SESSIONS,),
        help="one screen up"),
    Key(keys=("g", "Home"), command="sessions.first", contexts=(SESSIONS,), help="first session"),
    Key(keys=("G", "End"), command="sessions.last", contexts=(SESSIONS,), help="last session"),
    Key(keys=("Enter", "Space"), command="sessions.show", contexts=(SESSIONS,),
        help="the turns of the session", hint="open"),
    Key(keys=("s",), command="sessions.sort", contexts=(SESSIONS,),
        help="order: last activity, cost, tokens, turns, duration, start", hint="sort"),
    Key(keys=("o",), command="sessions.reverse", contexts=(SESSIONS,), help="the other way round",
        hint="reverse"),
    Key(keys=("e",), command="explain.open", contexts=(SESSIONS, SESSION),
        help="where the session's numbers come from"),
    Key(keys=("]", "n"), command="session.next", contexts=(SESSION,), help="next session",
        hint="session"),
    Key(keys=("[", "p"), command="session.previous", contexts=(SESSION,), help="session before"),
)  # fmt: skip
