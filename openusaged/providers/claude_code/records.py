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
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from openusaged.core.errors import ProviderError
from openusaged.core.mcp_names import split_mcp
from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    NANO,
    STATUS_ERROR,
    STATUS_OK,
    TOOL_USAGE,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.claude_code.paths import DEFAULT_AGENT, agent_of_file
from openusaged.providers.claude_code.rows import (
    Iteration,
    Message,
    Row,
    Usage,
    forked_from,
    is_foreign,
    row_of,
    wrapped_row,
)
from openusaged.providers.claude_code.timestamps import TimestampParser
from openusaged.providers.claude_code.tools import tool_input
from openusaged.providers.shared.files import resume_offset
from openusaged.providers.shared.jsonl import iter_blocks, marked_lines

log = logging.getLogger(__name__)

_Number = TypeVar("_Number", int, float)

SOURCE: Final = "claude_code"
STATE_VERSION: Final = 1
"""Raise it when a change of the rules should make every transcript be read again."""

# Without the brace: a file that another program rewrote has a space before it.
_USAGE_MARK: Final = b'"usage":'
_ERROR_MARKS: Final = (b'"is_error":true', b'"is_error": true')
_BLOCK_BYTES: Final = 1 << 20
"""Small blocks stay in the processor's cache while they are searched twice."""

_SYNTHETIC: Final = "<synthetic>"
_TIERS: Final = frozenset({"batch", "flex", "priority"})
_FIRST_UNFINISHED: Final = (2, 1, 9)
_LAST_UNFINISHED: Final = (2, 1, 42)
"""Versions that write the output count of the stream's start and never correct it."""


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
        done = last and final
        yield Chunk(
            events=events[first : first + limit],
            cursor=SourceCursor(
                source=SOURCE,
                account_id=account.id,
                path=unit.path,
                device=unit.device,
                inode=unit.inode,
                size=unit.size if done else 0,
                mtime_ns=unit.mtime_ns if done else 0,
                offset=end if last else start,
                state_version=STATE_VERSION,
            ),
        )


class _Response(msgspec.Struct, gc=False):
    """What the lines of one API response have said so far."""

    row: Row
    message: Message
    ts_ms: int
    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    reasoning: int | None
    cost: float | None
    finished: bool
    tier: str
    advice: list[Iteration] | None


class _ToolCall(msgspec.Struct, gc=False):
    """A tool call: the line it is on, and how it went."""

    row: Row
    message: Message
    ts_ms: int
    name: str
    input: msgspec.Raw
    failed: bool = False


