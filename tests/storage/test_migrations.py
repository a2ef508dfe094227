"""Schema versions: from nothing, from every old dump, from the future, from other programs."""

from __future__ import annotations

import glob
import os
import sqlite3
from contextlib import closing

import pytest

from openusaged.core.errors import DatabaseFromFuture, StorageError
from openusaged.storage.migrations.runner import CURRENT_VERSION, MIGRATIONS, Migration, migrate
from openusaged.storage.store import Store

DUMPS = sorted(
    glob.glob(os.path.join(os.path.dirname(__file__), "..", "data", "schema", "v*.sqlite.sql"))
)


def schema(path: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return sorted(
            (kind, name, " ".join((sql or "").split()))
            for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master")
        )


def run(path: str, migrations=MIGRATIONS) -> int:
    return migrate(path, app_version="1.2.3", now_ms=lambda: 42, migrations=migrations)


@pytest.fixture
def fresh(isolated_home) -> str:
    path = os.path.join(isolated_home, "fresh.db")
    run(path)
    return path


def test_there_is_a_dump_of_every_version() -> None:
    """No version may be released without a dump that later ones are upgraded from."""
    assert len(DUMPS) == CURRENT_VERSION


@pytest.mark.parametrize("dump", DUMPS, ids=os.path.basename)
def test_migrate_old_dump_equals_a_fresh_file(dump, fresh, isolated_home) -> None:
    """Every old version upgrades to exactly the schema of a new file, and opens."""
    path = os.path.join(isolated_home, "old.db")
    with closing(sqlite3.connect(path)) as connection, open(dump, encoding="utf-8") as text:
        connection.executescript(text.read())
    run(path)
    assert schema(path) == schema(fresh)
    Store.open(path, app_version="1", now_ms=lambda: 0).close()


def test_migrate_records_the_step_and_is_idempotent(fresh) -> None:
    """The history says what was applied when by which version; a second run changes nothing."""
    before = schema(fresh)
    assert run(fresh) == CURRENT_VERSION
    assert schema(fresh) == before
    with closing(sqlite3.connect(fresh)) as connection:
        rows = connection.execute("SELECT * FROM schema_history").fetchall()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert rows == [(1, "initial", 42, "1.2.3"), (2, "alerts", 42, "1.2.3")]


NEXT = Migration(CURRENT_VERSION + 1, "next", ("CREATE TABLE later (id INTEGER) STRICT",))
BROKEN = Migration(
    CURRENT_VERSION + 1, "broken", ("CREATE TABLE later (id INTEGER) STRICT", "SELEKT")
)


def test_migrate_upgrade_keeps_one_copy(fresh) -> None:
    """The file as it was before an upgrade lies beside it, private and openable."""
    before = schema(fresh)
    for _ in range(2):
        assert run(fresh, (*MIGRATIONS, NEXT)) in (CURRENT_VERSION, NEXT.version)
    assert schema(fresh + ".backup") == before
    assert os.stat(fresh + ".backup").st_mode & 0o777 == 0o600
    assert os.listdir(os.path.dirname(fresh)).count("fresh.db.backup.tmp") == 0


def test_migrate_leftover_partial_copy_is_replaced(fresh) -> None:
    """A copy that was interrupted does not stand in the way of the next upgrade."""
    with open(fresh + ".backup.tmp", "wb") as file:
        file.write(b"half")
    run(fresh, (*MIGRATIONS, NEXT))
    assert ("table", "later") in {row[:2] for row in schema(fresh)}


def test_migrate_failing_step_changes_nothing(fresh) -> None:
    """A step that fails rolls back whole, version and history included."""
    before = schema(fresh)
    with pytest.raises(sqlite3.OperationalError):
        run(fresh, (*MIGRATIONS, BROKEN))
    assert schema(fresh) == before
    assert run(fresh) == CURRENT_VERSION


def test_open_file_from_the_future_is_refused_and_untouched(fresh) -> None:
    """A newer program's file is left exactly as it is."""
    with closing(sqlite3.connect(fresh)) as connection:
        connection.execute("PRAGMA user_version = 999")
    with open(fresh, "rb") as file:
        before = file.read()
    with pytest.raises(DatabaseFromFuture, match="999"):
        Store.open(fresh, app_version="1", now_ms=lambda: 0)
    with open(fresh, "rb") as file:
        assert file.read() == before


@pytest.mark.parametrize(
    ("tables", "message"),
    [(("usage_events", "usage_raw_events"), "Go OpenUsage"), (("recipes",), "another program")],
)
def test_open_foreign_database_is_refused_and_untouched(isolated_home, tables, message) -> None:
    """The Go OpenUsage's and any other program's database is named and left alone."""
    path = os.path.join(isolated_home, "telemetry.db")
    with closing(sqlite3.connect(path)) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table} (id TEXT)")
        connection.commit()
    before = schema(path)
    with pytest.raises(StorageError, match=message) as refusal:
        Store.open(path, app_version="1", now_ms=lambda: 0)
    assert path in str(refusal.value)
    assert schema(path) == before
