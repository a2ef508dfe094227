"""
What GitHub's answers mean as figures and status.

Pure.  Below zero means unlimited, an entitlement of zero is a place-holder; a plan that is billed
by tokens counts AI credits (a cent each) where others count premium requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    LimitMetric,
)
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_list,
    as_number,
    as_object,
    as_text,
)

NEAR_LIMIT_PERCENT: Final = 20.0
"""Less than this much left is near the limit, as GitHub's own clients show it."""
LIMITED_PERCENT: Final = 5.0
MONTH: Final = "month"

_PREMIUM: Final = "premium_interactions"
_QUOTAS: Final = {
    _PREMIUM: ("premium_interactions_quota", "Premium requests", "requests"),
    "chat": ("chat_quota", "Chat messages", "messages"),
    "completions": ("completions_quota", "Completions", "completions"),
}
_CREDITS: Final = ("ai_credits_quota", "AI credits", "credits")
_STATUS_KEYS: Final = frozenset({*(key for key, _, _ in _QUOTAS.values()), _CREDITS[0]})
_PLANS: Final = (
    ("free", "Free"),
    ("pro_plus", "Pro+"),
    ("pro+", "Pro+"),
    ("pro", "Pro"),
    ("business", "Business"),
    ("enterprise", "Enterprise"),
)
_RATES: Final = (
    ("core", "gh_core_rpm", "GitHub API", "1h"),
    ("search", "gh_search_rpm", "GitHub search", "1m"),
    ("graphql", "gh_graphql_rpm", "GitHub GraphQL", "1h"),
)
_CREDIT_UNITS: Final = frozenset({"ai-units", "ai-credits"})


def is_billed_by_tokens(user: Mapping[str, Any]) -> bool:
    """Whether the plan counts AI credits."""
    return user.get("token_based_billing") is True


def is_seat(user: Mapping[str, Any], metrics: Iterable[LimitMetric]) -> bool:
    """Whether the credits are an organisation's: the plan counts them, but has no quota."""
    return is_billed_by_tokens(user) and all(metric.key != _CREDITS[0] for metric in metrics)


def quota_metrics(user: Mapping[str, Any]) -> list[LimitMetric]:
    """The monthly quotas of `copilot_internal/user`; unlimited ones are no figures."""
    resets_at_ms = _resets_at(user)
    metrics: list[LimitMetric] = []
    snapshots = as_object(user.get("quota_snapshots"))
    left, monthly = (
        as_object(user.get("limited_user_quotas")),
        as_object(user.get("monthly_quotas")),
    )
    for name, facts in _QUOTAS.items():
        snapshot = as_object(snapshots.get(name))
        by_credits = name == _PREMIUM and is_billed_by_tokens(user)
        key, label, unit = _CREDITS if by_credits else facts
        metric = _of_snapshot(snapshot, key, label, unit, resets_at_ms)
        if metric is None and not snapshot:
            # Free plans have what is left and what there was in two places.
            entitlement, remaining = as_number(monthly.get(name)), as_number(left.get(name))
            metric = _counted(entitlement, remaining, key, label, unit, resets_at_ms)
        if metric is not None:
            metrics.append(metric)
            over = as_number(snapshot.get("overage_count"))
            if name == _PREMIUM and over and snapshot.get("overage_permitted") is True:
                metrics.append(_spent("overage", "Beyond the plan", unit, over, resets_at_ms))
    premium = as_object(snapshots.get(_PREMIUM))
    used = as_number(premium.get("credits_used"))
    if used and used > 0 and is_seat(user, metrics):
        metrics.append(_spent("credits_used", "AI credits used", "credits", used, resets_at_ms))
    return metrics


def quota_attributes(user: Mapping[str, Any]) -> dict[str, str]:
    """Quotas that have no end."""
    snapshots = as_object(user.get("quota_snapshots"))
    return {
        f"{key}_state": "unlimited"
        for name, (key, _, _) in _QUOTAS.items()
        if _is_unlimited(as_object(snapshots.get(name)))
    }


def status_of(metrics: Iterable[LimitMetric]) -> str:
    """By the quota with the least left."""
    least = 100.0
    for metric in metrics:
        if metric.key in _STATUS_KEYS and metric.limit and metric.remaining is not None:
            least = min(least, metric.remaining / metric.limit * 100.0)
    if least < LIMITED_PERCENT:
        return ACCOUNT_LIMITED
    return ACCOUNT_NEAR_LIMIT if least < NEAR_LIMIT_PERCENT else ACCOUNT_OK


def plan_label(user: Mapping[str, Any]) -> str:
    """The plan for people: `Pro+` of `copilot_pro_plus_monthly`."""
    for text in (as_text(user.get("access_type_sku")), as_text(user.get("copilot_plan"))):
        for part, label in _PLANS:
            if part in text.lower():
                return label
    return ""


