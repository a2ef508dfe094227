"""Days, weeks and months of reports against a plain recomputation, in any zone of the world."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openusage_proto.messages import ReportParams
from openusaged.storage.store import Store
from openusaged.usecases.reports import ReportContext, build_report
from tests.support.memory import in_memory
from tests.support.stored import event, fill, ms

NOW = "2027-12-31T12:00:00+00:00"
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Beirut",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Marquesas",
)
# The odd ones often, any zone of the world now and then.
zones = st.sampled_from(ZONES) | st.sampled_from(sorted(available_timezones()))
# Instants around which days are cut oddly: a leap day, year ends, clock changes in both directions.
TURNS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "2024-02-29T12:00:00",
        "2024-12-31T23:59:59",
        "2025-12-31T23:59:59",
        "2026-03-08T07:00:00",
        "2026-03-29T01:00:00",
        "2026-04-04T16:00:00",
        "2026-04-24T00:00:00",
        "2026-09-06T04:00:00",
        "2026-09-26T14:00:00",
        "2026-10-25T01:00:00",
        "2026-11-01T06:00:00",
        "2026-12-31T12:00:00",
    )
)

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 4 * 365
instants = st.builds(
    lambda turn, seconds: turn + timedelta(seconds=seconds),
    st.sampled_from(TURNS),
    st.integers(-40 * 3600, 40 * 3600),
) | st.builds(lambda seconds: FIRST + timedelta(seconds=seconds), st.integers(0, DAYS * 86_400 - 1))
days = st.sampled_from(TURNS).map(lambda turn: turn.date()) | st.builds(
    lambda number: FIRST.date() + timedelta(days=number), st.integers(0, DAYS - 1)
)


def key_of(moment: datetime, zone: ZoneInfo, kind: str, *, sunday: bool) -> str:
    day = moment.astimezone(zone).date()
    if kind == "monthly":
        return day.isoformat()[:7]
    if kind == "weekly":
        first = 6 if sunday else 0
        while day.weekday() != first:
            day -= timedelta(days=1)
    return day.isoformat()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    moments=st.lists(instants, min_size=1, max_size=12),
    zone_name=zones,
    sunday=st.booleans(),
    since=st.none() | days,
    length=st.integers(0, 400),
)
@example(
    moments=[datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)],
    zone_name="Europe/Berlin",
    sunday=False,
    since=date(2026, 3, 29),
    length=0,
)
@example(
    # 00:00 to 01:00 of this day does not exist in Santiago
    moments=[datetime(2026, 9, 6, 3, 59, 59, tzinfo=UTC), datetime(2026, 9, 6, 4, tzinfo=UTC)],
    zone_name="America/Santiago",
    sunday=True,
    since=date(2026, 9, 6),
    length=0,
)
@example(
    moments=[datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)],
    zone_name="UTC",
    sunday=False,
    since=date(2024, 2, 29),
    length=0,
)
def test_rows_are_the_plainly_counted_local_periods(
    moments: list[datetime], zone_name: str, sunday: bool, since: date | None, length: int
) -> None:
    """Every event is under the local day, week and month that a calendar says, and only there."""
    zone = ZoneInfo(zone_name)
    until = None if since is None else since + timedelta(days=length)
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        store = Store.open(
            str(Path(directory) / "t.db"), app_version="test", now_ms=lambda: ms(NOW)
        )
        try:
            fill(
                store,
                [
                    event(moment.isoformat(), message_id=f"m{number}", input=10**number)
                    for number, moment in enumerate(moments)
                ],
            )
            for kind in ("daily", "weekly", "monthly"):
                expected: Counter[str] = Counter()
                for number, moment in enumerate(moments):
                    day = moment.astimezone(zone).date()
                    if since is None or until is None or since <= day <= until:
                        key = key_of(moment, zone, kind, sunday=sunday)
                        expected[key] += 10**number + 100
                params = ReportParams(
                    kind=kind,
                    since=since and since.isoformat(),
                    until=until and until.isoformat(),
                    week_start="sunday" if sunday else "monday",
                )
                answer = build_report(store, params, context(zone, zone_name), 1)
                assert {row.key: row.total_tokens for row in answer.rows} == dict(expected)
                assert [row.key for row in answer.rows] == sorted(expected)
                assert answer.totals.total_tokens == sum(expected.values())
        finally:
            store.close()


def context(zone: ZoneInfo, name: str) -> ReportContext:
    return ReportContext(
        zone=zone,
        zone_name=name,
        now_ms=ms(NOW),
        accounts=[],
        errors={},
        importing=False,
        retention_days=30,
    )
