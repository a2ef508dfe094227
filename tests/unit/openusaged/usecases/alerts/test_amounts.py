"""Money: periods, filters, currencies that stay apart, and what an amount lacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.config.alerts import SPEND, AlertRule, Budget
from openusaged.core.models import Account
from openusaged.core.windows import day_start_ms, local_date, zone_of
from openusaged.storage.store import Store
from openusaged.usecases.alerts import amounts
from openusaged.usecases.alerts.spending import Spending, period_of
from openusaged.usecases.alerts.wording import Words, budget_words, rule_words
from openusaged.usecases.reports import ReportContext
from tests.support.stored import event, fill, ms, open_store

# A Friday; 1000 + 100 tokens of claude-sonnet-4-5 cost 3 * 0.001 + 15 * 0.0001 = $0.0045.
NOW = "2026-11-20T12:00:00+00:00"
PRICE = 0.0045
ACCOUNTS = [
    Account(id="claude-code", provider_id="claude_code"),
    Account(id="codex-cli", provider_id="codex"),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    yield store
    store.close()


def spending(store: Store, zone: str = "UTC") -> Spending:
    context = ReportContext(
        zone=zone_of(zone),
        zone_name=zone,
        now_ms=ms(NOW),
        accounts=ACCOUNTS,
        errors={},
        importing=False,
        retention_days=30,
    )
    return Spending(store, context)


def test_periods_are_local(store: Store) -> None:
    """Today, this week from Monday, this month; a day of Kathmandu begins at 18:15 UTC."""
    times = ("2026-11-01T00:00", "2026-11-15T23:59", "2026-11-16T00:00", "2026-11-19T18:20")
    fill(store, [event(f"{at}:00+00:00") for at in (*times, "2026-11-20T11:00")])
    amount = {
        period: spending(store).spent(Budget(amount=1, period=period)).amount
        for period in ("day", "week", "month")
    }
    assert amount == pytest.approx({"day": PRICE, "week": 3 * PRICE, "month": 5 * PRICE})
    today = spending(store, "Asia/Kathmandu").spent(Budget(amount=1, period="day"))
    assert today.amount == pytest.approx(2 * PRICE)


def test_filters(store: Store) -> None:
    """By account, provider, project and model, alone and together."""
    fill(
        store,
        [
            event("2026-11-20T01:00:00+00:00", cwd="/src/api"),
            event("2026-11-20T02:00:00+00:00", cwd="/src/web"),
            event(
                "2026-11-20T03:00:00+00:00",
                account_id="codex-cli",
                client="codex",
                source="codex",
                provider="openai",
                model="gpt-5.1-codex",
                cwd="/src/api",
            ),
        ],
    )

    def amount(**scope: str) -> float:
        return spending(store).spent(Budget(amount=1, **scope)).amount  # type: ignore[arg-type]

    every = amount()
    codex = amount(account="codex-cli")
    assert 0 < codex < every
    assert every == pytest.approx(codex + 2 * PRICE)
    assert amount(provider="claude_code") == pytest.approx(2 * PRICE)
    assert amount(provider="anthropic") == pytest.approx(2 * PRICE)
    assert amount(project="web") == pytest.approx(PRICE)
    assert amount(project="api") == pytest.approx(PRICE + codex)
    assert amount(project="api", model="gpt-5.1-codex") == pytest.approx(codex)
    assert amount(model="claude-sonnet-4-5", account="codex-cli") == 0.0


def test_currencies_stay_apart(store: Store) -> None:
    """Yuan that a tool recorded are no dollars; each budget sees its own and names the rest."""
    fill(
        store,
        [
            event("2026-11-20T01:00:00+00:00"),
            event("2026-11-20T02:00:00+00:00", cost_nano=5_000_000_000, currency="CNY", model="x"),
        ],
    )
    dollars = spending(store).spent(Budget(amount=1))
    assert dollars.amount == pytest.approx(PRICE)
    assert dollars.others == {"CNY": 5.0}
    yuan = spending(store).spent(Budget(amount=1, currency="CNY"))
    assert (yuan.amount, yuan.basis, yuan.unpriced) == (5.0, "recorded", 0)
    assert yuan.others == pytest.approx({"USD": PRICE})
    assert spending(store).spent(Budget(amount=1, currency="EUR")).amount == 0.0


def test_unpriced_requests_are_counted(store: Store) -> None:
    """An amount that lacks something says how many requests."""
    fill(store, [event("2026-11-20T01:00:00+00:00", model="nobody-knows-1")])
    spent = spending(store).spent(Budget(amount=1))
    assert (spent.amount, spent.unpriced, spent.basis) == (0.0, 1, "unpriced")


def found(store: Store, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"rules": {}, "budgets": {}} | more
    words = Words(ms(NOW), zone_of("UTC"))
    return {
        one.rule: one
        for one in amounts.findings_of(given["rules"], given["budgets"], spending(store), words)
    }


def test_spend_rule(store: Store) -> None:
    """It holds from its amount on, until the day ends; other kinds are none of its business."""
    fill(store, [event("2026-11-20T01:00:00+00:00"), event("2026-11-20T02:00:00+00:00")])
    rules = {
        "low": AlertRule(on=SPEND, amount=0.009),
        "high": AlertRule(on=SPEND, amount=0.01, period="week"),
        "limit": AlertRule(on="limit"),
    }
    one = found(store, rules=rules)
    assert set(one) == {"low", "high"}
    assert (one["low"].holds, one["high"].holds) == (True, False)
    assert one["low"].window_ms == ms("2026-11-21T00:00:00+00:00")
    assert one["high"].window_ms == ms("2026-11-23T00:00:00+00:00")
    facts = one["low"].facts()
    assert facts.text == "about $0.01 spent today, at least the $0.01 of its rule."
    assert (facts.kind, facts.unit, facts.basis, facts.period) == (
        "spend",
        "USD",
        "estimate",
        "day",
    )


def test_where_a_project_lies_is_not_told(store: Store) -> None:
    """Of a project that a rule names by its directory only the folder's name goes out."""
    fill(store, [event("2026-11-20T01:00:00+00:00", cwd="/home/me/src/api")])
    rule = AlertRule(on=SPEND, amount=0.001, project="/home/me/src/api")
    facts = found(store, rules={"r": rule})["r"].facts()
    assert facts.project == "api"
    assert facts.text.startswith("api: about $0.00 spent today")
    assert "/home" not in str(facts)


