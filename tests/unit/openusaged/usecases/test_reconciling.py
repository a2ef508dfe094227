"""Vendors' figures beside ours: the same period, the same model, a verdict with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto.report_messages import ReconcileParams, ReconcileRow, Reconciliation
from openusaged.core.errors import InvalidParams
from openusaged.core.models import ACCOUNT_OK, Account, ReportedUsage, UsageSnapshot
from openusaged.core.windows import zone_of
from openusaged.storage.store import Store, WriteBatch
from openusaged.usecases.reconciling import reconcile
from openusaged.usecases.report_scope import ReportContext
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
ACCOUNTS = [
    Account(id="router", provider_id="openrouter"),
    Account(id="google", provider_id="gemini_api"),
]
PRICE = (1000 * 3 + 100 * 15) / 1e6


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    fill(
        store,
        [
            event("2026-10-01T10:00:00+00:00", account_id="router", provider="openrouter"),
            # 23:30 of the 17th in UTC, whatever the machine's zone is
            event("2026-11-17T23:30:00+00:00", account_id="router", provider="openrouter"),
            event("2026-11-18T00:30:00+00:00", account_id="router", provider="openrouter"),
            event("2026-11-18T01:30:00+00:00", account_id="oc", provider="openrouter"),
            event("2026-11-18T02:30:00+00:00", account_id="claude-code", provider="anthropic"),
        ],
    )
    yield store
    store.close()


def compare(
    store: Store, *reported: ReportedUsage, account: str = "router", **attributes: str
) -> list[ReconcileRow]:
    provider = {item.id: item.provider_id for item in ACCOUNTS}[account]
    snapshot = UsageSnapshot(
        provider_id=provider,
        account_id=account,
        ts_ms=ms(NOW),
        status=ACCOUNT_OK,
        reported=reported,
        attributes=attributes,
    )
    (result,) = store.apply([WriteBatch(snapshots=[snapshot])])
    assert result.error is None
    return ask(store).rows


def ask(store: Store, **params: object) -> Reconciliation:
    context = ReportContext(
        zone=zone_of("Asia/Tokyo"),
        zone_name="Asia/Tokyo",
        now_ms=ms(NOW),
        accounts=ACCOUNTS,
        errors={},
        importing=False,
        retention_days=30,
    )
    return reconcile(store, ReconcileParams(**params), context, store.seq)  # type: ignore[arg-type]


def test_a_day_is_the_vendor_s_and_counts_other_tools_with_its_key(store: Store) -> None:
    """Days are UTC; events that the vendor bills to another tool's account are its, too."""
    (row,) = compare(
        store,
        ReportedUsage(window="1d", date="2026-11-18", input=2000, output=200, requests=2, cost=2 * PRICE, currency="USD", money_kind="billed"),
    )  # fmt: skip
    assert (row.since, row.until) == ("2026-11-18T00:00:00Z", "2026-11-19T00:00:00Z")
    assert row.verdict == "agrees"
    assert row.local is not None
    assert (row.local.total_tokens, row.local.requests) == (2200, 2)
    assert row.local.cost == pytest.approx(2 * PRICE)
    assert row.token_difference == 0
    assert row.cost_difference == pytest.approx(0)


def test_models_of_a_day_add_up_to_its_row(store: Store) -> None:
    """Several lines of one model are one; a day's total is made where the vendor gives none."""
    rows = compare(
        store,
        ReportedUsage(window="1d", date="2026-11-18", model="anthropic/claude-sonnet-4-5-20250929", group="key a", input=1000, output=100, cost=0.5, currency="USD", money_kind="billed"),
        ReportedUsage(window="1d", date="2026-11-18", model="claude-sonnet-4.5", group="key b", input=1000, output=100, cost=0.25, currency="USD", money_kind="billed"),
        ReportedUsage(window="1d", date="2026-11-18", model="other", input=700, cost=1.0, currency="USD", money_kind="billed"),
    )  # fmt: skip
    by_model = {row.model: row for row in rows}
    assert set(by_model) == {"", "claude-sonnet-4-5", "claude-sonnet-4.5", "other"}
    assert by_model[""].vendor.total_tokens == 2900
    assert by_model[""].vendor.cost == pytest.approx(1.75)
    assert by_model[""].verdict == "vendor_more"
    sonnet = by_model["claude-sonnet-4-5"]
    assert sonnet.local is not None
    assert sonnet.local.total_tokens == 2200
    assert by_model["claude-sonnet-4.5"].local == sonnet.local
    assert by_model["other"].reason == "nothing of it was seen on this machine"


