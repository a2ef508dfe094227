"""
OpenCode's messages and tool calls as values, and the events they stand for.  Pure.

One place for database, legacy files and plugin, so that the three report the same identity, time
and numbers for the same message whichever comes first.

Quirks of the vendor that are settled here:
- `output` includes reasoning up to 1.2 and excludes it later; `total` tells which.
- `tokens` of a message are those of its last step, `cost` is the sum of all steps.  A message is
  one step (one model request) today; old versions ran several.
- A fork copies every message under a new id with its old time of creation.
- `session.idle` fires for failed requests twice; turns are counted by user message instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec.structs import replace

from openusaged.core.languages import language_of
from openusaged.core.models import (
    MESSAGE_USAGE,
    NANO,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    TOOL_USAGE,
    TURN_COMPLETED,
    UsageEvent,
)
from openusaged.providers.opencode.mcp_servers import split_tool
from openusaged.providers.shared.json_values import as_object, as_text

SOURCE: Final = "opencode"
CLIENT: Final = "opencode"

# The model goes on after these; any other reason ends the turn.
_CONTINUES: Final = frozenset({"tool-calls", "unknown"})
MAX_COUNT: Final = 1 << 53
"""Above it a JSON number is no exact integer, and no count of tokens, lines or ms."""

MAX_AMOUNT: Final = 1e9
"""Dollars no message costs."""


Count = Annotated[int, msgspec.Meta(ge=0, lt=MAX_COUNT)]


class Cache(msgspec.Struct, frozen=True, gc=False):
    """Tokens of the prompt that were read from the vendor's cache, and written into it."""

    read: Count = 0
    write: Count = 0


