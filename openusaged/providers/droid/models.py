"""
Droid's display names of models, and who is behind them.  Pure.

Names become what the vendors call their models, which is what price lists know: Anthropic writes
versions with dashes, the others with dots.
"""

from __future__ import annotations

import re
from typing import Final

from openusaged.core.model_names import vendor_of_model

_CUSTOM: Final = "custom:"
_BRACKETS: Final = re.compile(r"\[[^\[\]]*\]")
_INDEX: Final = re.compile(r"\](?:-\d+)$")
"""Behind a bracket: which one of the user's own models it is, no part of the name."""
_DASHES: Final = re.compile(r"-{2,}")
_MAX_NAME: Final = 100
_VENDORS: Final = {
    "claude": "anthropic",
    "gpt": "openai",
    "gemini": "google",
    "vertex": "google",
    "vertex_ai": "google",
    "grok": "x-ai",
    "xai": "x-ai",
    "bedrock": "aws",
}
_NO_VENDORS: Final = frozenset({"factory", "droid", "generic-chat-completion-api", "custom"})


def model_name(shown: str) -> str:
    """`custom:GPT-5.1-Codex-[OpenAI]-2` is `gpt-5.1-codex`, `Claude Haiku 4.5` claude-haiku-4-5."""
    name = shown.strip().removeprefix(_CUSTOM)[:_MAX_NAME].strip()
    name = _INDEX.sub("]", name)
    previous = ""
    while previous != name:  # brackets may be nested
        previous, name = name, _BRACKETS.sub("", name)
    name = "-".join(name.lower().split())
    if vendor_of_model(name) == "anthropic":
        name = name.replace(".", "-")
    return _DASHES.sub("-", name).rstrip("-")


def vendor_name(lock: str, model: str) -> str:
    """The vendor that a session is locked to, else the one that makes the model."""
    name = lock.strip().lower()
    if name and name not in _NO_VENDORS:
        return _VENDORS.get(name, name)
    return vendor_of_model(model) or _by_family(model)


def _by_family(model: str) -> str:
    """Anthropic, for a name that tells the family only later on (`my-sonnet`)."""
    words = ("opus", "sonnet", "haiku")
    return "anthropic" if any(word in model for word in words) else ""
