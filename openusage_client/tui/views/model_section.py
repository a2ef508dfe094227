"""A tile's models: shares, the token table and each model's trend over the last days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from openusage_client.formatting import format_tokens
from openusage_client.tui.layout import Line
from openusage_client.tui.state import AppState
from openusage_client.tui.text import cell_width, clip_middle, pad, sparkline
from openusage_client.tui.views import breakdown, wording
from openusage_client.tui.views.limit_section import cache_share
from openusage_client.tui.watching import Question
from openusage_proto.messages import AccountSnapshot, NamedTotals, Report, Totals, Usage
from openusage_proto.methods import REPORT

_Column = tuple[str, list[str]]
TREND_DAYS: Final = 14
_PLACE: Final = "trend"
_NAME_CELLS: Final = 24
_NAME_ENOUGH: Final = 14
_NAME_LEAST: Final = 8
_COLUMNS: Final[tuple[tuple[str, Callable[[Totals], int]], ...]] = (
    ("in", lambda totals: totals.input_tokens),
    ("out", lambda totals: totals.output_tokens),
    ("cache r", lambda totals: totals.cache_read_tokens),
    ("cache w", lambda totals: totals.cache_creation_tokens),
    ("reason", lambda totals: totals.reasoning_tokens),
    ("total", lambda totals: totals.total_tokens),
)


def trend_question(state: AppState) -> tuple[Question, ...]:
    """The selected account's models per day, for as long as its tile shows their trend."""
    account = state.account
    if account is None or account.usage is None or not account.usage.models or not state.model:
        return ()
    since = (state.now.date() - timedelta(days=TREND_DAYS - 1)).isoformat()
    params = (
        ("kind", "daily"),
        ("account", account.account_id),
        ("since", since),
        ("breakdown", True),
        ("tz", state.model.timezone or None),
    )
    return (Question(name=_PLACE, method=REPORT, params=params, kind=Report),)


def model_days(state: AppState, account: AccountSnapshot) -> Mapping[str, Sequence[float]]:
    """Tokens per model on each of the last days, where the answer is about this account."""
    answer = state.answers.get(_PLACE)
    if answer is None or answer.value is None:
        return {}
    if dict(answer.question.params).get("account") != account.account_id:
        return {}
    today = state.now.date()
    places = {
        (today - timedelta(days=TREND_DAYS - 1 - at)).isoformat(): at for at in range(TREND_DAYS)
    }
    series: dict[str, list[float]] = {}
    for row in answer.value.rows:
        at = places.get(row.key)
        if at is None:
            continue
        for model in row.model_breakdown or ():
            values = series.setdefault(model.key, [0.0] * TREND_DAYS)
            values[at] += float(model.total_tokens)
    return series


def render_models(
    usage: Usage,
    width: int,
    limit: int,
    *,
    table: bool,
    series: Mapping[str, Sequence[float]],
) -> list[Line]:
    """The models by share; with `table` their kinds of tokens and the trend of each below."""
    note = cache_note(usage.totals)
    lines = breakdown.render_breakdown("Models", usage.models, width, limit, note=note)
    if not table or not lines:
        return lines
    rows = breakdown.ranked(usage.models)
    shown = rows[:limit] if limit and len(rows) > limit + 1 else rows
    return [*lines, *_token_table(shown, usage.totals, width), *_trends(shown, series, width)]


def cache_note(totals: Totals) -> Line:
    """`83% from cache` of the whole prompt; nothing where nothing was sent."""
    prompt = totals.input_tokens + totals.cache_read_tokens + totals.cache_creation_tokens
    return cache_share(totals.cache_read_tokens / prompt * 100) if prompt else []


def _token_table(rows: Sequence[NamedTotals], totals: Totals, width: int) -> list[Line]:
    """Only the kinds that somebody used; every column as wide as its widest value."""
    listed = [(wording.name(row), row.totals) for row in rows]
    if len(listed) > 1:
        listed.append(("all models", totals))
    columns = [
        (name, [format_tokens(value(item)) for _, item in listed])
        for name, value in _COLUMNS
        if any(value(item) for _, item in listed)
    ]
    longest = min(_NAME_CELLS, max(cell_width(name) for name, _ in listed))
    columns, names, gap = _fitting(columns, longest, width)
    if names < min(longest, _NAME_LEAST):
        return []
    cells = [_cells(column) for column in columns]
    head: Line = [("  ", "text"), (pad("tokens", names), "label")]
    head += [
        (gap + pad(name, count, ">"), "label")
        for (name, _), count in zip(columns, cells, strict=True)
    ]
    lines = [head]
    for at, (name, _) in enumerate(listed):
        role = "value" if at == len(listed) - 1 and len(listed) > 1 else "text"
        line: Line = [("  ", "text"), (pad(clip_middle(name, names), names), role)]
        line += [
            (gap + pad(texts[at], count, ">"), role)
            for (_, texts), count in zip(columns, cells, strict=True)
        ]
        lines.append(line)
    return lines


def _fitting(columns: list[_Column], longest: int, width: int) -> tuple[list[_Column], int, str]:
    """The columns there is room for, the cells of the names, and the gap between columns."""
    names, gap = 0, ""
    # First the gaps give way, then the sum, which the rows above have as well.
    for kept, gap in ((columns, "  "), (columns, " "), (columns[:-1], " ")):
        columns = kept
        taken = sum(_cells(column) + len(gap) for column in columns)
        names = min(longest, width - 2 - taken)
        if names >= min(longest, _NAME_ENOUGH):
            break
    return columns, names, gap


def _cells(column: _Column) -> int:
    return max(cell_width(text) for text in (column[0], *column[1]))


def _trends(
    rows: Sequence[NamedTotals], series: Mapping[str, Sequence[float]], width: int
) -> list[Line]:
    """A sparkline per model in the order of the rows above it."""
    known = [row for row in rows if any(series.get(row.name, ()))]
    if not known:
        return []
    today = [f"  {format_tokens(round(series[row.name][-1]))} today" for row in known]
    longest = min(_NAME_CELLS, max(cell_width(wording.name(row)) for row in known))
    room = width - 2 - 2 - TREND_DAYS
    names = min(longest, room - max(map(cell_width, today)))
    if names < min(longest, _NAME_LEAST):
        # The line is worth more than the figure at its end, and nothing without a name.
        names, today = min(longest, room), [""] * len(known)
    if names < min(longest, _NAME_LEAST):
        return []
    lines: list[Line] = [[("  ", "text"), (f"tokens per day, {TREND_DAYS} days", "label")]]
    for at, (row, last) in enumerate(zip(known, today, strict=True)):
        lines.append(
            [
                ("  ", "text"),
                (pad(clip_middle(wording.name(row), names), names), "text"),
                ("  ", "text"),
                (sparkline(series[row.name]), f"series.{at % 6}"),
                (last, "muted"),
            ]
        )
    return lines