class Tokens(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A token object as logged: `input` excludes cache, `output` may or may not hold reasoning."""

    input: Count = 0
    output: Count = 0
    reasoning: Count = 0
    cache: Cache = Cache()
    total: Count | None = None
    """None or 0 when the version that wrote it did not say."""

    @property
    def output_with_reasoning(self) -> int:
        """Output including reasoning, whichever way the version that wrote it counted."""
        rest = self.input + self.cache.read + self.cache.write
        if self.output == 0 and self.total and self.total > rest:
            # some gateways report a total and no output
            return self.total - rest
        if self.total:
            separate = self.total >= rest + self.output + self.reasoning
        else:
            # Without a total (1.1) reasoning is inside, unless it cannot be.
            separate = self.reasoning > self.output
        return self.output + self.reasoning if separate else self.output

    @property
    def sum(self) -> int:
        """All tokens by the one definition of `core.models`."""
        return self.input + self.cache.read + self.cache.write + self.output_with_reasoning


_NO_TOKENS: Final = Tokens()


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One `step-finish` part: one request to the model, its tokens and cost in USD."""

    tokens: Tokens
    cost: float = 0.0


class Session(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a message needs of its session; zero and empty when unknown."""

    parent_id: str = ""
    created_ms: int = 0
    directory: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An assistant message; times in epoch ms, 0 when absent, cost in USD."""

    id: str
    session_id: str = ""
    parent_id: str = ""
    provider: str = ""
    model: str = ""
    agent: str = ""
    cwd: str = ""
    cost: float = 0.0
    tokens: Tokens | None = None
    created_ms: int = 0
    completed_ms: int = 0
    finish: str = ""
    error: str = ""
    """Name of the error's class; its text is never read."""
    is_summary: bool = False
    steps: Sequence[Step] = ()
    session: Session = Session()

    @property
    def is_fork_copy(self) -> bool:
        """Whether the message is older than its session: a copy of one counted before."""
        return 0 < self.created_ms < self.session.created_ms

    @property
    def is_final(self) -> bool:
        """Whether nothing more will be written to it."""
        return self.completed_ms > 0 or bool(self.error)

    @property
    def usage(self) -> tuple[Tokens, int]:
        """
        Tokens and number of model requests of the whole message.

        The sum of its steps when there are several or the message itself has no tokens.
        """
        own = self.tokens or _NO_TOKENS
        steps = self.steps
        if steps and (len(steps) > 1 or not (own.input or own.output or own.sum)):
            total = _sum(steps)
            # `>=` guards against a version that would accumulate in the message itself
            if total.sum >= own.sum:
                return total, len(steps)
        return own, 1


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A `tool` part: status as logged, time of its start in epoch ms, path or bare extension."""

    id: str
    """`callID`, or the part's own id where a provider gives none."""
    name: str
    status: str
    message_id: str = ""
    session_id: str = ""
    started_ms: int = 0
    file: str = ""
    lines_added: int | None = None
    lines_removed: int | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the call has ended."""
        return self.status in _TOOL_STATUS


_TOOL_STATUS: Final = {
    "completed": STATUS_OK,
    "success": STATUS_OK,
    "error": STATUS_ERROR,
    "failed": STATUS_ERROR,
    "aborted": STATUS_ABORTED,
    "cancelled": STATUS_ABORTED,
    "canceled": STATUS_ABORTED,
}


def message_events(message: Message, channel: str) -> list[UsageEvent]:
    """
    The usage of an assistant message and, when it ended the user's turn, that turn.

    Nothing for a message that is still empty or is a copy made by a fork.
    """
    tokens, requests = message.usage
    is_final = message.is_final
    if message.is_fork_copy or not (is_final or tokens.sum):
        return []
    status = _status(message.error, message.finish)
    origin = _origin_of(message, channel)
    cost = message.cost
    if message.steps:
        cost = max(cost, sum([step.cost for step in message.steps]))
    output = tokens.output_with_reasoning
    usage = replace(
        origin,
        ts_ms=message.created_ms,
        turn_id=message.parent_id,
        message_id=message.id,
        input=tokens.input,
        cache_read=tokens.cache.read,
        # OpenCode does not say how long a written entry lives; Anthropic's default is 5 minutes
        cache_write_5m=tokens.cache.write,
        output=output,
        reasoning=min(tokens.reasoning, output),
        requests=requests,
        cost_nano=round(cost * NANO) if cost > 0 else None,
        status=status,
    )
    ends_turn = is_final and message.finish not in _CONTINUES
    # a summary answers a request of OpenCode's own, not of the user
    if not (ends_turn and message.parent_id and not message.is_summary):
        return [usage]
    turn = replace(
        origin,
        event_type=TURN_COMPLETED,
        ts_ms=message.created_ms,
        turn_id=message.parent_id,
        status=status,
    )
    return [usage, turn]


def tool_event(
    call: ToolCall, message: Message, channel: str, servers: tuple[str, ...]
) -> UsageEvent | None:
    """The use of a tool, or None while it runs and for copies made by a fork."""
    status = _TOOL_STATUS.get(call.status)
    if status is None or message.is_fork_copy:
        return None
    server, function = split_tool(call.name, servers)
    return replace(
        _origin_of(message, channel),
        event_type=TOOL_USAGE,
        ts_ms=call.started_ms or message.created_ms,
        turn_id=message.parent_id,
        message_id=message.id,
        tool_call_id=call.id,
        tool_name=call.name.lower(),
        mcp_server=server,
        mcp_function=function,
        language=language_of(call.file) if call.file else "",
        lines_added=call.lines_added,
        lines_removed=call.lines_removed,
        status=status,
    )


def parse_message(info: Mapping[str, Any], session: Session, steps: Sequence[Step]) -> Message:
    """A message object as JSON files and the plugin hold it; wrong types count as absent."""
    model = as_object(info.get("model"))
    path = as_object(info.get("path"))
    time = as_object(info.get("time"))
    tokens = info.get("tokens")
    return Message(
        id=as_text(info.get("id")),
        session_id=as_text(info.get("sessionID")),
        parent_id=as_text(info.get("parentID")),
        provider=as_text(info.get("providerID")) or as_text(model.get("providerID")),
        model=as_text(info.get("modelID")) or as_text(model.get("modelID")),
        agent=as_text(info.get("agent")) or as_text(info.get("mode")),
        cwd=as_text(path.get("cwd")) or session.directory,
        cost=amount(info.get("cost")),
        tokens=parse_tokens(tokens) if isinstance(tokens, Mapping) else None,
        created_ms=count(time.get("created")),
        completed_ms=count(time.get("completed")),
        finish=as_text(info.get("finish")),
        error=error_name(info.get("error")),
        is_summary=info.get("summary") is True,
        session=session,
        steps=steps,
    )


def parse_tokens(tokens: Mapping[str, Any]) -> Tokens:
    """A token object; what is no number counts as 0."""
    cache = as_object(tokens.get("cache"))
    return Tokens(
        input=count(tokens.get("input")),
        output=count(tokens.get("output")),
        reasoning=count(tokens.get("reasoning")),
        cache=Cache(count(cache.get("read")), count(cache.get("write"))),
        total=count(tokens.get("total")) or None,
    )


def parse_step(part: Mapping[str, Any]) -> Step:
    """A `step-finish` part."""
    return Step(
        tokens=parse_tokens(as_object(part.get("tokens"))),
        cost=amount(part.get("cost")),
    )


def parse_tool(part: Mapping[str, Any]) -> ToolCall:
    """A `tool` part; of its input only the path is looked at, of its output nothing."""
    state = as_object(part.get("state"))
    given = as_object(state.get("input"))
    diff = as_object(as_object(state.get("metadata")).get("filediff"))
    return ToolCall(
        id=as_text(part.get("callID")) or as_text(part.get("id")),
        name=as_text(part.get("tool")),
        status=as_text(state.get("status")).lower(),
        message_id=as_text(part.get("messageID")),
        session_id=as_text(part.get("sessionID")),
        started_ms=count(as_object(state.get("time")).get("start")),
        file=as_text(given.get("filePath")) or as_text(part.get("file_ext")),
        lines_added=optional_count(diff.get("additions")),
        lines_removed=optional_count(diff.get("deletions")),
    )


def error_name(error: object) -> str:
    """The class of a message's error, `error` when it does not say; empty without one."""
    if not error:
        return ""
    return as_text(as_object(error).get("name")) or "error"


def count(value: object) -> int:
    """A non-negative integer of a JSON number; 0 for anything else."""
    return optional_count(value) or 0


def optional_count(value: object) -> int | None:
    """A non-negative integer of a JSON number; None for anything else."""
    if type(value) is int or type(value) is float:  # bool is another type
        return int(value) if 0 <= value < MAX_COUNT else None
    return None


def amount(value: object) -> float:
    """A positive amount of a JSON number; 0.0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if 0 < value < MAX_AMOUNT else 0.0


def _origin_of(message: Message, channel: str) -> UsageEvent:
    """
    The event with all that the events of a session have in common, to be copied for each of them.

    Filling in the rest in a copy costs a quarter of building an event from all its fields.
    """
    return _origin(
        channel,
        message.provider,
        message.session_id,
        message.session.parent_id,
        # `build` and `plan` are the main agent's modes; only a child session is a sub-agent
        (message.agent or "subagent") if message.session.parent_id else "",
        message.cwd,
        message.model,
    )


@lru_cache(maxsize=64)
def _origin(
    channel: str,
    provider: str,
    session_id: str,
    parent_session_id: str,
    agent: str,
    cwd: str,
    model: str,
) -> UsageEvent:
    return UsageEvent(
        source=SOURCE,
        channel=channel,
        event_type=MESSAGE_USAGE,
        # Every copy has its own: the creation is the one time that all stores and all events of
        # the plugin agree on.
        ts_ms=0,
        provider=provider.lower(),
        client=CLIENT,
        session_id=session_id,
        parent_session_id=parent_session_id,
        agent=agent,
        cwd=cwd,
        model=model,
    )


@lru_cache(maxsize=256)
def _status(error: str, finish: str) -> str:
    words = f"{error} {finish}".lower()
    if "abort" in words or "cancel" in words:
        return STATUS_ABORTED
    if error or "error" in words or "fail" in words:
        return STATUS_ERROR
    return STATUS_OK


def _sum(steps: Sequence[Step]) -> Tokens:
    """Tokens of several steps, each read by its own `total`; the sum holds reasoning in output."""
    tokens = [step.tokens for step in steps]
    caches = [each.cache for each in tokens]
    return Tokens(
        input=sum(each.input for each in tokens),
        output=sum(each.output_with_reasoning for each in tokens),
        reasoning=sum(min(each.reasoning, each.output_with_reasoning) for each in tokens),
        cache=Cache(sum(each.read for each in caches), sum(each.write for each in caches)),
    )
