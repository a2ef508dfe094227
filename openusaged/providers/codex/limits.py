"""
The vendor's limits, as rollouts and the usage API report them: one shape for both.

Pure.  Windows are told apart by their length, not by the slot they came in: an account with only a
weekly limit has it in the primary slot.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    LimitMetric,
    UsageSnapshot,
)
from openusaged.providers.codex.paths import PROVIDER_ID
from openusaged.providers.codex.rows import UNDECODABLE, as_text
from openusaged.providers.shared.json_values import as_epoch_ms, as_number, as_object

NEAR_LIMIT_PERCENT: Final = 90.0
LONGEST_SESSION_WINDOW_MIN: Final = 24 * 60
"""Windows up to a day are the `primary` kind (5 hours), longer ones the `secondary` (a week)."""

_SLOTS: Final = {
    "primary": ("primary_window", "primaryWindow", "primary"),
    "secondary": ("secondary_window", "secondaryWindow", "secondary"),
}
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")


class Window(NamedTuple):
    """One rate-limit window."""

    used_percent: float
    minutes: int | None
    resets_at_ms: int | None


def pick(source: Mapping[str, Any], *names: str) -> Any:
    """The first member that is present and not null."""
    for name in names:
        value = source.get(name)
        if value is not None:
            return value
    return None


@lru_cache(maxsize=64)
def window_label(minutes: int | None) -> str:
    """`5h`, `7d`, `1h30m`, `1d1h`; empty when unknown."""
    if not minutes or minutes < 0:
        return ""
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    parts = ((days, "d"), (hours, "h"), (left, "m"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def window_of(value: Any, at_ms: int) -> Window | None:
    """
    One window as it stands at `at_ms`, or None when it says nothing about use.

    A window whose reset has passed is unused until something new is known.
    """
    source = as_object(value)
    used = as_number(pick(source, "used_percent", "usedPercent"))
    if used is None:
        remaining = as_number(pick(source, "remaining_percent", "remainingPercent"))
        if remaining is None:
            return None
        used = 100.0 - remaining
    used = min(max(used, 0.0), 100.0)
    minutes = as_number(pick(source, "window_minutes", "windowDurationMins", "windowMinutes"))
    if minutes is None:
        seconds = as_number(pick(source, "limit_window_seconds", "limitWindowSeconds"))
        minutes = None if seconds is None else math.ceil(seconds / 60)
    resets_at_ms = as_epoch_ms(pick(source, "reset_at", "resets_at", "resetsAt", "resetAt"))
    if resets_at_ms is None:
        wait_s = as_number(
            pick(source, "reset_after_seconds", "resets_in_seconds", "resetsInSeconds")
        )
        resets_at_ms = None if wait_s is None else at_ms + round(wait_s * 1000)
    if resets_at_ms is not None and resets_at_ms <= at_ms:
        used, resets_at_ms = 0.0, None
    return Window(used, None if minutes is None else int(minutes), resets_at_ms)


def group_metrics(
    block: Any, at_ms: int, *, key: str = "", title: str = ""
) -> Iterator[LimitMetric]:
    """
    The windows of one limit: `rate_limit_[<key>_]primary` and `..._secondary`.

    Args:
        block: object with `primary`/`secondary` or `primary_window`/`secondary_window`.
        at_ms: the time the block describes.
        key: slug of a limit for one feature; empty for the plan's own.
        title: words in front of the label.
    """
    source = as_object(block)
    slots = {
        slot: window
        for slot, names in _SLOTS.items()
        if (window := window_of(pick(source, *names), at_ms)) is not None
    }
    kinds = {_kind(window, slot): window for slot, window in slots.items()}
    if len(kinds) < len(slots):
        kinds = slots  # two windows of one kind: believe the slots
    prefix = f"rate_limit_{key}_" if key else "rate_limit_"
    for kind, window in sorted(kinds.items()):
        label = window_label(window.minutes)
        name = f"{label or kind} limit"
        yield LimitMetric(
            key=prefix + kind,
            unit="%",
            window=label,
            label=f"{title} {name}" if title else name,
            used=window.used_percent,
            limit=100.0,
            remaining=100.0 - window.used_percent,
            resets_at_ms=window.resets_at_ms,
        )


def _kind(window: Window, slot: str) -> str:
    if not window.minutes:
        return slot
    return "primary" if window.minutes <= LONGEST_SESSION_WINDOW_MIN else "secondary"


def credit_metrics(balance_block: Any, individual: Any, at_ms: int) -> Iterator[LimitMetric]:
    """The credit balance and the member's own credit limit.  Credits are counts, not money."""
    source = as_object(balance_block)
    balance = as_number(source.get("balance"))
    if balance is not None and not pick(source, "unlimited"):
        yield LimitMetric(
            key="credit_balance",
            unit="credits",
            window="current",
            label="Credit balance",
            remaining=balance,
            money_kind="credits",
        )
    limits = as_object(individual)
    limit, used = as_number(limits.get("limit")), as_number(limits.get("used"))
    if limit is None and used is None:
        return
    left = as_number(pick(limits, "remaining_percent", "remainingPercent"))
    resets_at_ms = as_epoch_ms(pick(limits, "resets_at", "resetsAt", "reset_at", "resetAt"))
    if used is None and limit is not None and left is not None:
        used = limit * (100.0 - left) / 100.0
    if resets_at_ms is not None and resets_at_ms <= at_ms:
        used, resets_at_ms = 0.0, None
    yield LimitMetric(
        key="codex_credit_limit",
        unit="credits",
        window="current-period",
        label="Credit limit",
        used=used,
        limit=limit,
        remaining=None if limit is None or used is None else max(limit - used, 0.0),
        resets_at_ms=resets_at_ms,
        money_kind="credits",
    )


