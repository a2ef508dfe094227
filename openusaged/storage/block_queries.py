"""
What five-hour blocks and comparisons over hours are made of: sums per stretch of quarter hours.

Blocks begin on the hour, so whole hours are all that most of history needs; the vendor's windows
begin anywhere, and their edges come from single events.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from openusaged.core.models import MESSAGE_USAGE, RECONCILE_ADJUSTMENT
from openusaged.storage.events import QUARTER_SHIFT, TYPE_CODES
from openusaged.storage.names import Names
from openusaged.storage.records import UsageRow
from openusaged.storage.rollups import MESSAGE_SUMS
from openusaged.storage.span_cache import Span

STRETCH_DIMENSIONS: Final = ("account", "provider", "client", "model", "project", "branch")
_SUMS: Final = ", ".join(f"SUM({name})" for name in MESSAGE_SUMS)
_COUNTED: Final = (TYPE_CODES[MESSAGE_USAGE], TYPE_CODES[RECONCILE_ADJUSTMENT])


class Reset(msgspec.Struct, frozen=True, gc=False):
    """A window's end as the vendor said it, and the largest use that was seen with it."""

    at_ms: int
    used: float


def stretches(
    connection: sqlite3.Connection,
    names: Names,
    *,
    span: Span,
    quarters: int,
    dimensions: Sequence[str],
    accounts: Collection[str] | None,
) -> list[UsageRow]:
    """
    Sums of a span per stretch of so many quarters, by some of `STRETCH_DIMENSIONS`.

    A row's `bucket` is the stretch's first quarter; the order is that of time.
    """
    wanted = ", ".join(dimensions)
    clause, values = "", []
    if accounts is not None:
        clause = " AND account IN (SELECT value FROM json_each(?))"
        values = [msgspec.json.encode([names.get(name, -1) for name in accounts]).decode()]
    cursor = connection.execute(
        f"SELECT quarter / {quarters} * {quarters} AS stretch, currency, {wanted}, {_SUMS}"
        f" FROM message_bucket WHERE quarter >= ? AND quarter < ?{clause}"
        f" GROUP BY stretch, {wanted}, currency ORDER BY stretch",
        (*span, *values),
    )
    text = names.text
    first = 2 + len(dimensions)
    # Where each dimension is in a row; 0 (the stretch): not asked for.
    place = [dimensions.index(name) + 2 if name in dimensions else 0 for name in STRETCH_DIMENSIONS]
    rows = []
    for row in cursor:
        if any(row[first:]):
            account, provider, client, model, project, branch = (
                text[row[at]] if at else "" for at in place
            )
            rows.append(
                UsageRow(
                    row[0],
                    account,
                    provider,
                    client,
                    model,
                    project,
                    branch,
                    "",
                    text[row[1]],
                    *row[first:],
                )
            )
    return rows


def quarters_used(
    connection: sqlite3.Connection, names: Names, span: Span
) -> list[tuple[str, int]]:
    """(account, quarter) of every quarter hour of a span with messages."""
    text = names.text
    return [
        (text[account], quarter)
        for account, quarter in connection.execute(
            "SELECT account, quarter FROM message_bucket WHERE quarter >= ? AND quarter < ?"
            " GROUP BY 2, 1 HAVING SUM(requests) <> 0",
            span,
        )
    ]


Active = tuple[tuple[str, int], tuple[int, int]]
"""(account, quarter), and when its first and last message were."""


def activity_in(connection: sqlite3.Connection, names: Names, quarter: int) -> list[Active]:
    """Who was active when in a quarter, while detail is kept."""
    text = names.text
    return [
        ((text[account], quarter), (first, last))
        for account, first, last in connection.execute(
            "SELECT account, MIN(ts_ms), MAX(ts_ms) FROM event"
            " WHERE id >= ? AND id < ? AND event_type IN (?, ?) GROUP BY account",
            (quarter << QUARTER_SHIFT, (quarter + 1) << QUARTER_SHIFT, *_COUNTED),
        )
    ]


def resets(
    connection: sqlite3.Connection, names: Names, account_id: str, metric_key: str, since_ms: int
) -> list[Reset]:
    """Every end of a window that the vendor stated while some of it was used, by time."""
    account, metric = names.get(account_id), names.get(metric_key)
    if account is None or metric is None:
        return []
    return [
        Reset(at_ms, used)
        for at_ms, used in connection.execute(
            "SELECT resets_at_ms, MAX(used) FROM series_point WHERE account = ? AND metric = ?"
            " AND resets_at_ms >= ? AND used > 0 GROUP BY resets_at_ms ORDER BY resets_at_ms",
            (account, metric, since_ms),
        )
    ]
