"""
Transcripts of Claude Code to usage events.

One API response is written as several lines, one per content block, each repeating the usage;
while it streams, earlier lines may hold smaller output counts, in some versions the later ones do.
So the lines of one response are merged: every counter at its largest, the earliest time, the union
of the tool calls.  What is split over two reads is reported twice and merged in the store by the
same rule, which is why nothing has to be remembered between reads but the offset.

Not read: `cost-state` lines.  They add up a session's cost including `/compact` calls, which have
no line of their own and stay uncounted, but are carried over into forks and rewritten at will.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from openusaged.core.errors import ProviderError
from openusaged.core.mcp_names import split_mcp
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    NANO,
    STATUS_ERROR,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.claude_code.paths import DEFAULT_AGENT, agent_of_file
from openusaged.providers.claude_code.responses import (
    DIRECT,
    advisor_steps,
    billed_by,
    cache_writes,
    merged,
    service_tier,
    writes_unfinished_counts,
)
from openusaged.providers.claude_code.rows import (
    Block,
    Message,
    Row,
    Usage,
    forked_from,
    row_of,
    wrapped_row,
)
from openusaged.providers.claude_code.timestamps import TimestampParser
from openusaged.providers.claude_code.tools import tool_input
from openusaged.providers.shared.cursors import unit_cursor
from openusaged.providers.shared.files import resume_offset
from openusaged.providers.shared.jsonl import iter_blocks

log = logging.getLogger(__name__)

SOURCE: Final = "claude_code"
STATE_VERSION: Final = 1
"""Raise it when a change of the rules should make every transcript be read again."""

# Usage or a failed tool result, found in one pass; a file that another program rewrote has a space
# behind the colon.
_next_mark: Final = re.compile(rb'"(?:usage":|is_error": ?true)').search
_BLOCK_BYTES: Final = 1 << 20
"""Small blocks stay in the processor's cache between reading and searching."""

