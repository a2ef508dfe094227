"""
The plan's limits from the vendor's usage endpoint.

The endpoint throttles frequent callers for a long time, so it is asked at most every five minutes;
the status line brings the two main figures without asking.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.errors import AuthRequired, RateLimited, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_AUTH_REQUIRED,
    ACCOUNT_ERROR,
    Account,
    LimitMetric,
    UsageSnapshot,
)
from openusaged.providers.base import FetchContext
from openusaged.providers.claude_code.credentials import (
    USAGE_SCOPE,
    OAuth,
    plan_name,
    read_oauth,
)
from openusaged.providers.claude_code.limits import percent_metric, status_of
from openusaged.providers.claude_code.paths import PROVIDER_ID
from openusaged.providers.claude_code.timestamps import epoch_ms

BASE_URL: Final = "https://api.anthropic.com"
USAGE_PATH: Final = "/api/oauth/usage"
BETA: Final = "oauth-2025-04-20"

_SIGN_IN: Final = "run `claude` and sign in with /login"
_WEEKLY: Final = "seven_day"
_MAX_NAME_CHARS: Final = 40


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    The limits of the plan the account is signed in to.

    Missing, expired and refused sign-ins and being asked to wait are snapshots without metrics.

    Raises:
        UpstreamChanged: the answer has another shape; `path` says where.
        Unreachable: no answer.
    """
    now_ms = context.now_ms()
    oauth = read_oauth(account, context.machine)
    problem = _problem(oauth, context, now_ms)
    if oauth is None or problem:
        return _failed(account, now_ms, ACCOUNT_AUTH_REQUIRED, problem)
    try:
        body = context.http.get_json(
            (account.base_url or BASE_URL).rstrip("/") + USAGE_PATH,
            headers={
                "Authorization": f"Bearer {oauth.access_token}",
                "anthropic-beta": BETA,
                "Content-Type": "application/json",
                "User-Agent": context.user_agent,
            },
        )
    except AuthRequired as error:
        return _failed(account, now_ms, ACCOUNT_AUTH_REQUIRED, f"{error}: {_SIGN_IN}")
    except RateLimited as error:
        # Not LIMITED: the plan has room, only this endpoint wants to be asked less often.
        return _failed(account, now_ms, ACCOUNT_ERROR, str(error), error.retry_after_s)
    metrics = parse_usage(body, now_ms)
    attributes = {"usage_source": "oauth"}
    plan = plan_name(oauth)
    if plan:
        attributes["plan"] = plan
    return UsageSnapshot(
        provider_id=PROVIDER_ID,
        account_id=account.id,
        ts_ms=now_ms,
        status=status_of(metrics),
        message="" if metrics else "the plan reports no limits",
        metrics=metrics,
        attributes=attributes,
    )


def parse_usage(body: Any, now_ms: int) -> tuple[LimitMetric, ...]:
    """
    Metrics of the usage endpoint's answer; windows that are null or absent have none.

    Raises:
        UpstreamChanged: a field that is there has another type.
    """
    answer = _object(body, "$")
    metrics: dict[str, LimitMetric] = {}
    for name in ("five_hour", _WEEKLY, *sorted(answer)):
        window = answer.get(name)
        if window is None or not (name == "five_hour" or name.startswith(_WEEKLY)):
            continue
        _add_window(metrics, name, _object(window, name), "utilization", name, now_ms)
    limits = answer.get("limits")
    if limits is not None:
        if not isinstance(limits, list):
            raise UpstreamChanged("limits", "is no list")
        for number, limit in enumerate(limits):
            path = f"limits[{number}]"
            entry = _object(limit, path)
            name = _name_of_limit(entry)
            if name and f"usage_{name}" not in metrics:
                _add_window(metrics, name, entry, "percent", path, now_ms)
    extra = answer.get("extra_usage")
    if extra is not None:
        metric = _extra_usage(_object(extra, "extra_usage"))
        if metric is not None:
            metrics[metric.key] = metric
    return tuple(metrics.values())


def _problem(oauth: OAuth | None, context: FetchContext, now_ms: int) -> str:
    """What is wrong with the sign-in and what to do, empty when nothing is."""
    if oauth is None:
        if context.machine.env.get("CLAUDE_CODE_OAUTH_TOKEN"):
            return (
                "CLAUDE_CODE_OAUTH_TOKEN can run Claude Code but not read the plan's limits: "
                f"{_SIGN_IN}"
            )
        return f"Claude Code is not signed in to a plan: {_SIGN_IN}"
    if oauth.expires_at_ms is not None and oauth.expires_at_ms <= now_ms:
        return "the sign-in has expired: run `claude`, which renews it"
    if oauth.scopes is not None and USAGE_SCOPE not in oauth.scopes:
        return f"the sign-in may not read the plan's limits (no {USAGE_SCOPE}): {_SIGN_IN}"
    return ""


def _failed(
    account: Account,
    now_ms: int,
    status: str,
    message: str,
    retry_after_s: float | None = None,
) -> UsageSnapshot:
    return UsageSnapshot(
        provider_id=PROVIDER_ID,
        account_id=account.id,
        ts_ms=now_ms,
        status=status,
        message=message,
        retry_after_s=retry_after_s,
    )


def _add_window(
    metrics: dict[str, LimitMetric],
    name: str,
    window: Mapping[str, Any],
    used_key: str,
    path: str,
    now_ms: int,
) -> None:
    used = _number(window, used_key, path)
    if used is None:
        return
    resets = window.get("resets_at")
    resets_at_ms = epoch_ms(resets)
    if resets is not None and resets_at_ms is None:
        raise UpstreamChanged(f"{path}.resets_at", "is no time")
    metrics[f"usage_{name}"] = percent_metric(name, used, resets_at_ms, now_ms)


def _name_of_limit(limit: Mapping[str, Any]) -> str:
    """The window an entry of `limits` is about, empty for kinds that are not known."""
    kind = limit.get("kind")
    if kind == "session":
        return "five_hour"
    if kind == "weekly_all":
        return _WEEKLY
    if kind != "weekly_scoped":
        return ""
    scope = limit.get("scope")
    model = scope.get("model") if isinstance(scope, Mapping) else None
    shown = model.get("display_name") if isinstance(model, Mapping) else None
    if not isinstance(shown, str):
        return ""
    slug = "_".join("".join(c if c.isalnum() else " " for c in shown.lower()).split())
    return f"{_WEEKLY}_{slug[:_MAX_NAME_CHARS]}" if slug else ""


def _extra_usage(extra: Mapping[str, Any]) -> LimitMetric | None:
    if extra.get("is_enabled") is not True:
        return None
    used_cents = _number(extra, "used_credits", "extra_usage")
    limit_cents = _number(extra, "monthly_limit", "extra_usage")
    used = None if used_cents is None else used_cents / 100
    limit = None if limit_cents is None else limit_cents / 100
    currency = extra.get("currency")
    return LimitMetric(
        key="extra_usage",
        unit=currency.upper() if isinstance(currency, str) and currency else "USD",
        window="month",
        label="Extra usage",
        used=used,
        limit=limit,
        remaining=None if used is None or limit is None else max(limit - used, 0.0),
        money_kind="billed",
    )


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UpstreamChanged(path, "is no object")
    return value


def _number(entry: Mapping[str, Any], key: str, path: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UpstreamChanged(f"{path}.{key}", "is no number")
    return float(value)
