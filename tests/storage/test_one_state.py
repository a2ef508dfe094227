"""What is read together is of one moment, whatever is written meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from openusaged.core.models import ACCOUNT_OK, LimitMetric, UsageSnapshot
from openusaged.storage.store import WriteBatch
from tests.support.stored_events import START_MS, prepared

HOUR = 3_600_000


def elsewhere(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def write(store, number: int) -> None:
    """An event and a poll, by another thread."""
    limit = LimitMetric(
        key="usage_five_hour",
        unit="%",
        window="5h",
        used=float(number),
        limit=100.0,
        resets_at_ms=START_MS + number * HOUR,
    )
    snapshot = UsageSnapshot(
        provider_id="p",
        account_id="a",
        ts_ms=START_MS + number,
        status=ACCOUNT_OK,
        metrics=(limit,),
    )
    events = [prepared(number, ts_ms=START_MS + number, session_id="s")]

    def work() -> None:
        (result,) = store.apply([WriteBatch(events=events, snapshots=[snapshot])])
        store.disconnect()
        assert result.error is None

    elsewhere(work)


def read(store) -> list[int]:
    """How many events each kind of read knows of."""
    first = START_MS // 900_000
    span = {"start_q": first // 4 * 4, "end_q": first + 96}
    stretches = store.stretch_rows(**span, quarters=4, dimensions=("account",))
    (activity,) = store.activity_in([first]).values() or [(START_MS, START_MS - 1)]
    session = store.session("claude_code", "s")
    return [
        sum(row.requests for row in store.usage_rows(group_by=())),
        sum(row.requests for row in stretches),
        activity[1] - activity[0] + 1,
        sum(row.requests for row in session.rows) if session is not None else 0,
        len(store.resets("a", "usage_five_hour", 0)),
    ]


def test_reads_inside_do_not_see_what_is_committed_meanwhile(store) -> None:
    """Inside, every read answers as of its beginning; behind it, as of now."""
    for number in range(1, 4):
        with store.one_state():
            before = read(store)
            polled = store.snapshots()
            write(store, number)
            assert read(store) == before == [number - 1] * 5
            # Whatever another thread has learned since, Pony does not read in here.
            assert store.snapshots() is polled
        assert read(store) == [number] * 5
        assert store.snapshots()[("p", "a")].latest_ms == START_MS + number


def test_reads_inside_are_not_kept_for_later(store) -> None:
    """What was first read inside, after a write that it does not see, is not known outside."""
    write(store, 1)
    with store.one_state():
        store.first_quarter()
        write(store, 2)
        assert read(store) == [1] * 5
        # Another reader is not held up, and is not told the old state.
        seen: list[list[int]] = []
        elsewhere(lambda: (seen.append(read(store)), store.disconnect()))
        assert seen == [[2] * 5]
        assert read(store) == [1] * 5
    assert read(store) == [2] * 5


def test_a_failure_inside_ends_it(store) -> None:
    """An error leaves no state behind that later reads would be of."""

    def fail() -> None:
        with store.one_state():
            assert read(store) == [0] * 5
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    write(store, 1)
    assert read(store) == [1] * 5
