"""
Which accounts pay a flat rate, so that what their tokens would cost by the piece is no bill.

Separate from `preferences` because it is knowledge about vendors' plans, by the attributes that
their providers report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_CHATGPT: Final = frozenset({"plus", "pro", "team", "business", "enterprise", "edu"})
_COPILOT: Final = frozenset({"individual", "individual_pro", "business", "enterprise"})
_CLAUDE_BY_THE_PIECE: Final = frozenset({"", "free", "api", "none"})
_CODING_PLAN: Final = "glm_coding_plan"


def is_flat_rate(provider_id: str, attributes: Mapping[str, str]) -> bool:
    """True for an account known to be on a plan with a fixed price."""

    def word(name: str) -> str:
        return attributes.get(name, "").strip().casefold().replace(" ", "_")

    if provider_id == "claude_code":
        return word("plan") not in _CLAUDE_BY_THE_PIECE or word("subscription") == "active"
    if provider_id == "codex":
        return word("plan_type") in _CHATGPT
    if provider_id == "copilot":
        return word("copilot_plan") in _COPILOT
    if provider_id == "zai":
        return _CODING_PLAN in word("plan_type")
    return False
