"""What providers with a key share: calls that are made only when the settings ask for them."""

from __future__ import annotations

import pytest

from openusaged.core.models import Account
from openusaged.providers.shared.api import is_asked_for


@pytest.mark.parametrize(
    ("value", "expected"),
    [("on", True), (" Yes ", True), ("1", True), ("true", True), ("off", False), ("", False)],
)
def test_only_a_clear_yes_switches_a_call_on(value, expected):
    """Whatever is no known yes leaves the call unmade."""
    account = Account(id="a", provider_id="p", options={"balance": value})
    assert is_asked_for(account, "balance") is expected
    assert not is_asked_for(account, "limits")
