"""The keys of the analytics screen, and those that lead from screen to screen."""

from __future__ import annotations

from typing import Final

from openusage_client.tui.key_row import Key

ANALYTICS: Final = "analytics"
_FROM: Final = ("main", "detail", "sessions")

KEYS: Final[tuple[Key, ...]] = (
    Key(keys=("a",), command="analytics.open", contexts=_FROM,
        help="what all accounts used together, beside the time before", hint="analytics"),
    Key(keys=("Tab",), command="screen.next", contexts=("main", ANALYTICS, "sessions"),
        help="overview, analytics, sessions"),
    Key(keys=("BackTab",), command="screen.previous", contexts=("main", ANALYTICS, "sessions"),
        help="sessions, analytics, overview"),
    Key(keys=("s",), command="analytics.sort", contexts=(ANALYTICS,),
        help="order of the lists: cost, tokens, requests, change, name", hint="sort"),
    Key(keys=("e",), command="explain.open", contexts=(ANALYTICS,),
        help="where the total of all accounts comes from"),
)  # fmt: skip
