"""What alerts remember: kept over restarts, bounded, and part of every older store's upgrade."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from openusaged.storage.alerts import HELD, KEPT_RECORDS, PENDING, UNSETTLED
from openusaged.storage.migrations.runner import MIGRATIONS, migrate
from openusaged.storage.store import AlertChanges, AlertRecord, AlertState, Store


def open_store(home: str) -> Store:
    return Store.open(os.path.join(home, "telemetry.db"), app_version="1", now_ms=lambda: 0)


@pytest.fixture
def store(isolated_home: str) -> Iterator[Store]:
    store = open_store(isolated_home)
    yield store
    store.close()


def record(number: int, outcome: str = PENDING) -> AlertRecord:
    return AlertRecord(ts_ms=number, rule=f"r{number}", outcome=outcome, facts=b"{}")


def test_memory_survives_a_restart(isolated_home: str) -> None:
    """States, records and mutes are there again when the store is opened anew."""
    state = AlertState(rule="limit-80", subject="a/b", active=True, window_ms=9, fired_ms=5)
    store = open_store(isolated_home)
    store.write_alerts(AlertChanges(states=(state,), records=(record(1),), mutes={"": 7}))
    store.close()
    store = open_store(isolated_home)
    try:
        assert store.alert_states() == [state]
        assert [(one.rule, one.outcome) for one in store.alert_records()] == [("r1", PENDING)]
        assert store.alert_mutes() == {"": 7}
    finally:
        store.close()


def test_record_is_replaced_by_its_id(store: Store) -> None:
    """What became of an alert replaces that it was pending."""
    first, second = store.write_alerts(AlertChanges(records=(record(1), record(2, HELD))))
    store.write_alerts(
        AlertChanges(
            records=(
                AlertRecord(
                    id=first,
                    ts_ms=1,
                    rule="r1",
                    outcome="delivered",
                    facts=b"{}",
                    deliveries={"desktop": ""},
                ),
            )
        )
    )
    newest, oldest = store.alert_records()
    assert (newest.id, newest.outcome) == (second, HELD)
    assert (oldest.id, oldest.outcome, oldest.deliveries) == (first, "delivered", {"desktop": ""})
    assert [one.id for one in store.alert_records(outcomes=UNSETTLED)] == [second]
    assert [one.id for one in store.alert_records(1)] == [second]


def test_log_is_bounded(store: Store) -> None:
    """Only the newest records are kept."""
    store.write_alerts(
        AlertChanges(records=tuple(record(number) for number in range(KEPT_RECORDS + 20)))
    )
    kept = store.alert_records(KEPT_RECORDS * 2)
    assert len(kept) == KEPT_RECORDS
    assert kept[-1].ts_ms == 20


def test_rules_and_mutes_can_be_forgotten(store: Store) -> None:
    """A rule that is gone leaves nothing behind; a mute until 0 is lifted."""
    states = tuple(AlertState(rule=name, subject="a") for name in ("one", "two"))
    store.write_alerts(AlertChanges(states=states, mutes={"one": 5, "two": 6}))
    store.write_alerts(AlertChanges(forget_rules=("one",), mutes={"one": 0}))
    assert [state.rule for state in store.alert_states()] == ["two"]
    assert store.alert_mutes() == {"two": 6}


def test_a_store_of_version_1_keeps_its_rows(isolated_home: str) -> None:
    """A file from before alerts opens with everything that was in it, and can remember alerts."""
    path = os.path.join(isolated_home, "telemetry.db")
    migrate(path, app_version="0", now_ms=lambda: 1, migrations=MIGRATIONS[:1])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO name VALUES (7, 'claude-code')")
        connection.commit()
    store = open_store(isolated_home)
    try:
        store.write_alerts(AlertChanges(states=(AlertState(rule="r", subject="s"),)))
        assert len(store.alert_states()) == 1
    finally:
        store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT text FROM name WHERE id = 7").fetchone() == (
            "claude-code",
        )
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
