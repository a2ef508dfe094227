"""
What an Amp account has left, for those who ask for it, and how old the local threads are.

Amp has no documented interface for this: its own program shows a text that the server words, and
that text is what is read here, line by line, for the amounts it is known to hold.  The line with
the user's address is passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from openusaged.core.errors import AuthRequired, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_OK,
    ACCOUNT_UNKNOWN,
    Account,
    LimitMetric,
    UsageSnapshot,
)
from openusaged.providers.amp import paths
from openusaged.providers.base import FetchContext, Machine, ProviderSpec
from openusaged.providers.shared import documents
from openusaged.providers.shared.api import base_url_of, bearer, is_asked_for
from openusaged.providers.shared.json_values import as_number, as_object, as_text
from openusaged.providers.shared.key_probe import status_of

STALE_MS: Final = 14 * 86_400_000
"""Threads that are older than this, of a program that is installed, lie on Amp's server."""
MAX_SECRETS_BYTES: Final = 1 << 20

_REQUEST: Final = b'{"method":"userDisplayBalanceInfo","params":{}}'
_LOGIN: Final = "run `amp login`, or set AMP_API_KEY"

_FREE: Final = "Amp Free"
_NUMBER: Final = r"([\d,]+(?:\.\d+)?)"
_DOLLARS: Final = re.compile(rf"\${_NUMBER}")
_LEFT_OF: Final = re.compile(rf"\${_NUMBER}\s*(?:/|of)\s*\${_NUMBER}\s+remaining")
_PERCENT_LEFT: Final = re.compile(rf"{_NUMBER}%\s+remaining")
_HOURS_LEFT: Final = re.compile(rf"orb usage\s+{_NUMBER}h\s+of\s+{_NUMBER}h")
_POOLS_LEFT: Final = re.compile(rf"{_NUMBER}%\s+other usage\s+and\s+{_NUMBER}%\s+orb usage")
_RENEWAL: Final = re.compile(r"renewal in (\d+ (?:day|month)s?)")
_TIER: Final = re.compile(r"Amp (\S.*?) (?:Tier|Subscription):|Subscription (\S.*?):")


def fetch(context: FetchContext, account: Account, spec: ProviderSpec) -> UsageSnapshot:
    """
    The balance, if `options.balance` asks for it; else only what the local threads tell.

    Raises:
        AuthRequired: no key is found, or Amp refuses it.
        UpstreamChanged: an answer without a text, or a text without any known amount.
    """
    if not is_asked_for(account, "balance"):
        return _local(context, account)
    base = base_url_of(account, spec)
    key = _key(context, account, base)
    response = context.http.send(
        "POST",
        f"{base}/api/internal?userDisplayBalanceInfo",
        headers={**bearer(key, context), "Content-Type": "application/json"},
        body=_REQUEST,
    )
    response.require_ok(context.now_ms() / 1000)
    body = as_object(response.json())
    if as_text(as_object(body.get("error")).get("code")) == "auth-required":
        raise AuthRequired(f"Amp refused the key: {_LOGIN}")
    text = as_text(as_object(body.get("result")).get("displayText"))
    metrics, attributes = parse_balance(text)
    if not metrics:
        raise UpstreamChanged("result.displayText", "no known amount in it")
    return UsageSnapshot(
        provider_id=account.provider_id,
        account_id=account.id,
        ts_ms=context.now_ms(),
        status=status_of(metric for metric in metrics if metric.unit == "%"),
        metrics=tuple(metrics),
        attributes=attributes,
    )


def parse_balance(text: str) -> tuple[list[LimitMetric], dict[str, str]]:
    """Figures and attributes of the text that Amp shows; nothing of what it does not know."""
    metrics: dict[str, LimitMetric] = {}
    attributes: dict[str, str] = {}
    for raw in text.replace("**", "").splitlines():
        line = raw.strip()
        if line.startswith(f"{_FREE}:"):
            attributes.setdefault("plan", _FREE)
            found = _free(line)
        elif line.startswith("Individual credits:"):
            found = _dollars("individual_credits", "Individual credits", line)
        elif line.startswith("Workspace "):
            name, _, rest = line.removeprefix("Workspace ").partition(":")
            found = _dollars(f"workspace_credits:{name.strip()}", f"Workspace {name}", rest)
        else:
            plan = _TIER.match(line)
            if plan is None:
                continue
            found = _subscription(line)
            if attributes.get("plan", _FREE) == _FREE:  # what pays first is named first
                attributes["plan"] = f"Amp {plan[1] or plan[2]}"
            renewal = _RENEWAL.search(line)
            if renewal is not None:
                attributes["renews_in"] = renewal[1]
        for metric in found:
            metrics.setdefault(metric.key, metric)
    return list(metrics.values()), attributes


