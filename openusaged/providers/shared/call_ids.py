"""
Names tool calls: agents pass on the ids of model vendors, and those are not all alike.

The big vendors' ids are long and unique, and a copied session repeats them on purpose: the copy's
calls are the same calls.  Small servers count up within a conversation.
"""

from __future__ import annotations

from typing import Final

LONG_ID: Final = 16


def global_call_id(session: str, call_id: str) -> str:
    """A call's id that is unique over all sessions; `session` must be so itself."""
    return call_id if len(call_id) >= LONG_ID else f"{session}:{call_id}"
