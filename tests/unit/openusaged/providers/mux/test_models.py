"""Mux's model names and token counts, version by version."""

from __future__ import annotations

import pytest

from openusaged.providers.mux.models import split_model, usage_of


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("anthropic:claude-sonnet-4-5", ("anthropic", "claude-sonnet-4-5")),
        ("ollama:qwen3:8b", ("ollama", "qwen3:8b")),
        ("xai:grok-4", ("x-ai", "grok-4")),
        ("bedrock:us.anthropic.claude", ("aws", "us.anthropic.claude")),
        ("OpenRouter:z-ai/glm-4.6", ("openrouter", "z-ai/glm-4.6")),
        ("mux-gateway:openai/gpt-5", ("openai", "openai/gpt-5")),
        ("claude-x", ("anthropic", "claude-x")),
        ("", ("", "")),
    ],
)
def test_name_tells_who_bills(name, wanted):
    """The first colon ends the provider; a gateway bills what the model's vendor asks."""
    assert split_model(name) == wanted


@pytest.mark.parametrize(
    ("usage", "written", "wanted"),
    [
        # OpenAI and Google: the input contains what the cache gave
        (
            {"inputTokens": 100, "cachedInputTokens": 40, "outputTokens": 5, "totalTokens": 105},
            None,
            (60, 40, 0, 5),
        ),
        # Anthropic, older SDK: it does not
        (
            {"inputTokens": 10, "cachedInputTokens": 40, "outputTokens": 5, "totalTokens": 15},
            7,
            (10, 40, 7, 5),
        ),
        ({"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}, 900, (10, 0, 900, 5)),
        # Anthropic, newer SDK: reads and writes are inside
        (
            {"inputTokens": 57, "cachedInputTokens": 40, "outputTokens": 5, "totalTokens": 62},
            7,
            (10, 40, 7, 5),
        ),
        # the total proves that it stands apart
        (
            {"inputTokens": 100, "cachedInputTokens": 40, "outputTokens": 5, "totalTokens": 145},
            None,
            (100, 40, 0, 5),
        ),
        # an answer that is only in the total
        ({"inputTokens": 100, "cachedInputTokens": 40, "totalTokens": 120}, None, (60, 40, 0, 20)),
        (
            {
                "inputTokens": 57,
                "outputTokens": 5,
                "inputTokenDetails": {
                    "noCacheTokens": 10,
                    "cacheReadTokens": 40,
                    "cacheWriteTokens": 7,
                },
            },
            None,
            (10, 40, 7, 5),
        ),
    ],
)
def test_input_without_the_cache(usage, written, wanted):
    """Whatever the SDK's version put into the input, each token is in one bucket."""
    metadata = {} if written is None else {"anthropic": {"cacheCreationInputTokens": written}}
    found = usage_of(usage, metadata)
    names = ("input", "cache_read", "cache_write_5m", "output")
    assert tuple(found[name] for name in names) == wanted


@pytest.mark.parametrize(
    ("usage", "metadata", "reasoning"),
    [
        ({"reasoningTokens": 3}, {"openai": {"reasoningTokens": 9}}, 3),
        ({"outputTokenDetails": {"reasoningTokens": 4}}, None, 4),
        ({}, {"openai": {"reasoningTokens": 2}}, 2),
        ({"reasoningTokens": 99}, "odd", 5),
        ({}, {}, 0),
    ],
)
def test_reasoning_is_part_of_the_output(usage, metadata, reasoning):
    """Reasoning is told by one of three places, and is never more than the output."""
    assert usage_of({"outputTokens": 5, **usage}, metadata)["reasoning"] == reasoning


@pytest.mark.parametrize("usage", [None, [], {}, {"inputTokens": 0, "outputTokens": -1}])
def test_nothing_used_is_no_usage(usage):
    """Zeros and other shapes are no request."""
    assert usage_of(usage, None) == {}
