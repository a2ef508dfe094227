"""
JSON-RPC 2.0: from one line of bytes to one line of answer (spec/jsonrpc.md).

The request machine is jsonrpcserver's; this module gives it a strict decoder, a check of the
request object, typed parameters and errors that never carry the text of an unexpected exception.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from openusage_proto import errors
from openusage_proto.errors import CODES, RpcError
from openusage_proto.framing import MAX_BATCH
from openusage_proto.methods import INGEST_TURN
from openusage_proto.values import dataclass
from openusaged.core.errors import InvalidEvent, OpenUsageError
from openusaged.rpc.context import AppApi, Awaited, Deferred, Peer, RpcContext
from openusaged.rpc.params import ParamsDecoder, ParamsError
from openusaged.rpc.registry import Handler, MethodSpec
from openusaged.runtime import tracing

# `import jsonrpcserver` also loads asyncio and a JSON Schema validator, for an asynchronous variant
# and a check that we do not use: 80 ms and 6 MB of every daemon.  Its modules can do without.
_package = importlib.util.find_spec("jsonrpcserver")
assert _package is not None, "jsonrpcserver is not installed"
_loaded = sys.modules.get("jsonrpcserver")
sys.modules["jsonrpcserver"] = _loaded or importlib.util.module_from_spec(_package)
try:
    from jsonrpcserver.dispatcher import (
        call,
        create_request,
        dispatch_deserialized,
        dispatch_to_response_pure,
        to_response,
    )
    from jsonrpcserver.response import to_serializable_one
    from jsonrpcserver.result import Error, Success
finally:
    if _loaded is None:
        del sys.modules["jsonrpcserver"]  # whoever imports it gets the whole

log = logging.getLogger(__name__)

_MEMBERS: Final = frozenset({"jsonrpc", "method", "params", "id"})
_SLUGS: Final = {code: slug for slug, code in CODES.items() if code < 0}
encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class JobPools(Protocol):
    """The two pools a method can ask for; `runtime.pools.Pools` is one."""

    def spawn_read(self, fn: Callable[..., Any], *args: Any) -> Awaited:
        """Start in a reader thread."""
        ...

    def spawn_work(self, fn: Callable[..., Any], *args: Any) -> Awaited:
        """Start in a worker thread."""
        ...


class Answer:
    """An answer, one response or a list of them, with some that are still awaited."""

    __slots__ = ("_awaited", "_responses")

    def __init__(self, responses: Any, awaited: list[dict[str, Any]]) -> None:
        self._responses = responses
        self._awaited = awaited

    def ready(self) -> bool:
        """Whether `get` returns at once."""
        for response in self._awaited:  # noqa: SIM110  # a generator costs more than the question
            if not response["result"].ready():
                return False
        return True

    def when_ready(self, call: Callable[[], object]) -> None:
        """Have `call()` called on the hub as the parts of an `ingest_turn` become ready."""
        for response in self._awaited:
            response["result"].when_ready(call)

    def get(self) -> bytes:
        """Wait for all parts; the line to send, without newline.  Once only."""
        for response in self._awaited:
            _resolve(response)
        return _encoded(self._responses)


class _Crowd:
    """Stands for several connections at once: whose events share one pass of the dispatcher."""

    id = 0

    def __init__(self) -> None:
        self.outstanding: list[Awaited] = []

    def send_line(self, line: bytes) -> None:
        """Nobody in particular to send to."""
        raise NotImplementedError

    def subscribe(self, after_seq: int | None) -> None:
        """Nobody in particular to push to."""
        raise NotImplementedError

    def unsubscribe(self) -> bool:
        """Nobody in particular to stop pushing to."""
        raise NotImplementedError


class Dispatcher:
    """Answers messages.  One for all connections; everything here runs on the hub."""

    def __init__(
        self, methods: Mapping[str, MethodSpec], pools: JobPools | None, app: AppApi
    ) -> None:
        self.methods = methods
        self._pools = pools
        self._app = app
        self._callables = {name: self._expose(spec) for name, spec in methods.items()}
        self._crowd = _Crowd()
        self._crowd_context = RpcContext(app=app, connection=self._crowd, methods=methods)

    def handle_line(self, line: bytes, connection: Peer) -> bytes | None:
        """The answer to one message, or None when it wants none (notifications)."""
        started = self.start(decode(line), connection)
        return started.get() if isinstance(started, Answer) else started

    def start(self, message: Any, connection: Peer) -> bytes | Answer | None:
        """
        Begin one decoded message and return without waiting for what can be awaited.

        Several `ingest_turn` of a connection may be under way at once; before any other method
        runs, they are waited for, so that a client reads what it has written.
        """
        if message.__class__ is Refused:
            return message.line
        context = RpcContext(app=self._app, connection=connection, methods=self.methods)
        if message.__class__ is list:
            responses: Any = self._start_batch(message, context)
        else:
            responses = self._start_one(message, context)
        return None if responses is None else _answer(responses)

    def start_ingests(self, messages: list[Any]) -> list[bytes | Answer]:
        """
        Begin messages of any connections that `waits_only_for_commit` has let pass; never waits.

        These are the library's own steps without two that have nothing to find out here: which
        method it is and whether it takes such parameters.  They are two thirds of its cost.
        """
        method = self._callables[INGEST_TURN]
        answers = []
        for message in messages:
            request = create_request(message)
            result = call(request, self._crowd_context, method)
            response = to_serializable_one(to_response(request, result))
            if "error" in response:
                _reword(response["error"], message)
            answers.append(_answer(response))
        self._crowd.outstanding.clear()
        return answers

    def _start_batch(self, batch: list[Any], context: RpcContext) -> Any:
        if not 1 <= len(batch) <= MAX_BATCH:
            return _error(
                errors.INVALID_REQUEST, f"a batch has 1 to {MAX_BATCH} requests, not {len(batch)}"
            )
        if all(map(_is_valid, batch)):
            return self._start_many(batch, context) or None
        # jsonrpcserver refuses a whole batch for one bad element; the JSON-RPC text wants an error
        # per element, so each is dispatched on its own.
        answers = [self._start_one(message, context) for message in batch]
        return [answer for answer in answers if answer is not None] or None

    def _start_one(self, message: Any, context: RpcContext) -> Any:
        # dispatch_to_serializable is this plus 6 us of typing expressions evaluated per call
        response: Any = dispatch_to_response_pure(
            request=message,
            methods=self._callables,
            context=context,
            deserializer=_same,
            validator=_check,
            post_process=to_serializable_one,
        )
        if response is not None and "error" in response:
            _reword(response["error"], message)
        return response

    def _start_many(self, messages: list[Any], context: RpcContext) -> list[Any]:
        """Responses to valid requests, in order; notifications have none."""
        # what the library does once it has checked the requests
        responses: list[Any] = (
            dispatch_deserialized(self._callables, context, to_serializable_one, messages) or []
        )
        if any("error" in response for response in responses):
            asked = [message for message in messages if "id" in message]
            for message, response in zip(asked, responses, strict=True):
                if "error" in response:
                    _reword(response["error"], message)
        return responses

    def _expose(self, spec: MethodSpec) -> Callable[..., Any]:
        """The callable jsonrpcserver sees; its `**params` takes any name, so that we judge them."""
        decode: Callable[[Mapping[str, Any]], Any] | None = None
        name = spec.name
        handler = tracing.timed(f"request method={name}", spec.handler)
        ingests = name == INGEST_TURN
        pools = self._pools
        start = None
        if spec.pool != "hub" and pools is not None:
            start = pools.spawn_read if spec.pool == "readers" else pools.spawn_work

        def method(ctx: RpcContext, /, **params: Any) -> Any:
            nonlocal decode
            try:
                if decode is None:  # most methods are never called
                    decode = ParamsDecoder(spec.params).decode
                typed = decode(params)
                if not ingests and ctx.connection.outstanding:
                    _settle(ctx.connection)
                if start is not None:
                    result: Any = Deferred(start(_call_encoded, handler, ctx, typed))
                else:
                    result = handler(ctx, typed)
                if result.__class__ is Deferred:
                    result.method = name
                    if ingests:
                        ctx.connection.outstanding.append(result)
                return Success(result)
            except Exception as exc:  # noqa: BLE001  # every failure becomes an error answer
                error = _error_of(exc, name)
                return Error(error["code"], error["message"], error["data"])

        method.__signature__ = _ANY_PARAMS  # type: ignore[attr-defined]
        return method


class _AnyParams(inspect.Signature):
    """What `method` above takes, without working it out and comparing it for every request."""

    def bind(self, /, *args: Any, **kwargs: Any) -> Any:
        """Whatever jsonrpcserver would pass to `method` fits."""


_ANY_PARAMS: Final = _AnyParams()


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no JSON, with its answer."""

    line: bytes


