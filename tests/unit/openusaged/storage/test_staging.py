"""What a scanner gathers and what the store takes over of it."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from openusaged.core.models import PreparedEvent
from openusaged.storage.staging import MAX_INTEGER, Staging
from openusaged.storage.store import Staged, Store, WriteBatch
from tests.support.stored_events import START_MS, prepared


@pytest.fixture
def store(tmp_path):
    opened = Store.open(str(tmp_path / "t.db"), app_version="test", now_ms=lambda: START_MS + 10**9)
    with contextlib.closing(opened):
        yield opened


def staged(*events: PreparedEvent) -> Staged:
    staging = Staging()
    staging.add(events)
    return Staged(
        events=len(staging),
        deduplicated=staging.deduplicated,
        merged=staging.merged,
        data=staging.take(),
    )


def take(store: Store, *events: PreparedEvent) -> tuple[int, int, int]:
    (result,) = store.apply([WriteBatch(staged=staged(*events))])
    assert result.error is None, result.error
    return result.accepted, result.merged, result.deduplicated


def tokens(store: Store) -> int:
    return sum(row.input + row.output for row in store.usage_rows())


def test_a_second_copy_brings_nothing(store):
    """What has been taken over once is known, however it comes again."""
    events = [prepared(number) for number in range(5)]
    assert take(store, *events) == (5, 0, 0)
    assert take(store, *reversed(events)) == (0, 0, 5)
    (again,) = store.apply([WriteBatch(events=events)])
    assert (again.accepted, again.deduplicated) == (0, 5)
    assert tokens(store) == 5 * 15


def test_equal_batches_in_one_group_have_a_result_each(store):
    """Two scanners may hand the same events over at once: one counts, the other is known."""
    store_them = [
        WriteBatch(staged=staged(prepared(0))),
        WriteBatch(staged=staged(prepared(0))),
        WriteBatch(events=[prepared(1)]),
        WriteBatch(events=[prepared(0)]),
    ]
    results = store.apply(store_them)
    assert [one.accepted for one in results] == [1, 0, 1, 0]
    assert [one.deduplicated for one in results] == [0, 1, 0, 1]


def test_known_and_new_events_share_a_batch(store):
    """A known event is merged with what the store has, the new ones beside it are counted."""
    store.apply([WriteBatch(events=[prepared(0, output=5), prepared(1)])])
    assert take(store, prepared(0, output=50), prepared(1), prepared(2)) == (1, 1, 1)
    assert tokens(store) == (10 + 50) + 15 + 15


def test_replay_in_a_side_chain_is_the_parents_response(store):
    """Copies within one batch are merged before they are handed over."""
    copy = prepared(0, is_sidechain=True, request_id="req_other", session_id="child")
    assert take(store, prepared(0), copy) == (1, 0, 1)
    assert tokens(store) == 15


def test_reused_message_id_is_two_responses(store):
    """A proxy's second response under one id counts, and counts once."""
    other = prepared(7, message_id="msg_0", request_id="req_other", input=100)
    assert take(store, prepared(0), other) == (2, 0, 0)
    assert take(store, prepared(0), other) == (0, 0, 2)
    assert take(store, other) == (0, 0, 1)
    assert tokens(store) == 15 + 105


def test_resumed_copy_makes_no_session(store):
    """A session that consists of copies only is not listed."""
    take(store, prepared(0, session_id="first"))
    take(store, prepared(0, session_id="copy"))
    _, sessions = store.sessions(limit=None)
    assert [(one.session_id, one.events) for one in sessions] == [("first", 1)]


def test_number_beyond_the_column_costs_its_event_only(store):
    """An absurd count does not take the batch with it."""
    assert take(store, prepared(0), prepared(1, input=MAX_INTEGER + 1)) == (1, 0, 0)
    assert tokens(store) == 15
    assert staged(prepared(2, input=MAX_INTEGER + 1)).data == b""


def test_lone_surrogates_are_stored_as_replacements(store):
    """Text that no database takes is replaced, its event counted."""
    take(store, prepared(0, model="m\ud800", session_id="s\udfff"))
    (row,) = store.usage_rows(group_by=("model",))
    assert row.model == "m?"


def test_data_that_is_no_database_is_refused(store):
    """A damaged batch is an error of its own; the store goes on."""
    (result,) = store.apply([WriteBatch(staged=Staged(data=b"nonsense" * 100, events=1))])
    assert result.error is not None
    assert take(store, prepared(0)) == (1, 0, 0)


def test_nothing_gathered_is_nothing_handed_over():
    """An empty batch has no database."""
    assert Staging().take() == b""


def test_takeover_leaves_no_schema_behind(store):
    """The scanner's tables are gone after each batch."""
    take(store, prepared(0))
    names = [row[1] for row in store._writer().execute("PRAGMA database_list")]
    assert names == ["main"] or set(names) <= {"main", "temp"}
    with pytest.raises(sqlite3.OperationalError):
        store._writer().execute("SELECT * FROM staged.event")