class TranscriptReader:
    """Collects the responses, tool calls and failures of one transcript until they are taken."""

    def __init__(self, account_id: str, file_agent: str) -> None:
        self.skipped = 0
        """Lines with a marker that were no JSON, foreign, or had no time."""
        self._account_id = account_id
        self._file_agent = file_agent
        self._epoch_ms = TimestampParser().epoch_ms
        self._versions: dict[str, bool | None] = {}
        self._responses: dict[tuple[str, str], _Response] = {}
        self._tools: dict[str, _ToolCall] = {}
        self._events: list[UsageEvent] = []

    @property
    def pending(self) -> int:
        """How many events `take` would return, about."""
        return len(self._responses) + len(self._tools) + len(self._events)

    def read(self, block: bytes) -> None:
        """Take in whole lines."""
        errors = _ERROR_MARKS if _ERROR_MARKS[1] in block else _ERROR_MARKS[:1]
        for line in marked_lines(block, _USAGE_MARK, *errors):
            row = row_of(line)
            if row is None:
                self.skipped += 1
            elif row.type == "progress":
                inner = wrapped_row(row)
                if inner is not None:
                    self._read_row(inner)
            else:
                self._read_row(row)

    def take(self) -> list[UsageEvent]:
        """The events read so far; they are forgotten here."""
        events = self._events
        for response in self._responses.values():
            self._add_response(response, events)
        for call_id, call in self._tools.items():
            events.append(self._tool_event(call_id, call))
        self._responses, self._tools, self._events = {}, {}, []
        return events

    def _read_row(self, row: Row) -> None:
        message = row.message
        if message is None:
            return
        if row.type == "assistant":
            usage = message.usage
            if usage is None:
                return
            if row.is_api_error is True:
                self._read_api_error(row)
            elif message.model != _SYNTHETIC:
                self._read_response(row, message, usage)
        elif row.type == "user":
            self._read_failures(row, message)

    def _read_response(self, row: Row, message: Message, usage: Usage) -> None:
        ts_ms = self._epoch_ms(row.timestamp)
        unfinished = self._is_unfinished_version(row.version)
        if ts_ms is None or unfinished is None or is_foreign(row, message, usage):
            self.skipped += 1
            return
        message_id = message.id or ""
        request_id = row.request_id or ""
        if isinstance(message.content, list):
            for block in message.content:
                if block.type == "tool_use" and block.id and block.id not in self._tools:
                    self._tools[block.id] = _ToolCall(row, message, ts_ms, block.name, block.input)
        read = usage.cache_read_input_tokens or 0
        write_5m, write_1h = _cache_writes(usage)
        details = usage.output_tokens_details
        latest = _Response(
            row,
            message,
            ts_ms,
            usage.input_tokens or 0,
            usage.output_tokens or 0,
            read,
            write_5m,
            write_1h,
            details.thinking_tokens if details is not None else None,
            row.cost_usd or None,
            not unfinished or message.stop_reason is not None,
            _tier(usage),
            _advice(usage) if usage.iterations else None,
        )
        key = (message_id or request_id or row.uuid or f"{row.session_id}:{ts_ms}", request_id)
        known = self._responses.get(key)
        self._responses[key] = latest if known is None else _merged(known, latest)

    def _read_api_error(self, row: Row) -> None:
        ts_ms = self._epoch_ms(row.timestamp)
        if ts_ms is None or not row.uuid:
            self.skipped += 1
            return
        # The message id of such a line is made up anew in each copy, the line's uuid is not.
        self._events.append(
            UsageEvent(
                **self._common(row, ts_ms),
                event_type=MESSAGE_USAGE,
                provider="anthropic",
                message_id=row.uuid,
                requests=1,
                status=STATUS_ERROR,
            )
        )

    def _read_failures(self, row: Row, message: Message) -> None:
        if not isinstance(message.content, list):
            return
        for block in message.content:
            if block.type != "tool_result" or not block.is_error or not block.tool_use_id:
                continue
            call = self._tools.get(block.tool_use_id)
            if call is not None:
                call.failed = True
                continue
            ts_ms = self._epoch_ms(row.timestamp)
            if ts_ms is None:
                self.skipped += 1
                continue
            # The call itself was read earlier; the store puts the two together.
            self._events.append(
                UsageEvent(
                    **self._common(row, ts_ms),
                    event_type=TOOL_USAGE,
                    tool_call_id=block.tool_use_id,
                    requests=1,
                    status=STATUS_ERROR,
                )
            )

    def _add_response(self, response: _Response, events: list[UsageEvent]) -> None:
        row, message = response.row, response.message
        message_id = message.id or ""
        request_id = row.request_id or ""
        if not message_id and not request_id:
            # Without any id, the line's own keeps it apart and makes its copies the same.
            message_id = row.uuid or ""
        provider = _billed_by(message_id)
        cost = response.cost
        events.append(
            UsageEvent(
                source=SOURCE,
                channel=JSONL,
                event_type=MESSAGE_USAGE,
                ts_ms=response.ts_ms,
                provider=provider,
                account_id=self._account_id,
                client=SOURCE,
                session_id=row.session_id or "",
                parent_session_id=forked_from(row) if row.forked_from else "",
                turn_id=row.prompt_id or "",
                message_id=message_id,
                request_id=request_id,
                agent=self._agent(row),
                is_sidechain=row.is_sidechain is True,
                cwd=row.cwd or "",
                branch=row.branch or "",
                model=message.model or "",
                input=response.input,
                cache_read=response.cache_read,
                cache_write_5m=response.cache_write_5m,
                cache_write_1h=response.cache_write_1h,
                output=response.output,
                reasoning=response.reasoning,
                requests=1,
                output_is_lower_bound=not response.finished,
                cost_nano=None if cost is None else round(cost * NANO),
                service_tier=response.tier,
            )
        )
        for number, step in enumerate(response.advice or ()):
            write_5m, write_1h = _cache_writes(step)
            events.append(
                UsageEvent(
                    **self._common(row, response.ts_ms),
                    event_type=MESSAGE_USAGE,
                    provider=provider,
                    message_id=f"{message_id or request_id}:advisor:{number}",
                    model=step.model or "",
                    input=step.input_tokens or 0,
                    cache_read=step.cache_read_input_tokens or 0,
                    cache_write_5m=write_5m,
                    cache_write_1h=write_1h,
                    output=step.output_tokens or 0,
                    requests=1,
                )
            )

    def _tool_event(self, call_id: str, call: _ToolCall) -> UsageEvent:
        row, message = call.row, call.message
        facts = tool_input(call.name, call.input)
        server, function = split_mcp(call.name)
        return UsageEvent(
            source=SOURCE,
            channel=JSONL,
            event_type=TOOL_USAGE,
            ts_ms=call.ts_ms,
            provider=_billed_by(message.id or ""),
            account_id=self._account_id,
            client=SOURCE,
            session_id=row.session_id or "",
            turn_id=row.prompt_id or "",
            message_id=message.id or "",
            request_id=row.request_id or "",
            tool_call_id=call_id,
            agent=self._agent(row),
            is_sidechain=row.is_sidechain is True,
            cwd=row.cwd or "",
            branch=row.branch or "",
            model=message.model or "",
            requests=1,
            tool_name=call.name,
            mcp_server=server,
            mcp_function=function,
            language=facts.language,
            lines_added=facts.lines_added,
            lines_removed=facts.lines_removed,
            status=STATUS_ERROR if call.failed else STATUS_OK,
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

    def _is_unfinished_version(self, version: str | UnsetType | None) -> bool | None:
        """Whether the version writes unfinished output counts; None when it is no version."""
        if version is UNSET:
            return False
        if version is None:
            return None
        if version not in self._versions:
            self._versions[version] = _is_unfinished(version)
        return self._versions[version]


def _is_unfinished(version: str) -> bool | None:
    numbers: list[int] = []
    for part in version.split(".", 2):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            return None
        numbers.append(int(digits))
    if len(numbers) < 3:
        return None
    return _FIRST_UNFINISHED <= tuple(numbers) <= _LAST_UNFINISHED


def _cache_writes(usage: Usage | Iteration) -> tuple[int, int]:
    """
    (5-minute, 1-hour) cache writes.

    The flat figure is the total and the split says how much of it is 1-hour; either may be missing
    and proxies get them out of step, so the larger total is believed.
    """
    flat = usage.cache_creation_input_tokens or 0
    split = usage.cache_creation
    if split is None:
        return flat, 0
    one_hour = split.ephemeral_1h_input_tokens or 0
    return max(split.ephemeral_5m_input_tokens or 0, flat - one_hour), one_hour


def _tier(usage: Usage) -> str:
    if usage.speed == "fast":
        return "fast"
    return usage.service_tier if usage.service_tier in _TIERS else ""


def _advice(usage: Usage) -> list[Iteration] | None:
    steps = [step for step in usage.iterations or () if (step.type or "").startswith("advisor")]
    return steps or None


def _billed_by(message_id: str) -> str:
    # Anthropic's own ids have no infix; those handed on by the clouds do.
    if message_id.startswith("msg_bdrk_"):
        return "bedrock"
    if message_id.startswith("msg_vrtx_"):
        return "vertex"
    return "anthropic"


def _merged(known: _Response, latest: _Response) -> _Response:
    first = latest if latest.ts_ms < known.ts_ms else known
    if known.row.is_sidechain and not latest.row.is_sidechain:
        first = latest
    return _Response(
        row=first.row,
        message=first.message,
        ts_ms=min(known.ts_ms, latest.ts_ms),
        input=max(known.input, latest.input),
        output=max(known.output, latest.output),
        cache_read=max(known.cache_read, latest.cache_read),
        cache_write_5m=max(known.cache_write_5m, latest.cache_write_5m),
        cache_write_1h=max(known.cache_write_1h, latest.cache_write_1h),
        reasoning=_largest(known.reasoning, latest.reasoning),
        cost=_largest(known.cost, latest.cost),
        finished=known.finished or latest.finished,
        tier=known.tier or latest.tier,
        advice=_merged_advice(known.advice, latest.advice),
    )


def _largest(one: _Number | None, other: _Number | None) -> _Number | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _merged_advice(
    known: list[Iteration] | None, latest: list[Iteration] | None
) -> list[Iteration] | None:
    if known is None or latest is None:
        return latest if known is None else known
    more, fewer = (known, latest) if len(known) >= len(latest) else (latest, known)
    merged = list(more)
    for number, step in enumerate(fewer):
        if (step.output_tokens or 0) > (more[number].output_tokens or 0):
            merged[number] = step
    return merged
