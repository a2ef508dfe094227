# openusage-hook-version: 2
"""
Tells openusaged what Codex has just done: reads `notify`'s argument or a hook's stdin, exits 0.

Self-contained on purpose: it is copied next to Codex's settings and must run without the package.
Sends identifiers, names, paths of rollouts and numbers; no prompt, answer, tool input or tool
output leaves this process.  Python 3.9 or newer, standard library.
"""

import _signal
import _socket
import posix
import sys
import time
from posix import _exit

SOURCE = "codex"
# Strings that are taken as they are, up to their limit in characters.  `notify` writes kebab-case.
TEXT_KEYS = {
    "type": 64,
    "thread-id": 128,
    "turn-id": 128,
    "client": 64,
    "hook_event_name": 64,
    "session_id": 128,
    "turn_id": 128,
    "transcript_path": 4096,
    "agent_transcript_path": 4096,
    "cwd": 4096,
    "agent_id": 128,
    "agent_type": 128,
    "model": 128,
    "tool_name": 256,
    "tool_use_id": 128,
}

# ---- shared by hooks/claude and hooks/codex: the same text in both, a test compares them ----
# `json`, `os`, `signal` and `socket` would double the start-up time of a process that the agent
# waits for; the modules above are what they are made of.

# One word (`startup`, `clear`, `permission_prompt`): anything with a space in it is dropped.
WORD_KEYS = ("permission_mode", "source", "reason", "trigger", "notification_type")
NUMBER_KEYS = ("duration_ms", "stop_hook_active")
PLAIN_NAMES = ("dockerfile", "containerfile", "makefile", "gnumakefile")
PATH_KEYS = ("file_path", "notebook_path", "path")

MAX_INPUT_BYTES = 8 << 20
MAX_SPOOL_FILES = 10_000
MAX_SOCKET_PATH_BYTES = 103
CONNECT_S = 0.100
WAIT_S = 0.250  # input, connect and answer together: of 400 ms the rest is for start and spool
TICK_S = 0.050  # how often the clock looks again after that
LAST_TICK = 20  # a disk that takes longer than a second keeps its event
# The daemon has read the event and refused it: sending it again cannot help.
REFUSALS = ("invalid_event", "invalid_params", "unknown_source", "unknown_account")
OFF = (b"0", b"false", b"no", b"off")

ENV = posix.environ  # bytes to bytes
reading = []  # not empty while the input is read, the one wait without a time-out of its own
ticks = []


class OutOfTime(BaseException):
    """The input has not ended in time."""


def on_tick(_signal_number, _frame):
    """
    The time to wait is over: end the reading.

    An event that is being delivered or written is let be: sockets have time-outs of their own, and
    a machine too busy to run us in time must not lose it.
    """
    ticks.append(None)
    if reading:
        reading.clear()
        raise OutOfTime
    if len(ticks) > LAST_TICK:
        _exit(0)


def read_input(fd):
    """What arrives on `fd` before its end or the end of our time, at most MAX_INPUT_BYTES of it."""
    buffers = []
    room = MAX_INPUT_BYTES
    try:
        reading.append(None)
        while True:
            # The clock may strike between a read and its assignment: the buffer is kept before it.
            buffer = bytearray(65536)
            if room > 0:
                buffers.append(buffer)
            count = posix.readv(fd, [buffer])
            if not count:
                break
            del buffer[count:]
            room -= count
        reading.clear()
    except OutOfTime:
        pass
    return b"".join(buffers).rstrip(b"\0")


