"""What an answered write survives, and what a failed one leaves behind."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from openusaged.core.errors import DatabaseBusy, StorageError, StoreClosed
from openusaged.storage.identities import MAX_RECENT
from openusaged.storage.store import Store, WriteBatch
from tests.support.stored_events import prepared
from tests.support.waiting import wait_until

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from openusaged.storage.store import Store, WriteBatch
from tests.support.stored_events import prepared
store = Store.open(sys.argv[1], app_version="1", now_ms=lambda: 0)
print("open", flush=True)
for group in range(1000):
    first = group * 5000
    store.apply([WriteBatch(events=[prepared(first + n) for n in range(5000)])])
    print(group, flush=True)
"""


def start_writer(path: str) -> subprocess.Popen[str]:
    root = os.getcwd()
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, path, root], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("delay_lines", [1, 2, 3])
def test_kill_during_a_commit_leaves_all_or_nothing(open_store, path, delay_lines) -> None:
    """After SIGKILL the file holds whole transactions only, and every answered one."""
    process = start_writer(path)
    assert process.stdout is not None
    with process.stdout:
        answered = 0
        for _ in range(delay_lines):
            if process.stdout.readline().strip() != "open":
                answered += 1
        size = os.path.getsize(path + "-wal")
        wait_until(lambda: os.path.getsize(path + "-wal") != size, 30, "the next transaction")
        process.send_signal(signal.SIGKILL)
        answered += len(process.stdout.read().split())
    process.wait(10)
    store = open_store()
    rows = store.usage_rows(group_by=())
    requests = rows[0].requests if rows else 0
    assert requests % 5000 == 0
    assert requests >= answered * 5000
    counts = store.counts()
    assert counts.hot == counts.identities == requests
    sessions = store.sessions()[1]
    assert sum(session.events for session in sessions) == requests


def test_open_after_a_kill_continues_the_sequence(open_store, path) -> None:
    """Change numbers grow over restarts, also over those without a goodbye."""
    process = start_writer(path)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        process.stdout.readline()
        process.kill()
    process.wait(10)
    first = open_store()
    seq = first.bump()
    first.close()
    assert open_store().seq >= seq > 1


