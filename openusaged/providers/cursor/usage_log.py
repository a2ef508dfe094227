"""
Requests of the account's usage log, as its API answers them and as its CSV export has them.

Pure.  The log has no ids: a request is its time, model and token counts, the same in both forms,
so that an exported request and a fetched one are one.  Input is what was neither read from nor
written to the cache; the four counts are disjoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openusaged.core.models import (
    API,
    MESSAGE_USAGE,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    UsageEvent,
)
from openusaged.providers.cursor.records import (
    BILLED_BY,
    LOCAL_TOKENS_END_MS,
    NANO_PER_CENT,
    SOURCE,
)
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_number,
    as_object,
    as_text,
)

_COUNTS: Final = ("inputTokens", "cacheWriteTokens", "cacheReadTokens", "outputTokens")


def event_of(entry: Mapping[str, Any]) -> UsageEvent | None:
    """The request of one entry of `usageEventsDisplay`, None when it is none we may count."""
    ts_ms = as_epoch_ms(entry.get("timestamp"))
    model = as_text(entry.get("model"))
    usage = as_object(entry.get("tokenUsage"))
    counts = [as_count(usage.get(name)) for name in _COUNTS]
    # In the log proto3's zeros are left out: with any of the counts the others are zero.
    if any(count is not None for count in counts):
        counts = [count or 0 for count in counts]
    cents = as_number(entry.get("chargedCents"))
    if cents is None:
        cents = as_number(usage.get("totalCents"))
    if ts_ms is None or not model:
        return None
    return usage_event(
        ts_ms=ts_ms,
        model=model,
        counts=counts,
        cost_nano=None if cents is None or cents < 0 else round(cents * NANO_PER_CENT),
        kind=as_text(entry.get("kind")),
        session_id=as_text(entry.get("conversationId")),
    )


def usage_event(
    *,
    ts_ms: int,
    model: str,
    counts: list[int | None],
    cost_nano: int | None,
    kind: str,
    session_id: str = "",
) -> UsageEvent | None:
    """
    One request of the log; None from before the log is used.

    Args:
        ts_ms: its time.
        model: its model.
        counts: uncached input, cache writes, cache reads, output.
        cost_nano: what was charged.
        kind: `USAGE_EVENT_KIND_ERRORED_NOT_CHARGED`, `Errored, No Charge`, `Included` ...
        session_id: its conversation, where the log says so.
    """
    if ts_ms < LOCAL_TOKENS_END_MS:
        return None
    fresh, written, read, output = counts
    key = ":".join(str(count or 0) for count in counts)
    return UsageEvent(
        source=SOURCE,
        # The export is the vendor's answer saved by hand: it ranks as one.
        channel=API,
        event_type=MESSAGE_USAGE,
        ts_ms=ts_ms,
        provider=BILLED_BY,
        client=SOURCE,
        session_id=session_id,
        message_id=f"{ts_ms}:{model}:{key}",
        model=model,
        input=fresh,
        cache_write_5m=written,
        cache_read=read,
        output=output,
        requests=1,
        cost_nano=cost_nano,
        status=_status(kind.lower()),
    )


def _status(kind: str) -> str:
    if "error" in kind:
        return STATUS_ERROR
    return STATUS_ABORTED if "abort" in kind else STATUS_OK