class ScanContext:
    """What the C scanner of `json` wants to know."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def scanner():
    """`scan(text, index) -> (value, end)`: the C scanner without importing `json` and `re`."""
    try:
        from _json import make_scanner

        return make_scanner(ScanContext)
    except Exception:
        from json import JSONDecoder

        return JSONDecoder(strict=False).raw_decode


def parse_members(text, scan):
    """
    Top-level members of an object that is cut off or too deep, as far as they can be read.

    Agents write ids and paths in front of tool input and output, so what matters survives the cap.
    """
    members = {}
    at = text.find("{") + 1
    try:
        while at:
            while text[at] in " \t\r\n,":
                at += 1
            key, at = scan(text, at)
            at = text.index(":", at) + 1
            while text[at] in " \t\r\n":
                at += 1
            members[key], at = scan(text, at)
    except Exception:
        return members
    return members


def parse(text):
    """The payload as a dict; empty when there is nothing usable in it."""
    scan = scanner()
    start = text.find("{")
    if start < 0:
        return {}
    try:
        payload = scan(text, start)[0]
    except Exception:
        payload = parse_members(text, scan)
    return payload if isinstance(payload, dict) else {}


def is_word(value):
    """Whether a string is an identifier and no sentence."""
    return len(value) <= 64 and value.replace("_", "").replace("-", "").isalnum()


def file_extension(tool_input):
    """`.py` of the file a tool was pointed at: enough to name the language; the path stays here."""
    if isinstance(tool_input, dict):
        for key in PATH_KEYS:
            path = tool_input.get(key)
            if isinstance(path, str):
                name = path.rpartition("/")[2]
                if name.lower() in PLAIN_NAMES:
                    return name
                extension = name.rpartition(".")[2] if "." in name[1:] else ""
                if 0 < len(extension) <= 16 and extension.isalnum():
                    return "." + extension
    return ""


def reduce(payload):
    """The fields that may leave this process."""
    kept = {}
    for key, limit in TEXT_KEYS.items():
        value = payload.get(key)
        if isinstance(value, str) and value:
            kept[key] = value[:limit]
    for key in WORD_KEYS:
        value = payload.get(key)
        if isinstance(value, str) and is_word(value):
            kept[key] = value
    for key in NUMBER_KEYS:
        value = payload.get(key)
        if isinstance(value, (int, float)) and abs(value) < 1e15:
            kept[key] = value
    extension = file_extension(payload.get("tool_input"))
    if extension:
        kept["file_ext"] = extension
    return kept


def encode(value):
    """JSON text of dicts, strings, numbers and booleans, in ASCII."""
    if isinstance(value, dict):
        return "{" + ",".join([encode(k) + ":" + encode(v) for k, v in value.items()]) + "}"
    if isinstance(value, str):
        # a lone surrogate (bytes that are no UTF-8) is no valid JSON for strict readers
        return quote(value.encode("utf-8", "replace").decode())
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def quote(text):
    """A JSON string."""
    try:
        from _json import encode_basestring_ascii
    except ImportError:
        from json import dumps as encode_basestring_ascii
    return encode_basestring_ascii(text)


def state_dir():
    """`${XDG_STATE_HOME:-~/.local/state}/openusage`; a relative XDG path is to be ignored."""
    base = ENV.get(b"XDG_STATE_HOME", b"")
    if not base.startswith(b"/"):
        home = ENV.get(b"HOME")
        if not home:
            import pwd

            home = pwd.getpwuid(posix.getuid()).pw_dir.encode("utf-8", "surrogateescape")
        base = home + b"/.local/state"
    return base + b"/openusage"


def socket_path(state):
    """Where the daemon listens (spec/jsonrpc.md, Finding the socket)."""
    path = ENV.get(b"OPENUSAGE_TELEMETRY_SOCKET", b"")
    if path:
        return path
    path = state + b"/telemetry.sock"
    runtime = ENV.get(b"XDG_RUNTIME_DIR", b"")
    if len(path) > MAX_SOCKET_PATH_BYTES and runtime.startswith(b"/"):
        return runtime.rstrip(b"/") + b"/openusage.sock"
    return path


def connect(path):
    """A connected socket; for a full backlog the kernel waits as long as CONNECT_S."""
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    # Not `settimeout`, which makes the socket one that waits for no backlog.  A struct timeval.
    size = 8 if sys.maxsize >> 32 else 4
    limit = [number.to_bytes(size, sys.byteorder) for number in (0, round(CONNECT_S * 1e6))]
    client.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, b"".join(limit))
    client.connect(path)
    return client


def deliver(params, path, started):
    """Whether the daemon has answered that it stored the event, or that it never will."""
    client = connect(path)
    end = started + WAIT_S
    request = '{"jsonrpc":"2.0","id":1,"method":"ingest_turn","params":' + params + "}\n"
    client.settimeout(max(end - time.monotonic(), 0.001))
    client.sendall(request.encode("ascii"))
    answer = b""
    while b"\n" not in answer and len(answer) < 65536:
        client.settimeout(max(end - time.monotonic(), 0.001))
        chunk = client.recv(65536)
        if not chunk:
            break
        answer += chunk
    reply = parse(answer.decode("utf-8", "replace"))
    error = reply.get("error")
    if isinstance(error, dict):
        return error.get("message") in REFUSALS
    return isinstance(reply.get("result"), dict)


def make_directory(path):
    """`mkdir -p` with mode 0700 for what is missing."""
    try:
        posix.mkdir(path, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_directory(path.rpartition(b"/")[0])
        make_directory(path)  # which another hook may have done by now


def spool(params, directory, name):
    """Leave the event for the daemon's next start, whole or not at all, for the user only."""
    try:
        waiting = len(posix.listdir(directory))
    except FileNotFoundError:
        make_directory(directory)
        waiting = 0
    if waiting >= MAX_SPOOL_FILES:
        # one byte per event that found no room: the daemon reports the number
        target = posix.open(
            directory + b"/.overflow", posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND, 0o600
        )
        posix.write(target, b".")
        return
    path = directory + b"/" + name
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC
    target = posix.open(path + b".tmp", flags, 0o600)
    data = params.encode("ascii")
    while data:
        data = data[posix.write(target, data) :]
    posix.rename(path + b".tmp", path + b".json")
    # Last, because on Linux the flush of a file that has just got a name covers the name.
    posix.fsync(target)
    if sys.platform != "linux":
        posix.fsync(posix.open(directory, posix.O_RDONLY))


