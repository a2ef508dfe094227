"""Five-hour blocks: the vendor's window where it is known, the log's between and elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto.messages import Report, ReportParams
from openusaged.core.models import ACCOUNT_OK, Account, LimitMetric, UsageSnapshot
from openusaged.core.windows import zone_of
from openusaged.storage.block_queries import Reset
from openusaged.storage.store import Store, WriteBatch
from openusaged.usecases.block_windows import five_hour_metric, windows_of
from openusaged.usecases.reports import ReportContext, build_report, running_blocks
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
ACCOUNTS = [
    Account(id="claude-code", provider_id="claude_code"),
    Account(id="codex-cli", provider_id="codex"),
]
HOUR = 3_600_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    yield store
    store.close()


def report(store: Store, now: str = NOW, **params: object) -> Report:
    context = ReportContext(
        zone=zone_of("UTC"),
        zone_name="UTC",
        now_ms=ms(now),
        accounts=ACCOUNTS,
        errors={},
        importing=False,
        retention_days=30,
    )
    asked = ReportParams(kind="blocks", **params)  # type: ignore[arg-type]
    answer = build_report(store, asked, context, store.seq)
    # What status lines ask for is the same, whatever the history.
    assert running_blocks(store, asked, context) == [row for row in answer.rows if row.active]
    return answer


def window(store: Store, polled: str, resets: str, used: float) -> None:
    """A poll that says when the five-hour window ends and how much of it is used."""
    metric = LimitMetric(
        key="usage_five_hour",
        unit="%",
        window="5h",
        used=used,
        limit=100.0,
        resets_at_ms=ms(resets),
    )
    snapshot = UsageSnapshot(
        provider_id="claude_code",
        account_id="claude-code",
        ts_ms=ms(polled),
        status=ACCOUNT_OK,
        metrics=(metric,),
    )
    (result,) = store.apply([WriteBatch(snapshots=[snapshot])])
    assert result.error is None


def shown(answer: Report) -> list[tuple[str | None, str, str | None, int]]:
    return [(row.account, row.label, row.window_source, row.total_tokens) for row in answer.rows]


def test_vendor_window_wins_over_the_hour(store: Store) -> None:
    """The running block is the vendor's: its beginning, its end and the share it says is used."""
    fill(store, [event("2026-11-20T09:50:00+00:00"), event("2026-11-20T11:00:00+00:00")])
    window(store, "2026-11-20T11:30:00+00:00", "2026-11-20T14:37:00.4+00:00", 41.0)
    (row,) = report(store).rows
    assert (row.start, row.end) == ("2026-11-20T09:37:00Z", "2026-11-20T14:37:00Z")
    assert (row.window_source, row.used_percent, row.active) == ("vendor", 41.0, True)
    assert row.total_tokens == 2200
    assert row.time_remaining_seconds == 2 * 3600 + 37 * 60
    assert row.last_activity == "2026-11-20T11:00:00Z"


def test_an_edge_within_a_quarter_is_exact(store: Store) -> None:
    """Events of one quarter hour on both sides of the window's beginning go to either side."""
    fill(
        store,
        [
            event("2026-11-20T09:36:59+00:00", input=1),
            event("2026-11-20T09:37:00+00:00", input=2),
            event("2026-11-20T09:44:00+00:00", input=4),
        ],
    )
    window(store, "2026-11-20T11:30:00+00:00", "2026-11-20T14:37:00+00:00", 41.0)
    answer = report(store)
    assert shown(answer) == [
        ("claude-code", "2026-11-20 09:00", "log", 101),
        ("claude-code", "2026-11-20 09:37", "vendor", 206),
    ]
    # the log's block ends where the vendor's window begins
    assert answer.rows[0].end == "2026-11-20T09:37:00Z"
    assert answer.totals.total_tokens == 307


def test_aged_edge_stays_whole(store: Store) -> None:
    """Once the detail has gone, a quarter is not divided, and nothing of it is lost."""
    fill(store, [event("2026-11-20T09:36:00+00:00"), event("2026-11-20T09:38:00+00:00")])
    window(store, "2026-11-20T11:30:00+00:00", "2026-11-20T14:37:00+00:00", 41.0)
    store.run_retention(ms("2026-11-20T12:00:00+00:00"))
    answer = report(store)
    assert answer.totals.total_tokens == sum(row.total_tokens for row in answer.rows) == 2200
    assert len([row for row in answer.rows if row.total_tokens]) == 1


