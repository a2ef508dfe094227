"""
Asks ChatGPT for the limits of the account that Codex is logged in with.

The token is Codex's own, read at every call and never refreshed: rotating it here would log the
user out there.  When the reply has no windows (seen on plans whose limits are shared), the newest
rollout's limits are returned instead: known limits are never erased.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from openusaged.core.errors import AuthRequired, RateLimited, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_AUTH_REQUIRED,
    ACCOUNT_OK,
    ACCOUNT_UNKNOWN,
    ACCOUNT_UNSUPPORTED,
    Account,
    LimitMetric,
    UsageSnapshot,
)
from openusaged.providers.base import FetchContext, Machine, Unit
from openusaged.providers.codex.limits import (
    SessionLimits,
    credit_attributes,
    credit_metrics,
    group_metrics,
    pick,
    slug,
    status_of,
)
from openusaged.providers.codex.paths import PROVIDER_ID, units
from openusaged.providers.codex.rows import UNDECODABLE, TokenCount, as_text, decode_row
from openusaged.providers.shared.json_values import as_epoch_ms, as_object

DEFAULT_BASE_URL: Final = "https://chatgpt.com/backend-api"
MAX_AUTH_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 256 << 10
RECENT_ROLLOUTS: Final = 20
"""How many rollouts to look back for limits: short ones may end before the first answer."""

_LOGIN: Final = "Run `codex login` to sign in again."
_CHATGPT_HOSTS: Final = ("https://chatgpt.com", "https://chat.openai.com")


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    Limits, credits and plan of the account.

    Raises:
        Unreachable: no answer, or a server error.
        UpstreamChanged: an answer that is no usage reply.
    """
    auth = _read_auth(account)
    tokens = as_object(auth.get("tokens"))
    token = as_text(tokens.get("access_token"))
    if not token:
        if as_text(auth.get("OPENAI_API_KEY")):
            return _without_limits(
                context,
                account,
                ACCOUNT_UNSUPPORTED,
                "Codex uses an API key here; only ChatGPT logins have limits to show.",
            )
        return _without_limits(
            context, account, ACCOUNT_AUTH_REQUIRED, f"Codex is not logged in. {_LOGIN}"
        )
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json",
        "User-Agent": context.user_agent,
    }
    owner = as_text(tokens.get("account_id")) or as_text(auth.get("account_id"))
    if owner:
        headers["ChatGPT-Account-Id"] = owner
    try:
        body = context.http.get_json(usage_url(account), headers=headers)
    except AuthRequired:
        return _without_limits(
            context, account, ACCOUNT_AUTH_REQUIRED, f"ChatGPT refused Codex's login. {_LOGIN}"
        )
    except RateLimited as error:
        return UsageSnapshot(
            provider_id=PROVIDER_ID,
            account_id=account.id,
            ts_ms=context.now_ms(),
            status=ACCOUNT_UNKNOWN,
            message="ChatGPT asked to wait before the next look at the limits.",
            retry_after_s=error.retry_after_s,
        )
    if not isinstance(body, dict):
        raise UpstreamChanged("$", "the usage reply is no object")
    return _project(body, account, context)


def usage_url(account: Account) -> str:
    """Address of the usage call: the account's base, else `chatgpt_base_url` of the config."""
    base = (account.base_url or _configured_base(account) or DEFAULT_BASE_URL).rstrip("/")
    if base in _CHATGPT_HOSTS:
        base += "/backend-api"
    return base + ("/wham/usage" if "/backend-api" in base else "/api/codex/usage")


