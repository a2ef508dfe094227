"""
Takes events from outside: agents' hooks, and turns of any program.

A turn is checked on the hub and committed at once.  A payload is parsed by its provider in a worker
thread, because that may look at files; the logs it names are read right after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from openusage_proto.messages import IngestParams, Turn
from openusaged.core.errors import InvalidEvent
from openusaged.core.models import (
    NANO,
    RPC,
    Account,
    UsageEvent,
    UsageSnapshot,
)
from openusaged.providers import registry
from openusaged.providers.base import Machine, Provider
from openusaged.telemetry.pipeline import normalise

SECONDS_LIMIT: Final = 100_000_000_000
"""An epoch number below this is seconds (until the year 5138), above it milliseconds."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What one `ingest_turn` comes to before the commit."""

    events: Sequence[UsageEvent]
    wake_paths: Sequence[str] = ()
    snapshot: UsageSnapshot | None = None


class Ingest:
    """Turns parameters of `ingest_turn` into events; keeps nothing."""

    def __init__(
        self,
        *,
        machine: Machine,
        now_ms: Callable[[], int],
        accounts: Callable[[], Sequence[Account]],
    ) -> None:
        self._machine = machine
        self._now_ms = now_ms
        self._accounts = accounts

    def turn(self, params: IngestParams, turn: Turn) -> Accepted:
        """
        The event of a normalised turn.

        Raises:
            InvalidEvent: names the field and the reason.
        """
        source = params.source.strip().lower()
        ts_ms = parse_time(turn.occurred_at, "turn.occurred_at")
        if ts_ms is None:
            ts_ms = parse_time(params.observed_at, "observed_at") or self._now_ms()
        if turn.cost is not None and not 0 <= turn.cost < 1e9:
            raise InvalidEvent("turn.cost", "must lie between 0 and a billion")
        event = UsageEvent(
            source=source,
            channel=RPC,
            event_type=turn.event_type,
            ts_ms=ts_ms,
            provider=turn.provider,
            account_id=params.account_id or self._default_account(source),
            client=turn.client or source,
            session_id=turn.session_id,
            parent_session_id=turn.parent_session_id,
            turn_id=turn.turn_id or self._delivery(turn, params),
            message_id=turn.message_id,
            request_id=turn.request_id,
            tool_call_id=turn.tool_call_id,
            agent=turn.agent,
            cwd=turn.cwd,
            branch=turn.branch,
            model=turn.model,
            input=turn.input_tokens,
            cache_read=turn.cache_read_tokens,
            cache_write_5m=turn.cache_write_5m_tokens,
            cache_write_1h=turn.cache_write_1h_tokens,
            output=turn.output_tokens,
            reasoning=turn.reasoning_tokens,
            requests=turn.requests,
            is_sum=turn.is_sum,
            cost_nano=None if turn.cost is None else round(turn.cost * NANO),
            currency=turn.currency.upper() or "USD",
            service_tier=turn.service_tier,
            tool_name=turn.tool_name,
            mcp_server=turn.mcp_server,
            mcp_function=turn.mcp_function,
            language=turn.language,
            lines_added=turn.lines_added,
            lines_removed=turn.lines_removed,
            status=turn.status,
        )
        return Accepted(events=(normalise(event),))

    @staticmethod
    def _delivery(turn: Turn, params: IngestParams) -> str:
        """Without any id of its own, the delivery is what a repetition is recognised by."""
        if turn.message_id or turn.request_id or turn.tool_call_id or not params.delivery_id:
            return ""
        return f"delivery:{params.delivery_id}"

    def payload(self, params: IngestParams, payload: Mapping[str, Any]) -> Accepted:
        """
        The events of an agent's own hook payload; runs in a worker thread.

        Raises:
            InvalidEvent: the source is unknown or has no hooks, or the payload cannot be read.
        """
        provider = registry.for_source(params.source)
        if provider is None or provider.hook is None:
            known = ", ".join(
                sorted(name for name, item in registry.load_all().items() if item.hook)
            )
            raise InvalidEvent("source", f"no hooks are known for it; known: {known}")
        observed = parse_time(params.observed_at, "observed_at") or self._now_ms()
        result = provider.hook(payload, observed, self._machine)
        account_id = params.account_id or self._account_of(provider, result.wake_paths)
        events = []
        for event in result.events:
            checked = normalise(event)
            if not checked.account_id:
                checked = msgspec.structs.replace(checked, account_id=account_id)
            events.append(checked)
        snapshot = result.snapshot
        if snapshot is not None and not snapshot.account_id:
            snapshot = msgspec.structs.replace(snapshot, account_id=account_id)
        return Accepted(events=events, wake_paths=result.wake_paths, snapshot=snapshot)

    def _account_of(self, provider: Provider, paths: Sequence[str]) -> str:
        """The account whose home holds the log the hook named, else the provider's first one."""
        accounts = [item for item in self._accounts() if item.provider_id == provider.id]
        for path in paths:
            for account in accounts:
                roots = (account.home, *account.paths.values())
                if any(root and path.startswith(root.rstrip("/") + "/") for root in roots):
                    return account.id
        return accounts[0].id if accounts else ""

    def accounts(self) -> Sequence[Account]:
        """The accounts there are."""
        return self._accounts()

    def claude_accounts(self) -> frozenset[str]:
        """Ids of the accounts that Claude Code's status line is about."""
        return frozenset(
            account.id for account in self._accounts() if account.provider_id == "claude_code"
        )

    def _default_account(self, source: str) -> str:
        """A source that is one of our providers belongs to its first account; others to none."""
        for account in self._accounts():
            if account.provider_id == source:
                return account.id
        return ""


def parse_time(value: str | int | None, field: str) -> int | None:
    """
    Epoch milliseconds of an ISO text with zone or of an epoch number; None stays None.

    Raises:
        InvalidEvent: it cannot be read, or an ISO text has no zone.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int):
        return value * 1000 if 0 <= value < SECONDS_LIMIT else value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidEvent(
            field, f"expected ISO 8601 with zone or epoch ms, got {value!r}"
        ) from None
    if instant.tzinfo is None:
        raise InvalidEvent(field, "needs a zone, for example a trailing Z")
    return int(instant.astimezone(UTC).timestamp() * 1000)
