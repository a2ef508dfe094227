"""Figures over time: local days, local hours and measured points, from the same sums as all else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from openusage_proto.activity_messages import Activity, ActivityParams, Series, SeriesParams
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account, LimitMetric, UsageSnapshot
from openusaged.core.windows import zone_of
from openusaged.storage.store import Store, WriteBatch
from openusaged.usecases.activity import Activities
from openusaged.usecases.reading import View
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
ACCOUNTS = (
    Account(id="claude-code", provider_id="claude_code"),
    Account(id="codex-cli", provider_id="codex"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    yield store
    store.close()


def activities(store: Store, zone: str = "UTC") -> Activities:
    view = View(accounts=ACCOUNTS)
    return Activities(
        store=store,
        clock=SimpleNamespace(now_ms=lambda: ms(NOW)),  # type: ignore[arg-type]
        reading=SimpleNamespace(zone=lambda _name: (zone_of(zone), zone)),  # type: ignore[arg-type]
        view=lambda: view,
    )


def activity(store: Store, zone: str = "UTC", **params: object) -> Activity:
    return activities(store, zone).activity(ActivityParams(**params))  # type: ignore[arg-type]


def series(store: Store, **params: object) -> Series:
    return activities(store).series(SeriesParams(**params))  # type: ignore[arg-type]


def test_an_empty_store_has_no_days(store: Store) -> None:
    """No history: no dates, no lines, no hours, and no first day."""
    answer = activity(store)
    assert (answer.dates, answer.days.tokens, answer.hours, answer.models) == ([], [], [], [])
    assert answer.history_since is None


def test_days_are_consecutive_and_local(store: Store) -> None:
    """A day without use is a zero between two days with it; the zone decides the day."""
    fill(store, [event("2026-11-16T20:00:00+00:00"), event("2026-11-18T09:00:00+00:00", input=5)])
    answer = activity(store, window="7d")
    assert answer.dates[:3] == ["2026-11-13", "2026-11-14", "2026-11-15"]
    assert answer.dates[-1] == "2026-11-20"
    assert dict(zip(answer.dates, answer.days.tokens, strict=True))["2026-11-16"] == 1100
    assert answer.history_since == "2026-11-16"
    east = activity(store, "Asia/Tokyo", window="all")
    assert east.dates[0] == "2026-11-17"
    assert east.days.tokens[:3] == [1100, 105, 0]


def test_lines_are_cut_to_the_largest_and_filtered(store: Store) -> None:
    """Breakdowns list the largest names; filters leave only what is asked for."""
    fill(store, [
        event("2026-11-18T09:00:00+00:00", input=10),
        event("2026-11-18T10:00:00+00:00", model="claude-opus-4-5", input=9000),
        event("2026-11-18T11:00:00+00:00", source="codex", client="codex", provider="openai",
              account_id="codex-cli", model="", input=50, cost_nano=7_000_000, currency="EUR"),
    ])  # fmt: skip
    answer = activity(store, window="7d", top=1)
    assert [line.name for line in answer.models] == ["claude-opus-4-5"]
    assert sum(answer.days.requests) == 3
    assert answer.other_currencies == ["EUR"]
    codex = activity(store, window="7d", account="codex-cli")
    assert [line.name for line in codex.models] == ["unknown"]
    assert codex.days.unpriced == 1
    assert sum(codex.days.tokens) == 150
    assert len(codex.hours) == 1
    opus = activity(store, window="7d", model="claude-opus-4-5")
    assert sum(opus.days.tokens) == 9100
    assert [hour.tokens for hour in opus.hours] == [9100]
    with pytest.raises(InvalidParams, match="account"):
        activity(store, account="nobody")
    with pytest.raises(InvalidParams, match="top"):
        activity(store, top=99)


def test_hours_are_local_ones_of_the_last_eight_weeks(store: Store) -> None:
    """Quarter hours add up to hours of the clock on the wall, also in zones at 45 minutes."""
    fill(store, [
        event("2026-09-01T09:00:00+00:00"),
        event("2026-11-18T09:10:00+00:00"), event("2026-11-18T09:20:00+00:00"),
    ])  # fmt: skip
    assert [(hour.at, hour.requests) for hour in activity(store, window="1d").hours] == [
        ("2026-11-18T09:00:00Z", 2)
    ]
    # 09:10 is 14:55 and 09:20 is 15:05 in Kathmandu: two hours there.
    nepal = activity(store, "Asia/Kathmandu", window="1d")
    assert [hour.at for hour in nepal.hours] == ["2026-11-18T08:15:00Z", "2026-11-18T09:15:00Z"]


def test_calls_of_servers_are_counted_by_day(store: Store) -> None:
    """MCP calls are listed by server, not under a model or project, which they do not know."""
    fill(store, [
        event("2026-11-18T09:00:00+00:00"),
        *(event(f"2026-11-18T09:0{minute}:30+00:00", event_type="tool_usage", tool_call_id=f"t{minute}",
                mcp_server="github", mcp_function="search", model="", input=None, output=None)
          for minute in range(3)),
    ])  # fmt: skip
    answer = activity(store, window="7d", account="claude-code")
    (line,) = answer.mcp
    assert (line.name, sum(line.requests)) == ("github", 3)
    assert activity(store, window="7d", account="codex-cli").mcp == []
    assert activity(store, window="7d", model="claude-sonnet-4-5").mcp == []


def test_series_are_the_measured_points(store: Store) -> None:
    """Each poll that moved a figure is a point; only known metrics of a known account."""
    for hour, left in ((8, 20.0), (9, 18.5), (10, 18.5)):
        store.apply([WriteBatch(snapshots=[UsageSnapshot(
            provider_id="codex", account_id="codex-cli", status="OK",
            ts_ms=ms(f"2026-11-20T{hour:02}:00:00+00:00"),
            metrics=(
                LimitMetric(key="credit_balance", unit="USD", remaining=left, money_kind="billed"),
                LimitMetric(key="primary", unit="%", used=12.0, limit=100.0),
            ),
        )])])  # fmt: skip
    answer = series(store, account="codex-cli", metrics=["credit_balance"])
    (line,) = answer.series
    assert (line.metric, line.unit, line.money_kind) == ("credit_balance", "USD", "billed")
    assert [(point.at, point.remaining) for point in line.points] == [
        ("2026-11-20T08:00:00Z", 20.0), ("2026-11-20T09:00:00Z", 18.5),
        ("2026-11-20T10:00:00Z", 18.5),
    ]  # fmt: skip
    assert len(series(store, account="codex-cli").series) == 2
    assert series(store, account="claude-code").series == []
    assert series(store, account="codex-cli", since="2026-11-21").series[0].points == []
    with pytest.raises(InvalidParams, match="nobody"):
        series(store, account="nobody")
