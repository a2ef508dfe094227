"""Groups, errors, bounds and the thread-safe entrance of the group committer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gevent
import pytest

from openusaged.core.errors import DatabaseBusy, StorageError, StoreClosed
from openusaged.runtime import group_commit
from openusaged.runtime.group_commit import MAX_HERE, MAX_HERE_IN_A_ROW, GroupCommitter
from openusaged.runtime.pools import Pools


@dataclass
class Result:
    value: int
    error: Exception | None = None


class Store:
    """Commits what it is given; can be held and made to fail."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.failure: Exception | None = None

    def wait_entered(self) -> None:
        """Until a commit has begun."""
        with gevent.Timeout(10, AssertionError("the writer never began")):
            while not self.entered.is_set():
                gevent.sleep(0.005)

    def commit(self, items: Sequence[int]) -> list[Any]:
        self.entered.set()
        self.gate.wait(10)
        self.threads.add(threading.get_ident())
        if self.failure is not None:
            raise self.failure
        self.groups.append(list(items))
        return [
            StorageError("bad")
            if item == 13
            else Result(item, StorageError("bad") if item == 14 else None)
            for item in items
        ]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def committer(store: Store) -> Iterator[GroupCommitter[int, Result]]:
    pools = Pools(readers=1, workers=4)
    made: GroupCommitter[int, Result] = GroupCommitter(pools, store.commit, max_pending=50)
    yield made
    store.gate.set()
    made.close()
    made.drain(5.0)
    pools.close(5.0)


