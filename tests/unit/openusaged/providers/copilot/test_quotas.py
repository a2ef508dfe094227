"""GitHub's quotas as figures: what is a limit, what is none, and what the status is."""

from __future__ import annotations

import pytest

from openusaged.providers.copilot.quotas import (
    organizations,
    plan_label,
    quota_metrics,
    seat_metrics,
    spend_metrics,
    status_of,
)


def premium(**fields):
    return {"quota_snapshots": {"premium_interactions": fields}}


@pytest.mark.parametrize(
    ("fields", "used", "limit", "unit"),
    [
        ({"entitlement": 300, "remaining": 142}, 158.0, 300.0, "requests"),
        ({"entitlement": 300, "remaining": 9, "quota_remaining": 142.5}, 157.5, 300.0, "requests"),
        ({"entitlement": 300, "remaining": 320}, 0.0, 300.0, "requests"),
        ({"entitlement": 300, "remaining": -20}, 300.0, 300.0, "requests"),
        ({"percent_remaining": 47.5}, 52.5, 100.0, "%"),
        ({"entitlement": 300, "percent_remaining": 120}, 0.0, 100.0, "%"),
    ],
)
def test_quota_is_what_was_used_of_what_there_is(fields, used, limit, unit):
    """Counts where there are counts, else a percentage; never more or less than there is."""
    [metric] = quota_metrics(premium(**fields))
    assert (metric.used, metric.limit, metric.unit) == (used, limit, unit)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"unlimited": True, "entitlement": 300, "remaining": 3},
        {"entitlement": -1, "remaining": -1},
        {"entitlement": 0, "remaining": 0, "percent_remaining": 0},
        {"entitlement": -5, "remaining": 3},
        {"entitlement": "none"},
    ],
)
def test_no_limit_is_no_figure(fields):
    """Unlimited quotas, place-holders and odd answers give no gauge."""
    assert quota_metrics(premium(**fields)) == []


def test_use_beyond_the_plan_needs_permission():
    """Overage is shown beside a real quota, and only where it is permitted."""
    fields = {"entitlement": 300, "remaining": 0, "overage_count": 7}
    assert len(quota_metrics(premium(**fields))) == 1
    [_, over] = quota_metrics(premium(**fields, overage_permitted=True))
    assert (over.key, over.used, over.unit) == ("overage", 7.0, "requests")


@pytest.mark.parametrize(
    ("left", "status"),
    [(20, "OK"), (19.9, "NEAR_LIMIT"), (5, "NEAR_LIMIT"), (4.9, "LIMITED"), (0, "LIMITED")],
)
def test_quota_with_the_least_left_decides(left, status):
    """The fullest quota gives the status, wherever it stands among the others."""
    user = {
        "quota_snapshots": {
            "premium_interactions": {"entitlement": 300, "remaining": 300},
            "chat": {"entitlement": 100, "remaining": left},
        }
    }
    assert status_of(quota_metrics(user)) == status


@pytest.mark.parametrize(
    ("sku", "plan", "label"),
    [
        ("free_limited_copilot", "individual", "Free"),
        ("copilot_pro_plus_yearly", "individual", "Pro+"),
        ("copilot_pro", "individual", "Pro"),
        ("copilot_for_business_seat", "business", "Business"),
        ("", "enterprise", "Enterprise"),
        ("odd", "individual", ""),
    ],
)
def test_plan_has_a_name_for_people(sku, plan, label):
    """The article's name tells the plan, else the plan's own name."""
    assert plan_label({"access_type_sku": sku, "copilot_plan": plan}) == label


def test_organisations_are_named_once():
    """Both lists name them; odd entries are nobody."""
    user = {
        "organization_login_list": ["acme", 5],
        "organization_list": [{"login": "acme"}, {"login": "other"}, None],
    }
    assert organizations(user) == ["acme", "other"]


def test_organisation_without_figures_has_none():
    """An answer without seats or credits says nothing."""
    assert list(seat_metrics("acme", {"seat_breakdown": {"total": 5}})) == []
    assert list(spend_metrics("acme", {"usageItems": [{"product": "copilot"}]})) == []
