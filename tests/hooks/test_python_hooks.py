"""The Claude Code and Codex hooks as processes, against a real socket and a real spool."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openusage_proto import locations
from tests.support.hook_socket import HookSocket, answer_error, close_at_once
from tests.support.hooks import (
    CANARY,
    HOOKS,
    PYTHON,
    REPOSITORY,
    SOURCES,
    STOP,
    module_of,
    patched_hook,
    run_hook,
    serve,
    spooled,
)

DATA = REPOSITORY / "tests" / "data" / "hooks"


def captured(source: str) -> list[dict]:
    lines = (DATA / f"{source}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@contextlib.contextmanager
def crowded() -> Iterator[HookSocket]:
    """A socket with a full backlog; who enters it lets it accept."""
    server = HookSocket(locations.socket_path(), backlog=0)
    with contextlib.ExitStack() as fillers:
        for _ in range(4):
            filler = fillers.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            filler.setblocking(False)
            try:
                filler.connect(server.path)
            except BlockingIOError:
                break
        yield server


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
        with crowded() as server:
            run_hook(source, json.dumps(STOP).encode())
            server._listener.close()
        assert len(spooled()) == 1

    def test_a_backlog_that_clears_is_waited_for(self, source: str) -> None:
        """A daemon that accepts again within the time to connect gets the event."""
        patch = (
            "import _socket\n"
            "plain = _socket.socket\n"
            "told = lambda self, path: (print(flush=True), plain.connect(self, path))\n"
            "_socket.socket = type('socket', (plain,), {'connect': told})"
        )
        command = patched_hook(source, patch)
        with (
            crowded() as server,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(STOP).encode())
            process.stdin.close()
            assert process.stdout.readline()  # it is about to connect
            with server:
                assert process.wait(20) == 0
        assert len(server.lines) + len(spooled()) == 1
        if sys.platform == "linux":  # elsewhere a full backlog refuses at once
            assert len(server.lines) == 1

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
    """The two modules differ in source and allow-list only, their scripts in a name."""
    scripts = (HOOKS[source].read_text() for source in ("claude_code", "codex"))
    assert len({text.replace("Claude Code", "Codex") for text in scripts}) == 1
    marker = "# ---- shared by"
    claude, codex = (module_of(source).read_text() for source in ("claude_code", "codex"))
    assert claude.count(marker) == codex.count(marker) == 1
    assert claude[claude.index(marker) :] == codex[codex.index(marker) :]
    imports = [text[text.index("import ") : text.index("SOURCE")] for text in (claude, codex)]
    assert imports[0] == imports[1]


@pytest.mark.parametrize("source", SOURCES)
def test_start_up_stays_light(source: str) -> None:
    """None of the modules that double the start-up time is imported on the way to an answer."""
    patch = (
        "import posix\n"
        "leave = posix._exit\n"
        "posix._exit = lambda code: (\n"
        "    sys.stdout.write(','.join(sys.modules)), sys.stdout.flush(), leave(code))"
    )
    with serve() as server:
        done = subprocess.run(
            patched_hook(source, patch),
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
    for file in (HOOKS[source], module_of(source)):
        ast.parse(file.read_text(), feature_version=(3, 9))


class TestBytecode:
    """A hook is compiled once, not for every call, and never depends on it."""

    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        """A hook as it is installed: the script and its module under another name."""
        script = tmp_path / "hooks" / "my-claude.py"
        script.parent.mkdir()
        shutil.copy(HOOKS["claude_code"], script)
        shutil.copy(module_of("claude_code"), script.with_name("my-claude_main.py"))
        return script

    def run(self, copy: Path, *, cwd: Path | None = None) -> None:
        """One call, silent and successful."""
        done = subprocess.run(
            [PYTHON, "-I", "-S", str(copy)],
            input=json.dumps(STOP).encode(),
            capture_output=True,
            timeout=20,
            check=False,
            cwd=cwd,
        )
        assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)

    def test_the_second_call_finds_it_compiled(self, copy: Path) -> None:
        """The bytecode lies beside the script and stays as it is."""
        self.run(copy)
        [kept] = (copy.parent / "__pycache__").iterdir()
        assert kept.name.startswith("my-claude_main.")
        before = kept.stat()
        self.run(copy)
        after = kept.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert len(spooled()) == 2

    @pytest.mark.parametrize("size", [0, 10, 16, 200])
    def test_damaged_bytecode_costs_no_event(self, copy: Path, size: int) -> None:
        """After a power cut the file may be any part of itself."""
        self.run(copy)
        [kept] = (copy.parent / "__pycache__").iterdir()
        kept.write_bytes(kept.read_bytes()[:size])
        self.run(copy)
        assert len(spooled()) == 2

    def test_a_directory_that_keeps_nothing(self, copy: Path) -> None:
        """Where no bytecode can be written the hook works all the same."""
        (copy.parent / "__pycache__").write_text("in the way")
        self.run(copy)
        assert len(spooled()) == 1

    def test_a_relative_path(self, copy: Path) -> None:
        """The module is looked for beside the script, wherever the agent runs."""
        self.run(Path(copy.name), cwd=copy.parent)
        assert len(spooled()) == 1

    def test_nothing_in_the_directory_stands_in_for_a_library(self, copy: Path) -> None:
        """A file there that has the name of a module of Python is not run."""
        for name in ("time", "_socket", "posix", "_json"):
            copy.with_name(f"{name}.py").write_text("raise SystemExit('planted')")
        with serve() as server:
            self.run(copy)
        assert len(server.lines) == 1

    def test_a_missing_module_is_silent(self, copy: Path) -> None:
        """An agent must not notice a broken installation; `openusage doctor` tells it."""
        copy.with_name("my-claude_main.py").unlink()
        self.run(copy)
        assert spooled() == []

    def test_the_module_alone_is_the_whole_hook(self, copy: Path) -> None:
        """Whoever wires just that file only pays for compiling it."""
        self.run(copy.with_name("my-claude_main.py"))
        assert len(spooled()) == 1
