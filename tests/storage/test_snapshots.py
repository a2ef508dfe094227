"""What the store keeps of polls: the last snapshot of an account, and its figures over time."""

from __future__ import annotations

import os
import random

import msgspec
import pytest

from openusaged.core.models import LimitMetric, ReportedUsage, UsageSnapshot
from openusaged.storage.store import WriteBatch
from tests.support.stored_events import START_MS, prepared

HOUR = 3_600_000
DAY = 24 * HOUR


def snapshot(ts_ms: int, status: str = "OK", **metrics: float) -> UsageSnapshot:
    return UsageSnapshot(
        provider_id="p",
        account_id="a",
        ts_ms=ts_ms,
        status=status,
        message=f"at {ts_ms}",
        metrics=tuple(LimitMetric(key=key, unit="%", used=used) for key, used in metrics.items()),
        attributes={status: str(ts_ms)},
    )


def poll(store, *snapshots):
    for one in snapshots:
        store.apply([WriteBatch(snapshots=[one])])
    return store.snapshots()[("p", "a")]


class TestSnapshots:
    @pytest.mark.parametrize(
        "status", ["ERROR", "AUTH_REQUIRED", "UNKNOWN", "LIMITED", "UNSUPPORTED"]
    )
    def test_failed_poll_keeps_the_last_good_one(self, store, status) -> None:
        """A poll that learned nothing changes the status and not the figures."""
        stored = poll(store, snapshot(1000, x=3.0), snapshot(2000, status))
        assert stored.last_good is not None
        assert stored.last_good.ts_ms == 1000
        assert [metric.used for metric in stored.last_good.metrics] == [3.0]
        assert (stored.latest_status, stored.latest_message, stored.latest_ms) == (
            status, "at 2000", 2000,
        )  # fmt: skip

    def test_read_once_per_change(self, store) -> None:
        """What polls learned is read again after a poll, and not after an event."""
        poll(store, snapshot(1000, x=1.0))
        first = store.snapshots()
        store.apply([WriteBatch(events=[prepared(1)])])
        assert store.snapshots() is first
        assert poll(store, snapshot(2000, x=2.0)).latest_ms == 2000
        assert first[("p", "a")].latest_ms == 1000

    def test_failures_count_until_a_success(self, store) -> None:
        """Failures in a row add up, with what the vendor asked for; a success clears both."""
        failed = UsageSnapshot(
            provider_id="p", account_id="a", ts_ms=1000, status="ERROR", retry_after_s=1.5
        )
        stored = poll(store, failed, failed)
        assert (stored.failures, stored.retry_at_ms, stored.last_good) == (2, 2500, None)
        stored = poll(store, snapshot(3000, "LIMITED", x=100.0))
        assert (stored.failures, stored.retry_at_ms) == (0, 0)

    def test_sources_that_know_less_erase_nothing(self, store) -> None:
        """Figures are kept per key, the newest of each, for a day after they stop coming."""
        poll(store, snapshot(2000, x=1.0, y=1.0), snapshot(3000, x=2.0))
        stored = poll(store, snapshot(1000, y=9.0, z=9.0))
        assert stored.last_good is not None
        assert {m.key: m.used for m in stored.last_good.metrics} == {"x": 2.0, "y": 1.0, "z": 9.0}
        assert (stored.latest_ms, stored.last_good.ts_ms) == (3000, 3000)
        stored = poll(store, snapshot(2500 + DAY, x=3.0))
        assert stored.last_good is not None
        assert {m.key for m in stored.last_good.metrics} == {"x"}

    def test_a_failed_call_is_forgotten_when_it_works_again(self, store) -> None:
        """What went wrong with one of several calls is said only as long as it is so."""
        poll(store, UsageSnapshot(
            provider_id="p", account_id="a", ts_ms=1000, status="OK",
            attributes={"plan": "pro", "credits_error": "HTTP 500"},
        ))  # fmt: skip
        stored = poll(store, snapshot(2000, x=1.0))
        assert stored.last_good is not None
        assert stored.last_good.attributes == {"plan": "pro", "OK": "2000"}

    def test_report_of_the_vendor_outlives_answers_without_one(self, store) -> None:
        """A status line knows limits only; the vendor's usage report stays until a newer one."""
        reported = (ReportedUsage(window="1d", date="2026-06-01", model="m", cost=1.5),)
        poll(store, UsageSnapshot(
            provider_id="p", account_id="a", ts_ms=1000, status="OK", reported=reported,
        ))  # fmt: skip
        stored = poll(store, snapshot(2000, x=1.0))
        assert stored.last_good is not None
        assert stored.last_good.reported == reported

    def test_many_at_once_are_kept_as_one_by_one(self, open_store, path) -> None:
        """An import's polls of several accounts, in any order, leave what single ones would."""
        rng = random.Random(7)
        polls = [
            msgspec.structs.replace(
                snapshot(
                    rng.randrange(40) * HOUR,
                    rng.choice(["OK", "OK", "OK", "ERROR", "LIMITED", "UNSUPPORTED"]),
                    **{key: float(rng.randrange(3)) for key in rng.sample("xyz", rng.randrange(3))},
                ),
                account_id=rng.choice("ab"),
            )
            for _ in range(200)
        ]
        found = []
        for batches in ([[one] for one in polls], [polls[:150], polls[150:]]):
            store = open_store()
            for batch in batches:
                store.apply([WriteBatch(snapshots=batch)])
            series = [store.series(account, key, 0) for account in "ab" for key in "xyz"]
            found.append((store.snapshots(), series))
            store.close()
            os.unlink(path)
        assert found[0] == found[1]

    def test_snapshot_moves_the_sequence(self, store) -> None:
        """Whoever watches is told about a poll."""
        seq = store.seq
        poll(store, snapshot(1000, x=1.0))
        assert store.seq == seq + 1


