"""
The accept loop: connections, limits and pushes on a Unix socket (spec/jsonrpc.md, Transport).

One greenlet per connection reads, dispatches and answers in order; one more per subscriber pushes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket as native_socket
import struct
import sys
import time
from typing import Any, Final

import gevent
import msgspec
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from gevent.pool import Pool as GreenletPool
from gevent.server import StreamServer

from openusage_proto import errors
from openusage_proto.framing import MAX_LINE_BYTES, RECV_BYTES, LineSplitter, LineTooLong
from openusage_proto.methods import READ_MODEL_CHANGED
from openusaged.rpc.context import AppApi, Awaited
from openusaged.rpc.dispatch import Answer, Dispatcher, error_line

log = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 256
IDLE_S: Final = 600.0
"""A connection without a request or a subscription is closed after this; also the longest a peer
may leave an answer unread."""
PUSH_INTERVAL_S: Final = 0.1
"""A subscriber hears of changes at most this often; changes in between become one."""
PUSH_TIMEOUT_S: Final = 2.0
"""A subscriber whose socket stays full for this long is dropped."""
LINGER_S: Final = 1.0

_encode = msgspec.json.Encoder().encode


class Connection:
    """One client.  Implements `rpc.context.Peer`."""

    def __init__(self, server: RpcServer, sock: Any, ident: int) -> None:
        self.id = ident
        self.outstanding: list[Awaited] = []
        self._server = server
        self._sock = sock
        # A push must not land inside an answer that is being sent in parts.
        self._sending = BoundedSemaphore(1)
        self._changed = Event()
        self._sent_seq = -1
        self._pusher: Any = None
        self.last_heard_s = time.monotonic()
        self.answering = False

    @property
    def stuck(self) -> bool:
        """Whether an answer waits for the peer to read."""
        return bool(self._sending.locked())

    @property
    def subscribed(self) -> bool:
        """Whether changes are pushed to this connection."""
        return self._pusher is not None

    def send_line(self, line: bytes) -> None:
        """Send one message; waits while the peer's buffer is full (the calling greenlet only)."""
        self.send(line + b"\n")

    def send(self, data: bytes) -> None:
        """Send whole lines."""
        with self._sending:
            self._sock.sendall(data)

    def subscribe(self, after_seq: int | None) -> None:
        """Push changes from now on, or from `after_seq` on when the store has moved past it."""
        self._sent_seq = self._server.seq if after_seq is None else after_seq
        if self._pusher is None:
            self._pusher = gevent.spawn(self._push)
            self._server.subscribed.add(self)
        self.wake()

    def unsubscribe(self) -> bool:
        """Stop pushing; whether it had been subscribed."""
        was = self._pusher is not None
        self._pusher = None
        self._server.subscribed.discard(self)
        # It ends by itself: killing it could cut a message in half.
        self._changed.set()
        return was

    def wake(self) -> None:
        """The store may have changed."""
        if self._server.seq != self._sent_seq:
            self._changed.set()

    def stop_reading(self) -> None:
        """Take no further requests; those under way are still answered."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(native_socket.SHUT_RD)

    def close(self) -> None:
        """Stop pushing and hang up; the reader's greenlet ends by itself."""
        self.unsubscribe()
        with contextlib.suppress(OSError):
            self._sock.shutdown(native_socket.SHUT_RDWR)

    def _push(self) -> None:
        me = gevent.getcurrent()
        while True:
            self._changed.wait()
            if self._pusher is not me:
                return
            self._changed.clear()
            seq = self._server.seq
            if seq == self._sent_seq:
                continue
            self._sent_seq = seq
            note = {"jsonrpc": "2.0", "method": READ_MODEL_CHANGED, "params": {"seq": seq}}
            delivered = False
            with contextlib.suppress(OSError), gevent.Timeout(PUSH_TIMEOUT_S, False):
                self.send_line(_encode(note))
                delivered = True
            if not delivered:
                log.info("event=subscriber_dropped connection=%d", self.id)
                # part of a line may have gone out: the connection cannot be used any further
                self._pusher = None
                self.close()
                return
            gevent.sleep(PUSH_INTERVAL_S)


