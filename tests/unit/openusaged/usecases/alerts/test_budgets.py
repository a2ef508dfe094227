"""Budgets: what they come to by usual weekdays and hours, and names that nothing is known by."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openusage_proto.alert_messages import BudgetState
from openusaged.config.alerts import Budget
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account
from openusaged.runtime.pools import Pools
from openusaged.storage.store import Store
from openusaged.usecases.alerts.budgets import BudgetBook
from openusaged.usecases.reading import Reading, View
from tests.support.clocks import StillClock
from tests.support.stored import event, fill, ms, open_store

# A Friday, noon.  1000 + 100 tokens of claude-sonnet-4-5 cost $0.0045.
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRICE = 0.0045
VIEW = View(accounts=(Account(id="claude-code", provider_id="claude_code"),), zone_name="UTC")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW.isoformat())
    yield store
    store.close()


@pytest.fixture
def pools() -> Iterator[Pools]:
    pools = Pools()
    yield pools
    pools.close()


def answer(
    store: Store, pools: Pools, wanted: str | None = None, **budgets: Budget
) -> list[BudgetState]:
    reading = Reading(
        store=store, pools=pools, clock=StillClock(ms(NOW.isoformat())), view=lambda: VIEW
    )
    view = dataclasses.replace(VIEW, budgets=budgets)
    return BudgetBook(store, reading).answer(wanted, view).budgets


def office(store: Store) -> None:
    """A request at 10 and one at 15 on every working day of four weeks."""
    times = [
        (NOW - timedelta(days=back)).replace(hour=hour) for back in range(28) for hour in (10, 15)
    ]
    fill(
        store,
        [event(at.isoformat()) for at in times if at.weekday() < 5 and at < NOW],
    )


def test_a_week_ends_with_its_working_days(store: Store, pools: Pools) -> None:
    """On Friday noon one request is left of the week, whose weekend is free; of the month six days."""
    office(store)
    week, month = answer(
        store,
        pools,
        week=Budget(amount=1, period="week"),
        month=Budget(amount=19 * PRICE + 15 * PRICE, account="claude-code"),
    )
    assert week.spent == pytest.approx(9 * PRICE)
    assert week.projected == pytest.approx(10 * PRICE, rel=0.01)
    assert week.over_at is None
    assert (week.since, week.until) == ("2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z")
    # Six more working days until the 30th (a Monday): 1 + 6 * 2 requests.
    assert month.projected == pytest.approx(month.spent + 13 * PRICE, rel=0.01)
    assert not month.over


def test_when_it_is_over(store: Store, pools: Pools) -> None:
    """The amount is reached with the second request from now: on Monday morning."""
    office(store)
    (budget,) = answer(store, pools, all=Budget(amount=9 * PRICE + 1.5 * PRICE, period="month"))
    # The month began on a Sunday: three more weeks are in it.
    assert budget.over
    (week,) = answer(store, pools, all=Budget(amount=9.5 * PRICE, period="week"))
    assert week.over_at is not None
    assert week.over_at.startswith("2026-11-20T15:")


def test_nothing_is_forecast_without_habits(store: Store, pools: Pools) -> None:
    """Young history, tokens without a price, another currency: what is not known is null."""
    assert answer(store, pools, all=Budget(amount=1))[0].projected is None
    fill(store, [event("2026-11-20T10:00:00+00:00")])
    young, foreign = answer(store, pools, all=Budget(amount=1), cn=Budget(amount=1, currency="CNY"))
    assert (young.projected, foreign.projected) == (None, None)


def test_unpriced_work_has_no_amount_ahead(store: Store, pools: Pools) -> None:
    """Habits in tokens say nothing about money."""
    fill(
        store,
        [
            event((NOW - timedelta(days=back, hours=2)).isoformat(), model="nobody-knows-1")
            for back in range(20)
        ],
    )
    (budget,) = answer(store, pools, all=Budget(amount=1))
    assert (budget.projected, budget.unpriced_requests, budget.basis) == (None, 20, "unpriced")


def test_unknown_names_are_said(store: Store, pools: Pools) -> None:
    """A budget for what nothing is known by is no budget that is well within."""
    office(store)
    budgets = answer(
        store,
        pools,
        typo=Budget(amount=1, account="claude-cod"),
        model=Budget(amount=1, model="claude-sonnet-4-5"),
    )
    assert budgets[0].problem == "account: there is no 'claude-cod'; did you mean claude-code?"
    assert budgets[0].spent == 0.0
    assert budgets[1].problem == ""
    with pytest.raises(InvalidParams, match="budget: there is no 'x'"):
        answer(store, pools, "x", all=Budget(amount=1))
    assert [
        one.id for one in answer(store, pools, "b", a=Budget(amount=1), b=Budget(amount=1))
    ] == ["b"]
