"""
Rows HK-*, SP-*, I06 and I07 of the feature table: real hooks, a real daemon, what the user sees.

The hooks run as the tools run them: a process per event, its JSON on standard input or (Codex's
`notify`) as the last argument; OpenCode's plugin under node.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from tests.support import codex_log
from tests.support.claude_line import line
from tests.support.daemon import Daemon, running_daemon
from tests.support.hook_socket import HookSocket
from tests.support.hooks import (
    CLAUDE_HOOK,
    CODEX_HOOK,
    REPOSITORY,
    agent_turn_complete,
    finish_hook,
    post_tool_use,
    start_hook,
    stop,
)
from tests.support.waiting import wait_until

PLUGIN = REPOSITORY / "hooks" / "opencode" / "openusage.ts"
DRIVER = Path(__file__).with_name("drive_plugin.mjs")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


@pytest.fixture
def rollout(isolated_home: str) -> Path:
    """A thread of Codex that has begun."""
    path = codex_log.rollout_path(f"{isolated_home}/.codex")
    return codex_log.write(path, [codex_log.meta(), codex_log.context(1)])


@pytest.fixture
def transcript(isolated_home: str) -> Path:
    """A session of Claude Code that has answered once (10 tokens in, 1 out)."""
    path = Path(isolated_home) / ".claude" / "projects" / "-w" / "s1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(line(1))
    return path


def claude(payload: dict[str, Any], **environment: str) -> None:
    finish_hook(start_hook(CLAUDE_HOOK, {**os.environ, **environment}, payload))


def codex(payload: dict[str, Any], **environment: str) -> None:
    """Codex hands its notice over as an argument and closes standard input."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(CODEX_HOOK), json.dumps(payload)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def opencode(**environment: str) -> None:
    """One finished answer (1 token in, 2 out, 7 from the cache) of OpenCode."""
    # an older answer would pass for a fork's copy, which the plugin's events never count
    now_ms = int(time.time() * 1000)
    info = {
        "id": "msg_1", "sessionID": "ses_1", "parentID": "msg_0", "role": "assistant",
        "providerID": "anthropic", "modelID": "claude-sonnet-4-5", "path": {"cwd": "/w"},
        "time": {"created": now_ms, "completed": now_ms}, "finish": "stop",
        "tokens": {"input": 1, "output": 2, "reasoning": 0, "cache": {"read": 7, "write": 0}},
    }  # fmt: skip
    events = Path(os.environ["HOME"]) / "events.jsonl"
    event = {"type": "message.updated", "properties": {"info": info}}
    events.write_text(json.dumps({"event": event}) + "\n")
    done = subprocess.run(
        ["node", str(DRIVER), str(PLUGIN), str(events), "dispose", "0"],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


TURN = agent_turn_complete(codex_log.PARENT, "0199b000-0000-4000-8000-000000000001")


def spooled() -> list[Path]:
    directory = Path(locations.spool_dir())
    return sorted(directory.glob("*.json")) if directory.exists() else []


def usage(daemon: Daemon) -> dict[str, Any]:
    """Usage by account of all time."""
    model = daemon.call("read_model", window="all", tz="UTC")
    return {one["account_id"]: one["usage"] for one in model["accounts"]}


def output_by_client(daemon: Daemon) -> dict[str, int]:
    """Output tokens of every tool, whether an account owns them or not."""
    report = daemon.call("report", kind="daily", tz="UTC", breakdown=True, breakdown_by="client")
    return {
        child["key"]: child["output_tokens"] for row in report["rows"] for child in row["breakdown"]
    }


def tools(daemon: Daemon, account: str = "claude-code") -> dict[str, int]:
    return {row["name"]: row["calls"] for row in usage(daemon)[account]["tools"]}


def test_hk_01_a_hooks_event_is_in_the_next_read(transcript: Path, rollout: Path) -> None:
    """HK-01: when the hook of Claude Code or Codex has ended, its event is there to be read."""
    with running_daemon() as daemon:
        daemon.wait_idle()
        claude(post_tool_use("s1", "toolu_1", transcript=str(transcript)))
        assert tools(daemon) == {"Bash": 1}
        codex(TURN)
        assert usage(daemon)["codex-cli"]["turns"] == 1
        integrations = daemon.call("integrations")["integrations"]
        last = {one["id"]: one["last_event_at"] for one in integrations}
        assert last["claude_code"]
        assert last["codex"]


def test_hk_01_a_turn_brings_the_tokens_of_its_transcript(transcript: Path) -> None:
    """HK-01: the Stop hook's turn has the tokens that the agent writes down only afterwards."""
    with running_daemon() as daemon:
        daemon.wait_idle()
        claude(stop("s1", "p1", transcript=str(transcript)))
        with transcript.open("a") as file:
            file.write(line(2))
        wait_until(lambda: usage(daemon)["claude-code"]["totals"]["output_tokens"] == 3, 10.0)


@pytest.mark.parametrize(
    ("hook", "stored"),
    [
        (lambda: claude(post_tool_use("s1", "toolu_1")), 1),
        (lambda: codex(TURN), 1),
        # the answer, and the turn that its end makes of it
        pytest.param(opencode, 2, marks=needs_node),
    ],
    ids=["claude-stdin", "codex-argument", "opencode-plugin"],
)
def test_hk_02_without_a_daemon_it_is_a_file(
    rollout: Path, hook: Callable[[], None], stored: int
) -> None:
    """HK-02: by standard input or argument, with the daemon down the event waits on disk."""
    hook()
    files = spooled()
    assert files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    with running_daemon() as daemon:
        wait_until(lambda: not spooled(), 10.0, "the spooled event")
        assert daemon.call("status")["events"]["stored"] == stored


def test_hk_03_an_account_can_be_named(isolated_home: str) -> None:
    """HK-03: the account of the variable owns the event, sent or spooled."""
    settings = Path(locations.settings_path())
    settings.parent.mkdir(parents=True)
    accounts = [
        {"id": name, "provider": "claude_code", "home": f"~/{name}"} for name in ("work", "own")
    ]
    settings.write_text(json.dumps({"accounts": accounts}))
    claude(post_tool_use("s1", "toolu_1"), OPENUSAGE_TELEMETRY_ACCOUNT_ID="work")
    with running_daemon() as daemon:
        wait_until(lambda: not spooled(), 10.0, "the spool's event")
        claude(post_tool_use("s1", "toolu_2"), OPENUSAGE_TELEMETRY_ACCOUNT_ID="own")
        assert (tools(daemon, "work"), tools(daemon, "own")) == ({"Bash": 1}, {"Bash": 1})


def test_hk_04_a_hook_starts_nothing(isolated_home: str) -> None:
    """HK-04: the spool's file is all that a hook leaves; no daemon and no client comes up."""
    claude(post_tool_use("s1", "toolu_1"))
    codex(TURN)
    assert len(spooled()) == 2
    assert os.listdir(locations.state_dir()) == [os.path.basename(locations.spool_dir())]


def test_hk_04_a_daemon_that_hangs_blocks_nobody(isolated_home: str) -> None:
    """HK-04: the tool goes on when the daemon does not answer; the event is on disk by then."""
    with HookSocket(locations.socket_path()) as daemon:
        daemon.behave = daemon.hang
        claude(post_tool_use("s1", "toolu_1"))
        assert len(daemon.lines) == 1
        assert len(spooled()) == 1


@needs_node
def test_hk_05_opencode_over_the_socket_with_the_disk_behind_it(isolated_home: str) -> None:
    """HK-05: the plugin's tokens arrive by the socket, or by the spool when nobody listens; once."""
    with running_daemon() as daemon:
        opencode()
        assert spooled() == []
        assert output_by_client(daemon) == {"opencode": 2}
        daemon.stop()
        opencode()
        assert spooled()
        daemon.start()
        wait_until(lambda: not spooled(), 10.0, "the spooled events")
        assert output_by_client(daemon) == {"opencode": 2}


@pytest.mark.parametrize("value", ["0", "false", "no", "OFF"])
@pytest.mark.parametrize(
    "hook",
    [
        lambda **env: claude(post_tool_use("s1", "toolu_1"), **env),
        lambda **env: codex(TURN, **env),
        pytest.param(opencode, marks=needs_node),
    ],
    ids=["claude", "codex", "opencode"],
)
def test_hk_06_opted_out(isolated_home: str, hook: Callable[..., None], value: str) -> None:
    """HK-06: switched off, a hook neither sends nor writes anything, not even a directory."""
    hook(OPENUSAGE_TELEMETRY_ENABLED=value)
    assert not os.path.exists(locations.state_dir())


def test_i06_a_hook_never_breaks_its_tool(isolated_home: str) -> None:
    """I06: nonsense, an unwritable disk and a dead socket are silent, and exit code 0."""
    state = Path(locations.state_dir())
    state.parent.mkdir(parents=True)
    state.write_text("a file where the directory belongs")
    for payload in (b"", b"{", b"[1, 2", b'"x"', b"\xff\xfe", b'{"hook_event_name": 5}'):
        for script in (CLAUDE_HOOK, CODEX_HOOK):
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(script)],
                input=payload,
                capture_output=True,
                timeout=20,
                check=False,
            )
            assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    claude(post_tool_use("s1", "toolu_1"))
    assert state.read_text() == "a file where the directory belongs"