class RpcServer:
    """
    Serves a listening Unix socket until stopped.

    Limits are arguments so that a test can lower them.  `allowed_uid`: the only user whose
    processes are served.
    """

    def __init__(
        self,
        listener: Any,
        dispatcher: Dispatcher,
        app: AppApi,
        *,
        max_connections: int = MAX_CONNECTIONS,
        max_line_bytes: int = MAX_LINE_BYTES,
        idle_s: float = IDLE_S,
        allowed_uid: int | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._app = app
        self._max_connections = max_connections
        self._max_line_bytes = max_line_bytes
        self._idle_s = idle_s
        self._allowed_uid = os.geteuid() if allowed_uid is None else allowed_uid
        self._server = StreamServer(listener, self._accepted, spawn=GreenletPool())
        self._open: dict[int, Connection] = {}
        self._count = 0
        self._sweeper: Any = None
        self.subscribed: set[Connection] = set()

    @property
    def seq(self) -> int:
        """The application's change sequence."""
        return self._app.seq

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._open)

    @property
    def subscribers(self) -> int:
        """Connections that changes are pushed to."""
        return len(self.subscribed)

    def start(self) -> None:
        """Begin to accept."""
        self._server.start()

    def publish(self) -> None:
        """Tell subscribers that the read model has changed; hub thread only, never waits."""
        for connection in self.subscribed:
            connection.wake()

    def stop(self, timeout_s: float = 0.5) -> None:
        """
        Accept no more, give requests under way `timeout_s`, then hang up on everybody.

        The socket's path is left to `lifecycle`.
        """
        for connection in list(self._open.values()):
            connection.unsubscribe()
            connection.stop_reading()
        self._server.stop(timeout=timeout_s)
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.kill()

    def _accepted(self, sock: Any, _address: object) -> None:
        try:
            self._admit(sock)
        except OSError as exc:
            log.debug("event=client_gone error=%s", exc)
        except Exception:
            # the last edge: one connection's trouble stays with it
            log.exception("event=connection_failed")

    def _admit(self, sock: Any) -> None:
        uid = peer_uid(sock)
        if uid != self._allowed_uid:
            log.warning("event=peer_refused uid=%s", uid)
            self._reject(sock, errors.PERMISSION_DENIED, "the daemon serves its own user only")
            return
        if len(self._open) >= self._max_connections:
            log.warning("event=too_many_connections open=%d", len(self._open))
            self._reject(
                sock, errors.TOO_MANY_CONNECTIONS, f"{self._max_connections} connections are open"
            )
            return
        self._count += 1
        connection = Connection(self, sock, self._count)
        self._open[connection.id] = connection
        if self._sweeper is None:
            self._sweeper = gevent.spawn(self._sweep)
        try:
            self._converse(sock, connection)
        finally:
            connection.close()
            del self._open[connection.id]

    def _converse(self, sock: Any, connection: Connection) -> None:
        splitter = LineSplitter(self._max_line_bytes)
        while True:
            data = sock.recv(RECV_BYTES)
            if not data:
                return
            connection.last_heard_s = time.monotonic()
            connection.answering = True
            try:
                lines = splitter.feed(data)
            except LineTooLong as exc:
                self._answer(exc.complete, connection)
                self._reject(sock, errors.LINE_TOO_LONG, str(exc))
                return
            if lines:
                self._answer(lines, connection)
            connection.answering = False

    def _sweep(self) -> None:
        """
        Hang up on silent peers; runs only while somebody is connected.

        One look now and then instead of a timer per read: those cost a tenth of a small request.
        """
        while self._open:
            gevent.sleep(self._idle_s / 4)
            silent_since = time.monotonic() - self._idle_s
            for connection in list(self._open.values()):
                waits = connection.subscribed or connection.answering
                if connection.last_heard_s < silent_since and (connection.stuck or not waits):
                    log.debug("event=connection_idle connection=%d", connection.id)
                    connection.close()
        self._sweeper = None

    def _answer(self, lines: list[bytes], connection: Connection) -> None:
        """Answer in order; `ingest_turn` lines that lie next to each other share a commit."""
        start = self._dispatcher.start_line
        awaited: list[Answer] = []
        for line in lines:
            answer = start(line, connection)
            if answer is None:
                continue
            if answer.__class__ is Answer:
                awaited.append(answer)
                continue
            if awaited:
                _send_awaited(awaited, connection)
            connection.send_line(answer)  # type: ignore[arg-type]
        if awaited:
            _send_awaited(awaited, connection)
        connection.outstanding.clear()

    def _reject(self, sock: Any, slug: str, detail: str) -> None:
        """Say why, then hang up without losing that answer."""
        with contextlib.suppress(OSError), gevent.Timeout(LINGER_S, False):
            sock.sendall(error_line(slug, detail) + b"\n")
            sock.shutdown(native_socket.SHUT_WR)
            # Closing with unread input would reset the connection before the peer has read.
            while sock.recv(RECV_BYTES):
                pass


def _send_awaited(awaited: list[Answer], connection: Connection) -> None:
    """Send as many answers at once as are there; never hold one back for the next."""
    done: list[bytes] = []
    for answer in awaited:
        if done and not answer.ready():
            connection.send(b"".join(done))
            done = []
        done.append(answer.get() + b"\n")
    connection.send(b"".join(done))
    awaited.clear()


def peer_uid(sock: Any) -> int:
    """
    User id of the process at the other end, as the kernel recorded it on connect.

    Raises:
        OSError: the system cannot tell.
    """
    if sys.platform == "darwin":
        # struct xucred of <sys/ucred.h> through LOCAL_PEERCRED: what getpeereid(3) reads
        data = sock.getsockopt(0, 0x001, 76)
        version, uid = struct.unpack_from("=II", data)
        if version != 0:
            raise OSError(f"unknown version {version} of xucred")
        return int(uid)
    data = sock.getsockopt(native_socket.SOL_SOCKET, native_socket.SO_PEERCRED, 12)
    _pid, uid, _gid = struct.unpack("=iii", data)
    return int(uid)
