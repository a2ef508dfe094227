"""
Turns the lines of a session's `events.jsonl` into events, in their order.

Pure but for one question: whether the session is counted from a better record.  Lines are decoded
into the few members that are wanted, so that texts never become objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from openusaged.core.models import JSONL, MESSAGE_USAGE, TOOL_USAGE, TURN_COMPLETED, UsageEvent
from openusaged.providers.copilot.session_totals import ModelUse, call_sums, shutdown_sums
from openusaged.providers.copilot.tokens import BILLED_BY, SOURCE, SUBAGENT, usd_nano
from openusaged.providers.copilot.tool_calls import Call, call_of, outcome
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_list,
    as_object,
    as_text,
)

MAX_CALLS: Final = 64
"""Calls of killed processes never end; beyond this the oldest are forgotten."""

_AUTO: Final = "auto"


class _Line(msgspec.Struct):
    type: str = ""
    id: Any = None
    timestamp: Any = None
    agentId: Any = None  # noqa: N815 - as the vendor spells it
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Message(msgspec.Struct):
    model: Any = None
    outputTokens: Any = None  # noqa: N815
    toolRequests: Any = None  # noqa: N815


class _Tool(msgspec.Struct):
    toolCallId: Any = None  # noqa: N815
    toolName: Any = None  # noqa: N815
    mcpServerName: Any = None  # noqa: N815
    mcpToolName: Any = None  # noqa: N815
    arguments: Any = None
    success: Any = None
    status: Any = None
    error: Any = None


class _Turn(msgspec.Struct):
    messageId: Any = None  # noqa: N815


class State(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Resumable state of one session's log."""

    session_id: str
    start_ms: int = 0
    seen_ms: int = 0
    cwd: str = ""
    branch: str = ""
    model: str = ""
    calls: dict[str, Call] = {}
    models: dict[str, ModelUse] = {}
    is_counted_elsewhere: bool = False
    counted_ms: int = 0
    counted_ids: list[str] = []
    """Time and ids of the latest lines whose counts were added up: a log that repeats itself
    (a copy behind the original) adds nothing."""


_line = msgspec.json.Decoder(_Line)
_message = msgspec.json.Decoder(_Message)
_tool = msgspec.json.Decoder(_Tool)
_turn = msgspec.json.Decoder(_Turn)


class Elsewhere(Protocol):
    """Whether a session is counted from a better record."""

    def has(self, session_id: str) -> bool:
        """Whether its calls are in one."""
        ...

    def will_have(self, since_ms: int) -> bool:
        """Whether calls of a session since then are yet to come: messages are then no record."""
        ...


