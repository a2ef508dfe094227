"""Answers that are asked for again: the same bytes for a moment, never after a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from openusage_proto.messages import ReadModelParams, ReportParams
from openusaged.runtime.pools import Job, Pools
from openusaged.storage.store import Store
from openusaged.usecases import reading
from openusaged.usecases.reading import Reading, View
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
DAILY = ReportParams(kind="daily")


class StillClock:
    """A clock that moves when the test says so."""

    def __init__(self) -> None:
        self.now = ms(NOW)

    def now_ms(self) -> int:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    fill(store, [event("2026-11-10T10:00:00+00:00")])
    yield store
    store.close()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def another(store: Store, clock: StillClock) -> Iterator[Callable[[], Reading]]:
    """Makes readers that have answered nothing yet."""
    pools = Pools(readers=1, workers=1)
    yield lambda: Reading(store=store, pools=pools, clock=clock, view=View)  # type: ignore[arg-type]
    assert pools.close(5.0)


@pytest.fixture
def asked(another: Callable[[], Reading]) -> Reading:
    return another()


def test_an_unchanged_store_is_not_read_again(
    asked: Reading, another: Callable[[], Reading]
) -> None:
    """The same question within a moment gets the very same bytes; another one its own."""
    first = asked.encoded_report(DAILY)
    assert asked.encoded_report(DAILY) is first
    assert asked.encoded_report(ReportParams(kind="monthly")) is not first
    assert msgspec.json.decode(first) == msgspec.to_builtins(another().report(DAILY))


def test_every_change_is_seen_at_once(asked: Reading, store: Store) -> None:
    """An event that was stored is in the next answer."""
    before = msgspec.json.decode(asked.encoded_report(DAILY))["totals"]["total_tokens"]
    fill(store, [event("2026-11-10T11:00:00+00:00")])
    after = msgspec.json.decode(asked.encoded_report(DAILY))["totals"]["total_tokens"]
    assert (before, after) == (1100, 2200)


def test_time_passes_in_reports(asked: Reading, clock: StillClock) -> None:
    """A running block's time left is never older than the bound."""
    first = asked.encoded_report(DAILY)
    clock.now += reading.REPORT_KEPT_MS
    assert asked.encoded_report(DAILY) is not first


def test_what_is_kept_is_bounded(asked: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a few answers are kept, and no large one."""
    first = asked.encoded_report(DAILY)
    for number in range(reading.KEPT_REPORTS):
        asked.encoded_report(ReportParams(kind="daily", top=number + 1))
    assert asked.encoded_report(DAILY) is not first
    monkeypatch.setattr(reading, "MAX_KEPT_BYTES", 10)
    large = asked.encoded_report(ReportParams(kind="weekly"))
    assert asked.encoded_report(ReportParams(kind="weekly")) is not large


def test_rows_that_are_kept_get_the_names_of_now(
    asked: Reading, another: Callable[[], Reading], store: Store
) -> None:
    """A second project of one name changes how the first is called in rows of before, too."""
    sessions = ReportParams(kind="session", breakdown=True, breakdown_by="project")
    fill(store, [event("2026-11-11T10:00:00+00:00", session_id="s2", cwd="/one/api")])
    before = msgspec.json.decode(asked.encoded_report(sessions))
    fill(store, [event("2026-11-12T10:00:00+00:00", session_id="s3", cwd="/two/api")])
    after = msgspec.json.decode(asked.encoded_report(sessions))
    assert [row["project"] for row in before["rows"]] == [None, "api"]
    assert [row["project"] for row in after["rows"]] == [None, "one/api", "two/api"]
    assert after == msgspec.to_builtins(another().report(sessions))


@pytest.mark.parametrize("kind", ["blocks", "session"])
def test_what_has_ended_is_taken_over(
    asked: Reading, another: Callable[[], Reading], store: Store, kind: str
) -> None:
    """After an event an answer is what it would be without those before it; so inside the daemon."""
    params = ReportParams(kind=kind)
    asked.report(params)
    for time in ("2026-11-20T11:00:00+00:00", "2026-11-10T10:30:00+00:00"):
        fill(store, [event(time, session_id=time)])
        assert asked.report(params) == another().report(params)


def test_an_unchanged_read_model_needs_no_thread(asked: Reading, store: Store) -> None:
    """The same bytes come at once until something is stored; then they are made anew."""
    question = ReadModelParams(window="30d", tz="UTC")
    made = asked.read_model(question)
    assert isinstance(made, Job)
    first = made.get()
    assert asked.read_model(question) is first
    fill(store, [event("2026-11-10T11:00:00+00:00")])
    again = asked.read_model(question)
    assert isinstance(again, Job)
    totals = [msgspec.json.decode(one)["totals"]["total_tokens"] for one in (first, again.get())]
    assert totals == [1100, 2200]
