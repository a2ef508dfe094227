"""The keys of the detail screens: an account's page, the way down from a number, explanations."""

from __future__ import annotations

from typing import Final

from openusage_client.tui.key_row import Key

DETAIL: Final = "detail"
DRILL: Final = "drill"
EXPLAIN: Final = "explain"
_MAIN: Final = "main"

KEYS: Final[tuple[Key, ...]] = (
    Key(keys=("Down", "j"), command="row.next", contexts=(DETAIL, DRILL), help="next row",
        hint="row"),
    Key(keys=("Up", "k"), command="row.previous", contexts=(DETAIL, DRILL), help="row above"),
    Key(keys=("Tab",), command="card.next", contexts=(DETAIL,), help="next card", hint="card"),
    Key(keys=("BackTab",), command="card.previous", contexts=(DETAIL,), help="card before"),
    Key(keys=("Right", "l"), command="cursor.right", contexts=(DETAIL,),
        help="on a chart: a day on; else the next card"),
    Key(keys=("Left", "h"), command="cursor.left", contexts=(DETAIL,),
        help="on a chart: a day back; else the card before"),
    Key(keys=("]", "n"), command="account.next", contexts=(DETAIL,), help="next account",
        hint="account"),
    Key(keys=("[", "p"), command="account.previous", contexts=(DETAIL,), help="account before"),
    Key(keys=("Enter", "Space"), command="drill.open", contexts=(DETAIL, DRILL),
        help="what the row is made of: its days, sessions, turns", hint="open"),
    Key(keys=("e",), command="explain.open", contexts=(_MAIN, DETAIL, DRILL),
        help="where the number comes from", hint="explain"),
)  # fmt: skip
