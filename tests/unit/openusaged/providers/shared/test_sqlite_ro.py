"""Reading a foreign database: never writing, never waiting long, never torn."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusaged.providers.shared import sqlite_ro
from openusaged.providers.shared.sqlite_ro import (
    DatabaseUnreadable,
    ForeignDatabase,
    open_read_only,
    stat_database,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database in WAL mode with one row and a name that URIs must quote."""
    path = tmp_path / "a %41?#.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    connection.close()
    return path


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


def insert_and_close(path: Path) -> None:
    """The last connection to close moves the log into the file."""
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO t VALUES (2)")
    connection.commit()
    connection.close()


def test_rows_and_columns(path: Path) -> None:
    """Queries give rows; a table that is not there has no columns."""
    with open_read_only(str(path)) as database:
        assert database.rows("SELECT x FROM t WHERE x = ?", (1,)) == [(1,)]
        assert database.columns("t") == {"x"}
        assert database.columns("none") == frozenset()


def test_closed_database_leaves_no_trace(path: Path) -> None:
    """A database that nobody has open is read without side files."""
    with open_read_only(str(path)) as database, database.snapshot():
        database.rows("SELECT * FROM t")
    assert list(path.parent.iterdir()) == [path]


def test_write_ahead_log_is_visible(path: Path, writer: sqlite3.Connection) -> None:
    """What the owner has committed and not yet moved into the file is read."""
    writer.execute("INSERT INTO t VALUES (2)")
    with open_read_only(str(path)) as database:
        assert database.rows("SELECT x FROM t") == [(1,), (2,)]


def test_snapshot_sees_one_state(path: Path, writer: sqlite3.Connection) -> None:
    """Within a snapshot a concurrent commit is not seen, afterwards it is."""
    writer.execute("INSERT INTO t VALUES (2)")
    with open_read_only(str(path)) as database:
        with database.snapshot():
            assert len(database.rows("SELECT x FROM t")) == 2
            writer.execute("INSERT INTO t VALUES (3)")
            assert len(database.rows("SELECT x FROM t")) == 2
        assert len(database.rows("SELECT x FROM t")) == 3


def test_nothing_can_be_written(path: Path) -> None:
    """A write through the connection is refused."""
    with open_read_only(str(path)) as database, pytest.raises(DatabaseUnreadable, match="readonly"):
        database.rows("INSERT INTO t VALUES (9)")


def test_owner_that_comes_meanwhile_is_noticed(path: Path) -> None:
    """A file that changes under an unlocked read gives an error, not torn numbers."""
    with open_read_only(str(path)) as database:
        with database.snapshot():
            database.rows("SELECT * FROM t")
        with pytest.raises(DatabaseUnreadable, match="changed"), database.snapshot():
            insert_and_close(path)


def test_rollback_journal_is_locked_properly(tmp_path: Path) -> None:
    """A database without WAL is read under SQLite's own locks; a long writer is an error."""
    path = tmp_path / "plain.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("BEGIN EXCLUSIVE")
    with open_read_only(str(path)) as database, pytest.raises(DatabaseUnreadable, match="locked"):
        database.rows("SELECT * FROM t")
    connection.close()


def test_missing_file(tmp_path: Path) -> None:
    """A database that is not there is an error and is not made."""
    path = tmp_path / "none.db"
    with pytest.raises(DatabaseUnreadable, match=r"none\.db"):
        ForeignDatabase(str(path))
    assert not path.exists()


def test_stat_counts_the_log(path: Path, writer: sqlite3.Connection) -> None:
    """Size and time of the unit change with the log alone; an empty log counts nothing."""
    before = stat_database(str(path))
    assert before is not None
    assert before.size == path.stat().st_size
    writer.execute("INSERT INTO t VALUES (2)")
    after = stat_database(str(path))
    assert after is not None
    assert after.size > before.size
    assert after.mtime_ns >= before.mtime_ns
    assert after.inode == before.inode


def test_stat_of_nothing(tmp_path: Path) -> None:
    """Without a file there is no unit."""
    assert stat_database(str(tmp_path / "none")) is None


def test_vanished_file_has_an_empty_stamp(tmp_path: Path) -> None:
    """A file that is gone has another stamp than any file."""
    assert sqlite_ro._stamp(str(tmp_path / "none")) == (0, 0)
