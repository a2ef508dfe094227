"""
One event out of several reports of it: pure, and the same whatever the order of the reports.

Every number is kept with the priority of the channel that said it; two reports meet as the larger
of (priority, value), field by field.  That is a least upper bound, hence commutative, associative
and idempotent: a hook, a log and a re-import give one result in any order.  Ownership (account,
session, project ...) is different on purpose: the first report keeps it, so that history never
moves because a copy of a log was read; only a report by the main agent takes over from a
side-chain's replay.
"""

from __future__ import annotations

from typing import Final

import msgspec

from openusaged.core.models import (
    CHANNEL_PRIORITY,
    NUMBERS,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNKNOWN,
    PreparedEvent,
)

# Slots of `CountedEvent.priorities`, three bits each.
_RANKED: Final = (
    "model",
    "status",
    *NUMBERS,
    "cost_nano",
    "calc_nano",
)
_SLOT_BITS: Final = 3
_ONES: Final = sum(1 << (_SLOT_BITS * slot) for slot in range(len(_RANKED)))
UNIFORM_PRIORITIES: Final = tuple(priority * _ONES for priority in range(1 << _SLOT_BITS))
"""`priorities` of an event all of whose fields came from one channel, by its priority."""

_STATUS_RANK: Final = {STATUS_UNKNOWN: 0, STATUS_OK: 1, STATUS_ABORTED: 2, STATUS_ERROR: 3}


class CountedEvent(msgspec.Struct, frozen=True, gc=False):
    """
    What is known of one event after every report of it so far.

    Fields are those of `UsageEvent`; `calc_nano` is our estimate in 1e-9 USD, `response` the hash
    of (message id, request id) or 0, `priorities` the channel priority per ranked field.
    """

    # What thousands of events have few combinations of comes first, so that it is one slice.
    source: str
    provider: str
    account: str
    client: str
    agent: str
    project: str
    branch: str
    tool_name: str
    mcp_server: str
    mcp_function: str
    language: str
    service_tier: str
    model: str
    currency: str
    price_source: str
    event_type: str
    status: str
    is_sidechain: bool
    output_is_lower_bound: bool
    is_sum: bool
    priorities: int

    ts_ms: int
    session_id: str
    requests: int | None
    response: int
    input: int | None
    cache_read: int | None
    cache_write_5m: int | None
    cache_write_1h: int | None
    output: int | None
    reasoning: int | None
    cost_nano: int | None
    calc_nano: int | None
    lines_added: int | None
    lines_removed: int | None


_FILLED: Final = (
    "provider",
    "account",
    "client",
    "project",
    "branch",
    "tool_name",
    "mcp_server",
    "mcp_function",
    "language",
    "service_tier",
)


def count(prepared: PreparedEvent) -> CountedEvent:
    """The first report of an event, as it will be stored and merged with."""
    event = prepared.event
    recorded = event.cost_nano
    output = event.output
    return CountedEvent(
        event.source,
        event.provider,
        event.account_id,
        event.client or event.source,
        event.agent,
        prepared.project,
        event.branch,
        event.tool_name,
        event.mcp_server,
        event.mcp_function,
        event.language,
        event.service_tier,
        event.model,
        event.currency if recorded is not None else "",
        prepared.price_source,
        event.event_type,
        event.status,
        event.is_sidechain,
        # A report that says nothing about output does not vouch for the one that does.
        output is None or event.output_is_lower_bound,
        event.is_sum,
        UNIFORM_PRIORITIES[CHANNEL_PRIORITY.get(event.channel, 1)],
        event.ts_ms,
        event.session_id,
        event.requests,
        prepared.reuse_identity,
        event.input,
        event.cache_read,
        event.cache_write_5m,
        event.cache_write_1h,
        output,
        event.reasoning,
        recorded,
        prepared.cost_nano,
        event.lines_added,
        event.lines_removed,
    )


