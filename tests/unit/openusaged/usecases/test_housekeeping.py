"""Housekeeping: old detail goes as the user wants it, and never on the authority of defaults."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from openusaged.config.settings import DataSettings, Settings
from openusaged.config.settings_file import LoadedSettings
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.database import CACHE_KIB
from openusaged.storage.store import Store
from openusaged.usecases.housekeeping import Housekeeping
from tests.support.clocks import StillClock
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
WEEK = LoadedSettings(path="", settings=Settings(data=DataSettings(retention_days=7)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Ten days of an event each."""
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    fill(store, [event(f"2026-11-{day:02}T13:00:00+00:00") for day in range(10, 20)])
    yield store
    store.close()


@pytest.fixture
def pools() -> Iterator[Pools]:
    pools = Pools()
    yield pools
    pools.close()


def housekeeping(store: Store, pools: Pools, loaded: LoadedSettings | None) -> Housekeeping:
    return Housekeeping(store, pools, Tasks(), StillClock(ms(NOW)), lambda: loaded)


def hot(store: Store) -> int:
    return store.counts().hot


def test_detail_goes_sums_stay(store: Store, pools: Pools) -> None:
    """Events older than a week are dropped; what they add up to is kept for ever."""
    before = store.usage_rows(group_by=("model",))
    housekeeping(store, pools, WEEK).expire()
    assert hot(store) == 7
    assert store.usage_rows(group_by=("model",)) == before


@pytest.mark.parametrize(
    "loaded",
    [None, LoadedSettings(path="", settings=WEEK.settings, usable=False)],
    ids=["none", "broken"],
)
def test_defaults_delete_nothing(store: Store, pools: Pools, loaded: LoadedSettings | None) -> None:
    """While the settings cannot be read nothing is deleted that their owner may want to keep."""
    housekeeping(store, pools, loaded).expire()
    assert hot(store) == 10


def test_the_log_is_moved_in_the_background(store: Store, pools: Pools, tmp_path: Path) -> None:
    """After an import what waits in the log and beside the tree is moved, by itself."""
    database = tmp_path / "db" / "t.db"
    before = database.read_bytes()
    housekeeping(store, pools, WEEK).release_memory_soon()
    with gevent.Timeout(5, AssertionError("never moved")):
        while database.read_bytes() == before:
            gevent.sleep(0.005)
    assert hot(store) == 10
    with contextlib.closing(sqlite3.connect(database)) as file:
        assert file.execute("SELECT COUNT(*) FROM identity").fetchone() == (10,)
        assert file.execute("SELECT COUNT(*) FROM recent_identity").fetchone() == (0,)


def test_memory_is_given_back_though_the_disk_is_full(
    store: Store, pools: Pools, tmp_path: Path
) -> None:
    """What cannot be moved stays where it is and is known; the pages of an import go."""

    def kept_kib() -> int:
        return -store._writer().execute("PRAGMA cache_size").fetchone()[0]  # type: ignore[no-any-return]

    with contextlib.closing(sqlite3.connect(tmp_path / "db" / "t.db")) as file:
        file.execute(
            "CREATE TRIGGER full BEFORE INSERT ON identity BEGIN SELECT RAISE(FAIL, 'full'); END"
        )
    pools.write(store._database.prepare_for_import)
    assert pools.write(kept_kib) > CACHE_KIB
    housekeeping(store, pools, WEEK).release_memory_soon()
    with gevent.Timeout(5, AssertionError("never given back")):
        while pools.write(kept_kib) != CACHE_KIB:
            gevent.sleep(0.005)
    assert store.counts().identities == 10
