"""The help screen: keys from the table, and what the marks on screen mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from openusage_client.formatting import format_percent
from openusage_client.tui import keymap
from openusage_client.tui.layout import Line, clip_line, column_width, flow
from openusage_client.tui.limits import Thresholds
from openusage_client.tui.settings.model import CONTEXTS
from openusage_client.tui.text import cell_width, pad, wrap
from openusage_client.tui.views import wording
from openusage_client.tui.views.gauge import bar_spans

_TITLES: Final[Mapping[str, tuple[str, ...]]] = {
    "On the overview": (keymap.MAIN,),
    "On a detail page": (keymap.DETAIL,),
    "In the settings": CONTEXTS,
}
_TWO_COLUMNS_FROM: Final = 90
_ESTIMATE: Final = "what the tokens would cost at list price; on a subscription this is no bill"
_MARKS: Final = (
    ("≈$", _ESTIMATE),
    ("$", "an amount the tool or vendor recorded"),
    (wording.UNPRICED_MARK, "a model without a known price is in there: the cost is higher"),
    ("?", "not known, which is not zero"),
)


def render_help(width: int, thresholds: Thresholds) -> list[Line]:
    """All lines of the help screen for a width."""
    columns = 2 if width >= _TWO_COLUMNS_FROM else 1
    inner = column_width(max(1, width - 2), columns)
    blocks = [_keys(title, inner) for title in _TITLES]
    blocks.append(_marks(inner, thresholds))
    return [[(" ", "text"), *line] for line in flow(blocks, columns, max(1, width - 2))]


def _keys(title: str, width: int) -> list[Line]:
    rows = [row for row in keymap.KEYS if set(row.contexts) & set(_TITLES[title])]
    cells = max(cell_width(keymap.key_text(row)) for row in rows)
    table: list[Line] = [
        [
            ("  ", "text"),
            (pad(keymap.key_text(row), cells), "key"),
            ("  ", "text"),
            (row.help, "text"),
        ]
        for row in rows
    ]
    return [clip_line(line, width) for line in [[(title, "heading")], *table]]


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
