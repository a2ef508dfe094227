"""
What the suite over all providers cannot see of the API platforms.

It damages the first case of each; here are the answers of the other kinds of key, and the secrets
in every recorded case.
"""

from __future__ import annotations

import msgspec
import pytest

from openusaged.core.models import ACCOUNT_AUTH_REQUIRED, ACCOUNT_LIMITED
from openusaged.providers import registry
from tests.support.provider_case import cases, open_case

PLATFORMS = (
    "alibaba_cloud",
    "anthropic",
    "azure_openai",
    "deepseek",
    "gemini_api",
    "groq",
    "mistral",
    "openai",
    "xai",
)
OTHER_KEYS = (("anthropic", "organization"), ("openai", "organization"), ("xai", "management-preview"))  # fmt: skip
HEALTHY = {"OK", "NEAR_LIMIT"}


def polled(provider_id, name, directory, fault="", headers=None):
    with open_case(provider_id, name, directory) as case:
        case.http.patience_s = 0.3
        case.server.fault = fault
        case.server.fault_headers = headers or {}
        return case.poll(case.accounts()[0])[0]


@pytest.mark.parametrize(("provider_id", "name"), OTHER_KEYS)
class TestOtherKeys:
    @pytest.mark.parametrize("fault", ["401", "403"])
    def test_refused_key_is_named(self, provider_id, name, fault, tmp_path):
        """A refused admin key is a state with a sentence, like any other key."""
        snapshot = polled(provider_id, name, tmp_path, fault)
        assert (snapshot.status, snapshot.metrics) == (ACCOUNT_AUTH_REQUIRED, ())
        assert snapshot.message

    @pytest.mark.parametrize("fault", ["404", "500", "garbage", "array", "slow", "huge"])
    def test_no_usable_answer_is_not_ok(self, provider_id, name, fault, tmp_path):
        """A vendor that fails is never shown as an organisation that spent nothing."""
        snapshot = polled(provider_id, name, tmp_path, fault)
        assert snapshot.status not in HEALTHY
        assert snapshot.metrics == ()
        assert snapshot.message

    def test_wait_is_passed_on(self, provider_id, name, tmp_path):
        """A 429 of a report carries its wait."""
        snapshot = polled(provider_id, name, tmp_path, "429", {"Retry-After": "90"})
        assert (snapshot.status, snapshot.retry_after_s) == (ACCOUNT_LIMITED, 90.0)

    def test_wrong_types_invent_no_money(self, provider_id, name, tmp_path):
        """Leaves of other types raise nothing and become no amount."""
        snapshot = polled(provider_id, name, tmp_path, "wrong_types")
        assert "internal error" not in snapshot.message
        assert all(not metric.used for metric in snapshot.metrics)


@pytest.mark.parametrize(
    ("provider_id", "name"), [case for case in cases() if case[0] in PLATFORMS], ids="/".join
)
def test_planted_text_is_in_no_snapshot(provider_id, name, tmp_path):
    """Keys of every kind, cookies and texts of a recorded vendor stay out of what is kept."""
    snapshot = polled(provider_id, name, tmp_path)
    assert "planted" not in msgspec.json.encode(snapshot).decode().lower()


@pytest.mark.parametrize("provider_id", PLATFORMS)
def test_without_a_key_nothing_is_asked(provider_id, tmp_path):
    """No key: no request, and the message names the variable to set."""
    first = next(name for provider, name in cases() if provider == provider_id)
    with open_case(provider_id, first, tmp_path) as case:
        case.document["secret"] = " "
        snapshot, _ = case.poll(case.accounts()[0])
        assert case.server.requests == []
    assert snapshot.status == ACCOUNT_AUTH_REQUIRED
    assert registry.load(provider_id).spec.keys[0].name in snapshot.message
