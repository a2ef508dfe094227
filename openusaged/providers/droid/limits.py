"""
Asks Factory for the plan's limits, for those who want that: the interface is not documented.

Percentages of three windows for each of two pools of models, and the prepaid balance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from openusaged.core.errors import AuthRequired, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_OK,
    ACCOUNT_UNKNOWN,
    ACCOUNT_UNSUPPORTED,
    Account,
    LimitMetric,
    UsageSnapshot,
)
from openusaged.providers.base import FetchContext, ProviderSpec
from openusaged.providers.droid import paths
from openusaged.providers.shared.api import base_url_of, bearer, is_asked_for
from openusaged.providers.shared.json_values import as_epoch_ms, as_number, as_object
from openusaged.providers.shared.key_probe import status_of

_POOLS: Final = (("standard", "usage", ""), ("core", "core", "Core "))
_WINDOWS: Final = (
    ("fiveHour", "five_hour", "5-hour", "5h"),
    ("weekly", "weekly", "Weekly", "7d"),
    ("monthly", "monthly", "Monthly", "month"),
)


def fetch(context: FetchContext, account: Account, spec: ProviderSpec) -> UsageSnapshot:
    """
    The limits, if `options.limits` asks for them; else whether there are sessions.

    Raises:
        AuthRequired: there is no key, or Factory refuses it.
        UpstreamChanged: an answer of another shape.
    """
    if not is_asked_for(account, "limits"):
        return _local(context, account)
    key = (
        context.secret_of(account).strip() or context.machine.env.get("FACTORY_API_KEY", "").strip()
    )
    if not key:
        raise AuthRequired("no Factory key: set FACTORY_API_KEY")
    url = f"{base_url_of(account, spec)}/api/billing/limits"
    body = as_object(context.http.get_json(url, headers=bearer(key, context)))
    if not body:
        raise UpstreamChanged("$", "the answer is no object")
    now_ms = context.now_ms()
    if body.get("usesTokenRateLimitsBilling") is False:
        return _snapshot(
            account, now_ms, ACCOUNT_UNSUPPORTED, "The plan has no windows with limits."
        )
    metrics = [*_windows(as_object(body.get("limits")), now_ms), *_balance(body)]
    if not metrics:
        raise UpstreamChanged("limits", "no known window")
    return _snapshot(account, now_ms, status_of(metrics), "", tuple(metrics))


def _windows(limits: Mapping[str, Any], now_ms: int) -> Iterator[LimitMetric]:
    for pool, prefix, title in _POOLS:
        windows = as_object(limits.get(pool))
        for field, name, label, window in _WINDOWS:
            entry = as_object(windows.get(field))
            used = as_number(entry.get("usedPercent"))
            if used is None:
                continue
            resets_at_ms = _reset(entry, now_ms)
            if resets_at_ms is not None and resets_at_ms <= now_ms:
                used, resets_at_ms = 0.0, None  # the window is over, the next has not begun
            yield LimitMetric(
                key=f"{prefix}_{name}",
                unit="%",
                window=window,
                label=f"{title}{label} limit",
                used=max(used, 0.0),
                limit=100.0,
                remaining=min(max(100 - used, 0.0), 100.0),
                resets_at_ms=resets_at_ms,
            )


def _reset(entry: Mapping[str, Any], now_ms: int) -> int | None:
    left_s = as_number(entry.get("secondsRemaining"))
    if left_s is not None and left_s > 0:
        return now_ms + int(left_s * 1000)
    return as_epoch_ms(entry.get("windowEnd"))


def _balance(body: Mapping[str, Any]) -> Iterator[LimitMetric]:
    cents = as_number(body.get("extraUsageBalanceCents"))
    if cents is not None:
        yield LimitMetric(
            key="extra_balance",
            unit="USD",
            window="current",
            label="Extra usage balance",
            remaining=cents / 100,
            money_kind="billed",
        )


def _local(context: FetchContext, account: Account) -> UsageSnapshot:
    has_sessions = next(paths.units(account, context.machine), None) is not None
    return _snapshot(
        account,
        context.now_ms(),
        ACCOUNT_OK if has_sessions else ACCOUNT_UNKNOWN,
        "" if has_sessions else "There are no Droid sessions on this machine.",
    )


def _snapshot(
    account: Account,
    now_ms: int,
    status: str,
    message: str,
    metrics: tuple[LimitMetric, ...] = (),
) -> UsageSnapshot:
    return UsageSnapshot(
        provider_id=account.provider_id,
        account_id=account.id,
        ts_ms=now_ms,
        status=status,
        message=message,
        metrics=metrics,
    )
