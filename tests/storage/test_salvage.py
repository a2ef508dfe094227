"""Damaged files: recognised, kept once, and read as far as possible."""

from __future__ import annotations

import os
import sqlite3

import pytest

from openusaged.core.models import LimitMetric, SourceCursor, UsageSnapshot
from openusaged.storage.salvage import is_corrupt
from openusaged.storage.store import WriteBatch
from tests.support.stored_events import prepared

PAGE = 1024


def fill(store) -> None:
    events = [prepared(n, session_id=f"session-{n % 7}") for n in range(4000)]
    store.apply(
        [
            WriteBatch(
                events=events,
                cursors=[SourceCursor(source="claude_code", account_id="a", path="/log")],
                snapshots=[
                    UsageSnapshot(
                        provider_id="p",
                        account_id="a",
                        ts_ms=1,
                        status="OK",
                        metrics=(LimitMetric(key="k", unit="%", used=3.0),),
                    )
                ],
            )
        ]
    )
    store.close()


def pages_of(path: str, table: str) -> list[int]:
    connection = sqlite3.connect(path)
    pages = [
        row[0]
        for row in connection.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)
        )
    ]
    connection.close()
    return pages


def overwrite(path: str, page: int) -> None:
    with open(path, "r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


def leaf_pages(path: str, table: str) -> list[int]:
    try:
        return pages_of(path, table)
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no dbstat")


def test_open_damaged_events_keeps_every_total(open_store, path, caplog) -> None:
    """Destroyed detail costs detail only: totals, sessions and identities survive."""
    fill(open_store())
    leaves = leaf_pages(path, "event")
    overwrite(path, leaves[len(leaves) // 2])
    store = open_store()
    assert store.usage_rows(group_by=())[0].requests == 4000
    assert sum(session.events for session in store.sessions()[1]) == 4000
    assert store.snapshots()[("p", "a")].last_good is not None
    assert store.cursors() == []
    counts = store.counts()
    assert counts.identities == 4000
    assert 3000 < counts.hot < 4000
    assert os.path.exists(path + ".corrupt")
    assert "database_corrupt" in caplog.text
    # The logs are read again: nothing counts twice.
    again = store.apply([WriteBatch(events=[prepared(n) for n in range(4000)])])[0]
    assert again.accepted == 0
    assert store.usage_rows(group_by=())[0].requests == 4000


def test_open_damaged_identities_are_restored_from_events(open_store, path) -> None:
    """Lost identity pages are filled from the hot events, so a re-read counts nothing twice."""
    fill(open_store())
    leaves = leaf_pages(path, "identity")
    overwrite(path, leaves[len(leaves) // 2])
    store = open_store()
    assert store.counts().identities == 4000
    again = store.apply([WriteBatch(events=[prepared(n) for n in range(4000)])])[0]
    assert again.accepted == 0


def test_open_garbage_starts_anew_and_keeps_one_copy(open_store, path) -> None:
    """A file that is no database is moved aside; only the latest such file is kept."""
    for text in (b"first" * 1000, b"second" * 1000):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text)
        store = open_store()
        assert store.apply([WriteBatch(events=[prepared()])])[0].accepted == 1
        store.close()
    with open(path + ".corrupt", "rb") as file:
        assert file.read().startswith(b"second")
    siblings = os.listdir(os.path.dirname(path))
    assert sorted(siblings) == ["telemetry.db", "telemetry.db.corrupt"]


def test_open_truncated_file_is_salvaged(open_store, path) -> None:
    """A file cut off in the middle opens and goes on."""
    fill(open_store())
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) // 2 // PAGE * PAGE)
    store = open_store()
    store.apply([WriteBatch(events=[prepared(n) for n in range(4000)])])
    assert store.counts().identities == 4000


def test_is_corrupt_sound_and_empty_files_are_not(store, path, isolated_home) -> None:
    """A sound file, and one that is still empty, are left alone."""
    store.close()
    assert not is_corrupt(path)
    empty = os.path.join(isolated_home, "empty.db")
    with open(empty, "wb"):
        pass
    assert not is_corrupt(empty)


def test_is_corrupt_large_clean_file_is_not_read_through(store, path, monkeypatch) -> None:
    """A large file that was closed cleanly opens without a check of every page."""
    store.apply([WriteBatch(events=[prepared(n) for n in range(500)])])
    store.close()
    pages = leaf_pages(path, "event")
    overwrite(path, pages[0])
    assert is_corrupt(path)
    monkeypatch.setattr("openusaged.storage.salvage.CHECK_LIMIT_BYTES", 1)
    assert not is_corrupt(path)


def test_is_corrupt_interrupted_check_proves_nothing(store, path, monkeypatch) -> None:
    """A check that takes too long is given up and the file used."""
    store.apply([WriteBatch(events=[prepared(n) for n in range(2000)])])
    monkeypatch.setattr("openusaged.storage.salvage.CHECK_TIMEOUT_STEPS", 0)
    assert not is_corrupt(path)