def _free(line: str) -> Iterator[LimitMetric]:
    """`42% remaining today`, in older versions `$17.59/$20 remaining (replenishes ...)`."""
    percent = _PERCENT_LEFT.search(line)
    if percent is not None:
        yield _percent("free_usage", _FREE, "1d", _value(percent[1]))
    yield from _pool("free_usage", "free_balance", _FREE, "1d", "current", line)


def _subscription(line: str) -> Iterator[LimitMetric]:
    pools = _POOLS_LEFT.search(line)
    if pools is not None:
        yield _percent("agent_usage", "Agent usage", "month", _value(pools[1]))
        yield _percent("orb_usage", "Orb usage", "month", _value(pools[2]))
        return
    yield from _pool("agent_usage", "agent_balance", "Agent usage", "month", "month", line)
    hours = _HOURS_LEFT.search(line)
    if hours is not None and _value(hours[2]) > 0:
        left = 100 * _value(hours[1]) / _value(hours[2])
        yield _percent("orb_usage", "Orb usage", "month", left)


def _pool(
    usage_key: str, balance_key: str, label: str, window: str, balance_window: str, line: str
) -> Iterator[LimitMetric]:
    """A pool of included dollars: what is left, and as a share."""
    amounts = _LEFT_OF.search(line)
    if amounts is None:
        return
    left, limit = _value(amounts[1]), _value(amounts[2])
    yield LimitMetric(
        key=balance_key,
        unit="USD",
        window=balance_window,
        label=label,
        limit=limit,
        remaining=left,
        used=round(max(0.0, limit - left), 9),
        money_kind="estimate",
    )
    if limit > 0:
        yield _percent(usage_key, label, window, 100 * left / limit)


def _dollars(key: str, label: str, line: str) -> Iterator[LimitMetric]:
    amount = _DOLLARS.search(line)
    if amount is not None:
        yield LimitMetric(
            key=key,
            unit="USD",
            window="current",
            label=label.strip(),
            remaining=_value(amount[1]),
            money_kind="billed",
        )


def _percent(key: str, label: str, window: str, left: float) -> LimitMetric:
    left = min(max(left, 0.0), 100.0)
    return LimitMetric(
        key=key,
        unit="%",
        window=window,
        label=label,
        used=round(100 - left, 6),
        limit=100.0,
        remaining=round(left, 6),
    )


def _value(text: str) -> float:
    return as_number(text) or 0.0


def _key(context: FetchContext, account: Account, base: str) -> str:
    """The account's key, the environment's, or that of Amp's own sign-in for this address."""
    key = context.secret_of(account) or context.machine.env.get("AMP_API_KEY", "")
    for home in paths.homes(account, context.machine):
        if key.strip():
            break
        secrets = _secrets(os.path.join(home, "secrets.json"))
        # a key is for one address only: that of another must not be sent here
        key = as_text(secrets.get(f"apiKey@{base}/")) or as_text(secrets.get(f"apiKey@{base}"))
    if not key.strip():
        raise AuthRequired(f"no Amp key found: {_LOGIN}")
    return key.strip()


def _secrets(path: str) -> dict[str, Any]:
    try:
        data = documents.read_document(path, max_bytes=MAX_SECRETS_BYTES)
        return documents.decode_object(path, data, dict[str, Any]) or {}
    except (OSError, documents.DocumentUnreadable):
        return {}


def _local(context: FetchContext, account: Account) -> UsageSnapshot:
    newest = _newest_ms(account, context.machine)
    return UsageSnapshot(
        provider_id=account.provider_id,
        account_id=account.id,
        ts_ms=context.now_ms(),
        status=ACCOUNT_UNKNOWN if newest is None else ACCOUNT_OK,
        message=_staleness(context, newest),
        attributes={"balance": "not asked for"},
    )


def _staleness(context: FetchContext, newest: int | None) -> str:
    """Why nothing new arrives, when that is so."""
    if newest is None:
        return "There are no Amp threads on this machine."
    if context.now_ms() - newest <= STALE_MS or not _is_installed(context.machine):
        return ""
    day = datetime.fromtimestamp(newest / 1000, UTC).date().isoformat()
    return (
        f"The newest local thread is of {day}: Amp keeps threads on its server since spring 2026."
    )


def _newest_ms(account: Account, machine: Machine) -> int | None:
    newest = max((unit.mtime_ns for unit in paths.units(account, machine)), default=None)
    return None if newest is None else newest // 1_000_000


def _is_installed(machine: Machine) -> bool:
    directories = [*machine.env.get("PATH", "").split(os.pathsep), f"{machine.home}/.local/bin"]
    return any(folder and os.access(os.path.join(folder, "amp"), os.X_OK) for folder in directories)
