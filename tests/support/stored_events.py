"""Prepared events with sensible defaults, for tests of the store."""

from __future__ import annotations

from typing import Any

from openusaged.core.identity import identity_of, reuse_identity_of
from openusaged.core.models import PreparedEvent, UsageEvent

START_MS = 1_790_000_000_000


def prepared(
    number: int = 0,
    *,
    project: str = "/p",
    calc_nano: int | None = 100,
    price_source: str = "custom",
    **fields: Any,
) -> PreparedEvent:
    """Response number `number`, one per minute, with any field replaced."""
    values: dict[str, Any] = {
        "source": "claude_code",
        "channel": "jsonl",
        "event_type": "message_usage",
        "ts_ms": START_MS + number * 60_000,
        "provider": "anthropic",
        "account_id": "claude-code",
        "client": "claude_code",
        "session_id": "session-1",
        "message_id": f"msg_{number}",
        "request_id": f"req_{number}",
        "model": "claude-opus-4-6",
        "input": 10,
        "output": 5,
    }
    event = UsageEvent(**(values | fields))
    return PreparedEvent(
        event=event,
        identity=identity_of(event),
        reuse_identity=reuse_identity_of(event),
        project=project,
        cost_nano=calc_nano,
        price_source=price_source,
    )
