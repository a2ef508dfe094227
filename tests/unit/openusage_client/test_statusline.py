"""The status line as Claude Code runs it: a process, stdin, one line, exit 0."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openusage_client import quick, statusline
from openusage_proto import locations
from tests.support.scripted_peer import Hangup, Refusal, ScriptedPeer, Silence

HOST = {
    "session_id": "s1",
    "model": {"id": "claude-opus-4-5", "display_name": "Opus X"},
    "rate_limits": {"five_hour": {"used_percentage": 15.9}},
}
OFFLINE = "Opus X │ 5h 15% used"
SCRIPT = Path(__file__).parents[3] / "bin" / "openusage"

Render = Callable[..., str]


def render(stdin: bytes, **env: str) -> str:
    """Run the installed script's fast path and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "statusline"],
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), **env},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_daemon_text_is_printed_as_it_is() -> None:
    """The daemon's text is shown, escapes decoded, and stdin reaches it unchanged."""
    text = 'Opus "X" │ ≈$0.40 \x1b[32m42%\x1b[0m 😀'
    with ScriptedPeer({"statusline": {"text": text}}) as peer:
        assert render(json.dumps(HOST, indent=2).encode()) == text + "\n"
    assert peer.params_of("statusline") == [{"color": True, "ascii": False, "payload": HOST}]


def test_no_color_is_passed_on() -> None:
    """NO_COLOR reaches the daemon, which draws."""
    with ScriptedPeer({"statusline": {"text": "x"}}) as peer:
        render(b"{}", NO_COLOR="1")
    assert peer.params_of("statusline")[0]["color"] is False


def test_empty_stdin_still_gets_a_line() -> None:
    """A host that sends nothing gets what the daemon knows."""
    with ScriptedPeer({"statusline": {"text": "today"}}) as peer:
        assert render(b"") == "today\n"
    assert peer.params_of("statusline")[0]["payload"] == {}


def test_no_daemon_shows_what_stdin_knows_and_starts_none() -> None:
    """Without a daemon the line says what the host knows; nothing is started."""
    assert render(json.dumps(HOST).encode(), NO_COLOR="1") == OFFLINE + "\n"
    assert not os.path.exists(locations.log_path())


@pytest.mark.parametrize(
    "answer",
    [
        Hangup(),
        Refusal(-32601, "method_not_found", {"text": "no"}),
        {"other": 1},
        {"text": ""},
        b"\xff\xfe\n",
        b'{"jsonrpc":"2.0","id":1,"result":{"text":"unfinished\n',
        b'{"jsonrpc":"2.0","id":1,"result":{"text":5}}\n',
    ],
    ids=["hangup", "refused", "no-text", "empty", "no-utf8", "cut", "number"],
)
def test_bad_answer_falls_back(answer: Any) -> None:
    """Whatever the daemon does wrong, a line appears."""
    with ScriptedPeer({"statusline": answer}):
        assert render(json.dumps(HOST).encode(), NO_COLOR="1") == OFFLINE + "\n"


@pytest.mark.parametrize("stdin", [b"not json", b"[1]", b"{", b'{"a":', b"\xff\x00", b"{" * 5000])
def test_bad_stdin_falls_back(stdin: bytes) -> None:
    """Whatever the host sends, a line appears."""
    with ScriptedPeer({"statusline": Refusal(-32700, "parse_error")}):
        assert render(stdin) == "claude\n"


def test_oversized_stdin_is_dropped() -> None:
    """A host gone mad cannot make the line slow or big."""
    with ScriptedPeer({"statusline": {"text": "ok"}}) as peer:
        assert render(b'{"x":"' + b"a" * statusline.MAX_INPUT_BYTES + b'"}') == "ok\n"
    assert peer.params_of("statusline")[0]["payload"] == {}


# ------------------------------------------------------------ in this process


@pytest.fixture
def in_process(capfd: pytest.CaptureFixture[str]) -> Render:
    """Run `main` on given descriptors and return what it wrote."""

    def call(stdin: int, **options: bool) -> str:
        saved = os.dup(0)
        os.dup2(stdin, 0)
        try:
            assert statusline.main(**options) == 0
        finally:
            os.dup2(saved, 0)
            os.close(saved)
        return capfd.readouterr().out

    return call


def pipe_with(data: bytes, *, close: bool = True) -> tuple[int, int]:
    reader, writer = os.pipe()
    os.write(writer, data)
    if close:
        os.close(writer)
        writer = -1
    return reader, writer


def test_silent_daemon_ends_at_the_deadline(in_process: Render) -> None:
    """A daemon that never answers delays the line by the deadline, not longer."""
    reader, _ = pipe_with(json.dumps(HOST).encode())
    with ScriptedPeer({"statusline": Silence()}) as peer:
        begin = time.monotonic()
        assert in_process(reader, color=False) == OFFLINE + "\n"
        waited = time.monotonic() - begin
    os.close(reader)
    assert peer.params_of("statusline")
    assert waited >= statusline.DEADLINE_S


