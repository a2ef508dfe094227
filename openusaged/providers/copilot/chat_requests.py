"""
What one request in a chat of VS Code used, from the places where versions have put it.

Pure.  A request of the user is answered in rounds, one call of a model each.  `completionTokens`
counts the output of all of them, `promptTokens` only what went into the latest; the older
`result.metadata` knows only the latest round at all.  So of several rounds the input is unknown,
and nothing says how much of it came from a cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import STATUS_ABORTED, STATUS_ERROR, STATUS_OK
from openusaged.providers.copilot.tokens import BILLED_BY
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_number,
    as_text,
    count_or_zero,
)
from openusaged.providers.shared.side_records import NO_JSON, raw_items

_ENDED: Final = {1: STATUS_OK, 2: STATUS_ABORTED, 3: STATUS_ERROR}
_AUTO: Final = frozenset({"", "auto"})
_COPILOT: Final = "copilot"
_CUSTOM: Final = "customendpoint"
_OWN_KEYS: Final = {"gemini": "google", "xai": "x-ai"}
_AGENTS: Final = "github.copilot"
"""How the ids of Copilot's own chat agents begin; those of other tools write their own logs."""


class ToolCall(msgspec.Struct, frozen=True):
    """A tool as a model asked for it."""

    id: str
    name: str
    arguments: Any


class Round(msgspec.Struct, frozen=True):
    """One call of a model, with the tools it asked for."""

    id: str
    ts_ms: int | None
    calls: list[ToolCall]


class ChatRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a request has used, as far as it is known."""

    id: str
    ts_ms: int = 0
    model_id: str = ""
    """As chosen: `<vendor>/<model>`."""
    resolved: str = ""
    """The model that answered."""
    agent: str = ""
    prompt: int | None = None
    completion: int | None = None
    last_prompt: int | None = None
    last_output: int | None = None
    reasoning: int | None = None
    rounds: int | None = None
    credits: float | None = None
    state: int | None = None
    has_result: bool = False

    @property
    def is_copilots(self) -> bool:
        """Whether Copilot's own chat made the request."""
        return bool(self.id and self.ts_ms) and (self.agent.startswith(_AGENTS) or not self.agent)

    @property
    def has_ended(self) -> bool:
        """Whether its figures are final: they come line by line."""
        return self.is_copilots and (self.has_result or self.state in _ENDED)

    @property
    def is_used(self) -> bool:
        """Whether anything says that a model was called."""
        return bool(self.rounds or self.input or self.output or self.credits)

    @property
    def input(self) -> int | None:
        """What went in, where one call was all."""
        if self.rounds != 1:
            return None
        return self.prompt if self.prompt is not None else self.last_prompt

    @property
    def output(self) -> int | None:
        """What came out of all rounds."""
        if self.completion is not None:
            return self.completion
        return self.last_output if self.rounds == 1 else None

    @property
    def provider(self) -> str:
        """Who bills: Copilot, or the vendor of a key of the user's own."""
        vendor, _, model = self.model_id.partition("/")
        vendor = vendor.lower()
        if vendor == _COPILOT or not model:
            return BILLED_BY
        if vendor == _CUSTOM:
            return vendor_of_model(model.rpartition("/")[2]) or model.partition("/")[0].lower()
        return _OWN_KEYS.get(vendor, vendor)

    @property
    def model(self) -> str:
        """The model's own name."""
        vendor, _, chosen = self.model_id.partition("/")
        if vendor.lower() == _CUSTOM:
            chosen = chosen.rpartition("/")[2]
        chosen = chosen or vendor
        return self.resolved or ("" if chosen in _AUTO else chosen)

    @property
    def status(self) -> str:
        """How it ended."""
        return _ENDED.get(self.state or 0, STATUS_OK)


class _Agent(msgspec.Struct):
    id: Any = None


class _State(msgspec.Struct):
    value: Any = None


class _Thinking(msgspec.Struct):
    tokens: Any = None