_SYNTHETIC: Final = "<synthetic>"
_MAX_ORIGINS: Final = 512


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    The events behind the cursor, in chunks whose cursors stand between lines.

    A transcript that has been deleted yields nothing.

    Raises:
        ProviderError: the transcript cannot be read.
    """
    offset = resume_offset(unit, cursor, STATE_VERSION)
    reader = TranscriptReader(account.id, agent_of_file(unit.path))
    limit = max(context.max_chunk_events, 1)
    reached = offset
    try:
        for block, end in iter_blocks(unit.path, offset, block_bytes=_BLOCK_BYTES):
            reader.read(block)
            reached = end
            if reader.pending >= limit:
                yield from _chunks(
                    account, unit, reader.take(), offset, reached, limit, final=False
                )
                offset = reached
    except FileNotFoundError:
        return
    except OSError as error:
        raise ProviderError(f"{unit.path}: {error.strerror}") from error
    yield from _chunks(account, unit, reader.take(), offset, reached, limit, final=True)
    if reader.skipped:
        log.debug("transcript_lines_skipped path=%s count=%d", unit.path, reader.skipped)


def _chunks(
    account: Account,
    unit: Unit,
    events: list[UsageEvent],
    start: int,
    end: int,
    limit: int,
    *,
    final: bool,
) -> Iterator[Chunk]:
    for first in range(0, max(len(events), 1), limit):
        # A block may bring more than one chunk holds: only the last one may move the offset, and
        # only behind the whole file may the cursor claim that nothing is left to read.
        last = first + limit >= len(events)
        yield Chunk(
            events=events[first : first + limit],
            cursor=unit_cursor(
                account,
                unit,
                offset=end if last else start,
                state_version=STATE_VERSION,
                done=last and final,
            ),
        )


class TranscriptReader:
    """Collects the events of one transcript until they are taken."""

    def __init__(self, account_id: str, file_agent: str) -> None:
        self.skipped = 0
        """Lines with a marker that were no JSON, foreign, or had no time."""
        self._account_id = account_id
        self._file_agent = file_agent
        self._epoch_ms = TimestampParser().epoch_ms
        self._versions: dict[str, bool | None] = {}
        self._origins: dict[tuple[object, ...], _Origin] = {}
        # Responses by (message id, request id), the rest by keys that cannot be confused with one.
        self._events: dict[tuple[str, str] | str, UsageEvent] = {}
        self._last = Row()
        self._last_ms = 0

    @property
    def pending(self) -> int:
        """How many events `take` would return."""
        return len(self._events)

    def read(self, block: bytes) -> None:
        """Take in whole lines."""
        for line in _wanted_lines(block):
            row = row_of(line)
            if row is not None and row.type == "progress":
                row = wrapped_row(row)
                if row is None:
                    continue
            if row is None:
                self.skipped += 1
            elif row.message is not None:
                self._read_row(row, row.message)

    def take(self) -> list[UsageEvent]:
        """The events read so far; they are forgotten here."""
        events = list(self._events.values())
        self._events = {}
        return events

    def _read_row(self, row: Row, message: Message) -> None:
        if row.type == "assistant":
            if message.usage is None:
                return
            if row.is_api_error:
                self._read_api_error(row)
            elif message.model != _SYNTHETIC:
                self._read_response(row, message, message.usage)
        elif row.type == "user" and isinstance(message.content, list):
            for block in message.content:
                if block.type == "tool_result" and block.is_error and block.tool_use_id:
                    self._read_failure(row, block.tool_use_id)

    def _read_response(self, row: Row, message: Message, usage: Usage) -> None:
        ts_ms = self._epoch_ms(row.timestamp)
        unfinished = self._is_unfinished_version(row.version)
        if row.foreign or ts_ms is None or unfinished is None:
            self.skipped += 1
            return
        origin = self._origin_of(row, message)
        # Most lines of a response repeat the one before, for another content block.
        if not (self._last_ms <= ts_ms and _repeats(self._last, row, message)):
            unfinished = unfinished and message.stop_reason is None
            self._add_response(origin, row, message, usage, ts_ms, lower_bound=unfinished)
            self._last, self._last_ms = row, ts_ms
        if isinstance(message.content, list):
            for block in message.content:
                if block.type == "tool_use" and block.id and block.id not in self._events:
                    self._events[block.id] = _tool_event(origin, row, message, block, ts_ms)

    def _origin_of(self, row: Row, message: Message) -> _Origin:
        """What the row's events have in common with those of its neighbours."""
        provider = billed_by(message.id) if message.id else DIRECT
        key = (
            row.session_id,
            row.prompt_id,
            row.cwd,
            row.branch,
            row.is_sidechain,
            row.attribution_agent,
            message.model,
            provider,
        )
        origin = self._origins.get(key)
        if origin is None:
            if len(self._origins) >= _MAX_ORIGINS:
                self._origins.clear()
            common = UsageEvent(
                **self._common(row, 0),
                event_type=MESSAGE_USAGE,
                provider=provider,
                model=message.model or "",
                requests=1,
            )
            origin = self._origins[key] = _Origin(common)
        return origin

    def _add_response(
        self,
        origin: _Origin,
        row: Row,
        message: Message,
        usage: Usage,
        ts_ms: int,
        *,
        lower_bound: bool,
    ) -> None:
        message_id = message.id or ""
        request_id = row.request_id or ""
        if not message_id and not request_id:
            # Without any id, the line's own keeps it apart and makes its copies the same.
            message_id = row.uuid or f"{row.session_id or ''}:{ts_ms}"
        write_5m, write_1h = cache_writes(usage)
        details = usage.output_tokens_details
        self._add(
            (message_id, request_id),
            replace(
                origin.response,
                ts_ms=ts_ms,
                parent_session_id=forked_from(row),
                message_id=message_id,
                request_id=request_id,
                input=usage.input_tokens or 0,
                cache_read=usage.cache_read_input_tokens,
                cache_write_5m=write_5m,
                cache_write_1h=write_1h,
                output=usage.output_tokens or 0,
                reasoning=details.thinking_tokens if details is not None else None,
                output_is_lower_bound=lower_bound,
                cost_nano=round(row.cost_usd * NANO) if row.cost_usd > 0 else None,
                service_tier=service_tier(usage),
            ),
        )
        for number, step in enumerate(advisor_steps(usage) if usage.iterations else ()):
            step_id = f"{message_id or request_id}:advisor:{number}"
            write_5m, write_1h = cache_writes(step)
            self._add(
                (step_id, ""),
                replace(
                    origin.response,
                    ts_ms=ts_ms,
                    message_id=step_id,
                    model=step.model or "",
                    input=step.input_tokens or 0,
                    cache_read=step.cache_read_input_tokens or 0,
                    cache_write_5m=write_5m,
                    cache_write_1h=write_1h,
                    output=step.output_tokens or 0,
                ),
            )

    def _add(self, key: tuple[str, str], latest: UsageEvent) -> None:
        known = self._events.get(key)
        self._events[key] = latest if known is None else merged(known, latest)

    def _read_api_error(self, row: Row) -> None:
        ts_ms = self._epoch_ms(row.timestamp)
        if ts_ms is None or not row.uuid:
            self.skipped += 1
            return
        # The message id of such a line is made up anew in each copy, the line's uuid is not.
        self._events[row.uuid, "error"] = UsageEvent(
            **self._common(row, ts_ms),
            event_type=MESSAGE_USAGE,
            provider=DIRECT,
            message_id=row.uuid,
            requests=1,
            status=STATUS_ERROR,
        )

    def _read_failure(self, row: Row, call_id: str) -> None:
        call = self._events.get(call_id)
        if call is not None:
            self._events[call_id] = replace(call, status=STATUS_ERROR)
            return
        ts_ms = self._epoch_ms(row.timestamp)
        if ts_ms is None:
            self.skipped += 1
            return
        # The call itself was read earlier; the store puts the two together.
        self._events[call_id] = UsageEvent(
            **self._common(row, ts_ms),
            event_type=TOOL_USAGE,
            tool_call_id=call_id,
            requests=1,
            status=STATUS_ERROR,
        )

    def _common(self, row: Row, ts_ms: int) -> dict[str, Any]:
        return {
            "source": SOURCE,
            "channel": JSONL,
            "ts_ms": ts_ms,
            "account_id": self._account_id,
            "client": SOURCE,
            "session_id": row.session_id or "",
            "turn_id": row.prompt_id or "",
            "agent": self._agent(row),
            "is_sidechain": row.is_sidechain is True,
            "cwd": row.cwd or "",
            "branch": row.branch or "",
        }

    def _agent(self, row: Row) -> str:
        if self._file_agent and self._file_agent != DEFAULT_AGENT:
            return self._file_agent
        if row.is_sidechain or self._file_agent:
            return row.attribution_agent or DEFAULT_AGENT
        return ""

    def _is_unfinished_version(self, version: str | UnsetType) -> bool | None:
        """Whether the version writes unfinished output counts; None when it is no version."""
        if version is UNSET:
            return False
        if version not in self._versions:
            self._versions[version] = writes_unfinished_counts(version)
        return self._versions[version]


