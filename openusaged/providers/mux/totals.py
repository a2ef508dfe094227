"""
Totals of a workspace of which no single requests are recorded, as one growing event per model.

Where rows exist these totals repeat them, and go on doing so when the user clears the chat: a
workspace whose rows have been seen once is never counted by its totals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from openusaged.core.errors import ProviderError
from openusaged.core.models import JSONL, MESSAGE_USAGE, Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.mux.models import split_model
from openusaged.providers.mux.workspaces import Workspace
from openusaged.providers.shared.cursors import document_state, unit_cursor
from openusaged.providers.shared.documents import decode_object, read_document
from openusaged.providers.shared.json_values import (
    as_epoch_ms,
    as_nano,
    as_object,
    count_or_zero,
)

SOURCE: Final = "mux"
STATE_VERSION: Final = 1
_ROWS_SEEN: Final = b"rows"
_BUCKETS: Final = ("input", "cached", "cacheCreate", "output", "reasoning")


class _Totals(msgspec.Struct, rename="camel", gc=False):
    by_model: Any = None
    last_request: Any = None


def collect(
    workspace: Workspace,
    account: Account,
    unit: Unit,
    cursor: SourceCursor | None,
    context: CollectContext,
) -> Iterator[Chunk]:
    """
    One event per model; none for a workspace with rows, or whose parent has counted it.

    Raises:
        ProviderError: the file cannot be read, or is not complete.
    """
    del context  # a workspace uses a handful of models
    state = _ROWS_SEEN if workspace.has_rows else document_state(cursor, STATE_VERSION)
    events: tuple[UsageEvent, ...] = ()
    if state != _ROWS_SEEN and not workspace.is_counted_by_parent:
        try:
            document = decode_object(unit.path, read_document(unit.path), _Totals)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ProviderError(f"{unit.path}: {error.strerror}") from error
        events = tuple(_events(document or _Totals(), workspace, unit))
    yield Chunk(
        events=events,
        cursor=unit_cursor(account, unit, state=state, state_version=STATE_VERSION, done=True),
    )


def _events(document: _Totals, workspace: Workspace, unit: Unit) -> Iterator[UsageEvent]:
    # The time of the last request moves; the store keeps the earliest that it was told.
    ts_ms = (
        as_epoch_ms(workspace.created_at)
        or as_epoch_ms(as_object(document.last_request).get("timestamp"))
        or unit.mtime_ns // 1_000_000
    )
    for name, value in as_object(document.by_model).items():
        buckets = {bucket: as_object(as_object(value).get(bucket)) for bucket in _BUCKETS}
        tokens = {name: count_or_zero(bucket.get("tokens")) for name, bucket in buckets.items()}
        if not any(tokens.values()):
            continue
        provider, model = split_model(name)
        yield UsageEvent(
            source=SOURCE,
            channel=JSONL,
            event_type=MESSAGE_USAGE,
            ts_ms=ts_ms,
            provider=provider,
            client=SOURCE,
            session_id=workspace.id,
            parent_session_id=workspace.parent_id,
            agent=workspace.agent,
            cwd=workspace.project,
            model=model,
            message_id=f"{workspace.id}:{name}",
            is_sum=True,
            input=tokens["input"],
            cache_read=tokens["cached"],
            cache_write_5m=tokens["cacheCreate"],
            output=tokens["output"] + tokens["reasoning"],
            reasoning=tokens["reasoning"],
            cost_nano=_cost(buckets),
        )


def _cost(buckets: Mapping[str, Mapping[str, Any]]) -> int | None:
    """What Mux has computed; None for unknown models and for what a subscription covers."""
    costs = (as_nano(bucket.get("cost_usd")) for bucket in buckets.values())
    return sum(cost for cost in costs if cost is not None) or None
