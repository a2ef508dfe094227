"""What Cursor's answers mean: amounts in dollars, the status, and words."""

from __future__ import annotations

import pytest

from openusaged.providers.cursor.billing import (
    Period,
    aggregation_metrics,
    credit_metrics,
    request_metrics,
    team_metrics,
)

NOW = 1_795_780_800_000


def figures(answer, included=None):
    return {metric.key: metric for metric in Period(answer).metrics(included, NOW)}


@pytest.mark.parametrize(
    ("percent", "spend", "is_off", "status"),
    [
        (79.9, {}, None, "OK"),
        (80, {}, None, "NEAR_LIMIT"),
        (100, {}, None, "LIMITED"),
        (100, {}, True, "LIMITED"),
        (130, {}, False, "NEAR_LIMIT"),
        (100, {"individualLimit": 5000, "individualRemaining": 1}, True, "NEAR_LIMIT"),
        (100, {"individualLimit": 5000, "individualRemaining": 0}, False, "LIMITED"),
    ],
)
def test_used_up_plan_with_room_on_demand_is_near_its_limit(percent, spend, is_off, status):
    """A plan at 100 % still answers when spending beyond it is allowed and not used up."""
    period = Period({"planUsage": {"totalPercentUsed": percent}, "spendLimitUsage": spend})
    assert period.status(is_on_demand_off=is_off) == status


@pytest.mark.parametrize(
    ("spend", "status"),
    [
        ({"pooledLimit": 100, "pooledUsed": 79}, "OK"),
        ({"pooledLimit": 100, "pooledRemaining": 20}, "NEAR_LIMIT"),
        ({"pooledLimit": 100, "pooledUsed": 100, "pooledRemaining": 0}, "LIMITED"),
        ({"pooledLimit": 100}, "OK"),
    ],
)
def test_pool_of_a_team_decides(spend, status):
    """With a pool its use decides, also when nothing of it remains."""
    period = Period({"planUsage": {"totalPercentUsed": 99}, "spendLimitUsage": spend})
    assert period.status(is_on_demand_off=None) == status


def test_missing_amounts_follow_from_the_others():
    """Protobuf leaves zeros out: use follows from limit and rest, rest from limit and use."""
    found = figures({"planUsage": {"limit": 2000, "remaining": 2000}})
    assert found["plan_spend"].used == 0.0
    found = figures({"planUsage": {"limit": 2000, "totalSpend": 500}})
    assert found["plan_spend"].remaining == 15.0
    found = figures({"spendLimitUsage": {"pooledLimit": 1000, "pooledRemaining": 400}})
    assert found["spend_limit"].used == 6.0
    found = figures({"spendLimitUsage": {"pooledLimit": 1000, "pooledUsed": 1200}})
    assert (found["spend_limit"].remaining, "individual_spend" in found) == (0.0, False)
    found = figures({"spendLimitUsage": {"pooledLimit": 1000, "individualUsed": 100}})
    assert (found["individual_spend"].used, "team_budget_others" in found) == (1.0, False)
    found = figures({"spendLimitUsage": {"individualLimit": 1000}})
    assert found["on_demand_spend"].used == 0.0
    assert figures({"spendLimitUsage": {"limitType": "user"}}) == {}
    assert figures({"planUsage": {"displayName": "x"}}) == {}


def test_included_amount_is_the_limit_of_a_plan_that_names_none():
    """Without a limit of its own the plan is measured against what it includes."""
    answer = {"planUsage": {"totalSpend": 500, "limit": 0}, "displayMessage": "half used"}
    assert figures(answer, 20.0)["plan_spend"].limit == 20.0
    assert Period(answer).message("Pro", 20.0) == "Pro — $5.00 / $20.00 plan spend"
    assert Period(answer).message("Pro", None) == "Pro — half used"
    assert Period({}).message("", None) == "Cursor"


def test_no_limit_is_unknown():
    """The largest number of the vendor stands for no limit at all."""
    spend = {"individualUsed": 500, "individualLimit": 2**31 - 1, "pooledLimit": 2**31 - 1}
    found = figures({"spendLimitUsage": spend})
    assert (found["on_demand_spend"].used, found["on_demand_spend"].limit) == (5.0, None)


@pytest.mark.parametrize("end", ["1795000000000", "1794000000000", "soon", None])
def test_cycle_that_is_over_or_unknown_has_no_odd_progress(end):
    """Progress stays between 0 and 100 % and is left out where the cycle makes no sense."""
    found = figures({"billingCycleStart": "1794268800000", "billingCycleEnd": end})
    assert [metric.used for metric in found.values()] in ([], [100.0])


def test_requests_need_a_maximum():
    """A plan that counts requests names a maximum; other models are passed over."""
    answer = {"gpt-4": {"numRequests": 3, "maxRequestUsage": None}, "startOfMonth": "2026-11-01"}
    assert list(request_metrics(answer)) == []
    answer["gpt-4-32k"] = {"numRequests": 60, "maxRequestUsage": 50}
    [metric] = request_metrics(answer)
    assert (metric.used, metric.remaining) == (60.0, 0.0)


def test_credits_are_grants_and_money_paid_ahead():
    """Only a negative balance is credit, and what is left is never below zero."""
    assert list(credit_metrics({}, {"customerBalance": 500})) == []
    [metric] = credit_metrics({}, {"customerBalance": -500})
    assert metric.remaining == 5.0
    [metric] = credit_metrics({"totalCents": "100", "usedCents": "300"}, {})
    assert metric.remaining == 0.0


def test_half_known_cache_is_unknown():
    """Reads without writes are no sum of both."""
    keys = [m.key for m in aggregation_metrics({"totalCacheReadTokens": "5"})]
    assert keys == []


def test_team_of_nobody_has_no_size():
    """A list that is missing or holds only former members says nothing."""
    assert list(team_metrics({"teamMembers": [{"isRemoved": True}]})) == []
