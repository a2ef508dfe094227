"""
Reads: sums of quarter-hour buckets, and blocks.

Every function works inside one read snapshot that its caller opened, and translates name ids
only in what it returns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec

from openusaged.core.merge import CountedEvent
from openusaged.core.models import MESSAGE_USAGE, QUARTER_MS, RECONCILE_ADJUSTMENT
from openusaged.storage.events import COLUMNS, QUARTER_SHIFT, TYPE_CODES, decode
from openusaged.storage.names import Names
from openusaged.storage.records import BlockRow, UsageRow
from openusaged.storage.rollups import (
    AGENT_KINDS,
    USD,
    Sums,
    agent_kind,
    message_sums,
)

_EVENT_LIST: Final = ", ".join(COLUMNS)


def usage_row(
    sums: Sequence[int],
    *,
    account: str,
    provider: str,
    client: str,
    model: str,
    project: str = "",
    branch: str = "",
    kind: str = "",
    currency: str,
) -> UsageRow:
    """One row out of names and sums in the order of `MESSAGE_SUMS`."""
    return UsageRow(0, account, provider, client, model, project, branch, kind, currency, *sums)


# --------------------------------------------------------------------- blocks


class _Activity(msgspec.Struct):
    first_ms: int
    last_ms: int
    sums: Sums


def block_rows(
    connection: sqlite3.Connection,
    names: Names,
    *,
    start_ms: int,
    end_ms: int,
    accounts: Collection[str] | None = None,
    providers: Collection[str] | None = None,
) -> list[BlockRow]:
    """Hot activity in [start_ms, end_ms) per all dimensions and quarter, by time."""
    found: dict[tuple[Any, ...], _Activity] = {}
    for event in _messages(connection, names, start_ms, end_ms):
        if accounts is not None and event.account not in accounts:
            continue
        if providers is not None and event.provider not in providers:
            continue
        sums = message_sums(event)
        assert sums is not None
        key = (
            event.ts_ms // QUARTER_MS,
            event.account,
            event.provider,
            event.client,
            event.model,
            event.project,
            event.branch,
            agent_kind(event),
            event.currency or USD,
        )
        activity = found.get(key)
        if activity is None:
            found[key] = _Activity(event.ts_ms, event.ts_ms, sums)
        else:
            activity.first_ms = min(activity.first_ms, event.ts_ms)
            activity.last_ms = max(activity.last_ms, event.ts_ms)
            activity.sums = tuple(map(sum, zip(activity.sums, sums, strict=True)))
    rows = [_block_row(key, activity) for key, activity in found.items()]
    rows.sort(key=lambda row: (row.first_ms, row.last_ms, row.usage.account, row.usage.model))
    return rows


def _block_row(key: tuple[Any, ...], activity: _Activity) -> BlockRow:
    _, account, provider, client, model, project, branch, kind, currency = key
    return BlockRow(
        first_ms=activity.first_ms,
        last_ms=activity.last_ms,
        usage=usage_row(
            activity.sums,
            account=account,
            provider=provider,
            client=client,
            model=model,
            project=project,
            branch=branch,
            kind=AGENT_KINDS[kind],
            currency=currency,
        ),
    )


def _messages(
    connection: sqlite3.Connection, names: Names, start_ms: int, end_ms: int
) -> Iterable[CountedEvent]:
    first = (start_ms // QUARTER_MS) << QUARTER_SHIFT
    last = (end_ms // QUARTER_MS + 1) << QUARTER_SHIFT
    text = names.text
    cursor = connection.execute(
        f"SELECT {_EVENT_LIST} FROM event WHERE id >= ? AND id < ? AND ts_ms >= ? AND ts_ms < ?"
        " AND event_type IN (?, ?)",
        (
            first,
            last,
            start_ms,
            end_ms,
            TYPE_CODES[MESSAGE_USAGE],
            TYPE_CODES[RECONCILE_ADJUSTMENT],
        ),
    )
    for row in cursor:
        yield decode(row, text, "")