def test_i06_the_event_is_visible_within_one_refresh(transcript: Path) -> None:
    """I06: who is subscribed is told of a hook's event, and finds it."""
    with running_daemon() as daemon, daemon.wire() as wire:
        daemon.wait_idle()
        wire.call("subscribe")
        claude(post_tool_use("s1", "toolu_1", tool="Read"))
        assert wire.read_message()["method"] == "read_model_changed"
        assert tools(daemon) == {"Read": 1}


def test_i07_nothing_lost_and_nothing_twice(transcript: Path) -> None:
    """I07: spooled while the daemon was away, sent again and logged: each call and turn once."""
    for number in range(3):
        claude(post_tool_use("s1", f"toolu_{number}", transcript=str(transcript)))
    claude(stop("s1", "p1", transcript=str(transcript)))
    kept = {path.name: path.read_bytes() for path in spooled()}
    assert len(kept) == 4
    with running_daemon() as daemon:
        wait_until(lambda: not spooled(), 10.0, "an empty spool")
        daemon.wait_idle()
        first = usage(daemon)["claude-code"]
        assert tools(daemon) == {"Bash": 3}
        assert (first["turns"], first["totals"]["output_tokens"]) == (1, 1)
        # a crash after the commit and before the file's end delivers it once more
        daemon.kill()
        for name, data in kept.items():
            Path(locations.spool_dir(), name).write_bytes(data)
        daemon.start()
        wait_until(lambda: not spooled(), 10.0, "an empty spool")
        # while it runs, too
        claude(post_tool_use("s1", "toolu_2", transcript=str(transcript)))
        daemon.wait_idle()
        assert usage(daemon)["claude-code"] == first


