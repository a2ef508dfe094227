"""
Reads usage exports that the user has saved from Cursor's dashboard.

Strict on purpose: a row of another width, or with a count that is no whole number, is passed over
rather than read as zero; a file without the columns we need says so.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.cursor.usage_log import usage_event
from openusaged.providers.shared.cursors import document_state, unit_cursor
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.json_values import as_nano

log = logging.getLogger(__name__)

STATE_VERSION: Final = 1
MAX_BYTES: Final = 64 << 20

_DATE: Final = "date"
_MODEL: Final = "model"
_COUNTS: Final = (
    "input (w/o cache write)",
    "input (w/ cache write)",
    "cache read",
    "output tokens",
)
_COSTS: Final = ("cost", "cost to you")
_FORMATS: Final = ("%m/%d/%Y",)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Requests of the export that were not read from it before.

    Raises:
        OSError: the file cannot be read.
        UpstreamChanged: it is no usage export.
    """
    with open(unit.path, "rb") as file:
        text = file.read(MAX_BYTES).decode("utf-8-sig", "replace")
    emitted = Emitted(document_state(cursor, STATE_VERSION))
    news = []
    for event in rows(text):
        if emitted.is_news(event.message_id, event):
            news.append(event)
        if len(news) >= context.max_chunk_events:
            yield Chunk(events=news, cursor=_cursor(account, unit, emitted, done=False))
            news = []
    yield Chunk(events=news, cursor=_cursor(account, unit, emitted, done=True))


def rows(text: str) -> Iterator[UsageEvent]:
    """
    The requests of an export's text.

    Raises:
        UpstreamChanged: a column is missing or there twice.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if not header:
            return
        columns = _columns(header)
        passed_over = 0
        for row in reader:
            event = _event(row, columns) if len(row) == len(header) else None
            if event is not None:
                yield event
            passed_over += event is None
        log.debug("event=csv_read passed_over=%d", passed_over)
    except csv.Error as error:
        raise UpstreamChanged("csv", str(error)) from error


def _columns(header: Sequence[str]) -> Mapping[str, int]:
    if len(set(header)) < len(header):
        raise UpstreamChanged("csv", "a column is there twice")
    missing = [name for name in (_DATE, _MODEL, *_COUNTS) if name not in header]
    if missing:
        raise UpstreamChanged("csv", f"no column {missing[0]!r}: this is no usage export")
    return {name: index for index, name in enumerate(header)}


def _event(row: Sequence[str], columns: Mapping[str, int]) -> UsageEvent | None:
    def cell(name: str) -> str:
        return row[columns[name]].strip() if name in columns else ""

    ts_ms = _epoch_ms(cell(_DATE))
    counts = [_count(cell(name)) for name in _COUNTS]
    cost = next((text for name in _COSTS if (text := cell(name))), "")
    if ts_ms is None or not cell(_MODEL) or any(count is None for count in counts):
        return None
    # `Included` and `-` say that nothing was charged beyond the plan, not what it was worth.
    cost_nano = as_nano(cost.lstrip("$"))
    if not any(counts) and not cost_nano:
        return None
    return usage_event(
        ts_ms=ts_ms, model=cell(_MODEL), counts=counts, cost_nano=cost_nano, kind=cell("kind")
    )


def _count(text: str) -> int | None:
    plain = text.replace(",", "")
    return int(plain) if plain.isascii() and plain.isdigit() else None


def _epoch_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        for form in _FORMATS:
            try:
                moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is set below
                break
            except ValueError:
                continue
        else:
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _cursor(account: Account, unit: Unit, emitted: Emitted, *, done: bool) -> SourceCursor:
    state = emitted.encode(keep_unseen=not done)
    return unit_cursor(account, unit, state=state, state_version=STATE_VERSION, done=done)
