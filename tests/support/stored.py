"""A real store with events in it, made in one call."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from openusaged.core.models import MESSAGE_USAGE, UsageEvent
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.storage.store import Store, WriteBatch
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories


def ms(text: str) -> int:
    """Epoch milliseconds of an ISO text with zone."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def event(when: str, **fields: Any) -> UsageEvent:
    """One Claude message of 1000 + 100 tokens unless told otherwise; ids are made from the time."""
    values: dict[str, Any] = {
        "source": "claude_code",
        "channel": "jsonl",
        "event_type": MESSAGE_USAGE,
        "ts_ms": ms(when),
        "provider": "anthropic",
        "account_id": "claude-code",
        "client": "claude_code",
        "session_id": "s1",
        "message_id": f"msg_{when}",
        "model": "claude-sonnet-4-5",
        "input": 1000,
        "output": 100,
    }
    return UsageEvent(**{**values, **fields})


def fill(store: Store, events: Iterable[UsageEvent]) -> None:
    """Store events the way the daemon does."""
    pipeline = Pipeline(PriceBook(shipped()), Repositories())
    (result,) = store.apply([WriteBatch(events=pipeline.prepare(events))])
    assert result.error is None, result.error


def open_store(path: str, now: str = "2026-11-20T12:00:00+00:00") -> Store:
    """An empty store whose clock stands still."""
    return Store.open(path, app_version="test", now_ms=lambda: ms(now))