class TestSeries:
    def test_flat_stretches_keep_their_ends(self, store) -> None:
        """Equal values in a row are stored as two points; unknown series are empty."""
        values = [1, 1, 1, 1, 2, 2, 2, 1]
        poll(store, *(snapshot(1000 + n, x=float(value)) for n, value in enumerate(values)))
        series = store.series("a", "x", 0)
        assert [(ts, used) for ts, used, _, _ in series] == [
            (1000, 1), (1003, 1), (1004, 2), (1006, 2), (1007, 1),
        ]  # fmt: skip
        assert store.series("a", "x", 1006) == series[3:]
        assert store.series("a", "y", 0) == store.series("b", "x", 0) == []

    def test_minute_windows_have_always_just_been_reset(self, store) -> None:
        """The moving reset of a rate limit is no change worth a point."""
        for n in range(4):
            metric = LimitMetric(
                key="rpm", unit="requests", window="1m", remaining=9.0, resets_at_ms=60_000 + n
            )
            poll(store, UsageSnapshot(
                provider_id="p", account_id="a", ts_ms=1000 + n, status="OK", metrics=(metric,),
            ))  # fmt: skip
        assert [ts for ts, *_ in store.series("a", "rpm", 0)] == [1000, 1003]

    def test_thinning_tells_series_and_balances_apart(self, store) -> None:
        """Neighbouring series do not thin each other; a balance that rises is a top-up."""
        now = START_MS + 10**9
        old = (now - 20 * DAY) // DAY * DAY
        for n, left in enumerate([9.0, 8.0, 7.0, 20.0, 19.0, 18.0]):
            metrics = (
                LimitMetric(key="left", unit="USD", remaining=left),
                LimitMetric(key="window", unit="%", used=1.0 + n, resets_at_ms=n // 3),
            )
            poll(
                store,
                UsageSnapshot(
                    provider_id="p", account_id="a", ts_ms=old + n * HOUR, status="OK",
                    metrics=metrics,
                ),
            )  # fmt: skip
        store.run_retention(0)
        assert [left for _, _, _, left in store.series("a", "left", 0)] == [9, 7, 20, 18]
        assert [used for _, used, _, _ in store.series("a", "window", 0)] == [1, 3, 4, 6]

    def test_old_points_are_thinned_but_never_the_resets(self, store) -> None:
        """Hours after two days, days after a week; first, last and every reset stay."""
        now = START_MS + 10**9
        old = (now - 20 * DAY) // DAY * DAY
        rise = [(old + n * HOUR, float(n)) for n in range(6)]
        reset = [(old + n * HOUR, float(n - 6)) for n in range(6, 12)]
        week = (now - 4 * DAY) // HOUR * HOUR
        hours = [(week + n * 600_000, float(n)) for n in range(6)]
        fresh = [(now - HOUR + n * 60_000, float(n)) for n in range(6)]
        poll(store, *(snapshot(ts, x=v) for ts, v in rise + reset + hours + fresh))
        store.run_retention(0)
        kept = [ts for ts, *_ in store.series("a", "x", 0)]
        assert kept == [
            rise[0][0], rise[5][0], reset[0][0], reset[5][0], hours[0][0], hours[5][0],
            *(ts for ts, _ in fresh),
        ]  # fmt: skip
        store.run_retention(0)
        assert [ts for ts, *_ in store.series("a", "x", 0)] == kept
