"""Quota buckets of Code Assist to figures.  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    ACCOUNT_UNKNOWN,
    Account,
    LimitMetric,
    UsageSnapshot,
)
from openusaged.providers.shared.json_values import (
    as_epoch_ms,
    as_list,
    as_number,
    as_object,
    as_text,
)

LOW: Final = 0.15
"""Less than this is left: the account is near its limit."""
_WINDOW: Final = "1d"
_ALL_MODELS: Final = "all_models"
_REQUESTS: Final = "requests"
_RATIO: Final = re.compile(r"^([\d.]+)\s*/\s*([\d.]+)$")


class Bucket(NamedTuple):
    """What is left of one model's quota, as a fraction, and when it is full again."""

    left: float
    model: str
    kind: str
    resets_at_ms: int | None


def project(
    account: Account, answer: Mapping[str, Any], tier: Mapping[str, Any], now_ms: int
) -> UsageSnapshot:
    """
    The snapshot of one account.

    Raises:
        UpstreamChanged: the answer has no buckets.
    """
    if not isinstance(answer.get("buckets"), list):
        raise UpstreamChanged("$.buckets", "no list")
    buckets = _tightest(answer["buckets"], now_ms)
    current = as_object(tier.get("currentTier"))
    attributes = {
        "tier_id": as_text(current.get("id")),
        "tier_name": as_text(current.get("name")),
    }
    status, message = ACCOUNT_UNKNOWN, "Code Assist tells no quota of this login."
    if buckets:
        worst = min(buckets)
        status, message = _status(worst.left), ""
        if status != ACCOUNT_OK:
            message = f"{worst.model}: {worst.left:.0%} of today's requests left"
    return UsageSnapshot(
        provider_id=account.provider_id,
        account_id=account.id,
        ts_ms=now_ms,
        status=status,
        message=message,
        metrics=tuple(_metrics(buckets)),
        attributes={name: value for name, value in attributes.items() if value},
    )


def left_of(bucket: Mapping[str, Any]) -> float | None:
    """
    The fraction that is left, 0 to 1; None when the bucket does not say.

    `remainingAmount` may be a percentage or a ratio.  A bare amount says nothing: its limit is
    told nowhere.
    """
    left = as_number(bucket.get("remainingFraction"))
    if left is None:
        amount = as_text(bucket.get("remainingAmount"))
        ratio = _RATIO.match(amount)
        if amount.endswith("%"):
            percent = as_number(amount[:-1])
            left = None if percent is None else percent / 100
        elif ratio is not None:
            part, whole = as_number(ratio[1]), as_number(ratio[2])
            left = part / whole if part is not None and whole else None
    return None if left is None else min(max(left, 0.0), 1.0)


def _tightest(buckets: Any, now_ms: int) -> list[Bucket]:
    """The tightest bucket of each model and kind; those that were reset since are left out."""
    found: dict[tuple[str, str], Bucket] = {}
    for one in as_list(buckets):
        entry = as_object(one)
        left = left_of(entry)
        resets_at_ms = as_epoch_ms(entry.get("resetTime"))
        if left is None or (resets_at_ms is not None and resets_at_ms <= now_ms):
            continue
        model = as_text(entry.get("modelId")).removeprefix("models/").removesuffix("_vertex")
        kind = as_text(entry.get("tokenType")).lower() or _REQUESTS
        bucket = Bucket(left, model or _ALL_MODELS, kind, resets_at_ms)
        key = (bucket.model, bucket.kind)
        if key not in found or bucket.left < found[key].left:
            found[key] = bucket
    return list(found.values())


def _metrics(buckets: list[Bucket]) -> list[LimitMetric]:
    if not buckets:
        return []
    metrics = [_gauge("quota", "Daily quota", min(buckets, key=_left))]
    for family in ("pro", "flash"):
        own = [bucket for bucket in buckets if family in bucket.model]
        if own:
            label = f"Daily quota of {family.capitalize()} models"
            metrics.append(_gauge(f"quota_{family}", label, min(own, key=_left)))
    for bucket in sorted(buckets, key=lambda one: (one.model, one.kind)):
        key = f"quota_model:{bucket.model}"
        label = f"Daily quota of {bucket.model}"
        if bucket.kind != _REQUESTS:
            key, label = f"{key}:{bucket.kind}", f"{label} ({bucket.kind})"
        metrics.append(_gauge(key, label, bucket))
    counts = {
        "tracked": len(buckets),
        "low": sum(0 < bucket.left < LOW for bucket in buckets),
        "exhausted": sum(bucket.left <= 0 for bucket in buckets),
    }
    metrics += [
        LimitMetric(key=f"quota_models_{name}", unit="models", used=float(number))
        for name, number in counts.items()
    ]
    return metrics


def _left(bucket: Bucket) -> float:
    return bucket.left


def _gauge(key: str, label: str, bucket: Bucket) -> LimitMetric:
    remaining = round(bucket.left * 100, 6)
    return LimitMetric(
        key=key,
        unit="%",
        window=_WINDOW,
        label=label,
        used=round(100.0 - remaining, 6),
        limit=100.0,
        remaining=remaining,
        resets_at_ms=bucket.resets_at_ms,
    )


def _status(left: float) -> str:
    if left <= 0:
        return ACCOUNT_LIMITED
    return ACCOUNT_NEAR_LIMIT if left < LOW else ACCOUNT_OK