def test_past_windows_are_remembered(store: Store) -> None:
    """Windows that ended keep their bounds and the most that was seen used of them."""
    fill(
        store,
        [
            event("2026-11-19T08:10:00+00:00"),
            event("2026-11-20T01:00:00+00:00"),
            event("2026-11-20T11:00:00+00:00"),
        ],
    )
    window(store, "2026-11-19T09:00:00+00:00", "2026-11-19T13:00:00+00:00", 20.0)
    window(store, "2026-11-19T10:00:00+00:00", "2026-11-19T12:59:58+00:00", 35.0)
    window(store, "2026-11-20T11:30:00+00:00", "2026-11-20T15:00:00+00:00", 5.0)
    rows = report(store).rows
    assert [(row.label, row.window_source, row.used_percent, row.active) for row in rows] == [
        ("2026-11-19 08:00", "vendor", 35.0, False),
        ("2026-11-20 01:00", "log", None, False),
        ("2026-11-20 10:00", "vendor", 5.0, True),
    ]
    assert "derived from local records" in report(store).note


def test_window_started_elsewhere_is_shown_while_it_runs(store: Store) -> None:
    """A running window without local usage is the truth, too; a past one says nothing."""
    fill(store, [event("2026-11-01T08:10:00+00:00")])
    window(store, "2026-11-18T10:00:00+00:00", "2026-11-18T13:00:00+00:00", 9.0)
    window(store, "2026-11-20T11:30:00+00:00", "2026-11-20T15:00:00+00:00", 63.0)
    running = report(store, since="2026-11-15").rows
    assert [(row.label, row.used_percent, row.total_tokens) for row in running] == [
        ("2026-11-20 10:00", 63.0, 0)
    ]


def test_other_accounts_keep_blocks_of_the_log(store: Store) -> None:
    """One vendor's window is never applied to another tool's usage."""
    fill(
        store,
        [
            event("2026-11-20T11:00:00+00:00"),
            event(
                "2026-11-20T11:00:00+00:00",
                source="codex",
                client="codex",
                account_id="codex-cli",
                message_id="c",
            ),
        ],
    )
    window(store, "2026-11-20T11:30:00+00:00", "2026-11-20T14:30:00+00:00", 5.0)
    assert shown(report(store)) == [
        ("claude-code", "2026-11-20 09:30", "vendor", 1100),
        ("codex-cli", "2026-11-20 11:00", "log", 1100),
    ]


def test_earlier_blocks_are_there_when_asked_for(store: Store) -> None:
    """Without a beginning the last 30 days are shown, and the note says so; sums stay exact."""
    fill(store, [event("2026-08-01T08:10:00+00:00"), event("2026-11-20T11:00:00+00:00")])
    recent = report(store)
    assert recent.totals.total_tokens == 1100
    assert "earlier ones with --since" in recent.note
    everything = report(store, since="2026-01-01")
    assert everything.totals.total_tokens == 2200
    assert "earlier" not in everything.note
    old = report(store, until="2026-08-20")
    assert [row.label for row in old.rows] == ["2026-08-01 08:00"]


def test_activity_is_exact_in_recent_blocks(store: Store) -> None:
    """Rates are measured between the first and the last event, not between hours."""
    fill(store, [event("2026-11-20T09:10:00+00:00"), event("2026-11-20T10:40:00+00:00")])
    (row,) = report(store).rows
    assert row.last_activity == "2026-11-20T10:40:00Z"
    assert row.burn_rate_usd_per_hour == pytest.approx(row.cost_usd / 1.5)


def test_activity_of_older_blocks_is_known_to_the_quarter(store: Store) -> None:
    """Sums do not need single events, and neither do the bounds of a block that is long over."""
    fill(store, [event("2026-11-02T09:16:00+00:00"), event("2026-11-02T10:40:00+00:00")])
    (row,) = report(store).rows
    assert row.last_activity == "2026-11-02T10:44:59.999Z"
    hours = (10 + 44.99999 / 60) - (9 + 15 / 60)
    assert row.burn_rate_usd_per_hour == pytest.approx(row.cost_usd / hours, rel=1e-3)


class TestWindows:
    def at(self, hour: float, used: float = 10.0) -> Reset:
        return Reset(round(hour * HOUR), used)

    def test_seconds_of_difference_are_one_window(self) -> None:
        """Vendors state the same end with jitter; the largest use counts."""
        (found,) = windows_of([self.at(15, 3.0), Reset(15 * HOUR + 1400, 8.0)])
        assert (found.start_ms, found.end_ms, found.used) == (10 * HOUR, 15 * HOUR, 8.0)

    def test_a_later_window_cuts_an_earlier_one_short(self) -> None:
        """A window that was reset early ends where the next begins."""
        first, second = windows_of([self.at(15), self.at(17)])
        assert (first.end_ms, second.start_ms) == (12 * HOUR, 12 * HOUR)

    def test_only_the_account_s_own_limit_counts(self) -> None:
        """A limit of one model, or of another length, is not the account's block."""

        def metric(key: str, span: str = "5h", unit: str = "%") -> LimitMetric:
            return LimitMetric(key=key, unit=unit, window=span)

        own = metric("usage_five_hour")
        assert five_hour_metric([metric("x:model"), metric("w", "7d"), own]) is own
        assert five_hour_metric([metric("r", unit="requests")]) is None
