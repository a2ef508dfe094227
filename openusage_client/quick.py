"""
The way of all status lines to the daemon: one request, one line of text, almost no imports.

They run every few seconds and after every turn, so each may cost little more than starting the
interpreter: only built-in modules and `_socket` are imported.  Whatever happens, the caller gets an
answer or None within the deadline.
"""

# No `from __future__`, `typing` or `socket` here: each costs a tenth of the whole run.
import _signal  # type: ignore[import-not-found]  # the stubs know only `signal`
import _socket
import os
from time import time

CHUNK_BYTES = 1 << 16
KEPT_FOR_S = 600
"""How old a last good line may be."""
REWRITE_AFTER_S = 60
_MAX_PATH_BYTES = 103
_MAX_KEPT_BYTES = 16384


class TooLate(Exception):
    """The deadline passed; raised by the alarm in whatever system call is waiting."""


class Deadline:
    """
    Bounds everything within a `with` block together.

    Nothing may be imported there: where the alarm strikes a callback of the import system, the
    interpreter prints the exception to stderr and goes on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._old = None

    def __enter__(self) -> None:
        self._old = _signal.signal(_signal.SIGALRM, _on_alarm)
        _signal.setitimer(_signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_exc: object) -> None:
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        _signal.signal(_signal.SIGALRM, self._old)


def _on_alarm(_number: int, _frame: object) -> None:
    raise TooLate


def socket_path() -> str:
    """
    The daemon's socket, as `openusage_proto.locations.socket_path` finds it.

    Said again because that module's imports would double the run time; a test keeps them equal.
    """
    env = os.environ
    override = env.get("OPENUSAGE_TELEMETRY_SOCKET", "")
    if override:
        return override
    path = os.path.join(_directory("XDG_STATE_HOME", ".local/state"), "openusage/telemetry.sock")
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        runtime = env.get("XDG_RUNTIME_DIR", "")
        if runtime.startswith("/"):
            return os.path.join(runtime, "openusage.sock")
    return path


def _directory(variable: str, default: str) -> str:
    path = os.environ.get(variable, "")
    if path.startswith("/"):
        return path
    return os.path.join(os.environ.get("HOME") or os.path.expanduser("~"), default)


def ask(method: bytes, params: bytes) -> str:
    """
    The daemon's answer to a method and the JSON of its parameters; empty when it hung up.

    Raises:
        OSError: nobody listens.
        TooLate: the deadline around the call has passed.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(socket_path())
        _send_all(
            connection,
            b'{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}\n' % (method, params),
        )
        answer = bytearray()
        while b"\n" not in answer:
            chunk = connection.recv(CHUNK_BYTES)
            if not chunk:
                return ""
            answer += chunk
    finally:
        connection.close()
    return answer.decode("utf-8")


def _send_all(connection: _socket.socket, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[connection.send(view) :]


def text_of(answer: str, within: str, key: str) -> "str | None":
    """The string at `key` behind `within`: results of lines have no other field; imports."""
    result = answer.find(within)
    found = answer.find(key, result)
    start = answer.find('"', found + len(key))
    if min(result, found, start) < 0:
        return None
    from _json import scanstring

    try:
        text, _end = scanstring(answer, start + 1, False)
    except (SystemError, ValueError):
        # SystemError is CPython 3.11's for an unfinished string while `json.decoder`, whose error
        # it wants to raise, has not been imported.
        return None
    return str(text) or None


def quoted(text: str) -> bytes:
    """A JSON string."""
    from _json import encode_basestring_ascii

    encoded: str = encode_basestring_ascii(text.encode("utf-8", "replace").decode())
    return encoded.encode()


# ---------------------------------------------------------------- last good line


def kept_path(*parts: str) -> str:
    """Where the last good line of exactly this command (and session) is kept."""
    # FNV-1a: a name that is the same in every process, without importing a hash.
    number = 0xCBF29CE484222325
    for byte in "\0".join(parts).encode("utf-8", "replace"):
        number = (number ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    name = "%016x" % number  # noqa: UP031  # format() of this needs no import, nor does %
    return os.path.join(_directory("XDG_CACHE_HOME", ".cache"), "openusage", "lines", name)


def keep(path: str, text: str) -> None:
    """Remember a good line; writes only when it says something new or is a minute old."""
    data = text.encode("utf-8", "replace")
    try:
        known = os.open(path, os.O_RDONLY)
    except OSError:
        pass
    else:
        try:
            fresh = time() - os.fstat(known).st_mtime < REWRITE_AFTER_S
            if fresh and os.read(known, _MAX_KEPT_BYTES) == data:
                return
        finally:
            os.close(known)
    temporary = "%s.%d" % (path, os.getpid())  # noqa: UP031
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except OSError:
        # A full disk or a read-only home costs the memory of the line, not the line.
        return


def kept(path: str) -> "tuple[str, float] | None":
    """The last good line and its age in seconds; None when there is none that is young enough."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            age = time() - os.fstat(descriptor).st_mtime
            data = os.read(descriptor, _MAX_KEPT_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    if not data or not 0 <= age + 5 <= KEPT_FOR_S:
        return None
    return data.decode("utf-8", "replace"), age


# ---------------------------------------------------------------- flags


def read_flags(arguments: "list[str]", known: "dict[str, str]") -> "dict[str, str] | None":
    """
    Values by flag; None when the slow way has to look: help, actions, anything unusual.

    `known` says of each flag what follows: "" nothing, "number", "text", or words with blanks
    around each, of which a comma list may be made.
    """
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        flag, equals, value = rest.pop(0).partition("=")
        kind = known.get(flag)
        if kind is None or (equals and not kind):
            return None
        if kind and not equals:
            if not rest or rest[0].startswith("--"):
                return None
            value = rest.pop(0)
        if not _fits(value, kind):
            return None
        found[flag] = value
    return found


def _fits(value: str, kind: str) -> bool:
    if kind == "number":
        return value.isascii() and value.isdigit() and len(value) < 7
    if kind.startswith(" "):
        return all(word and f" {word} " in kind for word in value.split(","))
    return kind != "text" or bool(value)


def write(text: str) -> None:
    """Print one line without Python's own buffers."""
    try:
        os.write(1, text.encode("utf-8", "replace") + b"\n")
    except OSError:
        # The host has gone; there is nobody to tell.
        return
