"""
The status line, fast: hands stdin to the daemon unparsed and prints the text it drew.

It runs after every turn of every session, so it may cost little more than starting the interpreter:
only built-in modules and `_socket` are imported, nothing is parsed, and the interpreter's shutdown
is skipped by its caller.  Whatever happens it prints a line within `DEADLINE_S`, exits 0 and never
starts the daemon (spec/jsonrpc.md, statusline).
"""

# No `from __future__`, `typing` or `socket` here: each costs a tenth of the whole run.
import _signal  # type: ignore[import-not-found]  # the stubs know only `signal`
import _socket
import os

DEADLINE_S = 0.150
MAX_INPUT_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16
_MAX_PATH_BYTES = 103


class _TooLate(Exception):
    """The deadline passed; raised by the alarm in whatever system call is waiting."""


def main(*, color: bool = True, ascii_only: bool = False) -> int:
    """Print one line for the JSON on stdin and return 0."""
    color = color and not os.environ.get("NO_COLOR")
    data = bytearray()
    text = None
    try:
        old = _signal.signal(_signal.SIGALRM, _on_alarm)
        try:
            # One timer bounds reading, connecting and waiting together.
            _signal.setitimer(_signal.ITIMER_REAL, DEADLINE_S)
            _read_stdin(data)
            text = _ask(bytes(data), color=color, ascii_only=ascii_only)
        finally:
            _signal.setitimer(_signal.ITIMER_REAL, 0)
            _signal.signal(_signal.SIGALRM, old)
    except (OSError, ValueError, _TooLate):
        # Not running, too slow, refused, nonsense: the line below still says what stdin knows.
        text = None
    if text is None:
        from openusage_client.statusline_offline import line

        text = line(bytes(data), color=color, ascii_only=ascii_only)
    try:
        os.write(1, text.encode("utf-8", "replace") + b"\n")
    except OSError:
        # The host has gone; there is nobody to tell.
        return 0
    return 0


def socket_path() -> str:
    """
    The daemon's socket, as `openusage_proto.locations.socket_path` finds it.

    Said again because that module's imports would double the run time; a test keeps them equal.
    """
    env = os.environ
    override = env.get("OPENUSAGE_TELEMETRY_SOCKET", "")
    if override:
        return override
    state = env.get("XDG_STATE_HOME", "")
    if not state.startswith("/"):
        state = os.path.join(env.get("HOME") or os.path.expanduser("~"), ".local/state")
    path = os.path.join(state, "openusage/telemetry.sock")
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        runtime = env.get("XDG_RUNTIME_DIR", "")
        if runtime.startswith("/"):
            return os.path.join(runtime, "openusage.sock")
    return path


def _on_alarm(_number: int, _frame: object) -> None:
    raise _TooLate


def _read_stdin(data: bytearray) -> None:
    """All of stdin into `data`; nothing when it is a terminal or longer than the cap."""
    if os.isatty(0):
        return
    while chunk := os.read(0, _CHUNK_BYTES):
        data += chunk
        if len(data) > MAX_INPUT_BYTES:
            data.clear()
            return


def _ask(payload: bytes, *, color: bool, ascii_only: bool) -> str | None:
    """The text the daemon drew, or None when it did not."""
    payload = payload.strip()
    # A line ends the request, so none may be inside; blanks are the same between JSON tokens.
    payload = payload.replace(b"\r", b" ").replace(b"\n", b" ") or b"{}"
    if not (payload.startswith(b"{") and payload.endswith(b"}")):
        return None
    request = b'{"jsonrpc":"2.0","id":1,"method":"statusline","params":{"color":%s,"ascii":%s,' % (
        b"true" if color else b"false",
        b"true" if ascii_only else b"false",
    )
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(socket_path())
        _send_all(connection, request + b'"payload":' + payload + b"}}\n")
        answer = bytearray()
        while b"\n" not in answer:
            chunk = connection.recv(_CHUNK_BYTES)
            if not chunk:
                return None
            answer += chunk
    finally:
        connection.close()
    return _text_of(answer.decode("utf-8"))


def _send_all(connection: _socket.socket, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[connection.send(view) :]


def _text_of(answer: str) -> str | None:
    """The string at result.text; the result has no other field, an error has no result."""
    result = answer.find('"result"')
    key = answer.find('"text"', result)
    start = answer.find('"', key + 6)
    if min(result, key, start) < 0:
        return None
    from _json import scanstring

    try:
        text, _end = scanstring(answer, start + 1, False)
    except SystemError:
        # CPython 3.11 for an unfinished string while `json.decoder`, whose error it wants to
        # raise, has not been imported.
        return None
    return str(text) or None