def test_apply_waits_for_another_process_holding_the_lock(store, path) -> None:
    """A write lock held elsewhere for a while delays a write and loses nothing; reads go on."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    results = []
    writer = threading.Thread(
        target=lambda: (
            results.extend(store.apply([WriteBatch(events=[prepared()])])),
            store.disconnect(),
        )
    )
    writer.start()
    assert store.usage_rows() == []
    writer.join(0.2)
    assert writer.is_alive()
    other.execute("ROLLBACK")
    other.close()
    writer.join(10)
    assert [result.accepted for result in results] == [1]


def test_apply_lock_held_too_long_is_busy(path, monkeypatch) -> None:
    """A lock nobody releases ends in DatabaseBusy for every batch, and nothing is stored."""
    monkeypatch.setattr("openusaged.storage.database.BUSY_TIMEOUT_S", 0.05)
    store = Store.open(path, app_version="1", now_ms=lambda: 0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    results = store.apply([WriteBatch(events=[prepared()]), WriteBatch(events=[prepared(1)])])
    assert [type(result.error) for result in results] == [DatabaseBusy, DatabaseBusy]
    with pytest.raises(DatabaseBusy):
        store.run_retention(0)
    other.execute("ROLLBACK")
    other.close()
    assert store.counts().stored == 0
    assert store.apply([WriteBatch(events=[prepared()])])[0].accepted == 1
    store.close()


def test_apply_at_once_never_waits_for_a_lock(store, path) -> None:
    """A lock held elsewhere is no reason to stand still: nothing is stored, `apply` has to do it."""
    assert store.apply_at_once([WriteBatch(events=[prepared()])])[0].accepted == 1
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.apply_at_once([WriteBatch(events=[prepared(1)])]) is None
    other.execute("ROLLBACK")
    other.close()
    assert store.counts().stored == 1
    assert store.apply_at_once([WriteBatch(events=[prepared(1)])])[0].accepted == 1


def test_apply_at_once_leaves_bad_batches_to_apply(store) -> None:
    """One bad event among good ones: nothing is stored, and `apply` then tells them apart."""
    batches = [WriteBatch(events=[prepared()]), WriteBatch(events=[prepared(1, output=1 << 70)])]
    assert store.apply_at_once(batches) is None
    assert store.counts().stored == 0
    results = store.apply(batches)
    assert [result.accepted for result in results] == [1, 0]
    assert isinstance(results[1].error, StorageError)


def test_apply_at_once_leaves_upkeep_to_apply(store, path) -> None:
    """Neither the log is moved nor recent identities; the next `apply` does both."""
    recent = sqlite3.connect(path, isolation_level=None)

    def count(table: str) -> int:
        ((rows,),) = recent.execute(f"SELECT COUNT(*) FROM {table}").fetchall()
        return rows

    many = 3 * MAX_RECENT  # longer than the log may become
    events = [prepared(number) for number in range(many)]
    assert store.apply_at_once([WriteBatch(events=events)])[0].accepted == many
    assert (count("recent_identity"), count("identity")) == (many, 0)
    size = os.path.getsize(path)
    assert size < os.path.getsize(path + "-wal")
    done = []
    writer = threading.Thread(
        target=lambda: (
            done.extend(store.apply([WriteBatch(events=[prepared(many)])])),
            store.disconnect(),
        )
    )
    writer.start()
    writer.join(30)
    assert done[0].accepted == 1
    assert (count("recent_identity"), count("identity")) == (0, many + 1)
    assert os.path.getsize(path) > size
    recent.close()
    assert store.counts().stored == many + 1


def test_retention_leaves_new_identities_alone(store, path) -> None:
    """Only for an event that is among them are recent identities moved before their time."""
    file = sqlite3.connect(path, isolation_level=None)

    def waiting() -> int:
        ((rows,),) = file.execute("SELECT COUNT(*) FROM recent_identity").fetchall()
        return rows

    def before(number: int) -> int:
        return prepared(number).event.ts_ms

    store.apply([WriteBatch(events=[prepared(number) for number in range(20)])])
    assert store.run_retention(before(5)) == 5
    assert waiting() == 0
    store.apply([WriteBatch(events=[prepared(number) for number in range(20, 23)])])
    assert store.run_retention(before(10)) == 5
    assert waiting() == 3
    assert store.run_retention(before(21)) == 11
    assert waiting() == 0
    file.close()
    again = store.apply([WriteBatch(events=[prepared(number) for number in range(23)])])[0]
    assert (again.accepted, again.deduplicated, again.merged) == (0, 23, 0)


def test_apply_one_bad_batch_spoils_only_itself(store) -> None:
    """A batch that cannot be stored has the error; its neighbours are stored."""
    results = store.apply(
        [
            WriteBatch(events=[prepared(0)]),
            WriteBatch(events=[prepared(1), prepared(2, output=1 << 70)]),
            WriteBatch(events=[prepared(3)]),
        ]
    )
    assert [result.accepted for result in results] == [1, 0, 1]
    assert isinstance(results[1].error, StorageError)
    assert store.counts().stored == 2
    assert store.usage_rows(group_by=())[0].requests == 2
    # the refused event did not leave its identity behind
    assert store.apply([WriteBatch(events=[prepared(1), prepared(2)])])[0].accepted == 2


def test_apply_sums_beyond_64_bits_are_refused(store) -> None:
    """An aggregate that would overflow is an error and not a rounded number."""
    big = (1 << 63) - 1
    assert store.apply([WriteBatch(events=[prepared(0, output=big)])])[0].error is None
    refused = store.apply([WriteBatch(events=[prepared(1, output=big)])])[0]
    assert isinstance(refused.error, StorageError)
    assert store.usage_rows(group_by=())[0].output == big


def test_open_read_only_directory_says_so(isolated_home) -> None:
    """A directory that cannot be written is a storage error with the file's name."""
    blocked = os.path.join(isolated_home, "file")
    with open(blocked, "w", encoding="ascii"):
        pass
    target = os.path.join(blocked, "telemetry.db")
    with pytest.raises(StorageError, match=r"telemetry\.db"):
        Store.open(target, app_version="1", now_ms=lambda: 0)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_open_unwritable_directory_says_so(isolated_home) -> None:
    """A read-only state directory is a storage error with the file's name."""
    directory = os.path.join(isolated_home, "state")
    os.mkdir(directory, 0o500)
    with pytest.raises(StorageError, match=r"telemetry\.db"):
        Store.open(os.path.join(directory, "telemetry.db"), app_version="1", now_ms=lambda: 0)


def test_open_creates_private_files(store, path) -> None:
    """Database, log and directory are the user's alone from the first moment."""
    store.apply([WriteBatch(events=[prepared()])])
    for name in (path, path + "-wal", path + "-shm"):
        assert os.stat(name).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700


def test_close_every_later_call_raises(store) -> None:
    """A closed store says so, for reads, writes and entities."""
    store.close()
    store.close()
    calls = [
        lambda: store.apply([]),
        store.usage_rows,
        store.tool_rows,
        store.sessions,
        store.cursors,
        store.snapshots,
        store.counts,
        store.checkpoint,
        store.last_event_ms,
        lambda: store.run_retention(0),
    ]
    for call in calls:
        with pytest.raises(StoreClosed):
            call()


def test_idle_store_writes_nothing(store, path) -> None:
    """Reading and repeating what is known leave the files as they are."""
    store.apply([WriteBatch(events=[prepared(n) for n in range(20)])])
    seq = store.seq
    wal = os.path.getsize(path + "-wal")
    assert store.apply([WriteBatch(events=[prepared(n) for n in range(20)])])[0].deduplicated == 20
    store.usage_rows()
    store.sessions()
    assert os.path.getsize(path + "-wal") == wal
    assert store.seq == seq


def test_checkpoint_and_disconnect_keep_everything(store) -> None:
    """After a checkpoint and in a new connection the same is read."""
    store.apply([WriteBatch(events=[prepared(n) for n in range(20)])])
    store.checkpoint()
    store.disconnect()
    assert store.usage_rows(group_by=())[0].requests == 20
    assert store.counts().database_bytes > 0
