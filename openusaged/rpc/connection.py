"""
One client of the socket: reads lines, keeps the order of answers, pushes changes.

Two ways through it.  `ingest_turn` never waits on the hub, so callbacks start it and send its
answer after the commit; a greenlet would cost a third of such a request.  Everything else is
answered by a greenlet of the connection.  Nothing more is read before what was read is answered:
that is the back-pressure, and what keeps both ways in order.
"""

from __future__ import annotations

import contextlib
import logging
import socket as native_socket
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.event import Event
from gevent.socket import wait_read

from openusage_proto import errors
from openusage_proto.framing import RECV_BYTES, LineSplitter, LineTooLong
from openusage_proto.methods import READ_MODEL_CHANGED
from openusaged.rpc.context import Awaited
from openusaged.rpc.dispatch import Answer, decode, encode, error_line, waits_only_for_commit

if TYPE_CHECKING:
    from openusaged.rpc.server import RpcServer

log = logging.getLogger(__name__)

PUSH_INTERVAL_S: Final = 0.1
"""A subscriber hears of changes at most this often; changes in between become one."""
PUSH_TIMEOUT_S: Final = 2.0
"""A subscriber whose socket stays full for this long is dropped."""
LINGER_S: Final = 1.0
_READ: Final = 1
_WRITE: Final = 2