def test_sp_01_the_spool_is_ordered_and_keeps_what_cannot_be_stored(isolated_home: str) -> None:
    """SP-01: oldest first; what is no event is set aside with its reason and holds nobody up."""
    spool = Path(locations.spool_dir())
    spool.mkdir(parents=True, mode=0o700)

    def put(name: str, params: Any) -> None:
        (spool / name).write_text(params if isinstance(params, str) else json.dumps(params))

    def turn(output: int) -> dict[str, Any]:
        return {"source": "mine", "turn": {"message_id": "m", "model": "m", "input_tokens": 1,
                                           "output_tokens": output, "session_id": f"s{output}"}}  # fmt: skip

    put("0000000000000000001-1-a.json", "{half")
    put("0000000000000000002-1-a.json", {"source": "mine", "turn": {"input_tokens": -1}})
    put("0000000000000000004-1-a.json", turn(4))
    put("0000000000000000003-1-a.json", turn(3))
    put("0000000000000000005-1-a.json.tmp", "still being written")
    with running_daemon() as daemon:
        wait_until(lambda: not list(spool.glob("*.json")), 10.0, "an empty spool")
        status = daemon.call("status")
        assert status["spool"] == {"pending": 0, "rejected": 2, "dropped": 0}
        assert status["events"]["stored"] == 1
        (session,) = daemon.call("sessions")["sessions"]
        # the older one of the same message made the row
        assert session["session_id"] == "s3"
        reasons = sorted(path.name for path in (spool / "rejected").glob("*.reason"))
        assert [name[:19].lstrip("0") for name in reasons] == ["1", "2"]
        assert (spool / "0000000000000000005-1-a.json.tmp").exists()


def test_sp_01_the_spool_is_bounded(isolated_home: str) -> None:
    """SP-01: beyond its age the oldest go, counted and logged; younger ones are delivered."""
    spool = Path(locations.spool_dir())
    spool.mkdir(parents=True, mode=0o700)
    for number in range(3):
        turn = {"message_id": f"m{number}", "model": "m", "input_tokens": 1}
        file = spool / f"000000000000000000{number}-1-a.json"
        file.write_text(json.dumps({"source": "mine", "turn": turn}))
        if number < 2:
            os.utime(file, (1_000_000_000, 1_000_000_000))
    with running_daemon() as daemon:
        wait_until(lambda: not list(spool.glob("*.json")), 10.0, "an empty spool")
        status = daemon.call("status")
        assert (status["spool"]["dropped"], status["events"]["stored"]) == (2, 1)
        wait_until(lambda: "event=spool_dropped files=2" in daemon.output, 10.0, "a warning")


def test_sp_02_a_backlog_drains_after_a_restart(isolated_home: str) -> None:
    """SP-02: thousands of waiting events are all there, once, after the daemon has come back."""
    count = 3000
    with running_daemon() as daemon:
        daemon.stop()
        spool = Path(locations.spool_dir())
        spool.mkdir(mode=0o700, exist_ok=True)
        for number in range(count):
            turn = {"message_id": f"m{number}", "model": "m", "output_tokens": 1}
            params = {"source": "mine", "turn": turn, "delivery_id": str(number)}
            (spool / f"{number:019d}-1-a.json").write_text(json.dumps(params))
        daemon.start()
        wait_until(lambda: not list(spool.glob("*.json")), 60.0, "an empty spool")
        status = daemon.call("status")
        assert (status["events"]["stored"], status["spool"]["dropped"]) == (count, 0)