def _project(body: dict[str, Any], account: Account, context: FetchContext) -> UsageSnapshot:
    now_ms = context.now_ms()
    # some replies hold everything one level down
    levels = (body, as_object(pick(body, "rate_limit_status", "rateLimitStatus")))

    def first(*names: str) -> Any:
        return next((value for level in levels if (value := pick(level, *names)) is not None), None)

    plan_limit = as_object(first("rate_limit", "rateLimit", "rate_limits", "rateLimits"))
    credit = first("credits")
    windows = list(group_metrics(plan_limit, now_ms))
    attributes = {"rate_limit_source": "live"} | credit_attributes(credit)
    plan = as_text(first("plan_type", "planType"))
    if plan:
        attributes["plan_type"] = plan
    metrics = windows + list(_feature_metrics(first, now_ms))
    metrics += credit_metrics(credit, first("individual_limit", "individualLimit"), now_ms)
    if not windows:
        known = session_limits(account, context.machine)
        if known is not None:
            have = {metric.key for metric in metrics}
            metrics += [metric for metric in _as_of(known, now_ms) if metric.key not in have]
            attributes["rate_limit_source"] = "session"
        else:
            attributes["rate_limit_source"] = "live_unavailable"
    reached = pick(plan_limit, "limit_reached", "limitReached") is True
    return UsageSnapshot(
        provider_id=PROVIDER_ID,
        account_id=account.id,
        ts_ms=now_ms,
        status=status_of(metrics, reached=reached) if metrics or reached else ACCOUNT_OK,
        metrics=tuple({metric.key: metric for metric in metrics}.values()),
        attributes=attributes,
    )


def _feature_metrics(first: Any, now_ms: int) -> Iterator[LimitMetric]:
    review = first("code_review_rate_limit", "codeReviewRateLimit")
    yield from group_metrics(review, now_ms, key="code_review", title="Code review")
    others = first("additional_rate_limits", "additionalRateLimits")
    for entry in others if isinstance(others, list) else ():
        source = as_object(entry)
        name = as_text(pick(source, "limit_name", "limitName"))
        feature = as_text(pick(source, "metered_feature", "meteredFeature", "limit_id", "limitId"))
        key = slug(feature or name)
        if key:
            limit = pick(source, "rate_limit", "rateLimit")
            yield from group_metrics(limit, now_ms, key=key, title=name or feature)


def session_limits(account: Account, machine: Machine) -> UsageSnapshot | None:
    """The newest limits in the ends of the account's newest rollouts."""
    newest = sorted(units(account, machine), key=lambda unit: unit.mtime_ns, reverse=True)
    for unit in newest[:RECENT_ROLLOUTS]:
        found = _tail_limits(unit, account.id)
        if found is not None:
            return found
    return None


def _tail_limits(unit: Unit, account_id: str) -> UsageSnapshot | None:
    limits = SessionLimits()
    try:
        with open(unit.path, "rb") as file:
            file.seek(max(unit.size - TAIL_BYTES, 0))
            lines = file.read(TAIL_BYTES).split(b"\n")
    except OSError:
        return None
    for line in lines:
        if b'"token_count"' not in line:
            continue
        try:
            row = decode_row(line)
        except UNDECODABLE:
            continue  # the first line of a tail is usually cut
        if row is not None and isinstance(row[2], TokenCount):
            limits.note(row[2].rate_limits, as_epoch_ms(row[1]) or unit.mtime_ns // 1_000_000)
    return limits.snapshot(account_id)


def _as_of(snapshot: UsageSnapshot, now_ms: int) -> Iterator[LimitMetric]:
    """Metrics of a log, with windows that were reset since then emptied."""
    for metric in snapshot.metrics:
        if metric.resets_at_ms is None or metric.resets_at_ms > now_ms:
            yield metric
            continue
        changed = {"used": 0.0, "remaining": metric.limit, "resets_at_ms": None}
        yield msgspec.structs.replace(metric, **changed)


def _without_limits(
    context: FetchContext, account: Account, status: str, message: str
) -> UsageSnapshot:
    return UsageSnapshot(
        provider_id=PROVIDER_ID,
        account_id=account.id,
        ts_ms=context.now_ms(),
        status=status,
        message=message,
    )


def _read_auth(account: Account) -> Mapping[str, Any]:
    path = account.paths.get("auth") or os.path.join(account.home, "auth.json")
    try:
        with open(path, "rb") as file:
            return as_object(msgspec.json.decode(file.read(MAX_AUTH_BYTES)))
    except (OSError, *UNDECODABLE):
        return {}  # half-written or gone: the same to the user as not logged in


def _configured_base(account: Account) -> str:
    path = account.paths.get("config") or os.path.join(account.home, "config.toml")
    try:
        with open(path, "rb") as file:
            value = tomllib.load(file).get("chatgpt_base_url")
    except (OSError, ValueError):  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        return ""
    return value if isinstance(value, str) else ""