class Connection:
    """
    One client.  Implements `rpc.context.Peer`.

    Everything runs in the hub's thread; only methods that say so may wait.
    """

    def __init__(self, server: RpcServer, sock: native_socket.socket, ident: int) -> None:
        self.id = ident
        self.outstanding: list[Awaited] = []
        self.last_heard_s = time.monotonic()
        self._server = server
        self._sock = sock
        self._splitter = LineSplitter(server.max_line_bytes)
        self._readable = server.loop.io(sock.fileno(), _READ)
        self._writable = server.loop.io(sock.fileno(), _WRITE)
        self._closed = False
        self._submitted = False
        self._answers: deque[Answer | bytes] = deque()
        self._marked = False
        self._greenlet: Any = None
        self._unsent = bytearray()
        self._sent = Event()
        self._changed = Event()
        self._sent_seq = -1
        self._pusher: Any = None
        self._readable.start(self._read)

    @property
    def answering(self) -> bool:
        """Whether a request is under way."""
        return self._submitted or bool(self._answers) or self._greenlet is not None

    @property
    def stuck(self) -> bool:
        """Whether something waits for the peer to read."""
        return bool(self._unsent)

    @property
    def subscribed(self) -> bool:
        """Whether changes are pushed to this connection."""
        return self._pusher is not None

    # ------------------------------------------------------------------ reading

    def _read(self) -> None:
        """The socket is readable."""
        if self.answering or self._unsent:
            self._readable.stop()
            return
        try:
            self._take()
        except Exception:
            # the last edge: one connection's trouble stays with it
            log.exception("event=connection_failed")
            self.close()

    def _take(self) -> None:
        try:
            data = self._sock.recv(RECV_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            log.debug("event=client_gone error=%s", exc)
            data = b""
        if not data:
            self.close()
            return
        self.last_heard_s = time.monotonic()
        try:
            lines, too_long = self._splitter.feed(data), None
        except LineTooLong as exc:
            lines, too_long = exc.complete, exc

        messages = [decode(line) for line in lines]
        if too_long is None and all(map(waits_only_for_commit, messages)):
            if messages:
                self._submitted = True
                self._server.submit(self, messages)
            return
        self._readable.stop()
        self._greenlet = self._server.greenlets.spawn(self._converse, messages, too_long)

    def _read_on(self) -> None:
        """What was read has been answered."""
        if not (self._closed or self.answering or self._unsent):
            self._readable.start(self._read)

    def stop_reading(self) -> None:
        """Take no further requests; those under way are still answered."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(native_socket.SHUT_RD)

    def close(self) -> None:
        """Stop pushing and hang up."""
        if self._closed:
            return
        self._closed = True
        self.unsubscribe()
        for watcher in (self._readable, self._writable):
            watcher.stop()
            watcher.close()
        self._sock.close()
        self._sent.set()
        self._server.forget(self)

    # ------------------------------------------------------------------ answers of callbacks

    def expect(self, answers: list[Answer | bytes]) -> None:
        """The answers to what was submitted, some of them still awaited."""
        self._submitted = False
        self._answers.extend(answers)
        for answer in answers:
            if answer.__class__ is Answer:
                answer.when_ready(self._answerable)
        if answers[0].__class__ is not Answer:
            self._answerable()

    def _answerable(self) -> None:
        if not self._marked:
            self._marked = True
            self._server.answerable(self)

    def answer(self) -> None:
        """Send as many answers at once as are there; never hold one back for the next."""
        self._marked = False
        if self._closed:
            return
        done = []
        answers = self._answers
        while answers:
            answer = answers[0]
            if answer.__class__ is Answer:
                if not answer.ready():
                    break
                answer = answer.get()
            del answers[0]
            done.append(answer)
        done.append(b"")
        try:
            self.send(b"\n".join(done))  # type: ignore[arg-type]
        except OSError as exc:
            log.debug("event=client_gone error=%s", exc)
            self.close()
            return
        if not self._readable.active:
            self._read_on()

    # ------------------------------------------------------------------ answers of the greenlet

    def _converse(self, messages: list[Any], too_long: LineTooLong | None) -> None:
        """Answer one read's messages, in order, in a greenlet that may wait."""
        try:
            self._answer_each(messages)
            if too_long is not None:
                self._refuse(too_long)
        except OSError as exc:
            log.debug("event=client_gone error=%s", exc)
            self.close()
        except Exception:
            # the last edge: one connection's trouble stays with it
            log.exception("event=connection_failed")
            self.close()
        finally:
            self._greenlet = None
            self._read_on()

    def _refuse(self, too_long: LineTooLong) -> None:
        self.unsubscribe()
        with gevent.Timeout(LINGER_S, False):
            self.send_line(error_line(errors.LINE_TOO_LONG, str(too_long)))
            _linger(self._sock)
        self.close()

    def _answer_each(self, messages: list[Any]) -> None:
        """`ingest_turn` requests that lie next to each other share a commit."""
        start = self._server.dispatcher.start
        awaited: list[Answer] = []
        for message in messages:
            answer = start(message, self)
            if answer is None:
                continue
            if answer.__class__ is Answer:
                awaited.append(answer)
                continue
            if awaited:
                self._send_awaited(awaited)
            self.send_line(answer)  # type: ignore[arg-type]
        if awaited:
            self._send_awaited(awaited)
        # Notifications have no answer to wait for, but a client reads what it has written.
        for commit in self.outstanding:
            with contextlib.suppress(Exception):
                commit.get()
        self.outstanding.clear()

    def _send_awaited(self, awaited: list[Answer]) -> None:
        done: list[bytes] = []
        for answer in awaited:
            if done and not answer.ready():
                self._send_and_wait(b"".join(done))
                done = []
            done.append(answer.get() + b"\n")
        self._send_and_wait(b"".join(done))
        awaited.clear()

    # ------------------------------------------------------------------ writing

    def send_line(self, line: bytes) -> None:
        """Send one message; waits while the peer's buffer is full (the calling greenlet only)."""
        self._send_and_wait(line + b"\n")

    def _send_and_wait(self, data: bytes) -> None:
        self.send(data)
        while self._unsent and not self._closed:
            self._sent.clear()
            self._sent.wait()

    def send(self, data: bytes) -> None:
        """
        Send whole lines, or keep what the peer has no room for; does not wait.

        Raises:
            OSError: the peer is gone.
        """
        if self._closed:
            raise BrokenPipeError("the connection is closed")
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        if sent < len(data):
            self._unsent += memoryview(data)[sent:]
            self._writable.start(self._write)

    def _write(self) -> None:
        """The socket is writable again."""
        try:
            sent = self._sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            log.debug("event=client_gone error=%s", exc)
            self.close()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._writable.stop()
            self._sent.set()
            self._read_on()

    # ------------------------------------------------------------------ pushes

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
                self.send_line(encode(note))
                delivered = True
            if not delivered:
                log.info("event=subscriber_dropped connection=%d", self.id)
                # part of a line may have gone out: the connection cannot be used any further
                self._pusher = None
                self.close()
                return
            gevent.sleep(PUSH_INTERVAL_S)


def say_and_hang_up(sock: native_socket.socket, line: bytes) -> None:
    """Send a first and last line; waits for the peer to read it, `LINGER_S` at most."""
    with contextlib.suppress(OSError), gevent.Timeout(LINGER_S, False), sock:
        # a new socket has room for one line
        sock.send(line)
        _linger(sock)


def _linger(sock: native_socket.socket) -> None:
    """Closing with unread input would reset the connection before the peer has read."""
    sock.shutdown(native_socket.SHUT_WR)
    while True:
        try:
            if not sock.recv(RECV_BYTES):
                return
        except BlockingIOError:
            wait_read(sock.fileno())
