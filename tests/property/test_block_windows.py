"""Blocks with and without vendors' windows: every event in exactly one, none overlapping."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from openusage_proto.messages import ReportParams
from openusaged.core.models import ACCOUNT_OK, Account, LimitMetric, UsageSnapshot
from openusaged.core.windows import iso, zone_of
from openusaged.storage.store import Store, WriteBatch
from openusaged.usecases.reports import ReportContext, build_report
from tests.support.memory import in_memory
from tests.support.stored import event, fill, ms

NOW = ms("2026-11-20T12:00:00+00:00")
MINUTE = 60_000
ACCOUNTS = [
    Account(id="claude-code", provider_id="claude_code"),
    Account(id="codex-cli", provider_id="codex"),
]

minutes = st.integers(0, 3 * 24 * 60)


@settings(max_examples=40, deadline=None)
@given(
    events=st.lists(
        st.tuples(minutes, st.sampled_from(["claude-code", "codex-cli"])), min_size=1, max_size=25
    ),
    ends=st.lists(st.tuples(minutes, st.integers(1, 100)), max_size=5),
    aged=st.booleans(),
)
@example(events=[(1, "claude-code"), (52, "claude-code")], ends=[(11, 1)], aged=False)
def test_blocks_are_a_partition(
    events: list[tuple[int, str]], ends: list[tuple[int, int]], aged: bool
) -> None:
    """Blocks of an account never overlap, hold every event once and add up to the days."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        store = Store.open(str(Path(directory) / "t.db"), app_version="test", now_ms=lambda: NOW)
        try:
            fill(
                store,
                [
                    event(
                        iso(NOW - at * MINUTE) or "",
                        account_id=account,
                        message_id=f"m{number}",
                        input=2**number,
                    )
                    for number, (at, account) in enumerate(events)
                ],
            )
            for number, (at, used) in enumerate(ends):
                store.apply([WriteBatch(snapshots=[poll(number, NOW - at * MINUTE, used)])])
            if aged:
                store.run_retention(NOW + 1)
            blocks, days = (
                build_report(store, ReportParams(kind=kind, since="2026-01-01"), context(), 1)
                for kind in ("blocks", "daily")
            )
        finally:
            store.close()
    assert blocks.totals.total_tokens == days.totals.total_tokens
    assert sum(row.total_tokens for row in blocks.rows) == days.totals.total_tokens
    spans: dict[str, list[tuple[str, str]]] = {}
    for row in blocks.rows:
        assert row.start is not None
        assert row.end is not None
        spans.setdefault(row.account or "", []).append((row.start, row.end))
    for found in spans.values():
        found.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(found))


def poll(number: int, resets_ms: int, used: int) -> UsageSnapshot:
    metric = LimitMetric(
        key="usage_five_hour",
        unit="%",
        window="5h",
        used=float(used),
        limit=100.0,
        resets_at_ms=resets_ms,
    )
    return UsageSnapshot(
        provider_id="claude_code",
        account_id="claude-code",
        ts_ms=NOW - 1000 + number,
        status=ACCOUNT_OK,
        metrics=(metric,),
    )


def context() -> ReportContext:
    return ReportContext(
        zone=zone_of("UTC"),
        zone_name="UTC",
        now_ms=NOW,
        accounts=ACCOUNTS,
        errors={},
        importing=False,
        retention_days=30,
    )
