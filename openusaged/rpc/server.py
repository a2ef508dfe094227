"""
The accept loop: connections, limits and pushes on a Unix socket (spec/jsonrpc.md, Transport).

Callbacks of the hub read, submit and answer `ingest_turn` without a greenlet; any other request is
answered in one, because it may wait.  One more greenlet per subscriber pushes.
"""

from __future__ import annotations

import errno
import logging
import os
import socket as native_socket
import struct
import sys
import time
from collections import deque
from typing import Any, Final

import gevent
from gevent.event import Event
from gevent.pool import Group

from openusage_proto import errors
from openusage_proto.framing import MAX_LINE_BYTES
from openusaged.rpc.connection import Connection, say_and_hang_up
from openusaged.rpc.context import AppApi
from openusaged.rpc.dispatch import Dispatcher, error_line

log = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 256
IDLE_S: Final = 600.0
"""A connection without a request or a subscription is closed after this; also the longest a peer
may leave an answer unread."""
MAX_PER_TURN: Final = 128
"""Events started before the hub looks at its other callbacks again (some milliseconds)."""
_ACCEPTS_PER_TURN: Final = 64
_ACCEPT_PAUSE_S: Final = 0.2
_READ: Final = 1
_NO_RESOURCES: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


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
        self.dispatcher = dispatcher
        self.max_line_bytes = max_line_bytes
        self.greenlets = Group()
        """Everything that waits on behalf of a connection."""
        self.subscribed: set[Connection] = set()
        self._app = app
        self._max_connections = max_connections
        self._idle_s = idle_s
        self._allowed_uid = os.geteuid() if allowed_uid is None else allowed_uid
        # gevent's own accept would wait, which a callback of the hub may not
        self._listener = native_socket.socket(fileno=os.dup(listener.fileno()))
        self._listener.setblocking(False)
        self.loop = gevent.get_hub().loop
        self._acceptable = self.loop.io(self._listener.fileno(), _READ)
        self._pause = self.loop.timer(_ACCEPT_PAUSE_S)
        self._open: dict[int, Connection] = {}
        self._none_open = Event()
        self._count = 0
        self._sweeper: Any = None
        self._arrived: deque[tuple[Connection, list[Any]]] = deque()
        self._answerable: list[Connection] = []

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
        # after the sockets that are readable now: who has hung up makes room
        self._acceptable.start(self.loop.run_callback, self._accept)

    def publish(self) -> None:
        """Tell subscribers that the read model has changed; hub thread only, never waits."""
        for connection in self.subscribed:
            connection.wake()

    def stop(self, timeout_s: float = 0.5) -> None:
        """
        Accept no more, give requests under way `timeout_s`, then hang up on everybody.

        The socket's path is left to `lifecycle`.
        """
        for watcher in (self._acceptable, self._pause):
            watcher.stop()
            watcher.close()
        self._listener.close()
        for connection in list(self._open.values()):
            connection.unsubscribe()
            connection.stop_reading()
        if self._open:
            self._none_open.clear()
            self._none_open.wait(timeout_s)
        for connection in list(self._open.values()):
            connection.close()
        self.greenlets.kill()
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.kill()

    # ------------------------------------------------------------------ for connections

    def submit(self, connection: Connection, messages: list[Any]) -> None:
        """Have `ingest_turn` requests started, together with those of other connections."""
        if not self._arrived:
            # It runs after the sockets that are readable now: their events join this commit.
            self.loop.run_callback(self._start_arrived)
        self._arrived.append((connection, messages))

    def answerable(self, connection: Connection) -> None:
        """Have the answers that are there sent, when all of a commit are."""
        if not self._answerable:
            self.loop.run_callback(self._answer)
        self._answerable.append(connection)

    def forget(self, connection: Connection) -> None:
        """It has been closed."""
        self._open.pop(connection.id, None)
        if not self._open:
            self._none_open.set()

    # ------------------------------------------------------------------ callbacks of the hub

    def _start_arrived(self) -> None:
        turns: list[tuple[Connection, int]] = []
        messages: list[Any] = []
        arrived = self._arrived
        while arrived and len(messages) < MAX_PER_TURN:
            connection, requests = arrived.popleft()
            turns.append((connection, len(messages)))
            messages += requests
        if arrived:
            self.loop.run_callback(self._start_arrived)
        answers = self.dispatcher.start_ingests(messages)
        end = len(answers)
        for connection, begin in reversed(turns):
            connection.expect(answers[begin:end])
            end = begin

    def _answer(self) -> None:
        connections, self._answerable = self._answerable, []
        for connection in connections:
            connection.answer()

    def _accept(self) -> None:
        if not self._acceptable.active:
            return
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                sock, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                if exc.errno not in _NO_RESOURCES:
                    log.debug("event=client_gone error=%s", exc)
                    continue
                # a readable listener would call again at once, without end
                log.warning("event=accept_paused error=%s", exc)
                self._acceptable.stop()
                self._pause.start(self.start)
                return
            sock.setblocking(False)
            try:
                self._admit(sock)
            except OSError as exc:
                log.debug("event=client_gone error=%s", exc)
                sock.close()

    def _admit(self, sock: native_socket.socket) -> None:
        uid = peer_uid(sock)
        if uid != self._allowed_uid:
            log.warning("event=peer_refused uid=%s", uid)
            self._refuse(sock, errors.PERMISSION_DENIED, "the daemon serves its own user only")
            return
        if len(self._open) >= self._max_connections:
            log.warning("event=too_many_connections open=%d", len(self._open))
            self._refuse(
                sock, errors.TOO_MANY_CONNECTIONS, f"{self._max_connections} connections are open"
            )
            return
        self._count += 1
        self._open[self._count] = Connection(self, sock, self._count)
        if self._sweeper is None:
            self._sweeper = gevent.spawn(self._sweep)

    def _refuse(self, sock: native_socket.socket, slug: str, detail: str) -> None:
        self.greenlets.spawn(say_and_hang_up, sock, error_line(slug, detail) + b"\n")

    # ------------------------------------------------------------------ greenlets

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
