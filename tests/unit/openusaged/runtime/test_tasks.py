"""Background greenlets: none is lost, none runs twice at once, a failure stays its own."""

from __future__ import annotations

import gevent
from gevent.event import Event

from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Coalescer, Gatherer, Tasks


def test_failing_task_leaves_the_others_alone(caplog) -> None:
    """An exception is logged and the next task still runs."""
    tasks, done = Tasks(), Event()
    tasks.spawn(lambda: 1 / 0)
    tasks.spawn(done.set)
    assert done.wait(2)
    assert "event=task_failed" in caplog.text
    tasks.close()


def test_later_and_cancel() -> None:
    """A delayed call happens once, unless cancelled."""
    tasks, done, calls = Tasks(), Event(), []
    tasks.later(0.01, calls.append, "cancelled").cancel()
    tasks.later(0.001, calls.append, "kept")
    tasks.later(0.02, done.set)
    assert done.wait(2)
    assert calls == ["kept"]
    tasks.close()


def test_every_goes_on_after_a_failure() -> None:
    """A repeated task that fails is tried again."""
    tasks, done, calls = Tasks(), Event(), []

    def work() -> None:
        calls.append(1)
        if len(calls) == 3:
            done.set()
        raise ValueError

    tasks.every(0.001, work)
    assert done.wait(2)
    tasks.close()


def test_closed_tasks_start_nothing() -> None:
    """After close nothing is started any more."""
    tasks, calls = Tasks(), []
    tasks.close()
    tasks.spawn(calls.append, 1)
    tasks.later(0, calls.append, 2)
    # What must not happen would have happened within one turn of the hub.
    gevent.sleep(0.01)
    assert calls == []


def test_wait_for() -> None:
    """Waiting ends when it came true, or says that it did not."""
    tasks = Tasks()
    event = Event()
    tasks.later(0.01, event.set)
    assert tasks.wait_for(event.is_set, 2)
    assert not tasks.wait_for(lambda: False, 0.02)
    tasks.close()


def test_coalescer_runs_once_at_a_time_and_misses_nothing() -> None:
    """What arrives during a run is worked on by the next; a failing run does not end it."""
    tasks, runs = Tasks(), []
    running = 0

    def work(items: set[int]) -> None:
        nonlocal running
        running += 1
        assert running == 1
        runs.append(items)
        gevent.sleep(0.005)
        running -= 1
        if len(runs) == 1:
            raise ValueError("first run fails")

    coalescer: Coalescer[int] = Coalescer(tasks, work)
    assert coalescer.idle
    coalescer.add([1, 2])
    gevent.sleep(0)
    coalescer.add([3])
    coalescer.add([4, 3])
    assert coalescer.depth == 2
    assert tasks.wait_for(lambda: coalescer.idle, 2)
    assert runs == [{1, 2}, {3, 4}]
    coalescer.add([])
    assert coalescer.idle
    tasks.close()


def test_gatherer_tells_the_first_at_once_and_the_rest_together() -> None:
    """News is told without a delay, what follows within the interval in one go, once each."""
    pools, tasks, told = Pools(), Tasks(), []
    gatherer: Gatherer[int] = Gatherer(tasks, pools.call_hub, 0.2, told.append)
    gatherer.note(1)
    assert tasks.wait_for(lambda: told == [[1]], 0.15)
    gatherer.note(2)
    gatherer.note(3)
    assert tasks.wait_for(lambda: len(told) > 1, 2)
    assert told == [[1], [2, 3]]
    tasks.close()
    pools.close()


def test_gatherer_loses_nothing_of_other_threads() -> None:
    """Whatever a thread notes while the hub tells is told later, once and in order."""
    pools, tasks, told = Pools(), Tasks(), []

    def tell(news: list[int]) -> None:
        told.extend(news)
        if len(told) < 10:
            raise ValueError("a listener fails")

    gatherer: Gatherer[int] = Gatherer(tasks, pools.call_hub, 0.001, tell)

    def note() -> None:
        for number in range(20_000):
            gatherer.note(number)

    pools.work(note)
    assert tasks.wait_for(lambda: len(told) == 20_000, 5)
    assert told == list(range(20_000))
    tasks.close()
    pools.close()