class _ToolCall(msgspec.Struct):
    id: Any = None
    name: Any = None
    arguments: Any = None


class _Round(msgspec.Struct, rename="camel"):
    id: Any = None
    timestamp: Any = None
    model_id: Any = None
    thinking: msgspec.Raw = NO_JSON
    tool_calls: msgspec.Raw = NO_JSON

    def taken(self) -> Round:
        calls = [decode_part(one, _ToolCall) or _ToolCall() for one in raw_items(self.tool_calls)]
        return Round(
            id=as_text(self.id),
            ts_ms=as_epoch_ms(self.timestamp),
            calls=[ToolCall(as_text(one.id), as_text(one.name), one.arguments) for one in calls],
        )


class _Usage(msgspec.Struct, rename="camel"):
    """The latest round's tokens, in each of the three places where versions have put them."""

    prompt_tokens: Any = None
    output_tokens: Any = None
    completion_tokens: Any = None
    resolved_model: Any = None
    copilot_credits: Any = None
    tool_call_rounds: msgspec.Raw = NO_JSON


class _Result(_Usage, rename="camel"):
    metadata: msgspec.Raw = NO_JSON
    usage: msgspec.Raw = NO_JSON


class RequestRecord(msgspec.Struct, rename="camel"):
    """A request as it is written, or of it only what a change sets."""

    request_id: Any = None
    timestamp: Any = None
    model_id: Any = None
    agent: msgspec.Raw = NO_JSON
    prompt_tokens: Any = None
    completion_tokens: Any = None
    copilot_credits: Any = None
    model_state: msgspec.Raw = NO_JSON
    is_canceled: Any = None
    result: msgspec.Raw = NO_JSON

    def take(self, request: ChatRequest) -> list[Round]:
        """Lay what is given over the request; the rounds of its result."""
        agent = decode_part(self.agent, _Agent) or _Agent()
        state = decode_part(self.model_state, _State) or _State()
        request.ts_ms = as_epoch_ms(self.timestamp) or request.ts_ms
        request.model_id = as_text(self.model_id) or request.model_id
        request.agent = as_text(agent.id).lower() or request.agent
        request.prompt = _known(as_count(self.prompt_tokens), request.prompt)
        request.completion = _known(as_count(self.completion_tokens), request.completion)
        request.credits = _known(as_number(self.copilot_credits), request.credits)
        request.state = _known(as_count(state.value), request.state)
        if self.is_canceled is True:
            request.state = 2
        result = decode_part(self.result, _Result)
        return [] if result is None else _take_result(result, request)


def _take_result(result: _Result, request: ChatRequest) -> list[Round]:
    request.has_result = True
    metadata = decode_part(result.metadata, _Usage) or _Usage()
    usage = decode_part(result.usage, _Usage) or _Usage()
    for one in (result, metadata, usage):
        output = one.completion_tokens if one.completion_tokens is not None else one.output_tokens
        request.last_prompt = _known(as_count(one.prompt_tokens), request.last_prompt)
        request.last_output = _known(as_count(output), request.last_output)
        request.credits = _known(as_number(one.copilot_credits), request.credits)
        request.resolved = as_text(one.resolved_model) or request.resolved
    rounds = list(_rounds(metadata.tool_call_rounds))
    if rounds:
        request.rounds = len(rounds)
        request.reasoning = sum(map(_thoughts, rounds)) or None
        request.resolved = as_text(rounds[-1].model_id) or request.resolved
    elif request.last_output is not None:
        request.rounds = 1  # versions before there were tools
    return [one.taken() for one in rounds]


def _thoughts(one: _Round) -> int:
    thinking = decode_part(one.thinking, _Thinking) or _Thinking()
    return count_or_zero(thinking.tokens)


def _rounds(raw: msgspec.Raw) -> Iterator[_Round]:
    for item in raw_items(raw):
        yield decode_part(item, _Round) or _Round()


def _known(new: Any, old: Any) -> Any:
    return old if new is None else new
