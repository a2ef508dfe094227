"""The help screen: keys from the table, and what the marks on screen mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from openusage_client.formatting import format_percent
from openusage_client.tui import keymap
from openusage_client.tui.layout import Line, clip_line, column_width, flow
from openusage_client.tui.limits import Thresholds
from openusage_client.tui.settings.model import CONTEXTS
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, pad, wrap
from openusage_client.tui.views import wording
from openusage_client.tui.views.gauge import bar_spans

_TITLES: Final[Mapping[str, tuple[str, ...]]] = {
    "On the overview": (keymap.MAIN,),
    "On a detail page": (keymap.DETAIL,),
    "Below a number": (keymap.DRILL, keymap.EXPLAIN),
    "On the analytics screen": (keymap.ANALYTICS,),
    "On the sessions screens": (keymap.SESSIONS, keymap.SESSION),
    "In the settings": CONTEXTS,
    "While a filter is typed": (keymap.FILTER,),
    "In the list of commands": (keymap.PALETTE,),
}
_MOUSE: Final = (
    ("click", "selects an account, a window or a key of the last line"),
    ("click again", "opens the selected account"),
    ("wheel", "scrolls what is under it"),
    ("Shift+drag", "selects text, as the terminal does it"),
)
_TWO_COLUMNS_FROM: Final = 90
_ESTIMATE: Final = "what the tokens would cost at list price; on a subscription this is no bill"
_MARKS: Final = (
    ("≈$", _ESTIMATE),
    ("$", "an amount the tool or vendor recorded"),
    (wording.UNPRICED_MARK, "a model without a known price is in there: the cost is higher"),
    (wording.UNKNOWN, "not known, which is not zero"),
)


def render_help(state: AppState, width: int) -> list[Line]:
    """All lines of the help screen for a width."""
    columns = 2 if width >= _TWO_COLUMNS_FROM else 1
    inner = column_width(max(1, width - 2), columns)
    blocks = [_keys(title, contexts, inner) for title, contexts in _groups()]
    blocks += [_mouse(inner), _marks(inner, state.preferences.thresholds)]
    return [[(" ", "text"), *line] for line in flow(blocks, columns, max(1, width - 2))]


def _groups() -> list[tuple[str, tuple[str, ...]]]:
    """Every context of the keymap; this page's own keys are those of any page."""
    known = {name for contexts in _TITLES.values() for name in contexts} | {keymap.HELP}
    names = dict.fromkeys(name for row in keymap.KEYS for name in row.contexts)
    others = [(f"On the {name} screen", (name,)) for name in names if name not in known]
    titled = list(_TITLES.items())
    return [*titled[:2], *others, *titled[2:]]


def _mouse(width: int) -> list[Line]:
    return _table("The mouse", _MOUSE, width)


def _keys(title: str, contexts: tuple[str, ...], width: int) -> list[Line]:
    rows = [row for row in keymap.KEYS if set(row.contexts) & set(contexts)]
    return _table(title, [(keymap.key_text(row), row.help) for row in rows], width)


def _table(title: str, rows: Sequence[tuple[str, str]], width: int) -> list[Line]:
    """A heading and a row of words for each name; words go on below themselves, never cut."""
    cells = max(cell_width(name) for name, _ in rows)
    lines: list[Line] = [[(title, "heading")]]
    for name, words in rows:
        for index, part in enumerate(wrap(words, max(8, width - cells - 4))):
            first = pad(name if index == 0 else "", cells)
            lines.append([("  ", "text"), (first, "key"), ("  ", "text"), (part, "text")])
    return [clip_line(line, width) for line in lines]


def _marks(width: int, thresholds: Thresholds) -> list[Line]:
    sample = bar_spans(0.42, 12, "ok", 0.6)
    lines: list[Line] = [
        [("What the marks mean", "heading")],
        [("  ", "text"), *sample, ("  ", "text"), ("42% of a limit is used;", "text")],
        [("  ", "text"), (" " * 14, "text"), ("╏", "pace"), (" is how far time has got", "text")],
        [
            ("  ", "text"),
            ("green", "ok"),
            (f" below {format_percent(thresholds.warn)} used, ", "muted"),
            ("yellow", "warn"),
            (" from there, ", "muted"),
            ("red", "crit"),
            (f" from {format_percent(thresholds.critical)}", "muted"),
        ],
    ]
    for mark, words in _MARKS:
        for index, part in enumerate(wrap(words, max(8, width - 7))):
            lines.append(
                [("  ", "text"), (pad(mark if index == 0 else "", 4), "cost"), (part, "text")]
            )
    for word, role in wording.STATUS.values():
        lines.append([("  ", "text"), (word, role)])
    return [clip_line(line, width) for line in lines]
