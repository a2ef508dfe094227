"""
Reads a session's totals: one settings document per session, rewritten with every step.

The totals only grow and name the model in use now, so a session is one event whose numbers grow;
the store moves its sums by the difference.  It is booked where the session began.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import JSONL, MESSAGE_USAGE, Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.droid.models import model_name, vendor_name
from openusaged.providers.droid.paths import CONVERSATION, ID, SETTINGS, session_of
from openusaged.providers.shared import documents
from openusaged.providers.shared.cursors import document_state
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.files import stat_unit
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_object,
    as_text,
    count_or_zero,
    first_epoch_ms,
)

STATE_VERSION: Final = 1
HEAD_BYTES: Final = 256 << 10
MODEL_LINES: Final = 500
"""How far into a conversation its model may be named."""

_SHOWN_MODEL: Final = re.compile(rb'Model:\s*([A-Za-z][A-Za-z0-9 ._:/+-]{1,80}?)\s*[\[\\"]')


class _Settings(msgspec.Struct, gc=False, rename="camel"):
    model: Any = None
    provider_lock: Any = None
    provider_lock_timestamp: Any = None
    token_usage: Any = None


class _Line(msgspec.Struct, gc=False):
    """A line of the conversation, but for its texts."""

    type: Any = None
    cwd: Any = None
    timestamp: Any = None


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    The session's totals, when they have changed.

    Raises:
        DocumentUnreadable: the settings are half-written, damaged or too large.
    """
    settings = documents.decode_object(unit.path, documents.read_document(unit.path), _Settings)
    event = _event(settings, unit) if settings is not None else None
    yield from documents.news(
        account,
        unit,
        () if event is None else (event,),
        Emitted(document_state(cursor, STATE_VERSION)),
        context,
        state_version=STATE_VERSION,
    )


def totals_beside(path: str) -> UsageEvent | None:
    """
    The totals of the session whose conversation is at `path`.

    They are looked at again when a conversation appears: only it knows the working directory, and
    sometimes the model.
    """
    unit = stat_unit(path.removesuffix(CONVERSATION) + SETTINGS)
    if unit is None:
        return None
    try:
        data = documents.read_document(unit.path)
        settings = documents.decode_object(unit.path, data, _Settings)
    except (OSError, documents.DocumentUnreadable):
        return None  # the settings' own unit reports that
    return _event(settings, unit) if settings is not None else None


def _event(settings: _Settings, unit: Unit) -> UsageEvent | None:
    usage = as_object(settings.token_usage)
    fresh = as_count(usage.get("inputTokens"))
    read, write = as_count(usage.get("cacheReadTokens")), as_count(usage.get("cacheCreationTokens"))
    answered = count_or_zero(usage.get("outputTokens"))
    thought = count_or_zero(usage.get("thinkingTokens"))
    # What a total holds beyond the parts was output, or thinking where there is output.
    known = (fresh or 0) + (read or 0) + (write or 0) + answered + thought
    missing = max(0, count_or_zero(usage.get("totalTokens")) - known)
    if answered:
        thought += missing
    else:
        answered = missing
    if not known + missing:
        return None
    head = _head(unit.path.removesuffix(SETTINGS) + CONVERSATION)
    cwd, begun = _beginning(head)
    model = model_name(as_text(settings.model)) or _named_model(head)
    return UsageEvent(
        source=ID,
        channel=JSONL,
        event_type=MESSAGE_USAGE,
        ts_ms=first_epoch_ms(settings.provider_lock_timestamp, begun) or unit.mtime_ns // 1_000_000,
        # What is left empty now is filled when the conversation comes; a guess would stay.
        provider=vendor_name(as_text(settings.provider_lock), model) or (ID if head else ""),
        session_id=session_of(unit.path),
        # not by model: the totals are the session's, whichever models it has used
        message_id=session_of(unit.path),
        is_sum=True,
        cwd=cwd or (_folder(unit.path) if head else ""),
        model=model,
        input=fresh,
        cache_read=read,
        # the record does not say how long an entry lives; the default is 5 minutes
        cache_write_5m=write,
        # thinking is counted beside the output here
        output=answered + thought,
        reasoning=thought,
    )


def _head(path: str) -> list[bytes]:
    """The first lines of a conversation; none when there is none."""
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return []
    return head.split(b"\n")[:MODEL_LINES] if head else []


def _beginning(head: list[bytes]) -> tuple[str, object]:
    """Working directory and time of a conversation's beginning, as far as they are told."""
    cwd, begun = "", None
    for line in head:
        told = documents.decode_part(line, _Line)
        if told is None:
            continue
        if told.type == "session_start":
            cwd = as_text(told.cwd)
        if as_epoch_ms(told.timestamp) is not None:
            begun = told.timestamp
            break
    return cwd, begun


def _named_model(head: list[bytes]) -> str:
    """
    The model that the agent's own notes name, when the settings do not.

    People write `Model:`, too: only what is a known vendor's model is taken.
    """
    for line in head:
        for shown in _SHOWN_MODEL.findall(line):
            name = model_name(shown.decode())
            if vendor_of_model(name):
                return name
    return ""


def _folder(path: str) -> str:
    """The folder that stands for a working directory; old versions had none."""
    name = os.path.basename(os.path.dirname(path))
    return "" if name == "sessions" else name