class TestGroups:
    def test_result_after_commit(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """A submitter gets its own result, once it is committed in the writer thread."""
        assert committer.submit(5).value == 5
        assert store.groups == [[5]]
        assert threading.get_ident() not in store.threads

    def test_what_waits_goes_together(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """While the writer is busy items queue up and then share one commit, in their order."""
        store.gate.clear()
        first = committer.submit_nowait(0)
        store.wait_entered()
        rest = [committer.submit_nowait(number) for number in range(1, 11)]
        assert committer.depth == 11
        assert not first.ready()
        store.gate.set()
        assert [ticket.get().value for ticket in (first, *rest)] == list(range(11))
        assert store.groups == [[0], list(range(1, 11))]
        assert (committer.groups, committer.items, committer.depth) == (2, 11, 0)

    def test_ready_greenlets_share_the_first_commit(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """Submitters that are ready in the same turn of the hub are one group."""
        results = [gevent.spawn(committer.submit, number) for number in range(8)]
        assert sorted(r.get(timeout=5).value for r in results) == list(range(8))
        assert len(store.groups) == 1

    def test_submit_many(self, store: Store, committer: GroupCommitter[int, Result]) -> None:
        """Many items of one caller are one group."""
        assert [r.value for r in committer.submit_many(range(4))] == [0, 1, 2, 3]
        assert store.groups == [[0, 1, 2, 3]]

    def test_who_may_not_wait_is_called(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """A callback runs once, when the outcome is there; at once when it already is."""
        calls: list[str] = []
        ticket = committer.submit_nowait(5)
        ticket.when_ready(lambda: calls.append(f"then {ticket.get().value}"))
        assert calls == []
        assert ticket.get().value == 5
        ticket.when_ready(lambda: calls.append("now"))
        assert calls == ["then 5", "now"]

    def test_items_submitted_by_a_callback_are_the_next_group(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """Nothing is lost between the end of a commit and the next."""
        tickets = [committer.submit_nowait(1)]
        tickets[0].when_ready(lambda: tickets.append(committer.submit_nowait(2)))
        tickets[0].get()
        assert tickets[1].get().value == 2
        assert store.groups == [[1], [2]]
        assert committer.drain(5.0)

    def test_patient_item_joins_the_next_commit(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """It causes no commit of its own: it goes with the next item, and before it."""
        patient = committer.submit_patiently(1)
        gevent.sleep(0)
        assert (patient.ready(), committer.depth, store.groups) == (False, 1, [])
        assert committer.submit(2).value == 2
        assert (patient.get().value, store.groups) == (1, [[1, 2]])

    def test_patience_ends(self, store: Store, committer: GroupCommitter[int, Result]) -> None:
        """On request what waits is committed as it is; a request too many does nothing."""
        patient = committer.submit_patiently(1)
        committer.hurry()
        committer.hurry()
        assert patient.get().value == 1
        committer.hurry()
        assert committer.submit(2).value == 2
        assert store.groups == [[1], [2]]

    def test_patient_item_is_next_when_a_commit_ends(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """The writer does not stop while anything waits."""
        store.gate.clear()
        first = committer.submit_nowait(1)
        store.wait_entered()
        patient = committer.submit_patiently(2)
        committer.hurry()
        store.gate.set()
        assert (first.get().value, patient.get().value) == (1, 2)
        assert store.groups == [[1], [2]]

    def test_closing_hurries(self, store: Store, committer: GroupCommitter[int, Result]) -> None:
        """What waits patiently is stored before the end."""
        patient = committer.submit_patiently(1)
        assert committer.drain(0.01) is False
        committer.close()
        assert committer.drain(5.0) is True
        assert (patient.get().value, store.groups) == (1, [[1]])
        with pytest.raises(StoreClosed):
            committer.submit_patiently(2)

    def test_several_wait_for_one_ticket(self, committer: GroupCommitter[int, Result]) -> None:
        """All greenlets that wait for an item are woken."""
        ticket = committer.submit_nowait(3)
        waiting = [gevent.spawn(ticket.get) for _ in range(3)]
        assert [greenlet.get(timeout=5).value for greenlet in waiting] == [3, 3, 3]


class Both(Store):
    """Commits on the hub, too, but for numbers from 1,000 on."""

    def __init__(self) -> None:
        super().__init__()
        self.here: list[list[int]] = []

    def commit_here(self, items: Sequence[int]) -> list[Any] | None:
        if max(items) >= 1000:
            return None
        self.here.append(list(items))
        return self.commit(items)


class TestHere:
    @pytest.fixture(autouse=True)
    def _quick_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However slow the machine is that runs the test."""
        monkeypatch.setattr(group_commit, "SLOW_S", 60.0)

    @pytest.fixture
    def store(self) -> Both:
        return Both()

    @pytest.fixture
    def committer(self, store: Both) -> Iterator[GroupCommitter[int, Result]]:
        pools = Pools(readers=1, workers=1)
        made: GroupCommitter[int, Result] = GroupCommitter(pools, store.commit, store.commit_here)
        yield made
        store.gate.set()
        made.close()
        assert made.drain(5.0)
        pools.close(5.0)

    def test_small_group_on_the_hub(
        self, store: Both, committer: GroupCommitter[int, Result]
    ) -> None:
        """Few items are committed without the writer, each with its own result or error."""
        tickets = [committer.submit_nowait(item) for item in (1, 13, 2)]
        assert not tickets[0].ready()
        assert tickets[0].get().value == 1
        with pytest.raises(StorageError, match="bad"):
            tickets[1].get()
        assert store.here == [[1, 13, 2]]
        assert store.threads == {threading.get_ident()}
        assert (committer.groups, committer.items, committer.depth) == (1, 3, 0)

    def test_failure_on_the_hub_is_raised_to_all(
        self, store: Both, committer: GroupCommitter[int, Result]
    ) -> None:
        """An error out of the commit reaches every submitter, and the next group is committed."""
        store.failure = StorageError("the disk is full")
        for ticket in [committer.submit_nowait(1), committer.submit_nowait(2)]:
            with pytest.raises(StorageError, match="full"):
                ticket.get()
        store.failure = None
        assert committer.submit(3).value == 3

    def test_large_group_and_what_is_refused_here_go_to_the_writer(
        self, store: Both, committer: GroupCommitter[int, Result]
    ) -> None:
        """The hub does not stand still for many items, nor for those it must not commit."""
        committer.submit_many([0] * (MAX_HERE + 1))
        assert committer.submit(1000).value == 1000
        assert store.here == []
        assert threading.get_ident() not in store.threads
        committer.submit_many([0] * MAX_HERE)
        assert len(store.here) == 1

    def test_waits_for_the_writer(
        self, store: Both, committer: GroupCommitter[int, Result]
    ) -> None:
        """While the writer commits, the hub does not: one thread writes at a time."""
        store.gate.clear()
        first = committer.submit_nowait(1000)
        store.wait_entered()
        second = committer.submit_nowait(1)
        gevent.sleep(0)
        assert store.here == []
        store.gate.set()
        assert (first.get().value, second.get().value) == (1000, 1)
        assert store.here == [[1]]

    def test_busy_writer_keeps_the_hub_out(self, store: Both) -> None:
        """Other jobs of the writer (upkeep, re-pricing) do the same."""
        pools = Pools(readers=1, workers=1)
        committer: GroupCommitter[int, Result] = GroupCommitter(
            pools, store.commit, store.commit_here
        )
        job = pools.spawn_write(store.gate.wait, 10)
        assert committer.submit(1).value == 1
        assert store.here == []
        assert job.get() is True
        assert committer.submit(2).value == 2
        assert store.here == [[2]]
        pools.close()

    def test_slow_disk_is_left_to_the_writer(
        self,
        store: Both,
        committer: GroupCommitter[int, Result],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """After a slow commit the writer gets one; when that was quick the hub goes on."""
        with monkeypatch.context() as slow:
            slow.setattr(group_commit, "SLOW_S", -1.0)
            committer.submit(1)
            committer.submit(2)
        committer.submit(3)
        committer.submit(4)
        assert store.here == [[1], [4]]

    def test_writer_gets_its_turn(
        self, store: Both, committer: GroupCommitter[int, Result]
    ) -> None:
        """After so many items the writer has a group, and with it its upkeep; then again the hub."""
        for _ in range(MAX_HERE_IN_A_ROW + 2):
            committer.submit(1)
        assert len(store.here) == MAX_HERE_IN_A_ROW + 1
        assert len(store.threads) == 2


class TestErrors:
    @pytest.mark.parametrize("bad", [13, 14])
    def test_a_bad_item_spoils_only_itself(
        self, committer: GroupCommitter[int, Result], bad: int
    ) -> None:
        """A result that is or carries an error is raised to its submitter alone."""
        tickets = [committer.submit_nowait(item) for item in (1, bad, 2)]
        assert tickets[0].get().value == 1
        with pytest.raises(StorageError, match="bad"):
            tickets[1].get()
        assert tickets[2].get().value == 2

    def test_failed_commit_is_raised_to_all_and_the_next_goes_on(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """A failing commit fails its group; later groups are committed."""
        store.failure = StorageError("the disk is full")
        for ticket in [committer.submit_nowait(1), committer.submit_nowait(2)]:
            with pytest.raises(StorageError, match="full"):
                ticket.get()
        store.failure = None
        assert committer.submit(3).value == 3

    def test_wrong_number_of_results_is_an_error(self) -> None:
        """A commit function that loses results is not believed."""
        pools = Pools()
        committer: GroupCommitter[int, int] = GroupCommitter(pools, lambda items: [])
        with pytest.raises(RuntimeError, match="0 results for 1 items"):
            committer.submit(1)
        pools.close()

    def test_closed_pools_refuse(self) -> None:
        """Without a writer thread an item is refused, not kept for ever."""
        pools = Pools()
        pools.close()
        committer: GroupCommitter[int, int] = GroupCommitter(pools, lambda items: items)
        with pytest.raises(StoreClosed):
            committer.submit(1)
        assert committer.depth == 0
        assert committer.drain(1.0)


class TestBounds:
    def test_full_queue_refuses_and_keeps_what_it_has(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """Beyond the bound a submitter is refused; nothing queued is dropped."""
        store.gate.clear()
        tickets = [committer.submit_nowait(100 + number) for number in range(50)]
        with pytest.raises(DatabaseBusy):
            committer.submit_nowait(1)
        store.gate.set()
        assert [ticket.get().value for ticket in tickets] == [100 + n for n in range(50)]

    def test_closed_refuses_and_commits_the_rest(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """After close nothing enters, but what is queued is committed."""
        store.gate.clear()
        ticket = committer.submit_nowait(1)
        committer.close()
        with pytest.raises(StoreClosed):
            committer.submit_nowait(2)
        with pytest.raises(StoreClosed):
            committer.post_from_thread(2)[0].wait(5.0)
        assert committer.drain(0.02) is False
        store.gate.set()
        assert committer.drain(5.0) is True
        assert ticket.get().value == 1


class TestThreads:
    def in_threads(self, *calls: Any) -> list[Any]:
        """Run calls in native threads while the hub goes on."""
        out: list[Any] = [None] * len(calls)

        def run(index: int) -> None:
            try:
                out[index] = calls[index]()
            except Exception as exc:
                out[index] = exc

        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
        for thread in threads:
            thread.start()
        with gevent.Timeout(10):
            while any(thread.is_alive() for thread in threads):
                gevent.sleep(0.005)
        return out

    def test_native_threads_wait_for_their_commit(
        self, committer: GroupCommitter[int, Result]
    ) -> None:
        """A thread is blocked until its item is committed and gets its own result or error."""
        calls = [lambda n=n: committer.post_from_thread(n)[0].wait(5.0) for n in (1, 2, 13)]
        one, two, bad = self.in_threads(*calls)
        assert (one.value, two.value) == (1, 2)
        assert isinstance(bad, StorageError)

    def test_items_of_one_call_share_a_commit(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """What a thread posts at once is one group, with an outcome for each; nothing is none."""

        def post() -> Any:
            assert committer.post_from_thread() == []
            one, bad, two = committer.post_from_thread(1, 13, 2)
            with pytest.raises(StorageError, match="bad"):
                bad.wait(5.0)
            return one.wait(5.0).value, two.wait(5.0).value

        patient = committer.submit_patiently(0)
        assert self.in_threads(post) == [(1, 2)]
        assert patient.get().value == 0
        assert store.groups == [[0, 1, 13, 2]]
        assert committer.drain(5.0)

    def test_posting_after_the_end(self, committer: GroupCommitter[int, Result]) -> None:
        """A closed committer says so to each item that a thread still brings."""
        committer.close()
        for ticket in committer.post_from_thread(1, 2):
            with pytest.raises(StoreClosed):
                ticket.wait(5.0)

    def test_thread_gives_up_in_time(
        self, store: Store, committer: GroupCommitter[int, Result]
    ) -> None:
        """A stuck writer costs a thread its patience, not for ever."""
        store.gate.clear()
        (outcome,) = self.in_threads(lambda: committer.post_from_thread(1)[0].wait(0.05))
        assert isinstance(outcome, DatabaseBusy)

    def test_close_between_call_and_hub(self, committer: GroupCommitter[int, Result]) -> None:
        """An item that reaches the hub after close is refused there."""

        def go() -> Any:
            return committer.post_from_thread(1)[0].wait(5.0)

        thread_out: list[Any] = []

        def run() -> None:
            try:
                go()
            except Exception as exc:
                thread_out.append(exc)

        thread = threading.Thread(target=run)
        thread.start()
        # The hub does not run until we yield: the thread's item cannot have been accepted yet.
        thread.join(0.1)
        committer.close()
        with gevent.Timeout(5):
            while thread.is_alive():
                gevent.sleep(0.005)
        assert isinstance(thread_out[0], StoreClosed)
