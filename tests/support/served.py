"""The real server and dispatcher on a real socket, over a handful of small methods."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import gevent

from openusage_proto.messages import (
    IngestParams,
    IngestResult,
    ReadModelParams,
    StatusParams,
    SubscribeResult,
)
from openusaged.core.errors import InvalidEvent, StorageError
from openusaged.lifecycle import claim_socket
from openusaged.rpc.context import Deferred, RpcContext
from openusaged.rpc.dispatch import Dispatcher
from openusaged.rpc.registry import MethodSpec, load_methods, spec_of
from openusaged.rpc.server import RpcServer
from openusaged.runtime.group_commit import GroupCommitter
from openusaged.runtime.pools import Pools
from tests.support.daemon import Wire

T = TypeVar("T")


@dataclass
class App:
    """An application whose store is a list."""

    pools: Pools
    seq: int = 0
    shutting_down: bool = False
    stored: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    release: Any = None
    """An event that the `slow` method waits for."""

    def commit(self, items: Sequence[IngestParams]) -> list[int | Exception]:
        self.groups.append(len(items))
        out: list[int | Exception] = []
        for item in items:
            if item.source == "broken":
                out.append(StorageError("the disk is full"))
                continue
            self.stored.append(item.delivery_id)
            self.seq += 1
            out.append(self.seq)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Anything:
    value: Any = None


def ingest(ctx: RpcContext, params: IngestParams) -> Deferred[IngestResult]:
    """Keep the delivery's id."""
    if params.source == "invalid":
        raise InvalidEvent("turn.model", "must not be empty")
    return Deferred(
        ctx.app.committer.submit_nowait(params),
        lambda seq: IngestResult(accepted=1, deduplicated=0, merged=0, seq=seq),
    )


def status(ctx: RpcContext, params: StatusParams) -> SubscribeResult:
    """Answer on the hub."""
    return SubscribeResult(seq=ctx.app.seq, subscribed=False)


def stored(ctx: RpcContext, params: ReadModelParams) -> Count:
    """Answer from a reader thread."""
    return Count(count=len(ctx.app.stored))


def slow(ctx: RpcContext, params: StatusParams) -> Count:
    """Answer when the test says so."""
    ctx.app.release.wait()
    return Count(count=0)


def crash(ctx: RpcContext, params: StatusParams) -> Count:
    """Fail in a way nobody expected."""
    raise RuntimeError("/home/me/secret.txt is on fire")


def crash_in_pool(ctx: RpcContext, params: StatusParams) -> Count:
    """Fail so in a reader thread."""
    raise RuntimeError("/home/me/secret.txt is on fire")


def unencodable(ctx: RpcContext, params: StatusParams) -> Anything:
    """Return what is no JSON."""
    return Anything(value=object())


def big(ctx: RpcContext, params: StatusParams) -> Anything:
    """Return four megabytes."""
    return Anything(value="x" * (4 << 20))


METHODS: dict[str, MethodSpec] = {
    "ingest_turn": spec_of("ingest_turn", ingest),
    "status": spec_of("status", status),
    "stored": spec_of("stored", stored, pool="readers"),
    "slow": spec_of("slow", slow),
    "crash": spec_of("crash", crash),
    "crash_in_pool": spec_of("crash_in_pool", crash_in_pool, pool="readers"),
    "unencodable": spec_of("unencodable", unencodable),
    "big": spec_of("big", big),
}


def all_methods() -> dict[str, MethodSpec]:
    """The small methods beside the real subscriptions and discovery."""
    real = load_methods()
    return {
        **METHODS,
        **{name: real[name] for name in ("subscribe", "unsubscribe", "rpc.discover")},
    }


@dataclass
class Served:
    """A running server."""

    app: App
    server: RpcServer
    dispatcher: Dispatcher
    path: str

    def run(self, client: Callable[..., T], *args: Any) -> T:
        """Run blocking client code in a native thread while the hub serves it."""
        result: T = gevent.get_hub().threadpool.apply(client, args)
        return result

    def talk(self, client: Callable[[Wire], T]) -> T:
        """Run client code with a connection of its own."""

        def go() -> T:
            with Wire(self.path, timeout_s=10.0) as wire:
                return client(wire)

        return self.run(go)


def hub_wait(predicate: Callable[[], Any], what: str) -> None:
    """Like `wait_until`, but lets the hub run."""
    with gevent.Timeout(10, AssertionError(f"not in time: {what}")):
        while not predicate():
            gevent.sleep(0.005)


def request_line(method: str, params: dict[str, Any] | None = None, ident: Any = 1) -> bytes:
    """A request as it stands on the wire."""
    message = {"jsonrpc": "2.0", "id": ident, "method": method}
    if params is not None:
        message["params"] = params
    return json.dumps(message).encode() + b"\n"


@contextlib.contextmanager
def served(directory: str, **limits: Any) -> Iterator[Served]:
    """Serve the small methods on a socket in `directory` until the block ends."""
    pools = Pools(readers=2, workers=2)
    app = App(pools, release=gevent.event.Event())
    app.committer = GroupCommitter(pools, app.commit)  # type: ignore[attr-defined]
    claimed = claim_socket(os.path.join(directory, "s.sock"))
    dispatcher = Dispatcher(all_methods(), pools, app)
    server = RpcServer(claimed.sock, dispatcher, app, **limits)
    server.start()
    try:
        yield Served(app, server, dispatcher, claimed.path)
    finally:
        app.release.set()
        server.stop(timeout_s=1.0)
        claimed.release()
        app.committer.close()  # type: ignore[attr-defined]
        assert app.committer.drain(5.0)  # type: ignore[attr-defined]
        assert pools.close(5.0)
