"""The Claude Code and Codex hooks as processes, against a real socket and a real spool."""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openusage_proto import locations
from tests.support.hook_socket import HookSocket, answer_error, answer_stored, close_at_once
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "hooks"
HOOKS = {
    "claude_code": ROOT / "hooks" / "claude" / "openusage_hook.py",
    "codex": ROOT / "hooks" / "codex" / "openusage_hook.py",
}
SOURCES = sorted(HOOKS)
# The interpreter itself: a launcher of a virtual environment or a shim would be measured with it.
PYTHON = getattr(sys, "_base_executable", sys.executable)
CANARY = "CANARY joe@example.com sk-ant-secret"
STOP = {"hook_event_name": "Stop", "session_id": "s1", "cwd": "/w", "stop_hook_active": False}


def run_hook(
    source: str,
    stdin: bytes = b"",
    *,
    argv: tuple[str | bytes, ...] = (),
    env: dict[str, str] | None = None,
    **options: object,
) -> subprocess.CompletedProcess[bytes]:
    """Run one hook to its end and check what holds for every run: silence and exit 0."""
    done = subprocess.run(
        [PYTHON, "-I", "-S", str(HOOKS[source]), *argv],
        input=None if "stdin" in options else stdin,
        capture_output=True,
        env=dict(os.environ) if env is None else env,
        timeout=20,
        check=False,
        **options,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)
    return done


def spooled(home: str | None = None) -> list[dict]:
    """What lies in the spool, oldest first."""
    directory = Path(locations.spool_dir())
    return [json.loads(path.read_bytes()) for path in sorted(directory.glob("*.json"))]


def serve(behave=answer_stored) -> HookSocket:
    return HookSocket(locations.socket_path(), behave)