def is_other_response(stored: CountedEvent, incoming: CountedEvent) -> bool:
    """
    Whether a repeated message id names a different response.

    Only under another request id, and never when either is a side-chain (Claude Code replays the
    parent's messages there); then time and counts must both differ.
    """
    return (
        bool(stored.response and incoming.response)
        and stored.response != incoming.response
        and not stored.is_sidechain
        and not incoming.is_sidechain
        and stored.ts_ms != incoming.ts_ms
        and _counts(stored) != _counts(incoming)
    )


def _counts(event: CountedEvent) -> tuple[int | None, ...]:
    return (
        event.input,
        event.cache_read,
        event.cache_write_5m,
        event.cache_write_1h,
        event.output,
    )


def merge(stored: CountedEvent, incoming: CountedEvent) -> CountedEvent:
    """
    The event both reports describe; `stored` itself when `incoming` adds nothing.

    Numbers: the larger within one channel priority, a strictly higher priority replaces, a lower
    one only fills unknowns.  Time: the earlier.  Ids and names: blanks are filled.
    """
    if stored == incoming:
        return stored
    changes: dict[str, object] = {}
    _merge_owner(stored, incoming, changes)
    _merge_ranked(stored, incoming, changes)
    if incoming.ts_ms < stored.ts_ms:
        changes["ts_ms"] = incoming.ts_ms
    if stored.output_is_lower_bound and not incoming.output_is_lower_bound:
        changes["output_is_lower_bound"] = False
    if not changes:
        return stored
    return msgspec.structs.replace(stored, **changes)


def _merge_owner(stored: CountedEvent, incoming: CountedEvent, changes: dict[str, object]) -> None:
    takes_over = stored.is_sidechain and not incoming.is_sidechain
    if takes_over:
        changes["is_sidechain"] = False
        if stored.agent != incoming.agent:
            changes["agent"] = incoming.agent
        if incoming.session_id and stored.session_id != incoming.session_id:
            changes["session_id"] = incoming.session_id
        # The replay's request id says nothing about the response it replayed.
        if stored.response != incoming.response:
            changes["response"] = incoming.response
    else:
        if not stored.session_id and incoming.session_id:
            changes["session_id"] = incoming.session_id
        # A replay knows neither who made the request nor its id.
        if stored.is_sidechain == incoming.is_sidechain:
            if not stored.agent and incoming.agent:
                changes["agent"] = incoming.agent
            if not stored.response and incoming.response:
                changes["response"] = incoming.response
    for name in _FILLED:
        new = getattr(incoming, name)
        if new and not getattr(stored, name):
            changes[name] = new


def _merge_ranked(stored: CountedEvent, incoming: CountedEvent, changes: dict[str, object]) -> None:
    ours = stored.priorities
    theirs = incoming.priorities
    merged = 0
    for slot, name in enumerate(_RANKED):
        shift = _SLOT_BITS * slot
        old_priority = (ours >> shift) & 7
        new_priority = (theirs >> shift) & 7
        if name in NUMBERS:
            old: object = getattr(stored, name)
            new: object = getattr(incoming, name)
        else:
            old = _rank(stored, name)
            new = _rank(incoming, name)
        if new is not None and (old is None or (new_priority, new) > (old_priority, old)):
            if old != new:
                _take(incoming, name, changes)
            old_priority = new_priority
        merged |= old_priority << shift
    if merged != ours:
        changes["priorities"] = merged


def _rank(event: CountedEvent, name: str) -> object:
    """What decides between two reports of a field within one priority; None when unknown."""
    if name == "model":
        return event.model or None
    if name == "status":
        return _STATUS_RANK.get(event.status, 0) or None
    if name == "cost_nano":
        return None if event.cost_nano is None else (event.cost_nano, event.currency)
    return (
        None
        if event.calc_nano is None
        # of equal estimates the exact one
        else (event.calc_nano, event.price_source != "approximate", event.price_source)
    )


def _take(incoming: CountedEvent, name: str, changes: dict[str, object]) -> None:
    changes[name] = getattr(incoming, name)
    if name == "cost_nano":
        changes["currency"] = incoming.currency
    elif name == "calc_nano":
        changes["price_source"] = incoming.price_source
