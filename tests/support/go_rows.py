"""A database of the Go OpenUsage, row by row."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).resolve().parents[1] / "data" / "import" / "go-schema.sql"
_NUMBERS = itertools.count(1)


@contextlib.contextmanager
def new_database(path: Path) -> Iterator[sqlite3.Connection]:
    """An empty one to fill; written when the block ends."""
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA.read_text())
    yield connection
    connection.commit()
    connection.close()


def add(connection: sqlite3.Connection, source: str, at: str, **columns: Any) -> None:
    """One row as the Go program stores it, with its raw envelope."""
    number = next(_NUMBERS)
    connection.execute(
        "INSERT INTO usage_raw_events VALUES (?, ?, ?, ?, 'v1', '{}', 'h', NULL, NULL)",
        (f"raw-{number}", at, source, columns.pop("channel", "jsonl")),
    )
    row = {
        "event_id": f"event-{number}",
        "occurred_at": at,
        "agent_name": source,
        "event_type": "message_usage",
        "status": "ok",
        "dedup_key": f"key-{number}",
        "raw_event_id": f"raw-{number}",
        "normalization_version": "v1",
        **columns,
    }
    marks = ", ".join("?" * len(row))
    connection.execute(
        f"INSERT INTO usage_events ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
    )