def credit_attributes(balance_block: Any) -> dict[str, str]:
    """`credits`: `unlimited` or `none`, when it is not a balance that says how many."""
    source = as_object(balance_block)
    if pick(source, "unlimited") is True:
        return {"credits": "unlimited"}
    if pick(source, "has_credits", "hasCredits") is False:
        return {"credits": "none"}
    return {}


def slug(value: str) -> str:
    """A name as part of a metric key: lower case, underscores."""
    return _NOT_SLUG.sub("_", value.lower()).strip("_")


def status_of(metrics: Iterable[LimitMetric], *, reached: bool = False) -> str:
    """The account's status by its fullest limit; a feature's own limit never limits the account."""
    worst = 100.0 if reached else 0.0
    for metric in metrics:
        if metric.limit and metric.used is not None and metric.key in _ACCOUNT_WIDE:
            worst = max(worst, metric.used / metric.limit * 100.0)
    if worst >= 100.0:
        return ACCOUNT_LIMITED
    return ACCOUNT_NEAR_LIMIT if worst >= NEAR_LIMIT_PERCENT else ACCOUNT_OK


_ACCOUNT_WIDE: Final = frozenset(
    {"rate_limit_primary", "rate_limit_secondary", "codex_credit_limit"}
)


_FIRST_WINDOW: Final = b'"primary":{'
_NEVER: Final = b"\n"
"""What no JSON value begins with."""
_NO_LIMITS: Final = b'"primary":null,"secondary":null,"credits":null'


class SessionLimits:
    """Keeps the newest limits of a log, one per limit id, undecoded until they are asked for."""

    def __init__(self) -> None:
        self._newest: dict[bytes, tuple[int, bytes]] = {}
        self._usual = _NEVER
        """How limits of the same id as those of the last row begin, up to their first window."""
        self._limit_id = b""

    def note(self, raw: msgspec.Raw, ts_ms: int) -> None:
        """Remember the `rate_limits` of one row, if they say anything."""
        data = bytes(raw)
        if not data.startswith(self._usual):
            window = data.find(_FIRST_WINDOW)
            if window < 0 and (
                data == b"null" or (_NO_LIMITS in data and b'"individual_limit":{' not in data)
            ):
                return  # would hide the last row that knew something
            at = data.find(b'"limit_id":"')
            self._limit_id = data[at + 12 : data.find(b'"', at + 12)] if at >= 0 else b""
            known = 0 <= at < window
            self._usual = data[: window + len(_FIRST_WINDOW)] if known else _NEVER
        previous = self._newest.get(self._limit_id)
        if previous is None or ts_ms >= previous[0]:
            self._newest[self._limit_id] = (ts_ms, data)

    def snapshot(self, account_id: str) -> UsageSnapshot | None:
        """The limits as of their rows' times, or None when no row had any."""
        metrics: list[LimitMetric] = []
        attributes = {"rate_limit_source": "session"}
        newest_ms = 0
        reached = False
        for limit_id, (ts_ms, data) in sorted(self._newest.items()):
            try:
                limits = as_object(msgspec.json.decode(data))
            except UNDECODABLE:
                continue
            own = limit_id in {b"", b"codex"}
            name = as_text(limits.get("limit_name"))
            key = "" if own else slug(limit_id.decode(errors="replace"))
            found = list(group_metrics(limits, ts_ms, key=key, title="" if own else name or key))
            if own:
                found += credit_metrics(
                    limits.get("credits"), limits.get("individual_limit"), ts_ms
                )
                attributes |= credit_attributes(limits.get("credits"))
                plan = as_text(limits.get("plan_type"))
                if plan:
                    attributes["plan_type"] = plan
                reached = limits.get("rate_limit_reached_type") is not None
            if found:
                metrics += found
                newest_ms = max(newest_ms, ts_ms)
        if not metrics:
            return None
        return UsageSnapshot(
            provider_id=PROVIDER_ID,
            account_id=account_id,
            ts_ms=newest_ms,
            status=status_of(metrics, reached=reached),
            metrics=tuple({metric.key: metric for metric in metrics}.values()),
            attributes=attributes,
        )
