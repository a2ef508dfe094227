"""Damaged files: recognised, kept once, and read as far as possible."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from openusaged.core.models import LimitMetric, SourceCursor, UsageSnapshot
from openusaged.storage.applying import rebuild_hot_buckets
from openusaged.storage.salvage import is_corrupt, salvage
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


@pytest.mark.parametrize("table", ["message_bucket", "tool_bucket"])
def test_open_damaged_buckets_are_recomputed_from_events(open_store, path, table) -> None:
    """Lost aggregates come back from the hot events, to the last token."""
    store = open_store()
    events = [
        prepared(
            n,
            model=f"model-{n % 40}",
            branch=f"branch-{n % 50}",
            **(
                {"event_type": "tool_usage", "tool_call_id": f"c{n}", "tool_name": f"t{n % 60}"}
                if n % 2
                else {}
            ),
        )
        for n in range(4000)
    ]
    store.apply([WriteBatch(events=events)])
    expected = sorted(store.usage_rows(), key=repr), sorted(store.tool_rows(), key=repr)
    store.close()
    leaves = leaf_pages(path, table)
    overwrite(path, leaves[len(leaves) // 2])
    store = open_store()
    assert (sorted(store.usage_rows(), key=repr), sorted(store.tool_rows(), key=repr)) == expected
    assert sum(session.events for session in store.sessions()[1]) == 4000


def test_rebuild_nothing_hot_leaves_buckets_alone(open_store, path) -> None:
    """History whose detail has gone is not touched by a recomputation."""
    store = open_store()
    store.apply([WriteBatch(events=[prepared(n) for n in range(10)])])
    store.run_retention(prepared(10).event.ts_ms)
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert rebuild_hot_buckets(connection) == 0
        connection.commit()
    assert open_store().usage_rows(group_by=())[0].requests == 10


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


def test_salvage_rows_that_break_a_rule_are_left_out(open_store, path) -> None:
    """A row that only a damaged file can hold does not stop the others."""
    fill(open_store())
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_master SET sql = replace(sql, 'account INTEGER', 'account ANY')"
        " WHERE name = 'session'"
    )
    connection.commit()
    connection.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE session SET account = 'x' WHERE id = 3")
    connection.commit()
    connection.close()
    taken = salvage(path, app_version="1", now_ms=lambda: 0)
    assert (taken["session"], taken["event"]) == (6, 4000)


def test_is_corrupt_large_file_without_a_goodbye_is_checked(store, path, monkeypatch) -> None:
    """A large file is read through when the last run ended without closing it."""
    store.apply([WriteBatch(events=[prepared(n) for n in range(500)])])
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = 0 WHERE key = 'clean'")
        connection.commit()
    overwrite(path, leaf_pages(path, "event")[0])
    monkeypatch.setattr("openusaged.storage.salvage.CHECK_LIMIT_BYTES", 1)
    assert is_corrupt(path)


def test_is_corrupt_unreadable_bookkeeping_counts_as_unclean(isolated_home, monkeypatch) -> None:
    """A large file whose bookkeeping cannot be read is checked."""
    monkeypatch.setattr("openusaged.storage.salvage.CHECK_LIMIT_BYTES", 1)
    path = os.path.join(isolated_home, "x.db")
    with open(path, "wb") as file:
        file.write(b"garbage" * 1000)
    assert is_corrupt(path)
