"""
Asks OpenRouter about a key, its account and, with a management key, all keys and the activity.

The key's own call decides the status.  The others add figures: one that fails says so in an
attribute and costs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from openusaged.core.errors import AuthRequired, ProviderError, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    Account,
    LimitMetric,
    UsageSnapshot,
)
from openusaged.providers.base import FetchContext, ProviderSpec
from openusaged.providers.openrouter.activity import parse_activity
from openusaged.providers.openrouter.key_list import list_keys
from openusaged.providers.shared.api import bearer, require_key, versioned_url_of
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_epoch_ms, as_number, as_object, as_text
from openusaged.providers.shared.utc_days import day_start, next_month_ms

NEAR_SHARE: Final = 0.2
"""Less than this share of credits or key limit left is worth a warning."""

_SPANS: Final = ("daily", "weekly", "monthly")


def fetch(context: FetchContext, account: Account, spec: ProviderSpec) -> UsageSnapshot:
    """One poll; raises only for what the key's own call says."""
    headers = bearer(require_key(context, account, spec), context)
    base = versioned_url_of(account, spec)
    now_ms = context.now_ms()
    figures = Figures(spec)
    key = _own_key(context, base, headers)
    resets = _resets(now_ms)
    _note_key(figures, key, resets)
    _note_credits(figures, context, base, headers)
    is_manager = key.get("is_management_key") is True or key.get("is_provisioning_key") is True
    if is_manager and not figures.must_wait:
        _note_all_keys(figures, context, base, headers, key, resets)
    if not figures.must_wait:
        _note_activity(figures, context, base, headers, now_ms)
    return figures.snapshot(context, account, status=_status(figures), message=_message(figures))