def decode(line: bytes) -> Any:
    """The JSON value of a line, or `Refused`."""
    try:
        return _decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        return Refused(encode(_error(errors.PARSE_ERROR, f"not JSON: {exc}")))


def waits_only_for_commit(message: Any) -> bool:
    """
    Whether a message is a single `ingest_turn` that wants an answer and brings a turn.

    Beginning it never waits.  A payload is mapped in a worker thread first.
    """
    return (
        message.__class__ is dict
        and message.get("method") == INGEST_TURN
        and "id" in message
        and _is_valid(message)
        and "payload" not in message.get("params", ())
    )


def _answer(responses: Any) -> bytes | Answer:
    if responses.__class__ is dict:
        awaited = [responses] if responses.get("result").__class__ is Deferred else []
    else:
        awaited = [part for part in responses if part.get("result").__class__ is Deferred]
    return Answer(responses, awaited) if awaited else _encoded(responses)


def _encoded(responses: Any) -> bytes:
    try:
        return encode(responses)
    except Exception:  # noqa: BLE001  # a result that is no JSON is our mistake, not the peer's
        if isinstance(responses, list):
            return encode([_encodable(part) for part in responses])
        return encode(_encodable(responses))


def _same(message: Any) -> Any:
    return message


def _is_valid(message: Any) -> bool:
    """Whether it is a request object of JSON-RPC 2.0, with named params only."""
    if message.__class__ is not dict or not message.keys() <= _MEMBERS:
        return False
    ident = message.get("id")
    return (
        message.get("jsonrpc") == "2.0"
        and message.get("method").__class__ is str
        and message.get("params", message).__class__ is dict
        and (ident is None or ident.__class__ in (str, int, float))
    )