def age():
    """Seconds since this process began: on a busy machine its start takes most of our time."""
    try:
        stat = posix.read(posix.open("/proc/self/stat", posix.O_RDONLY | posix.O_CLOEXEC), 4096)
        ticks = int(stat.rpartition(b")")[2].split()[19])
        began = ticks / posix.sysconf("SC_CLK_TCK")
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - began, 0.0)
    except Exception:
        return 0.0  # only Linux tells


def start_next():
    """
    Start the notifier whose place we took in `notify`: the words behind `--then`, and the JSON.

    First of all and without waiting for it, so that it runs as if we were not there, with signals
    as we found them.
    """
    if "--then" in sys.argv:
        command = sys.argv[sys.argv.index("--then") + 1 :]
        try:
            posix.posix_spawnp(command[0], command, ENV)
        except (OSError, IndexError, ValueError):  # it is not there: the agent ignores that, too
            pass


def main():
    """Read, reduce, deliver or spool."""
    # However late it is, an answer has the time that a connection has.
    started = time.monotonic() - min(age(), WAIT_S - CONNECT_S)
    start_next()
    # The agent may end while we run; what it told us must still arrive.
    for number in (_signal.SIGTERM, _signal.SIGHUP, _signal.SIGINT):
        _signal.signal(number, _signal.SIG_IGN)
    _signal.signal(_signal.SIGALRM, on_tick)
    _signal.setitimer(_signal.ITIMER_REAL, WAIT_S, TICK_S)
    # `notify` gives the JSON as the last argument, hooks give it on stdin.
    argument = sys.argv[-1] if len(sys.argv) > 1 else ""
    if argument.lstrip().startswith("{"):
        text = argument[:MAX_INPUT_BYTES]
    else:
        text = read_input(0).decode("utf-8", "replace")
    if ENV.get(b"OPENUSAGE_TELEMETRY_ENABLED", b"").strip().lower() in OFF:
        return
    payload = reduce(parse(text))
    if not payload:
        return
    now_ns = time.time_ns()
    name = "%019d-%d-%s" % (now_ns, posix.getpid(), posix.urandom(6).hex())
    params = {
        "source": SOURCE,
        "payload": payload,
        "observed_at": now_ns // 1_000_000,
        "delivery_id": name,
    }
    account = ENV.get(b"OPENUSAGE_TELEMETRY_ACCOUNT_ID", b"").decode("utf-8", "replace").strip()
    if account:
        params["account_id"] = account[:256]
    line = encode(params)
    state = state_dir()
    try:
        if deliver(line, socket_path(state), started):
            return
    except Exception:  # whatever went wrong, the event goes to the spool
        pass
    spool(line, state + b"/telemetry-spool", name.encode())


def run():
    """Do it and end, silently and with 0 whatever happens: an agent must never notice its hook."""
    try:
        main()
    except BaseException:
        pass
    finally:
        _exit(0)


if __name__ == "__main__":
    run()