def _own_key(context: FetchContext, base: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
    now_s = context.now_ms() / 1000
    response = context.http.send("GET", f"{base}/key", headers=headers)
    if response.status == HTTPStatus.NOT_FOUND:  # the older name
        response = context.http.send("GET", f"{base}/auth/key", headers=headers)
    response.require_ok(now_s)
    data = as_object(as_object(response.json()).get("data"))
    if as_number(data.get("usage")) is None:
        raise UpstreamChanged(f"{response.place} $.data.usage", "no amount in the answer")
    return data


def _note_key(figures: Figures, key: Mapping[str, Any], resets: Mapping[str, int]) -> None:
    usage = as_number(key.get("usage"))
    limit = as_number(key.get("limit"))
    period = as_text(key.get("limit_reset"))
    remaining = as_number(key.get("limit_remaining"))
    if limit is not None and remaining is None and not period and usage is not None:
        remaining = limit - usage
    if limit is None or period:
        # What the key spent in its life does not compare with a limit that starts again.
        figures.add("credits", used=usage)
    else:
        figures.add("credits", used=usage, limit=limit, remaining=remaining)
    if limit is not None and remaining is not None:
        figures.add(
            "limit_remaining",
            used=limit - remaining,
            limit=limit,
            remaining=remaining,
            resets_at_ms=resets.get(period) or as_epoch_ms(period or None),
        )
    _note_spans(figures, key, resets)
    byok = as_number(key.get("byok_usage"))
    if byok:
        figures.add("byok_usage", used=byok)
    rate = as_object(key.get("rate_limit"))
    requests = as_number(rate.get("requests"))
    if requests is not None and requests > 0:  # -1: no limit
        figures.add("rpm", limit=requests, window=as_text(rate.get("interval")))
    _note_facts(figures, key)


def _note_spans(figures: Figures, source: Mapping[str, Any], resets: Mapping[str, int]) -> None:
    for span in _SPANS:
        spent = as_number(source.get(f"usage_{span}"))
        if spent is not None:
            figures.add(f"usage_{span}", used=spent, resets_at_ms=resets[span])
        own = as_number(source.get(f"byok_usage_{span}"))
        if own:
            figures.add(f"byok_{span}", used=own, resets_at_ms=resets[span])


def _note_facts(figures: Figures, key: Mapping[str, Any]) -> None:
    if isinstance(key.get("is_free_tier"), bool):
        figures.attributes["tier"] = "free" if key["is_free_tier"] else "paid"
    kinds = (("is_management_key", "management"), ("is_provisioning_key", "provisioning"))
    kind = next((word for name, word in kinds if key.get(name) is True), "standard")
    figures.attributes["key_type"] = kind
    # The label is the masked key, as the vendor shows it.
    for name in ("label", "limit_reset", "expires_at"):
        figures.note("key_label" if name == "label" else name, as_text(key.get(name)))


def _note_credits(
    figures: Figures, context: FetchContext, base: str, headers: Mapping[str, str]
) -> None:
    try:
        data = as_object(
            as_object(context.http.get_json(f"{base}/credits", headers=headers)).get("data")
        )
    except ProviderError as error:
        figures.failed("credits", error, _reason(error))
        return
    bought, spent = as_number(data.get("total_credits")), as_number(data.get("total_usage"))
    left = as_number(data.get("remaining_balance"))
    if left is None and bought is not None and spent is not None:
        left = bought - spent
    # All zero is an account that never bought any: nothing is used up.
    if any((bought, spent, left)):
        figures.add("credit_balance", used=spent, limit=bought, remaining=left)


def _note_all_keys(
    figures: Figures,
    context: FetchContext,
    base: str,
    headers: Mapping[str, str],
    own: Mapping[str, Any],
    resets: Mapping[str, int],
) -> None:
    """A management key spends nothing itself: what it is asked for is the sum over all keys."""
    try:
        keys = list_keys(context, base, headers)
    except ProviderError as error:
        figures.failed("keys", error, _reason(error))
        return
    disabled = sum(key.is_disabled for key in keys)
    figures.add("keys_total", used=len(keys))
    figures.add("keys_active", used=len(keys) - disabled)
    if disabled:
        figures.add("keys_disabled", used=disabled)
    label = as_text(own.get("label"))
    everywhere = {
        name: sum(key.spent.get(name, 0.0) for key in keys)
        + (0.0 if label in {key.label for key in keys} else as_number(own.get(name)) or 0.0)
        for name in ("usage", *(f"usage_{span}" for span in _SPANS))
    }
    figures.add("credits", used=everywhere["usage"])
    for span in _SPANS:
        spent = everywhere[f"usage_{span}"]
        figures.add(f"usage_{span}", used=spent, resets_at_ms=resets[span])
    figures.reported += [key.reported() for key in keys if key.spent.get("usage_monthly")]


def _note_activity(
    figures: Figures,
    context: FetchContext,
    base: str,
    headers: Mapping[str, str],
    now_ms: int,
) -> None:
    try:
        body = context.http.get_json(f"{base}/activity", headers=headers)
        activity = parse_activity(body)
    except ProviderError as error:
        figures.failed("activity", error, _reason(error))
        return
    week_ago = day_start(now_ms - 7 * 86_400_000).date().isoformat()
    for window, since in (("30d", ""), ("7d", week_ago)):
        # A day belongs to the week when its midnight lies behind the moment a week ago.
        for name, value in activity.sums(since).items():
            figures.add(f"analytics_{window}_{name}", used=value)
    for name, count in activity.counts().items():
        figures.add(f"analytics_active_{name}", used=count)
    figures.attributes |= activity.span()
    figures.reported += activity.reported()


def _reason(error: ProviderError) -> str:
    """Why figures are missing: the key itself is good, or the poll had ended before."""
    if isinstance(error, AuthRequired):
        return "only a management key may see this"
    return str(error)


def _resets(now_ms: int) -> dict[str, int]:
    """When the vendor's UTC day, week (from Monday) and month are over."""
    midnight = day_start(now_ms)
    return {
        "daily": _epoch_ms(midnight + timedelta(days=1)),
        "weekly": _epoch_ms(midnight + timedelta(days=7 - midnight.weekday())),
        "monthly": next_month_ms(now_ms),
    }


def _epoch_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _limits(figures: Figures) -> Iterator[LimitMetric]:
    for key in ("credit_balance", "limit_remaining"):
        metric = figures.metrics.get(key)
        if metric is not None and metric.remaining is not None:
            yield metric


def _status(figures: Figures) -> str:
    left = [(metric.remaining or 0.0, metric.limit) for metric in _limits(figures)]
    if any(remaining <= 0 for remaining, _ in left):
        return ACCOUNT_LIMITED
    if any(limit and remaining < NEAR_SHARE * limit for remaining, limit in left):
        return ACCOUNT_NEAR_LIMIT
    return ACCOUNT_OK


def _message(figures: Figures) -> str:
    balance = figures.metrics.get("credit_balance")
    if balance is not None and balance.remaining is not None:
        return f"${balance.remaining:.2f} of credits left"
    key = figures.metrics.get("limit_remaining")
    if key is not None and key.remaining is not None:
        return f"${key.remaining:.2f} of ${key.limit:.2f} key limit left"
    return f"${figures.metrics['credits'].used or 0.0:.2f} used, the key has no limit"
