"""
Asks the vendors: one poll of one account becomes a snapshot in the store, whatever happens.

When to ask is the scheduler's matter; here is how, and what a failure turns into.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from openusaged.core.errors import AuthRequired, ProviderError, RateLimited
from openusaged.core.models import (
    ACCOUNT_AUTH_REQUIRED,
    ACCOUNT_ERROR,
    ACCOUNT_LIMITED,
    Account,
    UsageSnapshot,
)
from openusaged.providers.base import FetchContext, Fetched, HttpClient, Machine, Provider
from openusaged.runtime import tracing

log = logging.getLogger(__name__)


class Secrets(Protocol):
    """Where a provider's key or cookie comes from at the moment it is needed; never stored."""

    def secret_of(self, account: Account) -> str:
        """The account's API key, or ""."""
        ...

    def cookie_of(self, account: Account) -> str:
        """The value of the account's browser cookie, or ""."""
        ...


class _NoSecrets:
    def secret_of(self, account: Account) -> str:  # noqa: ARG002 - the protocol
        return ""

    cookie_of = secret_of


NO_SECRETS: Final = _NoSecrets()


def poll(
    provider: Provider,
    account: Account,
    *,
    machine: Machine,
    http: HttpClient,
    now_ms: Callable[[], int],
    secrets: Secrets = NO_SECRETS,
) -> Fetched:
    """One fetch in a worker thread; never raises, because a failure is a state to show."""
    assert provider.fetch is not None
    context = FetchContext(
        machine=machine,
        http=http,
        now_ms=now_ms,
        secret_of=secrets.secret_of,
        cookie_of=secrets.cookie_of,
    )
    try:
        result = tracing.timed(f"poll account={account.id}", provider.fetch)(context, account)
        return _owned(result, account) if isinstance(result, Fetched) else Fetched(snapshot=result)
    except AuthRequired as error:
        return _failure(account, now_ms(), ACCOUNT_AUTH_REQUIRED, str(error))
    except RateLimited as error:
        return _failure(
            account, now_ms(), ACCOUNT_LIMITED, str(error), retry_after_s=error.retry_after_s
        )
    except ProviderError as error:
        return _failure(account, now_ms(), ACCOUNT_ERROR, str(error))
    except Exception as error:
        log.exception("event=poll_failed account=%s", account.id)
        return _failure(
            account,
            now_ms(),
            ACCOUNT_ERROR,
            f"internal error ({type(error).__name__}), see the log",
        )


def _owned(fetched: Fetched, account: Account) -> Fetched:
    """The vendor's events belong to the account that was asked about."""
    return Fetched(
        snapshot=fetched.snapshot,
        events=[
            msgspec.structs.replace(event, account_id=event.account_id or account.id)
            for event in fetched.events
        ],
    )


def _failure(
    account: Account, ts_ms: int, status: str, message: str, *, retry_after_s: float | None = None
) -> Fetched:
    return Fetched(
        snapshot=UsageSnapshot(
            provider_id=account.provider_id,
            account_id=account.id,
            ts_ms=ts_ms,
            status=status,
            message=message,
            retry_after_s=retry_after_s,
        )
    )