class _Origin:
    """
    Events with all that a run of neighbouring lines has in common, to be copied for each of them.

    Filling in the rest in a copy costs a quarter of building an event from all its fields.
    """

    __slots__ = ("_tools", "response")

    def __init__(self, response: UsageEvent) -> None:
        self.response = response
        self._tools: dict[str, UsageEvent] = {}

    def tool(self, name: str) -> UsageEvent:
        """The call of tool `name` that is to be copied."""
        event = self._tools.get(name)
        if event is None:
            server, function = split_mcp(name)
            event = self._tools[name] = replace(
                self.response,
                event_type=TOOL_USAGE,
                tool_name=name,
                mcp_server=server,
                mcp_function=function,
            )
        return event


def _tool_event(
    origin: _Origin, row: Row, message: Message, block: Block, ts_ms: int
) -> UsageEvent:
    language, lines_added, lines_removed = tool_input(block.name, block.input)
    return replace(
        origin.tool(block.name),
        ts_ms=ts_ms,
        message_id=message.id or "",
        request_id=row.request_id or "",
        tool_call_id=block.id,
        language=language,
        lines_added=lines_added,
        lines_removed=lines_removed,
    )


def _repeats(last: Row, row: Row, message: Message) -> bool:
    """Whether the line says nothing about its response that the last one did not."""
    known = last.message
    return (
        known is not None
        and known.id == message.id
        and last.request_id == row.request_id
        and known.usage == message.usage
        and known.stop_reason == message.stop_reason
        and last.is_sidechain == row.is_sidechain
        and last.cost_usd == row.cost_usd
        and message.id is not UNSET
    )


def _wanted_lines(block: bytes) -> Iterator[bytes]:
    """Lines with usage or with a failed tool result, in their order, each once."""
    find, rfind, size = block.find, block.rfind, len(block)
    mark = _next_mark(block)
    while mark is not None:
        at = mark.start()
        stop = find(b"\n", at)
        if stop < 0:
            stop = size
        yield block[rfind(b"\n", 0, at) + 1 : stop]
        mark = _next_mark(block, stop)
