"""
Ageing: the detail of old events goes, old series are thinned, in bounded steps.

Identities, aggregates and session totals are kept for ever.  Nothing here runs VACUUM: freed
pages are used again.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from openusaged.core.models import QUARTER_MS
from openusaged.storage.events import QUARTER_SHIFT
from openusaged.storage.identities import GONE, Identities

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
FULL_RESOLUTION_MS: Final = 48 * HOUR_MS
HOURLY_MS: Final = 7 * DAY_MS
MAX_THINNED_PER_PASS: Final = 5000


def expire_events(
    connection: sqlite3.Connection, identities: Identities, cutoff_ms: int, limit: int
) -> list[int]:
    """Delete up to `limit` events before `cutoff_ms`, oldest first; returns their ids."""
    rows = connection.execute(
        "SELECT id, identity FROM event WHERE id < ? AND ts_ms < ? ORDER BY id LIMIT ?",
        ((cutoff_ms // QUARTER_MS + 1) << QUARTER_SHIFT, cutoff_ms, limit),
    ).fetchall()
    if not rows:
        return []
    # Those that were counted long ago are: what is new may wait on.
    identities.settle_any(connection, (identity for _, identity in rows))
    identities.move(connection, [(identity, GONE) for _, identity in rows])
    connection.executemany("DELETE FROM event WHERE id = ?", [(row[0],) for row in rows])
    return [row[0] for row in rows]


def thin_series(connection: sqlite3.Connection, now_ms: int) -> int:
    """
    Thin points older than 48 hours to hours and those older than 7 days to days.

    The first and last point of each stretch stay, and so do those around a reset, because pace
    and spend are differences between them.  Returns how many points went.
    """
    points = connection.execute(
        "SELECT account, metric, ts_ms, used, remaining, resets_at_ms FROM series_point"
        " WHERE ts_ms < ? ORDER BY account, metric, ts_ms",
        (now_ms - FULL_RESOLUTION_MS,),
    ).fetchall()
    doomed = []
    for before, point, after in zip(points, points[1:], points[2:], strict=False):
        if before[:2] != point[:2] or after[:2] != point[:2]:
            continue
        stretch = HOUR_MS if point[2] >= now_ms - HOURLY_MS else DAY_MS
        is_inner = before[2] // stretch == point[2] // stretch == after[2] // stretch
        if is_inner and not _is_reset(before, point) and not _is_reset(point, after):
            doomed.append(point[:3])
    doomed = doomed[:MAX_THINNED_PER_PASS]
    connection.executemany(
        "DELETE FROM series_point WHERE account = ? AND metric = ? AND ts_ms = ?", doomed
    )
    return len(doomed)


_Point = tuple[int, int, int, float | None, float | None, int | None]


def _is_reset(before: _Point, after: _Point) -> bool:
    """Whether usage fell, a balance rose or the window changed between two points."""
    if before[5] != after[5]:
        return True
    fell = before[3] is not None and after[3] is not None and after[3] < before[3]
    rose = before[4] is not None and after[4] is not None and after[4] > before[4]
    return fell or rose