def test_budget_shares(store: Store) -> None:
    """A finding for each share, of one group, so that the highest speaks for all."""
    fill(
        store,
        [
            event("2026-11-20T01:00:00+00:00"),
            event("2026-11-20T02:00:00+00:00", model="nobody-knows-1"),
        ],
    )
    budget = Budget(amount=0.005, alert_at=(50.0, 80.0, 100.0))
    one = found(store, budgets={"all": budget})
    assert [(name, item.holds) for name, item in one.items()] == [
        ("budget:all@50", True),
        ("budget:all@80", True),
        ("budget:all@100", False),
    ]
    assert {item.group for item in one.values()} == {"budget all"}
    assert one["budget:all@50"].facts().text == (
        "Budget all: about $0.00 of $0.01 spent this month (90%)"
        " (1 request without a price not counted)."
    )


def test_rules_in_words() -> None:
    """Each kind of rule says in a line what it watches, with what it is limited to."""
    words = {
        rule_words(AlertRule(on="limit", at=80, account="a", window="7d")),
        rule_words(AlertRule(on="balance", below=5)),
        rule_words(AlertRule(on="pace", at=20)),
        rule_words(AlertRule(on="reset", at=80)),
        rule_words(AlertRule(on="spend", amount=20, model="m", currency="EUR")),
        rule_words(AlertRule(on="stale", minutes=90)),
        budget_words(Budget(amount=5, project="api"), 80),
    }
    assert words == {
        "80% of a limit used (a, 7d)",
        "5 or less left",
        "a limit will not last until it starts anew, from 20% used",
        "a limit starts anew of which 80% was used",
        "20.00 EUR a day spent (m)",
        "no new figures for 1h30m",
        "80% of $5.00 a month spent (api)",
    }


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]),
    st.integers(1_700_000_000_000, 1_900_000_000_000),
)
def test_periods_hold_their_moment(zone_name: str, now_ms: int) -> None:
    """Day, week and month begin at a local midnight, hold now, and contain each other."""
    zone = zone_of(zone_name)
    today = local_date(now_ms, zone)
    day, week, month = (period_of(name, now_ms, zone) for name in ("day", "week", "month"))
    for period in (day, week, month):
        assert period.since_ms <= now_ms < period.until_ms
        assert day_start_ms(local_date(period.since_ms, zone), zone) == period.since_ms
    assert week.since_ms <= day.since_ms
    assert week.until_ms >= day.until_ms
    assert month.since_ms <= day.since_ms
    assert month.until_ms >= day.until_ms
    monday = today - timedelta(days=today.weekday())
    assert local_date(week.since_ms, zone) == monday
    assert local_date(month.until_ms, zone) == (
        date(today.year + today.month // 12, today.month % 12 + 1, 1)
    )