def test_costs_without_models_join_the_tokens_of_models(store: Store) -> None:
    """A vendor that reports cost per day and tokens per model has both in the day's row."""
    rows = compare(
        store,
        ReportedUsage(window="1d", date="2026-11-18", group="line item", cost=3.0, currency="USD"),
        ReportedUsage(window="1d", date="2026-11-18", model="claude-sonnet-4-5", input=2000, output=200),
    )  # fmt: skip
    day = next(row for row in rows if not row.model)
    assert (day.vendor.cost, day.vendor.total_tokens) == (3.0, 2200)
    assert day.verdict == "agrees"


@pytest.mark.parametrize(
    ("window", "attributes", "tokens"),
    [
        ("1d", {}, 0),
        ("7d", {}, 3 * 1100),
        ("month", {}, 3 * 1100),
        ("all", {}, 4 * 1100),
        ("cycle", {"billing_cycle_start": "2026-11-18T00:00:00Z"}, 2 * 1100),
    ],
)
def test_windows(store: Store, window: str, attributes: dict[str, str], tokens: int) -> None:
    """Rolling windows end with the poll, a month begins on the 1st, a cycle where it says."""
    (row,) = compare(store, ReportedUsage(window=window, total=5000), **attributes)
    assert row.local is not None
    assert row.local.total_tokens == tokens
    assert row.token_difference == 5000 - tokens


def test_what_cannot_be_compared_says_why(store: Store) -> None:
    """An unknown cycle, a foreign unit and a split that only the vendor knows are no errors."""
    rows = compare(
        store,
        ReportedUsage(window="cycle", total=1),
        ReportedUsage(window="month", group="my key", cost=1.0, currency="USD"),
        ReportedUsage(window="7d", cost=40.0, currency="credits"),
        ReportedUsage(window="all", model="nothing said"),
        ReportedUsage(window="1d", date="soon", total=3),
    )
    assert {row.verdict for row in rows} == {"not_comparable"}
    assert {row.window: row.reason for row in rows if not row.date} == {
        "cycle": "when this period began is not known",
        "month": "the vendor splits this by what local records do not know",
        "7d": "the vendor counts in credits",
        "all": "neither side has a figure that the other has",
    }


def test_more_here_names_the_tools_it_was_counted_with(store: Store) -> None:
    """A surplus may be another tool's subscription, or list prices above what is billed."""
    (row,) = compare(store, ReportedUsage(window="1d", date="2026-11-18", total=100))
    assert (row.verdict, row.token_difference) == ("local_more", 100 - 2200)
    assert "counted here with oc" in row.reason
    (cheap,) = compare(
        store, ReportedUsage(window="1d", date="2026-11-17", cost=PRICE / 2, currency="USD")
    )
    assert (cheap.verdict, cheap.reason) == (
        "local_more",
        "list prices may be higher than what is billed",
    )
    (asked,) = compare(store, ReportedUsage(window="1d", date="2026-11-17", requests=1))
    assert asked.verdict == "agrees"


def test_history_that_starts_later_is_said(store: Store) -> None:
    """A period from before the oldest event cannot agree by right."""
    (row,) = compare(store, ReportedUsage(window="1d", date="2026-09-01", total=10))
    assert row.reason == "local history starts later than this period"


def test_billers_have_other_names_than_services(store: Store) -> None:
    """Gemini's key is billed as google in events."""
    fill(store, [event("2026-11-19T10:00:00+00:00", provider="google", account_id="gemini-cli")])
    (row,) = compare(
        store, ReportedUsage(window="1d", date="2026-11-19", total=1100), account="google"
    )
    assert row.verdict == "agrees"


def test_accounts_without_a_report_are_listed(store: Store) -> None:
    """Nothing is compared silently with nothing; an unknown account is refused with the known."""
    assert ask(store).accounts_without_report == ["router", "google"]
    assert ask(store, account="google").accounts_without_report == ["google"]
    with pytest.raises(InvalidParams, match="known: router, google"):
        ask(store, account="nobody")
