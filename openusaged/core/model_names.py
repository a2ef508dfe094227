"""
What a model's name says: who makes it.

Local tools often record only a model; the vendor decides whose price applies when the tool does
not say who billed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_VENDOR_BY_TOKEN: Final = (
    (re.compile(r"^(claude|opus|sonnet|haiku|fable)"), "anthropic"),
    (re.compile(r"^(gpt|codex|o[134]\b|chatgpt|davinci|text-embedding)"), "openai"),
    (re.compile(r"^(gemini|gemma|learnlm|palm)"), "google"),
    (re.compile(r"^grok"), "x-ai"),
    (re.compile(r"^(mistral|mixtral|codestral|devstral|magistral|ministral|pixtral)"), "mistral"),
    (re.compile(r"^deepseek"), "deepseek"),
    (re.compile(r"^(kimi|moonshot)"), "moonshotai"),
    (re.compile(r"^glm"), "zai"),
    (re.compile(r"^(qwen|qwq|qvq)"), "qwen"),
    (re.compile(r"^minimax"), "minimax"),
    (re.compile(r"^(llama|meta-llama)"), "meta"),
    (re.compile(r"^command"), "cohere"),
    (re.compile(r"^sonar"), "perplexity"),
)
_ROUTES: Final = frozenset({"models", "accounts", "openrouter", "bedrock", "vertex", "vertex_ai"})


@lru_cache(maxsize=1024)
def vendor_of_model(model: str) -> str:
    """
    The vendor by the model's own name (`anthropic`, `openai`, `google` ...), or "" when unknown.

    A prefix before a slash names the vendor unless it names a route: `openai/gpt-5` is OpenAI's,
    `openrouter/anthropic/claude-sonnet-4` Anthropic's.
    """
    name = model.strip().lower()
    parts = [part for part in name.split("/") if part and part not in _ROUTES]
    if not parts:
        return ""
    for pattern, vendor in _VENDOR_BY_TOKEN:
        if pattern.match(parts[-1]):
            return vendor
    return parts[0] if len(parts) > 1 else ""
