"""
What polls learned: the last good answer, how the latest poll went, the history of each figure.

A failed poll never erases a good one.  Sources that know only some of an account's figures (a
status line, a log) do not erase the others: metrics are kept per key, the newest of each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec
from pony.orm import select

from openusaged.core.models import (
    ACCOUNT_AUTH_REQUIRED,
    ACCOUNT_ERROR,
    ACCOUNT_LIMITED,
    ACCOUNT_UNKNOWN,
    ACCOUNT_UNSUPPORTED,
    MINUTE_WINDOW,
    LimitMetric,
    UsageSnapshot,
)
from openusaged.storage.database import Database
from openusaged.storage.names import Names
from openusaged.storage.records import StoredSnapshot

METRIC_LIFETIME_MS: Final = 86_400_000
"""A figure that good answers stopped mentioning is shown this much longer."""

_FAILED: Final = frozenset({ACCOUNT_ERROR, ACCOUNT_AUTH_REQUIRED, ACCOUNT_UNKNOWN})

SeriesPoint = tuple[int, float | None, float | None, float | None]
"""(ts_ms, used, limit, remaining)"""

_WRITE: Final = (
    "REPLACE INTO snapshot (provider, account, good, metric_times, status, message, ts_ms,"
    " failures, retry_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class _Row(msgspec.Struct):
    good: UsageSnapshot | None = None
    metric_times: dict[str, int] = {}
    status: str = ""
    message: str = ""
    ts_ms: int = 0
    failures: int = 0
    retry_at_ms: int = 0


def has_failed(snapshot: UsageSnapshot) -> bool:
    """Whether a poll learned nothing because it failed."""
    return snapshot.status in _FAILED or (
        snapshot.status == ACCOUNT_LIMITED and not snapshot.metrics
    )


def write_snapshots(
    connection: sqlite3.Connection, names: Names, snapshots: Iterable[UsageSnapshot]
) -> None:
    """Store the outcomes of polls and the points of their figures, in the order given."""
    # An import brings a thousand for one account: what is known of it is read and written once.
    rows: dict[tuple[str, str], _Row] = {}
    for snapshot in snapshots:
        owner = (snapshot.provider_id, snapshot.account_id)
        row = rows.get(owner)
        if row is None:
            row = rows[owner] = _read(connection, *owner)
        if snapshot.ts_ms >= row.ts_ms:
            _note_latest(row, snapshot)
        if not has_failed(snapshot) and snapshot.status != ACCOUNT_UNSUPPORTED:
            _note_good(row, snapshot)
            account = names[snapshot.account_id]
            for metric in snapshot.metrics:
                _write_point(connection, account, names[metric.key], snapshot.ts_ms, metric)
    names.flush(connection)
    connection.executemany(
        _WRITE,
        [
            (
                *owner,
                None if row.good is None else msgspec.json.encode(row.good),
                msgspec.json.encode(row.metric_times),
                row.status,
                row.message,
                row.ts_ms,
                row.failures,
                row.retry_at_ms,
            )
            for owner, row in rows.items()
        ],
    )


def _note_latest(row: _Row, snapshot: UsageSnapshot) -> None:
    row.status = snapshot.status
    row.message = snapshot.message
    row.ts_ms = snapshot.ts_ms
    row.failures = row.failures + 1 if has_failed(snapshot) else 0
    row.retry_at_ms = (
        0
        if snapshot.retry_after_s is None
        else snapshot.ts_ms + round(snapshot.retry_after_s * 1000)
    )


def _note_good(row: _Row, snapshot: UsageSnapshot) -> None:
    metrics = {} if row.good is None else {metric.key: metric for metric in row.good.metrics}
    order = list(metrics)
    for metric in snapshot.metrics:
        if snapshot.ts_ms >= row.metric_times.get(metric.key, 0):
            if metric.key not in metrics:
                order.append(metric.key)
            metrics[metric.key] = metric
            row.metric_times[metric.key] = snapshot.ts_ms
    is_newest = row.good is None or snapshot.ts_ms >= row.good.ts_ms
    newest = snapshot if is_newest or row.good is None else row.good
    oldest_ms = newest.ts_ms - METRIC_LIFETIME_MS
    row.metric_times = {key: ts_ms for key, ts_ms in row.metric_times.items() if ts_ms >= oldest_ms}
    attributes, reported = snapshot.attributes, snapshot.reported
    if row.good is not None:
        older, newer = (row.good, snapshot) if is_newest else (snapshot, row.good)
        attributes = _lasting(older.attributes) | newer.attributes
        reported = newer.reported or older.reported
    row.good = msgspec.structs.replace(
        newest,
        metrics=tuple(metrics[key] for key in order if key in row.metric_times),
        attributes=attributes,
        reported=reported,
    )


def _lasting(attributes: dict[str, str]) -> dict[str, str]:
    """What an older answer still says: not that one of its calls failed."""
    return {key: value for key, value in attributes.items() if not key.endswith("_error")}


def _read(connection: sqlite3.Connection, provider: str, account: str) -> _Row:
    found = connection.execute(
        "SELECT good, metric_times, status, message, ts_ms, failures, retry_at_ms"
        " FROM snapshot WHERE provider = ? AND account = ?",
        (provider, account),
    ).fetchone()
    if found is None:
        return _Row()
    good, times, *rest = found
    return _Row(
        None if good is None else msgspec.json.decode(good, type=UsageSnapshot),
        msgspec.json.decode(times, type=dict[str, int]),
        *rest,
    )


def read_snapshots(database: Database) -> dict[tuple[str, str], StoredSnapshot]:
    """What is known of every polled account, by (provider id, account id)."""
    with database.entities() as entities:
        rows = select(
            (
                row.provider,
                row.account,
                row.good,
                row.status,
                row.message,
                row.ts_ms,
                row.failures,
                row.retry_at_ms,
            )
            for row in entities.SnapshotRow
        )[:]
    return {
        (provider, account): StoredSnapshot(
            last_good=None if good is None else msgspec.json.decode(good, type=UsageSnapshot),
            latest_status=status,
            latest_message=message,
            latest_ms=ts_ms,
            failures=failures,
            retry_at_ms=retry_at_ms,
        )
        for provider, account, good, status, message, ts_ms, failures, retry_at_ms in rows
    }


def _write_point(
    connection: sqlite3.Connection, account: int, key: int, ts_ms: int, metric: LimitMetric
) -> None:
    resets_at_ms = None if metric.window == MINUTE_WINDOW else metric.resets_at_ms
    values = (metric.used, metric.limit, metric.remaining, resets_at_ms)
    last_two = connection.execute(
        "SELECT ts_ms, used, cap, remaining, resets_at_ms FROM series_point"
        " WHERE account = ? AND metric = ? AND ts_ms < ? ORDER BY ts_ms DESC LIMIT 2",
        (account, key, ts_ms),
    ).fetchall()
    if len(last_two) == 2 and last_two[0][1:] == last_two[1][1:] == values:
        # A flat stretch needs its first and last point only.
        connection.execute(
            "DELETE FROM series_point WHERE account = ? AND metric = ? AND ts_ms = ?",
            (account, key, last_two[0][0]),
        )
    connection.execute(
        "REPLACE INTO series_point (account, metric, ts_ms, used, cap, remaining, resets_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (account, key, ts_ms, *values),
    )


def read_series(
    connection: sqlite3.Connection, names: Names, account_id: str, metric_key: str, since_ms: int
) -> list[SeriesPoint]:
    """Points of one figure from `since_ms` on, oldest first."""
    # `get`: a reader must not give out ids.
    account = names.get(account_id)
    metric = names.get(metric_key)
    if account is None or metric is None:
        return []
    return connection.execute(
        "SELECT ts_ms, used, cap, remaining FROM series_point"
        " WHERE account = ? AND metric = ? AND ts_ms >= ? ORDER BY ts_ms",
        (account, metric, since_ms),
    ).fetchall()
