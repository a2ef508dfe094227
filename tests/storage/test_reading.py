"""What the store answers: sums, sessions, blocks, sources."""

from __future__ import annotations

import itertools
import random
import sqlite3
import threading

import msgspec
import pytest

from openusaged.core.errors import StorageError
from openusaged.core.identity import identity_of, reuse_identity_of
from openusaged.core.models import SourceCursor
from openusaged.storage.store import Segment, WriteBatch
from tests.support.stored_events import START_MS, prepared
from tests.support.waiting import wait_until

HOUR = 3_600_000
DAY = 24 * HOUR


def put(store, *events) -> None:
    (result,) = store.apply([WriteBatch(events=events)])
    assert result.error is None


class TestUsageRows:
    def test_default_groups_leave_branches_out(self, store) -> None:
        """Dimensions that were not asked for are empty and added up."""
        put(store, prepared(0, branch="a"), prepared(1, branch="b"))
        (row,) = store.usage_rows()
        assert (row.branch, row.requests, row.total_tokens) == ("", 2, 30)
        assert len(store.usage_rows(group_by=("branch",))) == 2

    def test_unlike_currencies_never_share_a_row(self, store) -> None:
        """Recorded euros and dollars stay apart even without any grouping."""
        put(
            store,
            prepared(0, cost_nano=5, currency="EUR"),
            prepared(1, cost_nano=7),
            prepared(2),
        )
        rows = {row.currency: row for row in store.usage_rows(group_by=())}
        assert (rows["EUR"].rec_nano, rows["EUR"].auto_nano, rows["EUR"].requests) == (5, 100, 1)
        assert (rows["USD"].rec_nano, rows["USD"].rec_requests) == (7, 1)
        assert (rows["USD"].auto_nano, rows["USD"].requests) == (107, 2)

    def test_unpriced_tokens_are_counted(self, store) -> None:
        """Requests with tokens and no price say so; a recorded cost is the fallback."""
        put(
            store,
            prepared(0, calc_nano=None, price_source="", model="new-1"),
            prepared(1, calc_nano=None, price_source="", model="new-2", cost_nano=9),
            prepared(2, price_source="approximate"),
        )
        (row,) = store.usage_rows(group_by=())
        assert (row.unpriced, row.auto_unpriced, row.fallback_nano, row.approx) == (2, 1, 9, 1)

    def test_failed_requests_are_errors_without_tokens(self, store) -> None:
        """A failed request without tokens is an error, one with tokens is ordinary usage."""
        put(
            store,
            prepared(0, status="error", input=None, output=None, calc_nano=None),
            prepared(1, status="error"),
        )
        (row,) = store.usage_rows(group_by=())
        assert (row.requests, row.errors, row.unpriced, row.total_tokens) == (2, 1, 0, 15)

    def test_windows_within_one_day_and_empty_ones(self, store) -> None:
        """A window may be a few quarters or nothing at all."""
        quarter = START_MS // 900_000
        put(store, prepared(0))
        assert len(store.usage_rows(start_q=quarter, end_q=quarter + 1)) == 1
        assert store.usage_rows(start_q=quarter + 1, end_q=quarter + 2) == []
        assert store.usage_rows(start_q=quarter, end_q=quarter) == []
        assert store.usage_rows(start_q=quarter + 5000, end_q=quarter + 9000) == []

    def test_far_apart_days_are_read_in_parts(self, store) -> None:
        """Days that are cached between days that are not give the same sums."""
        put(store, *(prepared(n, ts_ms=START_MS + n * DAY) for n in range(40)))
        first = START_MS // DAY * 96
        assert store.usage_rows(start_q=first + 96, end_q=first + 3000, group_by=())
        put(store, prepared(50, ts_ms=START_MS + 2 * DAY), prepared(51, ts_ms=START_MS + 20 * DAY))
        (row,) = store.usage_rows(group_by=())
        assert row.requests == 42

    def test_filters_keep_wanted_names_only(self, store) -> None:
        """Accounts, providers and projects filter; unknown names match nothing."""
        put(
            store,
            prepared(0, account_id="a", provider="x", project="/1"),
            prepared(1, account_id="b", provider="x", project="/2"),
            prepared(2, account_id="b", provider="y", project="/2"),
        )
        assert [row.requests for row in store.usage_rows(accounts=["b"], group_by=())] == [2]
        assert [row.requests for row in store.usage_rows(providers=["x"], group_by=())] == [2]
        rows = store.usage_rows(providers=["x"], projects=["/2"], group_by=("account",))
        assert [(row.account, row.requests) for row in rows] == [("b", 1)]
        assert store.usage_rows(accounts=["nobody"]) == []
        assert store.usage_rows(accounts=[]) == []

    def test_segments_follow_a_change_of_offset(self, store) -> None:
        """A day that is an hour shorter or longer gets exactly its own quarters."""
        day = START_MS // DAY + 1
        midnight_q = day * 96
        put(store, *(prepared(n, ts_ms=day * DAY + n * HOUR) for n in range(-24, 48)))
        switch = midnight_q + 4
        segments = [Segment(0, switch, 8), Segment(switch, 1 << 40, 4)]
        rows = {
            row.bucket: row.requests for row in store.usage_rows(segments=segments, group_by=())
        }
        assert rows == {day - 1: 22, day: 25, day + 1: 24, day + 2: 1}
        assert rows == {
            row.bucket: row.requests for row in store.usage_rows(segments=segments, group_by=())
        }

    def test_answers_do_not_depend_on_what_is_cached(self, store) -> None:
        """Every window answers the same before, during and after its days are in memory."""
        rng = random.Random(5)
        events = [
            prepared(n, ts_ms=START_MS + rng.randrange(20 * DAY), model=f"m{n % 3}")
            for n in range(300)
        ]
        first = START_MS // 900_000
        for at in range(0, 300, 50):
            put(store, *events[at : at + 50])
            stored = events[: at + 50]
            for _ in range(20):
                start = first + rng.randrange(-100, 20 * 96)
                end = start + rng.randrange(8 * 96)
                wanted = sum(start <= event.event.ts_ms // 900_000 < end for event in stored)
                rows = store.usage_rows(start_q=start, end_q=end, group_by=())
                assert sum(row.requests for row in rows) == wanted

    def test_readers_see_whole_commits_while_the_writer_goes_on(self, store) -> None:
        """Whatever a reader gets is the state after some commit, never a mixture."""
        days = 6
        torn = []
        stop = threading.Event()
        reads = itertools.count()

        def read() -> None:
            while not stop.is_set():
                rows = store.usage_rows(segments=[Segment(0, 1 << 40, 0)], group_by=())
                if len({row.requests for row in rows}) > 1 or len(rows) not in (0, days):
                    torn.append(rows)
                next(reads)
            store.disconnect()

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for number in range(60):
            put(
                store,
                *(prepared(number * days + day, ts_ms=START_MS + day * DAY) for day in range(days)),
            )
        done = next(reads)
        wait_until(lambda: next(reads) > done + 3, what="one more read")
        stop.set()
        for reader in readers:
            reader.join(10)
        assert torn == []


class TestIdentity:
    def test_reused_message_id_is_two_responses(self, store) -> None:
        """A proxy's second response under a taken message id counts, and counts once."""
        first = prepared(0, message_id="m", request_id="r1", output=5)
        second = prepared(1, message_id="m", request_id="r2", output=8)
        put(store, first, second)
        put(store, second, first)
        (row,) = store.usage_rows(group_by=())
        assert (row.requests, row.output) == (2, 13)

    def test_order_of_arrival_does_not_change_the_numbers(self, store) -> None:
        """Hook, stream, log and a side-chain's replay give equal sums in every order."""
        reports = [
            prepared(0, channel="hook", output=None, calc_nano=None, request_id="", model=""),
            prepared(0, output=3, calc_nano=30),
            prepared(0, output=50, calc_nano=500, ts_ms=START_MS - 20 * 60_000),
            prepared(0, is_sidechain=True, agent="x", session_id="child", request_id="r9"),
        ]
        answers = set()
        for number, order in enumerate(itertools.permutations(reports)):
            for report in order:
                put(store, of_response(report, str(number)))
            rows = store.usage_rows(accounts=[f"account-{number}"])
            answers.add(
                tuple((row.model, row.agent_kind, row.requests, row.output) for row in rows)
                + tuple((row.calc_nano, row.branch, row.project) for row in rows)
            )
        assert answers == {(("claude-opus-4-6", "main", 1, 50), (500, "", "/p"))}
        total, records = store.sessions()
        assert total == 1
        assert records[0].session_id == "session-1"


def of_response(report, suffix):
    """The same report, of another response on an account of its own."""
    event = msgspec.structs.replace(
        report.event, message_id=f"msg-{suffix}", account_id=f"account-{suffix}"
    )
    return msgspec.structs.replace(
        report,
        event=event,
        identity=identity_of(event),
        reuse_identity=reuse_identity_of(event),
    )


class TestSessions:
    def test_pages_are_newest_first_within_the_window(self, store) -> None:
        """Last activity decides membership and order; the total counts all pages."""
        put(store, *(prepared(n, session_id=f"s{n}", ts_ms=START_MS + n * HOUR) for n in range(10)))
        total, page = store.sessions(limit=3, offset=1)
        assert total == 10
        assert [record.session_id for record in page] == ["s8", "s7", "s6"]
        total, page = store.sessions(start_ms=START_MS + 2 * HOUR, end_ms=START_MS + 4 * HOUR)
        assert [record.session_id for record in page] == ["s3", "s2"]
        assert store.sessions(account="nobody") == (0, [])
        assert store.sessions(projects=["/p"], limit=1)[0] == 10

    def test_same_id_of_two_sources_is_two_sessions(self, store) -> None:
        """Session ids are only unique within their source."""
        put(store, prepared(0), prepared(0, source="codex", client="codex", account_id="c"))
        assert store.sessions()[0] == 2
        record = store.session("codex", "session-1")
        assert record is not None
        assert (record.account, record.events) == ("c", 1)
        assert store.session("codex", "other") is None
        assert store.session("never-seen", "session-1") is None

    def test_models_are_sorted_by_tokens(self, store) -> None:
        """The model that used most comes first."""
        put(store, prepared(0, model="small"), prepared(1, model="big", output=999))
        record = store.session("claude_code", "session-1")
        assert record is not None
        assert [row.model for row in record.rows] == ["big", "small"]

    def test_counts_include_sessions_that_reach_into_the_window(self, store) -> None:
        """A session is active in a window when any of its span lies in it."""
        put(
            store,
            prepared(0, session_id="long", ts_ms=START_MS),
            prepared(1, session_id="long", ts_ms=START_MS + 5 * HOUR),
            prepared(2, session_id="early", ts_ms=START_MS - HOUR, account_id="b"),
        )
        assert store.session_counts(START_MS + HOUR, START_MS + 2 * HOUR) == {"claude-code": 1}
        assert store.session_counts(START_MS - DAY, START_MS + DAY) == {"claude-code": 1, "b": 1}

    def test_more_sessions_than_are_cached_stay_exact(self, store, monkeypatch) -> None:
        """Sessions that fell out of memory are read again and go on."""
        monkeypatch.setattr("openusaged.storage.sessions.MAX_CACHED_SESSIONS", 3)
        monkeypatch.setattr("openusaged.storage.events.MAX_CACHED_QUARTERS", 2)
        for turn in range(3):
            for number in range(9):
                put(
                    store,
                    prepared(
                        turn * 9 + number, session_id=f"s{number}", ts_ms=START_MS + number * HOUR
                    ),
                )
        put(store, *(prepared(n, session_id=f"s{n % 9}", output=50) for n in range(27)))
        assert [record.events for record in store.sessions()[1]] == [3] * 9
        assert {record.rows[0].output for record in store.sessions()[1]} == {150}


class TestBlocks:
    def test_rows_span_their_first_and_last_event(self, store) -> None:
        """Activity per account, provider, model and quarter, ordered by time."""
        put(
            store,
            prepared(0, ts_ms=START_MS + 7),
            prepared(1, ts_ms=START_MS + 3),
            prepared(2, ts_ms=START_MS + 5, account_id="b", provider="y"),
            prepared(3, ts_ms=START_MS + 2 * HOUR),
            prepared(4, ts_ms=START_MS + 1, event_type="tool_usage", tool_call_id="c"),
        )
        rows = store.block_rows(start_ms=START_MS, end_ms=START_MS + HOUR)
        assert [(row.first_ms - START_MS, row.last_ms - START_MS) for row in rows] == [
            (3, 7),
            (5, 5),
        ]
        assert [row.usage.requests for row in rows] == [2, 1]
        window = {"start_ms": START_MS, "end_ms": START_MS + DAY}
        assert [row.usage.account for row in store.block_rows(**window, accounts=["b"])] == ["b"]
        assert [row.usage.provider for row in store.block_rows(**window, providers=["y"])] == ["y"]
        assert store.block_rows(start_ms=START_MS + 4, end_ms=START_MS + 5) == []


class TestKnownNames:
    def test_names_survive_a_restart(self, open_store) -> None:
        """Accounts, projects, the first quarter and last activity are known after a restart."""
        store = open_store()
        assert store.first_quarter() is None
        put(store, prepared(0), prepared(1, account_id="b", session_id="", project="/q"))
        expected = (
            store.accounts_with_events(),
            store.projects(),
            store.first_quarter(),
            store.last_event_ms()["claude-code"],
        )
        assert expected == (
            [("b", "anthropic", "claude_code"), ("claude-code", "anthropic", "claude_code")],
            ["/p", "/q"],
            START_MS // 900_000,
            START_MS,
        )
        store.close()
        store = open_store()
        assert expected == (
            store.accounts_with_events(),
            store.projects(),
            store.first_quarter(),
            store.last_event_ms()["claude-code"],
        )
        # without a session the last quarter is all that is known for ever
        assert store.last_event_ms()["b"] <= START_MS + 60_000

    def test_retention_and_sequence_failures_leave_memory_equal_to_the_file(
        self, store, monkeypatch
    ) -> None:
        """A step that fails half-way is undone in memory, too."""
        put(store, *(prepared(n) for n in range(5)))

        def fail(*_args: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr("openusaged.storage.store.thin_series", fail)
            with pytest.raises(StorageError, match="disk"):
                store.run_retention(START_MS + DAY)
        with monkeypatch.context() as patch:
            patch.setattr("openusaged.storage.store.write_cursors", fail)
            cursor = SourceCursor(source="c", account_id="a", path="/x")
            results = store.apply([WriteBatch(events=[prepared(9)], cursors=[cursor])] * 2)
            assert [type(result.error) for result in results] == [StorageError, StorageError]
        counts = store.counts()
        assert (counts.hot, counts.identities) == (5, 5)
        assert store.run_retention(START_MS + DAY) == 5
        put(store, prepared(9))
        assert store.counts().identities == 6

    def test_sequence_block_is_extended_in_time(self, open_store, monkeypatch) -> None:
        """Numbers stay ahead of every restart however many changes there were."""
        monkeypatch.setattr("openusaged.storage.store.SEQ_BLOCK", 4)
        monkeypatch.setattr("openusaged.storage.store.SEQ_MARGIN", 2)
        store = open_store()
        for number in range(9):
            put(store, prepared(number))
        assert store.seq == 9
        # opened again without a goodbye, as after a kill
        assert open_store().seq >= 9


class TestSources:
    def test_cursors_round_trip_with_unsigned_numbers(self, store) -> None:
        """Device and inode numbers of all 64 bits come back as they were."""
        cursor = SourceCursor(
            source="codex", account_id="a", path="/x", device=2**64 - 1, inode=2**63, size=9,
            mtime_ns=8, offset=7, state=b"\x00\xff", state_version=6,
        )  # fmt: skip
        store.apply([WriteBatch(cursors=[cursor])])
        assert store.cursors() == [cursor]

    def test_cursors_of_a_refused_batch_are_not_kept(self, store) -> None:
        """A cursor commits with its events or not at all."""
        cursor = SourceCursor(source="codex", account_id="a", path="/x")
        store.apply([WriteBatch(events=[prepared(output=1 << 70)], cursors=[cursor])])
        assert store.cursors() == []

    def test_forgotten_paths_go_in_the_order_of_batches(self, store) -> None:
        """A path that goes and comes back within one group is there afterwards."""
        cursor = SourceCursor(source="codex", account_id="a", path="/x")
        other = SourceCursor(source="codex", account_id="a", path="/y")
        store.apply(
            [
                WriteBatch(cursors=[cursor, other]),
                WriteBatch(forget_cursors=["/x", "/y"]),
                WriteBatch(cursors=[cursor]),
            ]
        )
        assert store.cursors() == [cursor]

    def test_cursors_alone_are_no_change(self, store) -> None:
        """Progress in a file without events does not wake anybody."""
        seq = store.seq
        store.apply([WriteBatch(cursors=[SourceCursor(source="c", account_id="a", path="/x")])])
        assert store.seq == seq


class TestRetention:
    def test_bounded_steps_drop_the_oldest_detail_only(self, store) -> None:
        """At most `limit` events go per step; totals stay and copies are still recognised."""
        put(store, *(prepared(n) for n in range(30)))
        assert store.run_retention(START_MS + 20 * 60_000, limit=15) == 15
        assert store.run_retention(START_MS + 20 * 60_000, limit=15) == 5
        assert store.run_retention(START_MS + 20 * 60_000, limit=15) == 0
        counts = store.counts()
        assert (counts.hot, counts.identities) == (10, 30)
        (result,) = store.apply([WriteBatch(events=[prepared(n, output=99) for n in range(20)])])
        assert (result.accepted, result.deduplicated, result.merged) == (0, 20, 0)
        assert store.usage_rows(group_by=())[0].output == 150
        assert len(store.block_rows(start_ms=0, end_ms=START_MS + 20 * 60_000)) == 0
