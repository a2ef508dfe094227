"""Limits as aligned gauges: `5-hour  ████░░╏░░  42% used · resets 14:00 (in 2h 10m)`."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime
from typing import Final

from openusage_client.formatting import format_duration, format_percent
from openusage_client.tui.layout import Line, clip_line, line_width, pick
from openusage_client.tui.limits import (
    Pace,
    Thresholds,
    is_limit,
    moment,
    pace,
    severity,
    used_percent,
)
from openusage_client.tui.text import bar, cell_width, clean, pad
from openusage_client.tui.views import wording
from openusage_proto.messages import Metric

PACE_MARK: Final = "╏"
LABEL_MAX: Final = 20
_BAR_MIN: Final = 10
_BAR_LEAST: Final = 4
"""Fewer cells than these show nothing that the figure does not."""
_BAR_ENOUGH: Final = 16
_BAR_MAX: Final = 40
_PERCENT_CELLS: Final = 10
_WORDS_BELOW: Final = 48

Labelled = tuple[str, Metric]


def label_width(labels: Sequence[str], width: int) -> int:
    """Cells for the label column of a tile: the longest label, but never most of the tile."""
    longest = max((cell_width(clean(text)) for text in labels), default=0)
    # Where it is narrow, words are worth more than a bar.
    room = width - _PERCENT_CELLS - 1 if width < _WORDS_BELOW else width // 3
    return max(0, min(longest, LABEL_MAX, room))


def share_words(percent: float, *, left: bool) -> str:
    """`42% used`, or `58% left` for who wants to see what remains; never less than nothing."""
    return (
        f"{format_percent(_shown(percent, left=left))} left"
        if left
        else f"{format_percent(percent)} used"
    )


def _shown(percent: float, *, left: bool) -> float:
    return max(0.0, 100.0 - percent) if left else percent


def render_gauges(
    gauges: Sequence[Labelled],
    now: datetime,
    thresholds: Thresholds,
    width: int,
    label_cells: int,
    *,
    left: bool = False,
) -> list[Line]:
    """As `gauge_blocks`, all lines."""
    blocks = gauge_blocks(gauges, now, thresholds, width, label_cells, left=left)
    return [line for block in blocks for line in block]


def gauge_blocks(
    gauges: Sequence[Labelled],
    now: datetime,
    thresholds: Thresholds,
    width: int,
    label_cells: int,
    *,
    left: bool = False,
    foretold: Container[str] = (),
) -> list[list[Line]]:
    """
    One line per limit, bars aligned; a second one where the pace leads past the limit.

    With `left`, limits say and show what remains of them; other shares stay what they are.  Where
    the limits of the keys in `foretold` lead is said elsewhere, by better knowledge than the pace.
    """
    form, bar_cells = _fit(gauges, now, width, label_cells)
    blocks: list[list[Line]] = []
    for label, metric in gauges:
        role = severity(used_percent(metric), thresholds) if is_limit(metric) else "muted"
        remains = left and is_limit(metric)
        columns = (label_cells, bar_cells, form)
        rate = pace(metric, now)
        if rate is not None and metric.key in foretold:
            rate = Pace(rate.elapsed)
        line = _gauge(label, metric, now, rate, role, columns, width, left=remains)
        lines = [clip_line(line, width)]
        warnings = _warnings(rate, metric, now)
        if warnings:
            indent = " " * (label_cells + 1) if width >= 60 else "  "
            lines.append(pick([[(indent, "text"), (words, "warn")] for words in warnings], width))
        blocks.append(lines)
    return blocks


def bar_spans(fraction: float | None, width: int, role: str, mark: float | None = None) -> Line:
    """A bar as spans, with the pace mark laid over it; an unknown share is an empty track."""
    filled, track = bar(fraction or 0.0, width)
    spans: Line = [(filled, f"bar.{role}"), (track, "track")]
    if mark is None or width < 4:
        return [span for span in spans if span[0]]
    at = min(width - 1, int(mark * width))
    cells = filled + track
    edge = len(filled)
    before: Line = [(cells[: min(at, edge)], f"bar.{role}"), (cells[edge:at], "track")]
    after: Line = [
        (cells[at + 1 : edge], f"bar.{role}"),
        (cells[max(at + 1, edge) :], "track"),
    ]
    return [span for span in [*before, (PACE_MARK, "pace"), *after] if span[0]]


def _fit(
    gauges: Sequence[Labelled], now: datetime, width: int, label_cells: int
) -> tuple[int, int]:
    """The fullest form of the reset times that leaves room for a bar, and the bar's cells."""
    fixed = label_cells + 1 + _PERCENT_CELLS
    # How much of how much is worth more than a long form of the time.
    for with_amounts, form in ((True, 0), (True, 1), (True, 2), (False, 0), (False, 1), (False, 2)):
        widest = 0
        for _, metric in gauges:
            forms = wording.reset_forms(metric, now)
            cells = cell_width(forms[form]) + 3 if forms else 0
            amounts = wording.amounts(metric) if with_amounts else ""
            widest = max(widest, cells + (cell_width(amounts) + 3 if amounts else 0))
        room = width - fixed - widest
        if room >= _BAR_MIN:
            # Where it leads to is worth more than a bar that is longer than need be.
            ahead = max((cell_width(_projection(pace(item, now))) for _, item in gauges), default=0)
            return form, min(_BAR_MAX, room - ahead if room - ahead >= _BAR_ENOUGH else room)
    room = width - fixed
    return 3, 0 if room < _BAR_LEAST else min(_BAR_MAX, room)


