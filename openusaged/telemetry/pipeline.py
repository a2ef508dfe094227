"""
The pipeline every event passes: normalise, link, price, identify.

Hook events, spooled ones and appended log lines go through it in the daemon, a first import in the
scanner processes; both end as `PreparedEvent`s, which the store deduplicates and merges.  Nothing
here touches a network, a vendor or the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from openusaged.core.errors import InvalidEvent
from openusaged.core.identity import identity_of, reuse_identity_of
from openusaged.core.merge import CountedEvent
from openusaged.core.models import (
    CHANNEL_PRIORITY,
    EVENT_TYPES,
    MESSAGE_USAGE,
    NUMBERS,
    RECONCILE_ADJUSTMENT,
    STATUSES,
    PreparedEvent,
    UsageEvent,
)
from openusaged.pricing.book import UNPRICED, Estimate, PriceBook
from openusaged.telemetry.repositories import Repositories

EARLIEST_MS: Final = 1_262_304_000_000
"""2010-01-01: anything before is a clock that was never set or a unit that was mistaken."""
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01: milliseconds taken for microseconds land far beyond."""
MAX_TOKENS: Final = 1_000_000_000_000
MAX_TEXT: Final = 4096

_TEXTS: Final = (
    "source",
    "provider",
    "account_id",
    "client",
    "session_id",
    "parent_session_id",
    "turn_id",
    "message_id",
    "request_id",
    "tool_call_id",
    "agent",
    "cwd",
    "repo_root",
    "branch",
    "model",
    "currency",
    "service_tier",
    "tool_name",
    "mcp_server",
    "mcp_function",
    "language",
)
_PRICED: Final = frozenset({MESSAGE_USAGE, RECONCILE_ADJUSTMENT})


class Pipeline:
    """Turns events into prepared ones; one instance per thread or process that does so."""

    def __init__(self, book: PriceBook, repositories: Repositories) -> None:
        self._book = book
        self._repositories = repositories

    def prepare(self, events: Iterable[UsageEvent], account_id: str = "") -> list[PreparedEvent]:
        """
        Prepared events, in order; `account_id` owns those that name no account.

        An event that cannot be stored is left out: readers have already counted what they could
        not understand.  Use `check` first where a sender is to be told.
        """
        prepared = []
        projects: dict[str, str] = {}
        for event in events:
            if not event.client or (account_id and not event.account_id):
                event = msgspec.structs.replace(  # noqa: PLW2901
                    event,
                    account_id=event.account_id or account_id,
                    client=event.client or event.source,
                )
            if not EARLIEST_MS <= event.ts_ms <= LATEST_MS:
                continue
            # Neighbours share their directory: even asking what is remembered adds up.
            project = event.repo_root or projects.get(event.cwd)
            if project is None:
                project = projects[event.cwd] = self._repositories.project_of(event.cwd)
            cost, price_source = self.price(event)
            prepared.append(
                PreparedEvent(
                    event=event,
                    identity=identity_of(event),
                    reuse_identity=reuse_identity_of(event),
                    project=project,
                    cost_nano=cost,
                    price_source=price_source,
                )
            )
        return prepared

    def knows_projects(self, events: Iterable[UsageEvent]) -> bool:
        """Whether `prepare` would not look into any directory."""
        knows = self._repositories.knows
        for event in events:  # noqa: SIM110  # a generator costs more than the question
            if not (event.repo_root or knows(event.cwd)):
                return False
        return True

    def price(self, event: UsageEvent | CountedEvent) -> Estimate:
        """Our estimate of an event by the prices of now; only messages with tokens have one."""
        if event.event_type in _PRICED and _has_tokens(event):
            return self._book.estimate(event)
        return UNPRICED

    def flat_rates(
        self, provider: str, model: str, start_ms: int, end_ms: int
    ) -> tuple[int, int, int, int, int] | None:
        """See `PriceBook.flat_rates`."""
        return self._book.flat_rates(provider, model, start_ms, end_ms)


def _has_tokens(event: UsageEvent | CountedEvent) -> bool:
    return bool(
        event.input
        or event.output
        or event.cache_read
        or event.cache_write_5m
        or event.cache_write_1h
    )


def normalise(event: UsageEvent) -> UsageEvent:
    """
    The event as the store wants it, for senders outside our own readers.

    Raises:
        InvalidEvent: names the field and the reason.
    """
    if not event.source.strip():
        raise InvalidEvent("source", "must not be empty")
    if event.event_type not in EVENT_TYPES:
        raise InvalidEvent("event_type", f"expected one of {', '.join(EVENT_TYPES)}")
    if event.channel not in CHANNEL_PRIORITY:
        raise InvalidEvent("channel", f"expected one of {', '.join(CHANNEL_PRIORITY)}")
    if event.status not in STATUSES:
        raise InvalidEvent("status", f"expected one of {', '.join(STATUSES)}")
    if not EARLIEST_MS <= event.ts_ms <= LATEST_MS:
        raise InvalidEvent("occurred_at", "must lie between the years 2010 and 2100")
    _check_numbers(event)
    changes = _cleaned(event)
    if event.reasoning is not None and event.output is not None and event.reasoning > event.output:
        raise InvalidEvent("reasoning_tokens", "must not exceed output_tokens, which include them")
    return msgspec.structs.replace(event, **changes) if changes else event


def _check_numbers(event: UsageEvent) -> None:
    numbers = (
        event.input,
        event.cache_read,
        event.cache_write_5m,
        event.cache_write_1h,
        event.output,
        event.reasoning,
        event.requests,
        event.lines_added,
        event.lines_removed,
    )
    for place, number in enumerate(numbers):
        if number is None or 0 <= number <= MAX_TOKENS:
            continue
        if number < 0:
            raise InvalidEvent(NUMBERS[place], f"must not be negative, got {number}")
        raise InvalidEvent(NUMBERS[place], f"must not exceed {MAX_TOKENS}, got {number}")


def _cleaned(event: UsageEvent) -> dict[str, object]:
    """The texts that are to be replaced: trimmed, the provider in lower case."""
    provider = event.provider
    texts = (
        event.source,
        provider,
        event.account_id,
        event.client,
        event.session_id,
        event.parent_session_id,
        event.turn_id,
        event.message_id,
        event.request_id,
        event.tool_call_id,
        event.agent,
        event.cwd,
        event.repo_root,
        event.branch,
        event.model,
        event.currency,
        event.service_tier,
        event.tool_name,
        event.mcp_server,
        event.mcp_function,
        event.language,
    )
    changes: dict[str, object] = {}
    together = "".join(texts)
    # Nearly always there is nothing to find: no blank anywhere, and all of it short.
    if len(together) > MAX_TEXT or not together.isprintable() or " " in together:
        for name, text in zip(_TEXTS, texts, strict=True):
            if len(text) > MAX_TEXT:
                raise InvalidEvent(name, f"must not be longer than {MAX_TEXT} characters")
            clean = text.strip()
            if clean != text:
                changes[name] = clean
    lower = provider.strip().lower()
    if lower != provider:
        changes["provider"] = lower
    return changes
