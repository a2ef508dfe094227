"""A poll always ends in a snapshot; a failure is a state with words, not an exception."""

from __future__ import annotations

import pytest

from openusaged.core.errors import AuthRequired, RateLimited, Unreachable, UpstreamChanged
from openusaged.core.models import Account, UsageSnapshot
from openusaged.providers.base import Machine, Provider, ProviderSpec
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.usecases.polling import poll

ACCOUNT = Account(id="a", provider_id="p")
GOOD = UsageSnapshot(provider_id="p", account_id="a", ts_ms=5, status="OK")


def ask(fetch) -> UsageSnapshot:
    spec = ProviderSpec(id="p", title="P", description="", kind="api", auth="api_key")
    provider = Provider(spec=spec, discover=lambda _machine: [], fetch=fetch)
    return poll(
        provider,
        ACCOUNT,
        machine=Machine(env={}, home="/h"),
        http=UrllibHttpClient(),
        now_ms=lambda: 7,
    ).snapshot


def test_good_answer_is_passed_on() -> None:
    """A snapshot of the provider is taken as it is."""
    assert ask(lambda _context, _account: GOOD) is GOOD


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (AuthRequired("log in again"), "AUTH_REQUIRED", None),
        (RateLimited("slow down", 60.0), "LIMITED", 60.0),
        (Unreachable("no answer"), "ERROR", None),
        (UpstreamChanged("$.five_hour", "expected an object"), "ERROR", None),
        (ZeroDivisionError("secret-token"), "ERROR", None),
    ],
)
def test_failure_becomes_a_state(error: Exception, status: str, retry: float | None) -> None:
    """Each kind of failure has its status; an unexpected one never shows its text."""

    def fetch(_context, _account):
        raise error

    snapshot = ask(fetch)
    assert (snapshot.status, snapshot.retry_after_s, snapshot.ts_ms) == (status, retry, 7)
    assert snapshot.message
    assert "secret-token" not in snapshot.message
    assert snapshot.metrics == ()
