"""Where an Azure OpenAI resource is, by account and environment."""

from __future__ import annotations

import pytest

from openusaged.core.models import Account
from openusaged.providers.azure_openai import _endpoint
from openusaged.providers.base import Machine

RESOURCE = "https://res.openai.azure.com"


@pytest.mark.parametrize(
    ("base_url", "env", "endpoint"),
    [
        ("https://a.azure.us/", {"AZURE_OPENAI_ENDPOINT": RESOURCE}, "https://a.azure.us"),
        (" ", {"AZURE_OPENAI_ENDPOINT": f" {RESOURCE}/ "}, RESOURCE),
        ("", {"AZURE_OPENAI_ENDPOINT": "", "AZURE_RESOURCE_NAME": " res "}, RESOURCE),
        ("", {"AZURE_OPENAI_ENDPOINT": f"{RESOURCE}/openai/v1/"}, RESOURCE),
        (f"{RESOURCE}/openai", {}, RESOURCE),
        ("", {}, ""),
    ],
)
def test_endpoint_is_the_first_that_is_given(base_url, env, endpoint):
    """Account, then AZURE_OPENAI_ENDPOINT, then AZURE_RESOURCE_NAME; paths of calls are cut."""
    account = Account(id="azure_openai", provider_id="azure_openai", base_url=base_url)
    assert _endpoint(account, Machine(env=env, home="/nowhere")) == endpoint
