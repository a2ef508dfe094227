"""What the Claude Code and Codex hooks make of any input, and of one that never ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.support.hook_socket import answer_stored
from tests.support.hooks import (
    CANARY,
    HOOKS,
    PYTHON,
    SOURCES,
    STOP,
    patched_hook,
    run_hook,
    serve,
    spooled,
)
from tests.support.waiting import wait_until


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

    def test_a_late_start_shortens_the_wait(self, source: str) -> None:
        """A hook whose start took long does not wait as long again for an answer."""
        patch = (
            "import time, _socket\n"
            "plain = _socket.socket\n"
            "told = lambda self, limit: (print(limit, flush=True), plain.settimeout(self, limit))\n"
            "_socket.socket = type('socket', (plain,), {'settimeout': told})\n"
            "time.sleep(0.3)"
        )
        with serve() as server:
            server.behave = server.hang
            done = subprocess.run(
                patched_hook(source, patch),
                input=json.dumps(STOP).encode(),
                capture_output=True,
                timeout=20,
                check=True,
            )
        limits = [float(word) for word in done.stdout.split()]
        assert len(limits) >= 2
        # only Linux tells when a process began
        assert max(limits) <= (0.1 if sys.platform == "linux" else 0.25)
        assert spooled() == server.params
