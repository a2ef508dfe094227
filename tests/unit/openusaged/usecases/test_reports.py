"""Reports: the right sums under the right local day, week, month, session and block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto.messages import Report, ReportParams
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account
from openusaged.core.windows import zone_of
from openusaged.storage.store import Store
from openusaged.usecases.reports import ReportContext, build_report
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
ACCOUNTS = [
    Account(id="claude-code", provider_id="claude_code"),
    Account(id="codex-cli", provider_id="codex"),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    yield store
    store.close()


def report(store: Store, zone: str = "UTC", importing: bool = False, **params: object) -> Report:
    context = ReportContext(
        zone=zone_of(zone),
        zone_name=zone,
        now_ms=ms(NOW),
        accounts=ACCOUNTS,
        errors={"codex-cli": "/x: permission denied"},
        importing=importing,
        retention_days=30,
    )
    return build_report(store, ReportParams(**params), context, store.seq)  # type: ignore[arg-type]


def test_empty_store_gives_an_empty_report(store: Store) -> None:
    """Without events there are no rows and a total of zero, not an error."""
    for kind in ("daily", "weekly", "monthly", "session", "blocks"):
        answer = report(store, kind=kind)
        assert answer.rows == []
        assert answer.totals.total_tokens == 0
        assert answer.schema_version == 1


def test_days_are_local(store: Store) -> None:
    """One event lands on different days in different zones, one with a 45-minute offset."""
    fill(store, [event("2026-11-10T18:20:00+00:00")])
    for zone, day in (
        ("UTC", "2026-11-10"),
        ("Asia/Kathmandu", "2026-11-11"),
        ("Asia/Kolkata", "2026-11-10"),
        ("America/New_York", "2026-11-10"),
    ):
        assert [row.key for row in report(store, zone, kind="daily").rows] == [day]


def test_weeks_and_months(store: Store) -> None:
    """Weeks are named by their first day, months by year and month."""
    fill(store, [event("2026-10-31T23:00:00+00:00"), event("2026-11-01T01:00:00+00:00")])
    weekly = report(store, kind="weekly")
    assert [(row.key, row.label) for row in weekly.rows] == [("2026-10-26", "2026-10-26 (wk)")]
    sunday = report(store, kind="weekly", week_start="sunday")
    assert [row.key for row in sunday.rows] == ["2026-10-25", "2026-11-01"]
    assert [row.key for row in report(store, kind="monthly").rows] == ["2026-10", "2026-11"]


def test_range_is_inclusive_and_local(store: Store) -> None:
    """since and until are whole local days."""
    fill(store, [event(f"2026-11-{day:02}T12:00:00+00:00") for day in (9, 10, 11, 12)])
    answer = report(store, kind="daily", since="2026-11-10", until="2026-11-11")
    assert [row.key for row in answer.rows] == ["2026-11-10", "2026-11-11"]
    assert answer.totals.total_tokens == 2200
    assert report(store, kind="daily", since="2027-01-01").rows == []


def test_bad_date_is_named(store: Store) -> None:
    """A date that cannot be read is refused with its field."""
    with pytest.raises(InvalidParams, match="since"):
        report(store, kind="daily", since="yesterday")


def test_cost_modes(store: Store) -> None:
    """calculate prices tokens, display shows what was recorded, auto prefers the recorded."""
    fill(
        store,
        [
            event("2026-11-10T10:00:00+00:00", cost_nano=5_000_000_000),
            event("2026-11-10T11:00:00+00:00"),
        ],
    )
    price = (1000 * 3 + 100 * 15) / 1e6
    by_mode = {
        mode: report(store, kind="daily", mode=mode) for mode in ("calculate", "display", "auto")
    }
    assert by_mode["calculate"].totals.cost_usd == pytest.approx(2 * price)
    assert by_mode["calculate"].cost_basis == "estimate"
    assert by_mode["display"].totals.cost_usd == pytest.approx(5)
    assert by_mode["display"].totals.unpriced_requests == 1
    assert by_mode["auto"].totals.cost_usd == pytest.approx(5 + price)
    assert by_mode["auto"].cost_basis == "mixed"


def test_unpriced_is_said_not_zeroed(store: Store) -> None:
    """A model without a price is listed and counted; its recorded cost is used where there is one."""
    fill(
        store,
        [
            event("2026-11-10T10:00:00+00:00", model="mystery-1"),
            event("2026-11-10T11:00:00+00:00", model="mystery-2", cost_nano=2_000_000_000),
        ],
    )
    answer = report(store, kind="daily")
    assert answer.unpriced_models == ["mystery-1"]
    assert answer.totals.unpriced_requests == 1
    assert answer.totals.cost_usd == pytest.approx(2)
    assert answer.cost_basis == "recorded"


def test_unlike_currencies_are_not_added(store: Store) -> None:
    """A cost recorded in euros stands beside the dollars."""
    fill(
        store,
        [event("2026-11-10T10:00:00+00:00", model="x-1", cost_nano=3_000_000_000, currency="EUR")],
    )
    answer = report(store, kind="daily", mode="display")
    assert answer.totals.cost_usd == 0
    assert answer.totals.other_costs == {"EUR": 3.0}


def test_breakdown_and_filters(store: Store, tmp_path: Path) -> None:
    """Rows can be broken down by model and filtered by provider, account and project."""
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    fill(
        store,
        [
            event("2026-11-10T10:00:00+00:00", cwd=str(tmp_path / "shop")),
            event("2026-11-10T10:01:00+00:00", model="claude-opus-4-5"),
            event(
                "2026-11-10T10:02:00+00:00",
                source="codex",
                client="codex",
                provider="openai",
                account_id="codex-cli",
                model="gpt-5.1-codex",
                input=50_000,
            ),
        ],
    )
    (row,) = report(store, kind="daily", breakdown=True).rows
    assert row.models[0] == "gpt-5.1-codex"
    assert row.provider is None
    assert row.model_breakdown is not None
    assert sum(child.total_tokens for child in row.model_breakdown) == row.total_tokens
    for filters, tokens in (
        ({"provider": "codex"}, 50_100),
        ({"provider": "openai"}, 50_100),
        ({"provider": "claude_code"}, 2200),
        ({"account": "claude-code"}, 2200),
        ({"project": "shop"}, 1100),
        ({"project": "SHOP/"}, 1100),
        ({"project": str(tmp_path / "shop")}, 1100),
        ({"project": "/no/such/place"}, 0),
    ):
        assert report(store, kind="daily", **filters).totals.total_tokens == tokens, filters


def test_sessions(store: Store) -> None:
    """Sessions carry their totals, last activity ascending; the same id of two tools stays two."""
    fill(
        store,
        [
            event("2026-11-10T10:00:00+00:00", session_id="abcdef0123456789"),
            event("2026-11-10T11:00:00+00:00", session_id="abcdef0123456789"),
            event("2026-11-12T10:00:00+00:00", session_id="other"),
            event(
                "2026-11-11T10:00:00+00:00",
                session_id="other",
                source="codex",
                client="codex",
                account_id="codex-cli",
            ),
        ],
    )
    rows = report(store, kind="session").rows
    assert [(row.label, row.total_tokens) for row in rows] == [
        ("abcdef012345", 2200),
        ("other", 1100),
        ("other", 1100),
    ]
    assert rows[0].start == "2026-11-10T10:00:00Z"
    assert rows[0].last_activity == "2026-11-10T11:00:00Z"
    assert [row.provider for row in rows[1:]] == ["codex", "claude_code"]
    assert report(store, kind="session", since="2026-11-12").totals.total_tokens == 1100


def test_blocks_are_per_account(store: Store) -> None:
    """Two tools at the same time have a block each; the running one says where it will end."""
    fill(
        store,
        [
            event("2026-11-20T10:30:00+00:00"),
            event("2026-11-20T11:30:00+00:00"),
            event(
                "2026-11-20T11:00:00+00:00",
                source="codex",
                client="codex",
                account_id="codex-cli",
            ),
            event("2026-11-18T01:00:00+00:00", message_id="old"),
        ],
    )
    rows = report(store, "Europe/Berlin", kind="blocks").rows
    assert [(row.account, row.label) for row in rows] == [
        ("claude-code", "2026-11-18 02:00"),
        ("claude-code", "2026-11-20 11:00"),
        ("codex-cli", "2026-11-20 12:00"),
    ]
    done, running, _ = rows
    assert done.active is False
    assert done.projected_cost_usd is None
    assert running.active is True
    assert running.end == "2026-11-20T15:00:00Z"
    assert running.time_remaining_seconds == 3 * 3600
    price = 2 * (1000 * 3 + 100 * 15) / 1e6
    assert running.burn_rate_usd_per_hour == pytest.approx(price)  # two messages an hour apart
    assert running.projected_cost_usd == pytest.approx(price * 4)
    assert report(store, kind="blocks", since="2026-11-19").totals.total_tokens == 3300
    assert report(store, kind="blocks", until="2026-11-18").totals.total_tokens == 1100


def test_sources_and_notes(store: Store) -> None:
    """A report says which accounts feed it, what could not be read, and that an import runs."""
    answer = report(store, importing=True, kind="daily")
    assert [(source.account, source.status) for source in answer.sources] == [
        ("claude-code", "ok"),
        ("codex-cli", "error"),
    ]
    assert answer.sources[1].note == "/x: permission denied"
    assert "import" in answer.note


def test_models_without_and_with_a_guessed_price_are_named(store: Store) -> None:
    """What is missing and what is a guess is said, unless only recorded costs are shown."""
    fill(
        store,
        [
            event("2026-11-10T10:00:00+00:00"),
            event("2026-11-10T10:00:01+00:00", model="claude-opus-4-5-turbo"),
            event("2026-11-10T10:00:02+00:00", model="mystery-1", provider="nobody"),
        ],
    )
    answer = report(store, kind="daily")
    assert answer.unpriced_models == ["mystery-1"]
    assert answer.approximate_models == ["claude-opus-4-5-turbo"]
    assert report(store, kind="daily", mode="display").approximate_models == []
    assert report(store, kind="daily", since="2026-11-11").approximate_models == []
