"""The disclosure is made from the program itself and hides nothing."""

from __future__ import annotations

from openusage_proto.privacy_messages import AlertWay
from openusaged.core.models import Account
from openusaged.providers import registry
from openusaged.usecases.privacy import privacy


def test_every_service_is_disclosed_with_what_it_reads() -> None:
    """No provider is left out, and none has nothing to say about what it reads."""
    found = privacy([Account(id="claude-code", provider_id="claude_code", home="/h/.claude")])
    by_id = {service.id: service for service in found.services}
    assert set(by_id) == set(registry.load_all())
    assert all(service.reads for service in found.services)
    assert by_id["claude_code"].places == ["/h/.claude"]
    assert by_id["claude_code"].found
    assert not by_id["groq"].found


def test_hosts_and_headers_come_from_the_code() -> None:
    """Who is asked, and with which headers, is what stands in the provider's code."""
    by_id = {service.id: service for service in privacy([]).services}
    assert by_id["anthropic"].hosts == ["api.anthropic.com"]
    assert {"x-api-key", "anthropic-version"} <= set(by_id["anthropic"].headers)
    assert "Authorization" in by_id["groq"].headers
    assert by_id["groq"].environment == ["GROQ_API_KEY"]
    assert privacy([]).other_hosts == ["raw.githubusercontent.com"]


def test_what_alerts_carry_is_listed() -> None:
    """Each way out and every field of an alert is named; nothing of them says who worked where."""
    found = privacy([], [AlertWay(name="webhook", target="hooks.example.com")])
    assert [(way.name, way.target) for way in found.alert_ways] == [
        ("webhook", "hooks.example.com")
    ]
    assert {"text", "account", "project", "value"} <= set(found.alert_fields)
    assert not {"cwd", "session", "path", "user"} & set(found.alert_fields)


def test_stored_fields_are_the_real_ones() -> None:
    """The list of what is stored cannot lag behind what is stored."""
    found = privacy([])
    assert {"model", "cwd", "session_id"} <= set(found.stored_event_fields)
    assert "prompts and answers" in found.never_stored