class SessionReader:
    """Takes lines in their order and gathers events; keeps what later lines need in its state."""

    def __init__(self, state: State, elsewhere: Elsewhere) -> None:
        self.events: list[UsageEvent] = []
        self._state = state
        self._elsewhere = elsewhere
        self._changed: set[str] = set()
        self._readers: dict[str, Callable[[_Line, int], None]] = {
            "session.start": self._start,
            "session.resume": self._start,
            "session.context_changed": self._context,
            "session.model_change": self._model_change,
            "user.message": self._user_message,
            "assistant.message": self._assistant_message,
            "assistant.usage": self._usage,
            "tool.execution_start": self._tool_start,
            "tool.execution_complete": self._tool_complete,
            "session.shutdown": self._shutdown,
        }

    def read(self, line: bytes) -> None:
        """One line; what cannot be understood is passed over."""
        if not line.strip():
            return
        try:
            record = _line.decode(line)
            reader = self._readers.get(record.type)
            if reader is None:
                return
            ts_ms = as_epoch_ms(record.timestamp) or self._state.seen_ms
            self._state.seen_ms = ts_ms
            self._state.start_ms = self._state.start_ms or ts_ms
            reader(record, ts_ms)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return

    def take(self) -> list[UsageEvent]:
        """The events so far, with the totals that have changed."""
        events, self.events = self.events, []
        changed, self._changed = sorted(self._changed), set()
        state = self._state
        if not changed or state.is_counted_elsewhere or not state.start_ms:
            return events
        if self._elsewhere.has(state.session_id):
            state.is_counted_elsewhere = True
            return events
        with_messages = not self._elsewhere.will_have(state.start_ms)
        for model in changed:
            event = self._total(model, with_messages=with_messages)
            if event is not None:
                events.append(event)
        return events

    def _total(self, model: str, *, with_messages: bool) -> UsageEvent | None:
        counts, requests, nano_aiu = self._state.models[model].counts(with_messages=with_messages)
        if counts.input is None and counts.output is None and not requests:
            return None
        return UsageEvent(
            event_type=MESSAGE_USAGE,
            message_id=f"{self._state.session_id}:{model}",
            model=model,
            input=counts.input,
            cache_read=counts.cache_read,
            cache_write_5m=counts.cache_write,
            output=counts.output,
            reasoning=counts.reasoning,
            requests=requests,
            cost_nano=usd_nano(nano_aiu),
            **self._common(self._state.start_ms),
        )

    def _common(self, ts_ms: int) -> dict[str, Any]:
        return {
            "source": SOURCE,
            "channel": JSONL,
            "ts_ms": ts_ms,
            "provider": BILLED_BY,
            "client": SOURCE,
            "session_id": self._state.session_id,
            "cwd": self._state.cwd,
            "branch": self._state.branch,
        }

    def _start(self, line: _Line, ts_ms: int) -> None:
        data = as_object(msgspec.json.decode(line.data))
        state = self._state
        if line.type == "session.start":
            # The directory may be a copy: the session is what its first line says.
            state.session_id = as_text(data.get("sessionId")) or state.session_id
            state.start_ms = as_epoch_ms(data.get("startTime")) or ts_ms
        self._take_model(as_text(data.get("selectedModel")))
        self._take_context(as_object(data.get("context")))

    def _context(self, line: _Line, ts_ms: int) -> None:  # noqa: ARG002 - one of the readers
        self._take_context(as_object(msgspec.json.decode(line.data)))

    def _take_context(self, context: Any) -> None:
        self._state.cwd = as_text(context.get("cwd")) or self._state.cwd
        self._state.branch = as_text(context.get("branch")) or self._state.branch

    def _model_change(self, line: _Line, ts_ms: int) -> None:  # noqa: ARG002
        if not line.agentId:
            data = as_object(msgspec.json.decode(line.data))
            self._take_model(as_text(data.get("newModel")))

    def _take_model(self, model: str) -> None:
        # `auto` is a choice and no model: the messages say which it became.
        if model and model != _AUTO:
            self._state.model = model

    def _user_message(self, line: _Line, ts_ms: int) -> None:
        ident = as_text(_turn.decode(line.data).messageId) or as_text(line.id)
        if ident and ts_ms and not line.agentId:
            self.events.append(
                UsageEvent(
                    event_type=TURN_COMPLETED,
                    turn_id=_global(ident, ts_ms),
                    model=self._state.model,
                    **self._common(ts_ms),
                )
            )

    def _is_new(self, line: _Line, ts_ms: int) -> bool:
        """Whether the line's counts were not added up before; logs are written in order of time."""
        state, ident = self._state, as_text(line.id)
        if ts_ms < state.counted_ms:
            return False
        if ts_ms > state.counted_ms:
            state.counted_ms, state.counted_ids = ts_ms, []
        if ident and ident in state.counted_ids:
            return False
        state.counted_ids.append(ident)
        return True

    def _assistant_message(self, line: _Line, ts_ms: int) -> None:
        message = _message.decode(line.data)
        model = as_text(message.model)
        if model and not line.agentId:
            self._take_model(model)
        output = as_count(message.outputTokens)
        if output is not None and self._is_new(line, ts_ms):
            self._use(model or self._state.model).message(output)
        for request in map(as_object, as_list(message.toolRequests)):
            call = call_of(
                as_text(request.get("name")),
                as_text(request.get("mcpServerName")),
                as_text(request.get("mcpToolName")),
                request.get("arguments"),
            )
            self._remember(as_text(request.get("toolCallId")), call, line)

    def _usage(self, line: _Line, ts_ms: int) -> None:
        data = as_object(msgspec.json.decode(line.data))
        if self._is_new(line, ts_ms):
            self._use(as_text(data.get("model")) or self._state.model).call(call_sums(data))

    def _shutdown(self, line: _Line, ts_ms: int) -> None:
        data = as_object(msgspec.json.decode(line.data))
        if self._is_new(line, ts_ms):
            for model, sums in shutdown_sums(data).items():
                self._use(model).report(sums)

    def _use(self, model: str) -> ModelUse:
        self._changed.add(model)
        return self._state.models.setdefault(model, ModelUse())

    def _tool_start(self, line: _Line, ts_ms: int) -> None:  # noqa: ARG002
        tool = _tool.decode(line.data)
        call = call_of(
            as_text(tool.toolName),
            as_text(tool.mcpServerName),
            as_text(tool.mcpToolName),
            tool.arguments,
        )
        self._remember(as_text(tool.toolCallId), call, line)

    def _remember(self, call_id: str, call: Call | None, line: _Line) -> None:
        calls = self._state.calls
        if not call_id or call is None:
            return
        known = calls.pop(call_id, None)
        if known is not None and call.added is None:
            # The request often says more than the start of its execution.
            call.added, call.removed = known.added, known.removed
            call.language = call.language or known.language
        call.model = self._state.model
        call.is_subagent = bool(line.agentId)
        calls[call_id] = call
        while len(calls) > MAX_CALLS:
            del calls[next(iter(calls))]

    def _tool_complete(self, line: _Line, ts_ms: int) -> None:
        tool = _tool.decode(line.data)
        call_id = as_text(tool.toolCallId)
        call = self._state.calls.pop(call_id, None) or call_of(
            as_text(tool.toolName),
            as_text(tool.mcpServerName),
            as_text(tool.mcpToolName),
            tool.arguments,
        )
        if call is None or not ts_ms:
            return
        status = outcome(tool.success, tool.status, tool.error)
        self.events.append(
            UsageEvent(
                event_type=TOOL_USAGE,
                tool_call_id=_global(call_id or as_text(line.id), ts_ms),
                tool_name=call.name,
                mcp_server=call.server,
                mcp_function=call.function,
                language=call.language,
                # What was refused or failed has changed nothing.
                lines_added=call.added if status == "ok" else None,
                lines_removed=call.removed if status == "ok" else None,
                model=call.model or self._state.model,
                agent=SUBAGENT if call.is_subagent or line.agentId else "",
                requests=1,
                status=status,
                **self._common(ts_ms),
            )
        )


def _global(ident: str, ts_ms: int) -> str:
    """
    An id that holds everywhere: some models count theirs anew in every session.

    The time tells them apart and is the same in a copy of the session under another name.
    """
    return f"{ts_ms}:{ident}"