def _gauge(
    label: str,
    metric: Metric,
    now: datetime,
    rate: Pace | None,
    role: str,
    columns: tuple[int, int, int],
    width: int,
    *,
    left: bool,
) -> Line:
    label_cells, bar_cells, form = columns
    percent = used_percent(metric)
    if percent is not None:
        percent = _shown(percent, left=left)
    mark = None if rate is None else 1.0 - rate.elapsed if left else rate.elapsed
    share = format_percent(percent) if percent is not None else wording.UNKNOWN
    line: Line = [
        (pad(clean(label), label_cells), "label"),
        (" ", "text"),
        *bar_spans(
            None if percent is None else percent / 100.0,
            bar_cells,
            role,
            mark,
        ),
        (pad(share, 5, ">"), role if percent is not None else "muted"),
        (" left" if left else " used" if is_limit(metric) else "     ", "muted"),
    ]
    forms = wording.reset_forms(metric, now)
    if forms and form < 3:
        line += [(" · ", "muted"), (forms[form], wording.reset_role(metric, now))]
    amounts = f" · {wording.amounts(metric)}" if wording.amounts(metric) else ""
    if amounts and line_width(line) + cell_width(amounts) <= width:
        line.append((amounts, "text"))
    projection = _projection(rate, left=left)
    if projection and line_width(line) + cell_width(projection) <= width:
        line.append((projection, "muted"))
    return line


def _projection(rate: Pace | None, *, left: bool = False) -> str:
    """The share (used, or left) at the reset, where the pace does not lead past the limit."""
    if rate is None or rate.projected_percent is None or rate.full_in_s is not None:
        return ""
    return f" · about {format_percent(_shown(rate.projected_percent, left=left))} by then"


def _warnings(rate: Pace | None, metric: Metric, now: datetime) -> tuple[str, ...]:
    """Words for a pace that leads past the limit before its reset, the longest first."""
    if rate is None or rate.full_in_s is None:
        return ()
    spare = (moment(metric.resets_at or "") - now).total_seconds() - rate.full_in_s
    full = f"full in {format_duration(rate.full_in_s)}"
    before = f"{format_duration(spare)} before the reset"
    return f"at this pace {full}, {before}", f"{full}, {before}", f"{full} at this pace", full
