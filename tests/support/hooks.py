"""The real hook scripts as processes, with payloads in the shape the agents send."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openusage_proto import locations
from tests.support.hook_socket import Behaviour, HookSocket, answer_stored

REPOSITORY = Path(__file__).resolve().parents[2]
CLAUDE_HOOK = REPOSITORY / "hooks" / "claude" / "openusage_hook.py"
CODEX_HOOK = REPOSITORY / "hooks" / "codex" / "openusage_hook.py"
HOOKS = {"claude_code": CLAUDE_HOOK, "codex": CODEX_HOOK}
SOURCES = sorted(HOOKS)
# The interpreter itself: a launcher of a virtual environment or a shim would be measured with it.
PYTHON = getattr(sys, "_base_executable", sys.executable)
CANARY = "CANARY joe@example.com sk-ant-secret"
STOP = {"hook_event_name": "Stop", "session_id": "s1", "cwd": "/w", "stop_hook_active": False}


def module_of(source: str) -> Path:
    """The module that a hook starts."""
    script = HOOKS[source]
    return script.with_name(script.stem + "_main.py")


def run_hook(
    source: str,
    stdin: bytes = b"",
    *,
    argv: tuple[str | bytes, ...] = (),
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run one hook to its end and check what holds for every run: silence and exit 0."""
    done = subprocess.run(
        [PYTHON, "-I", "-S", str(HOOKS[source]), *argv],
        input=stdin,
        capture_output=True,
        env=dict(os.environ if env is None else env),
        timeout=20,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)
    return done


def patched_hook(source: str, patch: str) -> list[str]:
    """The command of a hook in whose process `patch` runs first, between it and the system."""
    code = (
        f"import sys\n{patch}\nsys.argv = sys.argv[1:]\n"
        "members = {'__name__': '__main__', '__file__': sys.argv[0]}\n"
        "exec(compile(open(sys.argv[0]).read(), sys.argv[0], 'exec'), members)"
    )
    return [PYTHON, "-I", "-S", "-c", code, str(HOOKS[source])]


def spooled() -> list[dict[str, Any]]:
    """What lies in the spool, oldest first."""
    directory = Path(locations.spool_dir())
    return [json.loads(path.read_bytes()) for path in sorted(directory.glob("*.json"))]


def serve(behave: Behaviour = answer_stored) -> HookSocket:
    """A stand-in for the daemon where the hooks look for it."""
    return HookSocket(locations.socket_path(), behave)


def start_hook(
    script: Path, env: Mapping[str, str], payload: Mapping[str, Any]
) -> subprocess.Popen[bytes]:
    """Start a hook as the agent does: the payload on standard input, nothing else."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(script)],
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(payload).encode())
    process.stdin.close()
    process.stdin = None
    return process


def finish_hook(process: subprocess.Popen[bytes]) -> None:
    """Wait for a hook; it must be silent and successful whatever happened."""
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, b"", b"")


def post_tool_use(
    session: str, tool_use_id: str, *, transcript: str = "", tool: str = "Bash", text: str = "x"
) -> dict[str, Any]:
    """What Claude Code sends after a tool has run."""
    return {
        "session_id": session,
        "transcript_path": transcript,
        "cwd": "/home/dev/shop",
        "permission_mode": "default",
        "hook_event_name": "PostToolUse",
        "tool_name": tool,
        "tool_input": {"command": text, "description": text},
        "tool_response": {"stdout": text, "stderr": text, "interrupted": False},
        "tool_use_id": tool_use_id,
        "duration_ms": 31,
    }


def post_tool_use_failure(session: str, tool_use_id: str, *, tool: str = "Bash") -> dict[str, Any]:
    """What Claude Code sends instead when the tool failed."""
    payload = post_tool_use(session, tool_use_id, tool=tool)
    del payload["tool_response"]
    failure = {"hook_event_name": "PostToolUseFailure", "error": "x", "is_interrupt": False}
    return payload | failure


def stop(session: str, prompt_id: str, *, transcript: str = "", text: str = "x") -> dict[str, Any]:
    """What Claude Code sends when a turn has ended."""
    return {
        "session_id": session,
        "transcript_path": transcript,
        "cwd": "/home/dev/shop",
        "prompt_id": prompt_id,
        "permission_mode": "default",
        "hook_event_name": "Stop",
        "stop_hook_active": False,
        "last_assistant_message": text,
        "background_tasks": [],
        "session_crons": [],
    }


def agent_turn_complete(thread: str, turn: str, *, text: str = "x") -> dict[str, Any]:
    """What Codex hands to its `notify` program."""
    return {
        "type": "agent-turn-complete",
        "thread-id": thread,
        "turn-id": turn,
        "cwd": "/home/dev/shop",
        "client": "codex-tui",
        "input-messages": [text],
        "last-assistant-message": text,
    }
