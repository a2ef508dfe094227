"""Accounts: those of the settings first, detected ones beside them, none twice."""

from __future__ import annotations

from pathlib import Path

from openusaged.core.models import Account
from openusaged.providers import registry
from openusaged.providers.base import Machine
from openusaged.usecases.accounts import find_accounts


def claude_home(root: Path) -> str:
    (root / "projects").mkdir(parents=True)
    return str(root)


def machine(home: Path) -> Machine:
    return Machine(env={"HOME": str(home)}, home=str(home))


def test_detected_accounts_are_found(tmp_path: Path) -> None:
    """Tools in their usual places need no settings."""
    home = claude_home(tmp_path / ".claude")
    found = find_accounts(machine(tmp_path), [])
    assert [(account.id, account.home) for account in found.plain] == [("claude-code", home)]
    assert found.warnings == []


def test_detection_can_be_switched_off(tmp_path: Path) -> None:
    """Without detection only configured accounts exist."""
    claude_home(tmp_path / ".claude")
    assert find_accounts(machine(tmp_path), [], auto_detect=False).accounts == []


def test_configured_home_is_completed_and_not_found_twice(tmp_path: Path) -> None:
    """A configured account takes over its home's paths; the detected one of that home gives way."""
    home = claude_home(tmp_path / ".claude")
    other = claude_home(tmp_path / "work")
    configured = [
        Account(id="mine", provider_id="claude_code", home=home),
        Account(id="work", provider_id="claude_code", home=other, title="Work"),
        Account(id="gone", provider_id="claude_code", home=str(tmp_path / "gone")),
    ]
    found = find_accounts(machine(tmp_path), configured)
    assert [account.id for account in found.plain] == ["mine", "work", "gone"]
    assert found.plain[0].paths["projects"] == f"{home}/projects"
    assert found.plain[1].title == "Work"
    assert found.plain[2].paths == {}


def test_disabled_accounts_are_left_out(tmp_path: Path) -> None:
    """What the user switched off is neither collected nor shown."""
    claude_home(tmp_path / ".claude")
    found = find_accounts(machine(tmp_path), [], disabled=frozenset({"claude-code"}))
    assert found.accounts == []


def test_unknown_provider_is_a_warning(tmp_path: Path) -> None:
    """A configured account of a provider nobody knows is named, with the known ones."""
    found = find_accounts(machine(tmp_path), [Account(id="x", provider_id="nope")])
    assert found.accounts == []
    (warning,) = found.warnings
    assert "nope" in warning
    assert "claude_code" in warning


def test_every_provider_module_exports_one() -> None:
    """Each module below `providers` holds a provider of its own name, found by its sources."""
    ids = registry.provider_ids()
    assert {"claude_code", "codex", "opencode"} <= set(ids)
    assert set(registry.load_all()) == set(ids)
    for name in ids:
        provider = registry.load(name)
        assert provider.id == name
        assert provider.spec.title
        assert provider.spec.description
        for source in provider.sources or (name,):
            assert registry.for_source(source.upper().replace("_", "-")) is provider
    assert registry.for_source("nobody") is None