def test_stdin_without_end_uses_what_came(in_process: Render) -> None:
    """A host that keeps stdin open does not block the line."""
    reader, writer = pipe_with(json.dumps(HOST).encode(), close=False)
    assert in_process(reader, color=False) == OFFLINE + "\n"
    os.close(reader)
    os.close(writer)


def test_colour_and_ascii_options(in_process: Render) -> None:
    """The slow path's flags reach the line."""
    data = json.dumps(HOST).encode()
    for options, text in (
        ({"ascii_only": True, "color": False}, "Opus X | 5h 15% used\n"),
        ({}, "Opus X │ \x1b[32m5h 15% used\x1b[0m\n"),
    ):
        reader, _ = pipe_with(data)
        assert in_process(reader, **options) == text
        os.close(reader)


def test_terminal_stdin_is_not_read(in_process: Render) -> None:
    """A person who runs it by hand gets a line at once."""
    leader, follower = os.openpty()
    with ScriptedPeer({"statusline": {"text": "hello"}}):
        assert in_process(follower) == "hello\n"
    os.close(leader)
    os.close(follower)


def test_stdout_gone_is_no_failure(monkeypatch: pytest.MonkeyPatch, in_process: Render) -> None:
    """A host that went away while we worked does not make the process fail."""
    reader, _ = pipe_with(b"{}")
    saved = os.dup(1)
    full = os.open("/dev/full", os.O_WRONLY) if os.path.exists("/dev/full") else None
    if full is None:
        pytest.skip("this machine has no /dev/full")
    os.dup2(full, 1)
    try:
        assert statusline.main() == 0
    finally:
        os.dup2(saved, 1)
        for descriptor in (saved, full, reader):
            os.close(descriptor)


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OPENUSAGE_TELEMETRY_SOCKET": "/x/y.sock"},
        {"XDG_STATE_HOME": "/state"},
        {"XDG_STATE_HOME": "relative"},
        {"XDG_STATE_HOME": "/s" * 60},
        {"XDG_STATE_HOME": "/s" * 60, "XDG_RUNTIME_DIR": "/run/user/1"},
        {"XDG_STATE_HOME": "/ü" * 40, "XDG_RUNTIME_DIR": "relative"},
        {"HOME": ""},
    ],
)
def test_socket_path_equals_the_shared_rule(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str]
) -> None:
    """The fast copy of the discovery rule finds what everybody else finds."""
    monkeypatch.delenv("XDG_STATE_HOME")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert quick.socket_path() == locations.socket_path()


def test_big_payload_is_sent_whole() -> None:
    """A payload larger than the socket's buffer arrives whole."""
    filler = "x" * 700_000
    with ScriptedPeer({"statusline": {"text": "ok"}}) as peer:
        assert render(json.dumps({"filler": filler}).encode()) == "ok\n"
    assert peer.params_of("statusline")[0]["payload"] == {"filler": filler}


def test_fast_path_imports_next_to_nothing() -> None:
    """The line stays fast because neither json nor typing, re, socket or argparse is loaded."""
    code = (
        "import sys; sys.argv = ['openusage', 'statusline']\n"
        "from openusage_client import statusline\n"
        "before = set(sys.modules)\n"
        "statusline.main()\n"
        "print(sorted(set(sys.modules)), file=sys.stderr)\n"
    )
    with ScriptedPeer({"statusline": {"text": "ok"}}):
        done = subprocess.run(
            [sys.executable, "-S", "-c", code],
            input=b"{}",
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), "COVERAGE_PROCESS_START": ""},
        )
    assert done.stdout == b"ok\n"
    loaded = set(eval(done.stderr))  # our own list of names
    assert not loaded & {"json", "re", "typing", "socket", "argparse", "enum", "dataclasses"}


WATCHED = """
import _signal, os, sys

class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if _signal.getitimer(_signal.ITIMER_REAL)[0]:
            os.write(2, b"imported: " + name.encode())

script = sys.argv.pop(1)
sys.meta_path.insert(0, Watch)
exec(open(script).read())
"""


@pytest.mark.parametrize(
    ("method", "arguments"),
    [("statusline", ["statusline"]), ("line", ["tmux"]), ("line", ["bar", "--format", "waybar"])],
)
def test_nothing_is_imported_while_the_alarm_can_strike(method: str, arguments: list[str]) -> None:
    """An alarm in a callback of the import system would be told on stderr instead of raised."""
    with ScriptedPeer({method: {"text": "drawn"}}):
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, str(SCRIPT), *arguments],
            input=json.dumps(HOST).encode(),
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])},
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"drawn\n", b"")


def test_socket_without_listener_falls_back(in_process: Render) -> None:
    """A stale socket file is as good as none."""
    path = locations.socket_path()
    os.makedirs(os.path.dirname(path))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
    reader, _ = pipe_with(b"{}")
    assert in_process(reader) == "claude\n"
    os.close(reader)