def captured(source: str) -> list[dict]:
    lines = (DATA / f"{source}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("source", SOURCES)
class TestDelivery:
    def test_daemon_answers_nothing_is_spooled(self, source: str) -> None:
        """A stored event leaves no file behind and carries time, delivery id and reduced payload."""
        before = time.time_ns() // 1_000_000
        with serve() as server:
            run_hook(source, json.dumps(STOP | {"prompt": CANARY}).encode())
        [params] = server.params
        assert params["source"] == source
        assert params["payload"] == STOP
        assert before <= params["observed_at"] <= time.time_ns() // 1_000_000
        assert params["delivery_id"]
        assert "account_id" not in params
        assert spooled() == []

    def test_account_variable_names_the_account(self, source: str) -> None:
        """OPENUSAGE_TELEMETRY_ACCOUNT_ID travels as account_id, quoted whatever it contains."""
        env = dict(os.environ, OPENUSAGE_TELEMETRY_ACCOUNT_ID='work "é"')
        with serve() as server:
            run_hook(source, json.dumps(STOP).encode(), env=env)
        assert server.params[0]["account_id"] == 'work "é"'

    @pytest.mark.parametrize("value", ["0", "false", "NO", " off "])
    def test_switched_off_sends_and_spools_nothing(self, source: str, value: str) -> None:
        """OPENUSAGE_TELEMETRY_ENABLED=0 and its spellings stop everything."""
        env = dict(os.environ, OPENUSAGE_TELEMETRY_ENABLED=value)
        with serve() as server:
            run_hook(source, json.dumps(STOP).encode(), env=env)
        assert server.lines == []
        assert spooled() == []

    def test_socket_variable_is_honoured(self, source: str, tmp_path: Path) -> None:
        """OPENUSAGE_TELEMETRY_SOCKET moves the socket for hooks as it does for the daemon."""
        path = os.path.join(os.environ["HOME"], "other.sock")
        env = dict(os.environ, OPENUSAGE_TELEMETRY_SOCKET=path)
        with HookSocket(path) as server:
            run_hook(source, json.dumps(STOP).encode(), env=env)
        assert len(server.lines) == 1

    def test_long_state_directory_uses_runtime_directory(self, source: str) -> None:
        """A socket path beyond 103 bytes falls back to XDG_RUNTIME_DIR, as in locations."""
        home = os.environ["HOME"]
        env = dict(os.environ, XDG_STATE_HOME=f"{home}/{'x' * 120}", XDG_RUNTIME_DIR=f"{home}/run")
        path = locations.socket_path(env)
        assert path == f"{home}/run/openusage.sock"
        with HookSocket(path) as server:
            run_hook(source, json.dumps(STOP).encode(), env=env)
        assert len(server.lines) == 1

    def test_absent_daemon_spools_the_same_params(self, source: str) -> None:
        """Without a daemon the parameters of the request lie in the spool, private and complete."""
        run_hook(source, json.dumps(STOP).encode())
        [params] = spooled()
        assert params["payload"] == STOP
        assert params["source"] == source
        directory = Path(locations.spool_dir())
        [path] = directory.iterdir()
        assert path.name == params["delivery_id"] + ".json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700

    def test_stale_socket_spools(self, source: str) -> None:
        """A socket file that nobody listens on counts as no daemon."""
        path = locations.socket_path()
        os.makedirs(os.path.dirname(path))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
        run_hook(source, json.dumps(STOP).encode())
        assert len(spooled()) == 1

    def test_hanging_daemon_spools(self, source: str) -> None:
        """A daemon that reads and never answers does not keep the event."""
        with serve() as server:
            server.behave = server.hang
            run_hook(source, json.dumps(STOP).encode())
        assert spooled() == server.params

    def test_full_backlog_spools(self, source: str) -> None:
        """A daemon that accepts nothing is treated as absent."""
        server = HookSocket(locations.socket_path(), backlog=0)  # never entered: never accepts
        fillers = []
        try:
            for _ in range(4):
                filler = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                filler.setblocking(False)
                fillers.append(filler)
                try:
                    filler.connect(server.path)
                except BlockingIOError:
                    break
            run_hook(source, json.dumps(STOP).encode())
        finally:
            for filler in fillers:
                filler.close()
            server._listener.close()
        assert len(spooled()) == 1

    def test_daemon_that_closes_spools(self, source: str) -> None:
        """A connection that ends without an answer proves no commit."""
        with serve(close_at_once):
            run_hook(source, json.dumps(STOP).encode())
        assert len(spooled()) == 1

    @pytest.mark.parametrize(
        "slug", ["shutting_down", "storage_busy", "storage_failed", "internal_error", "timeout"]
    )
    def test_temporary_error_spools(self, source: str, slug: str) -> None:
        """An error that can pass by itself keeps the event for later."""
        with serve(answer_error(slug)):
            run_hook(source, json.dumps(STOP).encode())
        assert len(spooled()) == 1

    @pytest.mark.parametrize("slug", ["invalid_event", "invalid_params", "unknown_source"])
    def test_refusal_is_final(self, source: str, slug: str) -> None:
        """An event the daemon refused is not offered again."""
        with serve(answer_error(slug)):
            run_hook(source, json.dumps(STOP).encode())
        assert spooled() == []

    def test_garbage_answer_spools(self, source: str) -> None:
        """Something that is no JSON-RPC answer proves no commit."""
        with serve(lambda connection, line: connection.sendall(b"\xff{]\n")):
            run_hook(source, json.dumps(STOP).encode())
        assert len(spooled()) == 1


@pytest.mark.parametrize("source", SOURCES)
class TestInput:
    @pytest.mark.parametrize(
        "stdin",
        [
            b"",
            b"   \n",
            b"{",
            b"[1,2]",
            b"null",
            b"\x00\xff\xfe" * 4096,
            b"hello",
            b'{"a":' * 50_000,
        ],
        ids=["empty", "blank", "brace", "array", "null", "binary", "text", "deep"],
    )
    def test_unusable_input_is_dropped(self, source: str, stdin: bytes) -> None:
        """Input without a known field sends and spools nothing."""
        with serve() as server:
            run_hook(source, stdin)
        assert server.lines == []
        assert spooled() == []

    def test_huge_input_keeps_the_ids(self, source: str) -> None:
        """A 40 MiB tool output does not cost the event: ids stand in front of it."""
        head = json.dumps(STOP | {"tool_name": "Bash"})[:-1]
        stdin = (head + ',"tool_response":"' + "x" * (40 << 20) + '"}').encode()
        run_hook(source, stdin)
        [params] = spooled()
        assert params["payload"] == STOP | {"tool_name": "Bash"}

    def test_invalid_utf8_and_surrogates_stay_valid_json(self, source: str) -> None:
        """Bytes that are no UTF-8 and lone surrogates reach the daemon as valid UTF-8 JSON."""
        stdin = b'{"session_id":"a\xffb\\ud800c","hook_event_name":"Stop"}'
        with serve() as server:
            run_hook(source, stdin)
        session = server.params[0]["payload"]["session_id"]
        assert session.encode()
        assert session.startswith("a")
        assert session.endswith("c")

    def test_wrong_types_are_left_out(self, source: str) -> None:
        """Fields of an unexpected type are dropped one by one; the rest arrives."""
        payload = {
            "hook_event_name": "Stop",
            "session_id": {"x": 1},
            "cwd": 7,
            "tool_name": ["a"],
            "duration_ms": "NaN",
            "reason": "two words",
            "source": "startup",
            "tool_input": {"file_path": 3},
        }
        with serve() as server:
            run_hook(source, json.dumps(payload).encode())
        assert server.params[0]["payload"] == {"hook_event_name": "Stop", "source": "startup"}

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            (f"/home/{CANARY}/a.py", ".py"),
            ("/w/Makefile", "Makefile"),
            ("/w/.env", None),
            ("/w/secret", None),
            (f"/w/a.{CANARY}", None),
        ],
    )
    def test_only_the_extension_of_a_file_is_sent(
        self, source: str, path: str, expected: str | None
    ) -> None:
        """The path a tool worked on is reduced to what names its language."""
        payload = STOP | {"tool_input": {"file_path": path, "content": CANARY}}
        with serve() as server:
            run_hook(source, json.dumps(payload).encode())
        assert server.params[0]["payload"].get("file_ext") == expected
        assert b"CANARY" not in server.lines[0]

    def test_closed_stdin(self, source: str) -> None:
        """A hook started without stdin says nothing and succeeds."""
        command = [PYTHON, "-I", "-S", str(HOOKS[source])]
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command],
            capture_output=True,
            timeout=20,
            check=False,
        )
        assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)

    def test_stdin_that_never_ends(self, source: str) -> None:
        """An agent that forgets to close the pipe does not keep the hook alive."""
        process = subprocess.Popen(
            [PYTHON, "-I", "-S", str(HOOKS[source])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            assert process.wait(10) == 0
            assert process.stdout.read() + process.stderr.read() == b""

    def test_unended_input_is_used_as_far_as_it_came(self, source: str) -> None:
        """What an agent wrote before it forgot to close the pipe is delivered."""
        process = subprocess.Popen([PYTHON, "-I", "-S", str(HOOKS[source])], stdin=subprocess.PIPE)
        with process:
            process.stdin.write(json.dumps(STOP).encode())
            process.stdin.flush()
            assert process.wait(10) == 0
        [params] = spooled()
        assert params["payload"] == STOP

    def test_starved_process_keeps_its_event(self, source: str) -> None:
        """A machine too busy to run the hook within its time does not lose the event."""
        with serve() as server:
            server.behave = server.hang
            process = subprocess.Popen(
                [PYTHON, "-I", "-S", str(HOOKS[source])], stdin=subprocess.PIPE
            )
            with process:
                process.stdin.write(json.dumps(STOP).encode())
                process.stdin.close()
                wait_until(lambda: server.lines, what="the request")
                process.send_signal(signal.SIGSTOP)
                # far beyond every time-out of the hook when it runs again
                started = time.monotonic()
                wait_until(lambda: time.monotonic() - started > 0.5)
                process.send_signal(signal.SIGCONT)
                assert process.wait(10) == 0
        assert spooled() == server.params

    def test_signals_do_not_lose_the_event(self, source: str) -> None:
        """Agents end their children with SIGTERM; the event arrives all the same."""
        got_line = threading.Event()
        signalled = threading.Event()

        def answer_late(connection, line: bytes) -> None:
            got_line.set()
            signalled.wait(5)
            answer_stored(connection, line)

        with serve(answer_late) as server:
            process = subprocess.Popen(
                [PYTHON, "-I", "-S", str(HOOKS[source])], stdin=subprocess.PIPE
            )
            with process:
                process.stdin.write(json.dumps(STOP).encode())
                process.stdin.close()
                assert got_line.wait(5)
                process.terminate()
                signalled.set()
                assert process.wait(10) == 0
        assert len(server.lines) + len(spooled()) >= 1


@pytest.mark.parametrize("source", SOURCES)
class TestSurroundings:
    def test_unwritable_state_directory(self, source: str) -> None:
        """Where nothing can be written the hook still exits 0 in silence."""
        Path(os.environ["HOME"], ".local").write_text("a file where a directory should be")
        run_hook(source, json.dumps(STOP).encode())

    def test_no_environment_at_all(self, source: str) -> None:
        """Without HOME the home comes from the user database; nothing is printed."""
        # HOME is absent, but XDG_STATE_HOME keeps the run away from the real home.
        env = {"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]}
        run_hook(source, json.dumps(STOP).encode(), env=env)
        assert len(spooled()) == 1

    def test_home_comes_from_the_user_database(self, source: str) -> None:
        """Without HOME and XDG_STATE_HOME the passwd entry gives the home."""
        # With the hook off nothing may be written into the real home: only its function is asked.
        code = (
            "import runpy,sys,pwd,posix;"
            "space=runpy.run_path(sys.argv[1]);"
            "home=pwd.getpwuid(posix.getuid()).pw_dir.encode();"
            "assert space['state_dir']()==home+b'/.local/state/openusage'"
        )
        command = [PYTHON, "-I", "-c", code, str(HOOKS[source])]
        subprocess.run(command, env={}, check=True, timeout=20)

    def test_relative_xdg_is_ignored(self, source: str) -> None:
        """A relative XDG_STATE_HOME is ignored as XDG demands and as locations does."""
        env = dict(os.environ, XDG_STATE_HOME="relative")
        run_hook(source, json.dumps(STOP).encode(), env=env)
        assert len(list(Path(locations.spool_dir(env)).glob("*.json"))) == 1

    def test_full_spool_counts_what_it_drops(self, source: str) -> None:
        """At the limit a new event is dropped and counted, one byte each."""
        directory = Path(locations.spool_dir())
        directory.mkdir(parents=True)
        for number in range(10_000):
            os.close(os.open(directory / f"{number:019d}.json", os.O_CREAT | os.O_WRONLY))
        run_hook(source, json.dumps(STOP).encode())
        run_hook(source, json.dumps(STOP).encode())
        assert (directory / ".overflow").read_bytes() == b".."
        assert len(list(directory.glob("*.json"))) == 10_000


def test_codex_notify_argument_is_read() -> None:
    """`notify` appends its JSON as the last argument and leaves stdin empty."""
    payload = {"type": "agent-turn-complete", "thread-id": "t", "turn-id": "u", "cwd": "/w"}
    argument = json.dumps(payload | {"input-messages": [CANARY], "last-assistant-message": CANARY})
    with serve() as server:
        run_hook("codex", argv=(argument,))
    assert server.params[0]["payload"] == payload


def test_undecodable_argument_is_delivered() -> None:
    """Bytes that are no UTF-8 in the argument are replaced, the event arrives."""
    argument = b'{"type":"agent-turn-complete","thread-id":"t\xff"}'
    with serve() as server:
        run_hook("codex", argv=(argument,))
    assert server.params[0]["payload"]["thread-id"].startswith("t")


def _with_canaries(value: object, allowed: frozenset[str]) -> object:
    if isinstance(value, dict):
        return {
            key: item if key in allowed and isinstance(item, str) else _with_canaries(item, allowed)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_canaries(item, allowed) for item in value]
    return f"{CANARY} {value}" if isinstance(value, str) else value


IDS = frozenset(
    {"hook_event_name", "session_id", "prompt_id", "transcript_path", "agent_transcript_path"}
    | {"cwd", "agent_id", "agent_type", "model", "version", "tool_name", "tool_use_id", "turn_id"}
    | {"type", "thread-id", "turn-id", "client"}
    | {"permission_mode", "source", "reason", "trigger", "notification_type"}
)


@pytest.mark.parametrize("source", SOURCES)
def test_every_captured_payload_is_sent_without_its_text(source: str) -> None:
    """All payloads of real agents: ids arrive unchanged, every other string stays in the process."""
    rows = captured(source)
    assert len(rows) > 20
    with serve() as server:
        for row in rows:
            data = json.dumps(_with_canaries(row["payload"], IDS))
            if row["via"] == "argv":
                run_hook(source, argv=(data,))
            else:
                run_hook(source, data.encode())
    assert len(server.lines) == len(rows)
    for row, params, line in zip(rows, server.params, server.lines, strict=True):
        assert b"CANARY" not in line
        assert b"example.com" not in line
        kept = params["payload"]
        for key, value in row["payload"].items():
            if key in IDS and isinstance(value, str) and value:
                assert kept[key] == value
        assert set(kept) <= IDS | {"file_ext", "duration_ms", "stop_hook_active"}


def test_two_hundred_hooks_at_once_lose_nothing() -> None:
    """200 processes, 20 at a time, over a daemon that comes and goes: each event exactly once."""

    def fire(number: int) -> None:
        run_hook("claude_code", json.dumps(STOP | {"tool_use_id": f"toolu_{number}"}).encode())

    seen: list[str] = []
    with ThreadPoolExecutor(20) as pool:
        for first in range(0, 200, 50):
            jobs = range(first, first + 50)
            if first % 100:
                list(pool.map(fire, jobs))
                continue
            with serve() as server:
                list(pool.map(fire, jobs))
            seen += [params["payload"]["tool_use_id"] for params in server.params]
    waiting = [params["payload"]["tool_use_id"] for params in spooled()]
    # an answer that came too late leaves an event in both places; the identity absorbs that
    assert {*seen, *waiting} == {f"toolu_{number}" for number in range(200)}
    assert len(waiting) == len(set(waiting)) >= 100
    assert not list(Path(locations.spool_dir()).glob("*.tmp"))


def test_both_hooks_share_their_text() -> None:
    """The two files differ in source and allow-list only."""
    marker = "# ---- shared by"
    claude, codex = (HOOKS[source].read_text() for source in ("claude_code", "codex"))
    assert claude.count(marker) == codex.count(marker) == 1
    assert claude[claude.index(marker) :] == codex[codex.index(marker) :]
    imports = [text[text.index("import ") : text.index("SOURCE")] for text in (claude, codex)]
    assert imports[0] == imports[1]


@pytest.mark.parametrize("source", SOURCES)
def test_start_up_stays_light(source: str) -> None:
    """None of the modules that double the start-up time is imported on the way to an answer."""
    code = (
        "import sys,posix;"
        "leave=posix._exit;"
        "posix._exit=lambda code:(sys.stdout.write(','.join(sys.modules)),sys.stdout.flush(),"
        "leave(code));"
        "sys.argv=sys.argv[1:];"
        "exec(compile(open(sys.argv[0]).read(),sys.argv[0],'exec'),{'__name__':'__main__'})"
    )
    with serve() as server:
        done = subprocess.run(
            [PYTHON, "-I", "-S", "-c", code, str(HOOKS[source])],
            input=json.dumps(STOP).encode(),
            capture_output=True,
            timeout=20,
            check=True,
        )
    assert len(server.lines) == 1
    modules = set(done.stdout.decode().split(","))
    assert "_json" in modules
    assert not modules & {"json", "re", "os", "socket", "signal", "site", "argparse", "subprocess"}


@pytest.mark.parametrize("source", SOURCES)
def test_syntax_is_that_of_python_3_9(source: str) -> None:
    """The hooks run under the oldest Python they promise."""
    ast.parse(HOOKS[source].read_text(), feature_version=(3, 9))
