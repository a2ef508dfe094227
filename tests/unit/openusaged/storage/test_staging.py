"""What a scanner gathers and what the store takes over of it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from openusaged.core.errors import StorageError
from openusaged.core.models import NUMBERS, PreparedEvent
from openusaged.storage.database import CACHE_KIB, IMPORT_CACHE_KIB
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


def stored(store: Store) -> list[tuple[object, ...]]:
    columns = ("identity", "ts_ms", "event_type", "flags", "response", "status", "priorities")
    numbers = (*columns, *NUMBERS, "cost_nano", "calc_nano")
    return sorted(store._writer().execute(f"SELECT {', '.join(numbers)} FROM event"))


def test_events_of_every_shape_are_stored_as_if_they_came_alone(store, tmp_path):
    """Usage, changed lines, both or neither: the row is the one that the daemon itself writes."""
    nothing = {"input": None, "output": None, "request_id": "", "calc_nano": None}
    call = nothing | {"event_type": "tool_usage", "tool_name": "Edit"}
    events = [
        prepared(0, requests=2, reasoning=3, cost_nano=7, cache_read=0),
        prepared(1, tool_call_id="call_1", **call),
        prepared(2, tool_call_id="call_2", lines_added=4, lines_removed=0, **call),
        prepared(3, lines_added=4, lines_removed=1),
        prepared(4, event_type="turn_completed", turn_id="turn_1", **nothing),
        prepared(5, event_type="raw_envelope", **nothing),
        prepared(
            6,
            tool_call_id="call_6",
            status="error",
            requests=3,
            input=1,
            **({name: value for name, value in call.items() if name != "input"}),
        ),
    ]
    take(store, *events)
    other = Store.open(str(tmp_path / "o.db"), app_version="test", now_ms=lambda: START_MS)
    with contextlib.closing(other):
        other.apply([WriteBatch(events=events)])
        assert stored(store) == stored(other)
        assert store.usage_rows(group_by=("model",)) == other.usage_rows(group_by=("model",))
        assert store.sessions(limit=None) == other.sessions(limit=None)


def test_a_sessions_span_and_name_are_those_of_its_own_events(store):
    """What was known as another session's gives neither time nor name to the one it is copied to."""
    take(store, prepared(0, session_id="first", branch="main"))
    take(
        store,
        prepared(0, session_id="copy", branch="main", parent_session_id="first"),
        prepared(3, session_id="copy", branch="", parent_session_id="first"),
        prepared(5, session_id="copy", branch="topic"),
        prepared(4, session_id="copy", event_type="raw_envelope"),
    )
    _, sessions = store.sessions(limit=None)
    (copy,) = (one for one in sessions if one.session_id == "copy")
    assert (copy.first_ms, copy.last_ms) == (START_MS + 3 * 60_000, START_MS + 5 * 60_000)
    assert (copy.branch, copy.parent_session_id, copy.events) == ("topic", "first", 2)


def test_second_response_under_a_known_id_has_one_identity(store):
    """It is counted once though it was first asked for by the id that another response has."""
    other = prepared(7, message_id="msg_0", request_id="req_other", input=100)
    take(store, prepared(0))
    assert take(store, prepared(0), other, prepared(1)) == (2, 0, 1)
    counts = store.counts()
    assert (counts.hot, counts.identities) == (3, 3)
    assert take(store, prepared(0), other, prepared(1)) == (0, 0, 3)
    assert tokens(store) == 15 + 105 + 15


def identities(path: Path) -> tuple[int, int]:
    """How many are in the tree, and how many wait beside it."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        counts = "SELECT (SELECT COUNT(*) FROM identity), (SELECT COUNT(*) FROM recent_identity)"
        tree, waiting = file.execute(counts).fetchone()
        return tree, waiting


def test_identities_of_an_import_wait_until_it_is_over(store, tmp_path, monkeypatch):
    """They are known while they wait, when they are in the tree, and between two batches of them."""
    monkeypatch.setattr("openusaged.storage.identities.MAX_RECENT_IMPORTED", 6)
    file = tmp_path / "t.db"
    assert take(store, *(prepared(number) for number in range(4))) == (4, 0, 0)
    assert take(store, *(prepared(number) for number in range(2, 7))) == (3, 0, 2)
    assert identities(file) == (0, 7)
    # too many now: those before go to the tree, where they are found beside those that wait
    assert take(store, *(prepared(number) for number in range(6, 9))) == (2, 0, 1)
    assert identities(file) == (7, 2)
    assert take(store, *(prepared(number) for number in range(10))) == (1, 0, 9)
    assert identities(file) == (7, 3)
    store.settle_identities()
    assert identities(file) == (10, 0)
    assert take(store, *(prepared(number) for number in range(10))) == (0, 0, 10)
    assert tokens(store) == 10 * 15


def test_identities_that_cannot_be_sorted_in_stay_known(store, tmp_path):
    """A failure leaves them where they were, and the next attempt moves them."""
    events = [prepared(number) for number in range(3)]
    take(store, *events)
    file = tmp_path / "t.db"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON identity BEGIN SELECT RAISE(FAIL, 'full'); END"
        )
        with pytest.raises(StorageError, match="full"):
            store.settle_identities()
        other.execute("DROP TRIGGER full")
    assert identities(file) == (0, 3)
    assert take(store, *events) == (0, 0, 3)
    store.settle_identities()
    assert identities(file) == (3, 0)
    assert take(store, *events, prepared(3)) == (1, 0, 3)


def test_only_an_import_keeps_many_pages(store):
    """Other writes make do with as few as readers; what an import kept is given back behind it."""

    def kept_kib() -> int:
        return -store._writer().execute("PRAGMA cache_size").fetchone()[0]

    store.apply([WriteBatch(events=[prepared(0)])])
    store.settle_identities()
    store.run_retention(START_MS)
    assert kept_kib() == CACHE_KIB
    take(store, prepared(1))
    assert kept_kib() == IMPORT_CACHE_KIB
    store.release_memory()
    assert kept_kib() == CACHE_KIB
    take(store, prepared(2))
    assert kept_kib() == IMPORT_CACHE_KIB


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