def organizations(user: Mapping[str, Any]) -> list[str]:
    """Logins of the organisations the plan may come from."""
    listed = [as_text(login) for login in as_list(user.get("organization_login_list"))]
    listed += [
        as_text(as_object(one).get("login")) for one in as_list(user.get("organization_list"))
    ]
    return list(dict.fromkeys(filter(None, listed)))


def rate_metrics(answer: Mapping[str, Any]) -> Iterator[LimitMetric]:
    """Requests the token may still make of GitHub's API."""
    resources = as_object(answer.get("resources"))
    for name, key, label, window in _RATES:
        source = as_object(resources.get(name))
        limit, remaining = as_count(source.get("limit")), as_count(source.get("remaining"))
        if limit and remaining is not None:
            yield LimitMetric(
                key=key,
                unit="requests",
                window=window,
                label=label,
                used=float(as_count(source.get("used")) or max(limit - remaining, 0)),
                limit=float(limit),
                remaining=float(remaining),
                resets_at_ms=as_epoch_ms(source.get("reset")),
            )


def seat_metrics(organization: str, answer: Mapping[str, Any]) -> Iterator[LimitMetric]:
    """Seats of an organisation: how many there are and how many were used this cycle."""
    seats = as_object(answer.get("seat_breakdown"))
    total, active = as_count(seats.get("total")), as_count(seats.get("active_this_cycle"))
    if total is not None and active is not None:
        yield LimitMetric(
            key=f"org_seats:{organization}",
            unit="seats",
            window="cycle",
            label=f"Seats of {organization}",
            used=float(active),
            limit=float(total),
            remaining=float(max(total - active, 0)),
        )


def spend_metrics(organization: str, answer: Mapping[str, Any]) -> Iterator[LimitMetric]:
    """An organisation's AI credits of this month, and what it pays for them."""
    items = [
        item
        for item in map(as_object, as_list(answer.get("usageItems")))
        if as_text(item.get("product")).lower() == "copilot"
        and as_text(item.get("unitType")).lower() in _CREDIT_UNITS
    ]
    for key, label, unit, money_kind, name in (
        ("org_credits", "AI credits of", "credits", "credits", "grossQuantity"),
        ("org_spend", "Spend of", "USD", "billed", "netAmount"),
    ):
        amounts = [amount for item in items if (amount := as_number(item.get(name))) is not None]
        if amounts:
            yield LimitMetric(
                key=f"{key}:{organization}",
                unit=unit,
                window=MONTH,
                label=f"{label} {organization}",
                used=sum(amounts),
                money_kind=money_kind,
            )


def _of_snapshot(
    snapshot: Mapping[str, Any], key: str, label: str, unit: str, resets_at_ms: int | None
) -> LimitMetric | None:
    entitlement = as_number(snapshot.get("entitlement"))
    if _is_unlimited(snapshot) or entitlement == 0:
        return None
    remaining = as_number(snapshot.get("quota_remaining"))
    if remaining is None:
        remaining = as_number(snapshot.get("remaining"))
    if entitlement is not None and remaining is not None:
        return _counted(entitlement, remaining, key, label, unit, resets_at_ms)
    percent = as_number(snapshot.get("percent_remaining"))
    if percent is None:
        return None
    percent = min(max(percent, 0.0), 100.0)
    return LimitMetric(
        key=key,
        unit="%",
        window=MONTH,
        label=label,
        used=100.0 - percent,
        limit=100.0,
        remaining=percent,
        resets_at_ms=resets_at_ms,
    )


def _counted(
    entitlement: float | None,
    remaining: float | None,
    key: str,
    label: str,
    unit: str,
    resets_at_ms: int | None,
) -> LimitMetric | None:
    if not entitlement or entitlement < 0 or remaining is None:
        return None
    remaining = max(remaining, 0.0)
    return LimitMetric(
        key=key,
        unit=unit,
        window=MONTH,
        label=label,
        used=max(entitlement - remaining, 0.0),
        limit=entitlement,
        remaining=remaining,
        resets_at_ms=resets_at_ms,
        money_kind="credits" if unit == "credits" else "",
    )


def _spent(key: str, label: str, unit: str, used: float, resets_at_ms: int | None) -> LimitMetric:
    return LimitMetric(
        key=key,
        unit=unit,
        window=MONTH,
        label=label,
        used=used,
        resets_at_ms=resets_at_ms,
        money_kind="credits" if unit == "credits" else "",
    )


def _is_unlimited(snapshot: Mapping[str, Any]) -> bool:
    return snapshot.get("unlimited") is True or -1 in (
        as_number(snapshot.get("entitlement")),
        as_number(snapshot.get("remaining")),
    )


def _resets_at(user: Mapping[str, Any]) -> int | None:
    names = ("quota_reset_date_utc", "quota_reset_date", "limited_user_reset_date")
    return next((at for name in names if (at := as_epoch_ms(user.get(name))) is not None), None)