def _check(message: Any) -> None:
    """Any exception means invalid to jsonrpcserver."""
    if not _is_valid(message):
        raise ValueError


def _why_invalid(message: Any) -> str:
    """Words for a request object that `_check` refused."""
    if not isinstance(message, dict):
        return "a request is a JSON object"
    if unknown := sorted(message.keys() - _MEMBERS):
        return f"a request has no member {unknown[0][:64]!r}"
    if message.get("jsonrpc") != "2.0":
        return 'a request has "jsonrpc": "2.0"'
    if not isinstance(message.get("method"), str):
        return "a request has a method name"
    if not isinstance(message.get("params", {}), dict):
        return "params are named: a JSON object"
    return "an id is a string, a number or null"


def _reword(error: dict[str, Any], message: Any) -> None:
    """Our slug and words in place of the library's, which repeats Python's exception texts."""
    slug = _SLUGS.get(error["code"])
    if slug is None or error["message"] == slug:
        return
    error["message"] = slug
    if slug == errors.METHOD_NOT_FOUND:
        detail = f"no method {str(error.get('data'))[:64]!r}; rpc.discover lists them"
    elif slug == errors.INVALID_REQUEST:
        detail = _why_invalid(message)
    else:
        detail = "the request could not be handled"
    error["data"] = {"detail": detail}


def _settle(connection: Peer) -> None:
    """Wait until what the connection has sent so far is committed (or refused)."""
    waiting, connection.outstanding = connection.outstanding, []
    for awaited in waiting:
        with contextlib.suppress(Exception):  # its own answer reports it
            awaited.get()


def _resolve(response: dict[str, Any]) -> None:
    """Put the value or the error of an awaited result in its place."""
    deferred = response["result"]
    try:
        response["result"] = deferred.get()
    except Exception as exc:  # noqa: BLE001  # every failure becomes an error answer
        del response["result"]
        response["error"] = _error_of(exc, deferred.method)


def _call_encoded(handler: Handler, ctx: RpcContext, params: Any) -> msgspec.Raw:
    """Run in a pool: call and encode there, so that the hub only copies bytes."""
    result = handler(ctx, params)
    if isinstance(result, Deferred):
        raise TypeError("a handler that runs in a pool returns its result")
    return result if isinstance(result, msgspec.Raw) else msgspec.Raw(encode(result))


def _error_of(exc: BaseException, name: str) -> dict[str, Any]:
    """The error object for an exception; unexpected ones are logged and named by an incident."""
    if isinstance(exc, ParamsError):
        return _error_object(errors.INVALID_PARAMS, {"detail": str(exc)})
    if isinstance(exc, InvalidEvent):
        data = {"detail": str(exc), "field": exc.field, "reason": exc.reason}
        return _error_object(exc.slug, data)
    if isinstance(exc, OpenUsageError):
        return _error_object(exc.slug, {"detail": str(exc)})
    if isinstance(exc, RpcError):
        return {"code": exc.code, "message": exc.slug, "data": exc.data}
    incident = os.urandom(4).hex()
    log.error("event=rpc_failed method=%s incident=%s", name, incident, exc_info=exc)
    return _error_object(
        errors.INTERNAL_ERROR,
        {"detail": f"internal error; the log has it as incident {incident}", "incident": incident},
    )


def _error_object(slug: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"code": CODES[slug], "message": slug, "data": data}


def _error(slug: str, detail: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": _error_object(slug, {"detail": detail}), "id": None}


def error_line(slug: str, detail: str) -> bytes:
    """An error answer to nobody's request in particular (`id` null)."""
    return encode(_error(slug, detail))


def _encodable(response: dict[str, Any]) -> dict[str, Any]:
    try:
        encode(response)
    except Exception as exc:  # noqa: BLE001
        return {
            "jsonrpc": "2.0",
            "error": _error_of(exc, "encode"),
            "id": response.get("id"),
        }
    return response
