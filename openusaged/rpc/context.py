"""
What a method's handler gets besides its parameters: the application and the connection.

Separate from dispatch, so that a method's file needs no JSON-RPC library to be understood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar

from openusage_proto.errors import CODES, RpcError
from openusage_proto.values import dataclass

if TYPE_CHECKING:
    from openusaged.rpc.registry import MethodSpec

R = TypeVar("R")


class AppApi(Protocol):
    """
    What the wire itself needs of the application.

    Use cases are reached as further attributes; the composition root passes an object that has
    them.
    """

    @property
    def seq(self) -> int:
        """The store's change sequence."""
        ...

    @property
    def shutting_down(self) -> bool:
        """Whether the daemon has begun to stop: new requests are refused."""
        ...


class Awaited(Protocol):
    """An answer that is not there yet."""

    def ready(self) -> bool:
        """Whether `get` returns at once."""
        ...

    def get(self) -> Any:
        """Wait (the calling greenlet only) for the value; raises the failure."""
        ...


class Announced(Awaited, Protocol):
    """An awaited answer that says when it is there, for callbacks of the hub, which never wait."""

    def when_ready(self, call: Callable[[], object]) -> None:
        """Have `call()` called once, on the hub; at once when it is there already."""
        ...


class Peer(Protocol):
    """A connection as handlers see it."""

    @property
    def id(self) -> int:
        """Number of the connection since the start."""
        ...

    outstanding: list[Awaited]
    """Events of this connection whose commit has not been waited for yet."""

    def send_line(self, line: bytes) -> None:
        """Send one message (without newline) besides the answers."""
        ...

    def subscribe(self, after_seq: int | None) -> None:
        """Push `read_model_changed` to this connection from now on."""
        ...

    def unsubscribe(self) -> bool:
        """Stop pushing; whether it had been subscribed."""
        ...


class Deferred(Generic[R]):
    """
    A handler's promise of a result: submitted, not yet done.

    Returning one lets the requests behind it on the same connection or in the same batch be
    submitted before this one is waited for, so that they share a commit.
    """

    __slots__ = ("_awaited", "_finish", "_outcome", "method")

    def __init__(self, awaited: Awaited, finish: Callable[[Any], R] | None = None) -> None:
        self._awaited = awaited
        self._finish = finish
        self._outcome: tuple[R | None, Exception | None] | None = None
        self.method = ""
        """Name of the method it answers, for the log; set by the dispatcher."""

    def ready(self) -> bool:
        """Whether `get` returns at once."""
        return self._outcome is not None or self._awaited.ready()

    def when_ready(self, call: Callable[[], object]) -> None:
        """Have `call()` called on the hub when `get` does not wait any more (of an `Announced`)."""
        self._awaited.when_ready(call)  # type: ignore[attr-defined]

    def get(self) -> R:
        """
        Wait (the calling greenlet only) for the result; raises the failure.

        `finish` is called once, however often the result is asked for: it may submit more work.
        """
        if self._outcome is None:
            try:
                value = self._awaited.get()
                self._outcome = (value if self._finish is None else self._finish(value), None)
            except Exception as exc:  # noqa: BLE001  # kept for whoever asks
                self._outcome = (None, exc)
        result, error = self._outcome
        if error is not None:
            raise error
        return result  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcContext:
    """First argument of every handler."""

    app: Any
    """An `AppApi` with the use cases on it."""
    connection: Peer
    methods: Mapping[str, MethodSpec]
    """Every method there is, for `rpc.discover`."""


def refuse(slug: str, detail: str, **more: Any) -> NoReturn:
    """Answer the request with an error of `openusage_proto.errors`; `detail` is for people."""
    raise RpcError(CODES[slug], slug, {"detail": detail, **more})
