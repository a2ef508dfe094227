"""Spellings of one model become one name; another version or variant never does."""

from __future__ import annotations

import pytest

from openusaged.core.model_identity import ModelNames, NameRule, Use, identity_of

ON = ModelNames(enabled=True)


def shown(names: ModelNames, *raw: str) -> list[str]:
    """What these names of Anthropic's bills are shown as, in the same order."""
    uses = [Use("anthropic", "claude_code", name) for name in raw]
    found = names.shown(uses)
    return [found.get(use, use.raw) for use in uses]


@pytest.mark.parametrize(
    ("raw", "lineage", "date"),
    [
        ("claude-opus-4-6-20260101", "anthropic/claude-opus-4.6", "20260101"),
        ("claude-opus-4-6", "anthropic/claude-opus-4.6", ""),
        ("claude-opus-4.6[1m]", "anthropic/claude-opus-4.6", ""),
        ("anthropic/Claude-4.6-Opus", "anthropic/claude-opus-4.6", ""),
        ("openrouter/anthropic/claude-opus-4.6", "anthropic/claude-opus-4.6", ""),
        ("us.anthropic.claude-opus-4-6-20260101-v1:0", "anthropic/claude-opus-4.6", "20260101"),
        ("claude-opus-4-6@20260101", "anthropic/claude-opus-4.6", "20260101"),
        ("claude-3-5-sonnet-20241022", "anthropic/claude-sonnet-3.5", "20241022"),
        ("claude-sonnet-4-20250514", "anthropic/claude-sonnet-4", "20250514"),
        ("claude-opus-4-6-fast", "anthropic/claude-opus-4.6-fast", ""),
        ("gpt-4o-2024-08-06", "openai/gpt-4o", "20240806"),
        ("openai/gpt-5.1-codex", "openai/gpt-5.1-codex", ""),
        ("gpt-5.1-codex-mini", "openai/gpt-5.1-codex-mini", ""),
        ("models/gemini-2.5-pro", "google/gemini-2.5-pro", ""),
        ("gemini-2.5-pro-preview-05-06", "google/gemini-2.5-pro-preview-05.06", ""),
    ],
)
def test_identity_of_known_vendors(raw: str, lineage: str, date: str) -> None:
    identity = identity_of("", raw)
    assert (identity.lineage, identity.release) == (
        lineage,
        f"{lineage}@{date}" if date else lineage,
    )
    assert identity.confidence >= ON.min_confidence


@pytest.mark.parametrize(
    ("provider", "raw", "lineage"),
    [("Somebody", "big-one", "somebody/big-one"), ("", "big-one", "unknown/big-one")],
)
def test_who_bills_is_a_weak_hint(provider: str, raw: str, lineage: str) -> None:
    identity = identity_of(provider, raw)
    assert identity.lineage == lineage
    assert identity.confidence < ON.min_confidence


def test_half_a_claude_name_is_less_sure() -> None:
    assert identity_of("", "claude-opus").confidence < identity_of("", "claude-opus-4").confidence


def test_spellings_of_a_model_are_one() -> None:
    assert shown(ON, "claude-opus-4-6-20260101", "claude-opus-4-6", "claude-opus-4-5") == [
        "claude-opus-4-6",
        "claude-opus-4-6",
        "claude-opus-4-5",
    ]


def test_a_lone_spelling_keeps_its_name() -> None:
    assert shown(ON, "claude-opus-4-6-20260101") == ["claude-opus-4-6-20260101"]


def test_releases_may_stay_apart() -> None:
    names = ModelNames(enabled=True, by_release=True)
    raw = ["claude-opus-4-6-20260101", "anthropic/claude-opus-4-6-20260101", "claude-opus-4-6"]
    assert shown(names, *raw) == [raw[0], raw[0], raw[2]]


def test_unsure_names_are_left_alone() -> None:
    names = ModelNames(enabled=True, min_confidence=1.0)
    raw = ["claude-opus-4-6-20260101", "claude-opus-4-6", ""]
    assert shown(names, *raw) == raw
    assert shown(ModelNames(), *raw) == raw


@pytest.mark.parametrize("provider", ["", "Anthropic", "claude_code"])
def test_the_user_says_what_a_name_means(provider: str) -> None:
    rule = NameRule(raw="Proxy-A", lineage="anthropic/claude-opus-4.6", provider=provider)
    names = ModelNames(enabled=True, rules=(rule,))
    assert shown(names, "proxy-a", "claude-opus-4-6") == ["anthropic/claude-opus-4.6"] * 2


def test_the_user_says_how_a_model_is_called() -> None:
    rule = NameRule(raw="proxy-a", lineage="anthropic/claude-opus-4.6", shown="Opus")
    names = ModelNames(enabled=True, rules=(rule,))
    assert shown(names, "proxy-a", "claude-opus-4-6") == ["Opus", "Opus"]


def test_a_rule_may_name_the_release() -> None:
    rule = NameRule(raw="a", lineage="x/m", release="x/m@20260101", shown="m")
    names = ModelNames(enabled=True, by_release=True, rules=(rule,))
    assert shown(names, "a") == ["m"]


def test_rules_of_another_biller_do_not_apply() -> None:
    rule = NameRule(raw="proxy-a", lineage="anthropic/claude-opus-4.6", provider="groq")
    assert shown(ModelNames(enabled=True, rules=(rule,)), "proxy-a") == ["proxy-a"]
