"""
One connection to the daemon: calls, pushes and typed failures (spec/jsonrpc.md).

The messages are jsonrpcclient's; the transport, matching of ids and time limits are ours because
that library has none.  No threads: who wants pushes while idle waits in `next_notification`, or
selects on `fileno()` and asks `next_notification(0)`.
"""

from __future__ import annotations

import errno
import itertools
import json
import socket
import time
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from jsonrpcclient import Error, Ok, parse, request

from openusage_client.errors import ConnectionLost, DaemonNotRunning, ProtocolError
from openusage_proto import locations
from openusage_proto.errors import RpcError
from openusage_proto.framing import RECV_BYTES, LineSplitter, LineTooLong

__all__ = [
    "Connection",
    "ConnectionLost",
    "DaemonNotRunning",
    "Notification",
    "ProtocolError",
    "RpcError",
]

# Nobody listens: no file, a file without a listener, no directory, a path that is no socket.
_NOBODY: Final = frozenset(
    {errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR, errno.ENOTSOCK, errno.EPROTOTYPE}
)


class Notification(NamedTuple):
    """A push of the daemon: its method name and parameters."""

    method: str
    params: dict[str, Any]


class Connection:
    """
    A connection that carries any number of calls.

    Args:
        path: socket path; None for the discovered one.
        timeout_s: bound for connecting and for each whole call.

    Raises:
        DaemonNotRunning: nothing listens there.
        ConnectionLost: it cannot be reached for another reason.
    """

    def __init__(self, path: str | None = None, timeout_s: float = 10.0) -> None:
        self.path = locations.socket_path() if path is None else path
        self.timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._splitter = LineSplitter()
        self._lines: deque[bytes] = deque()
        self._pushes: deque[Notification] = deque()
        self._socket: socket.socket | None = _connect(self.path, timeout_s)

    def call(self, method: str, **params: Any) -> Any:
        """
        The result of one method; parameters that are None are left out (the wire's default).

        Raises:
            RpcError: the daemon refused, with its code, slug and data.
            ConnectionLost: no answer in time or the daemon hung up; the connection is closed.
            ProtocolError: the answer breaks the wire's rules; the connection is closed.
        """
        ident = next(self._ids)
        named = {name: value for name, value in params.items() if value is not None}
        line = json.dumps(
            request(method, named, id=ident), separators=(",", ":"), ensure_ascii=False
        )
        deadline = time.monotonic() + self.timeout_s
        self._send(line.encode("utf-8", "surrogatepass") + b"\n")
        while True:
            raw = self._read_line(deadline)
            if raw is None:
                # A late answer would be read as that of the next call.
                self.close()
                raise ConnectionLost(
                    f"the daemon did not answer `{method}` within {self.timeout_s:g} s"
                )
            message = self._decode(raw)
            if not self._keep_push(message):
                return self._result(message, method, ident)

    def next_notification(self, timeout_s: float | None = None) -> Notification | None:
        """
        The next push, or None when none came within `timeout_s` (None waits for ever).

        Raises:
            ConnectionLost: the daemon hung up.
            ProtocolError: something that is neither a push nor asked for arrived.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._pushes:
            raw = self._read_line(deadline)
            if raw is None:
                return None
            if not self._keep_push(self._decode(raw)):
                self.close()
                raise ProtocolError("the daemon sent an answer nobody asked for")
        return self._pushes.popleft()

    def notifications(self) -> Iterator[Notification]:
        """Pushes for as long as the connection lives; ends by `ConnectionLost`."""
        while True:
            push = self.next_notification()
            assert push is not None
            yield push

    def fileno(self) -> int:
        """The socket's descriptor, for select; -1 when closed."""
        return -1 if self._socket is None else self._socket.fileno()

    @property
    def closed(self) -> bool:
        """True once the connection can carry no further call."""
        return self._socket is None

    def close(self) -> None:
        """Hang up; harmless when already closed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -------------------------------------------------------------- transport

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionLost("the connection to the daemon is closed")
        return self._socket

    def _send(self, data: bytes) -> None:
        sock = self._open_socket()
        try:
            sock.settimeout(self.timeout_s)
            sock.sendall(data)
        except OSError as error:
            self.close()
            raise ConnectionLost(f"the daemon hung up: {error.strerror or error}") from error

    def _read_line(self, deadline: float | None) -> bytes | None:
        """One line without its end, or None when the deadline passed; a partial line is kept."""
        while not self._lines:
            chunk = self._receive(self._open_socket(), deadline)
            if chunk is None:
                return None
            try:
                self._lines.extend(self._splitter.feed(chunk))
            except LineTooLong as error:
                self.close()
                raise ProtocolError(f"the daemon sent {error}") from error
        return self._lines.popleft()

    def _receive(self, sock: socket.socket, deadline: float | None) -> bytes | None:
        try:
            if deadline is None:
                sock.settimeout(None)
            else:
                # Zero would mean non-blocking, which raises BlockingIOError instead.
                sock.settimeout(max(deadline - time.monotonic(), 1e-6))
            chunk = sock.recv(RECV_BYTES)
        except TimeoutError:
            return None
        except OSError as error:
            self.close()
            raise ConnectionLost(f"the daemon hung up: {error.strerror or error}") from error
        if not chunk:
            self.close()
            raise ConnectionLost("the daemon hung up")
        return chunk

    # --------------------------------------------------------------- messages

    def _decode(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            self.close()
            raise ProtocolError("the daemon's answer is no JSON") from error
        if not isinstance(message, dict):
            self.close()
            raise ProtocolError("the daemon's answer is no JSON object")
        return message

    def _keep_push(self, message: dict[str, Any]) -> bool:
        """Queue a push that arrived between an answer and its question; False for an answer."""
        if "method" not in message or "id" in message:
            return False
        params = message.get("params")
        self._pushes.append(
            Notification(str(message["method"]), params if isinstance(params, dict) else {})
        )
        return True

    def _result(self, message: dict[str, Any], method: str, ident: int) -> Any:
        try:
            answer = parse(message)
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            raise ProtocolError(f"the daemon's answer to `{method}` is malformed") from error
        # An error that the daemon could not attribute (unreadable request) has a null id.
        if isinstance(answer, Error) and answer.id in (ident, None):
            if answer.id is None:
                self.close()
            raise RpcError(answer.code, answer.message, answer.data)
        if not isinstance(answer, Ok) or answer.id != ident:
            self.close()
            raise ProtocolError(f"the daemon answered another request than `{method}`")
        return answer.result


def _connect(path: str, timeout_s: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(path)
    except OSError as error:
        sock.close()
        if error.errno in _NOBODY:
            raise DaemonNotRunning(f"no daemon answers on {path}") from error
        # A path beyond `sun_path` fails without a number.
        raise ConnectionLost(f"cannot reach {path}: {error.strerror or error}") from error
    return sock
