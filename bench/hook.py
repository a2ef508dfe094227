"""Wall time of a hook process against the bare interpreter, in the same run and interleaved."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from openusage_proto import locations

ROOT = Path(__file__).resolve().parents[1]
PAYLOAD = json.dumps(
    {
        "session_id": "5f0c1d9e-0000-4000-8000-000000000000",
        "transcript_path": "/home/user/.claude/projects/-w/5f0c1d9e.jsonl",
        "cwd": "/w",
        "hook_event_name": "PostToolUse",
        "tool_name": "Edit",
        "tool_input": {"file_path": "/w/a.py", "old_string": "x" * 2000, "new_string": "y" * 2000},
        "tool_response": {"content": "z" * 8000},
        "tool_use_id": "toolu_01",
    }
).encode()
# Answers from another process: a thread of this one would share the interpreter with the timing.
SERVER = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(512)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.sendall(b'{"jsonrpc":"2.0","id":1,"result":{"accepted":1}}\\n')
    connection.close()
"""


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Medians in ms and their ratio to a bare `pass`, with a daemon and with none (spool)."""
    rounds = 30 if quick else 200
    # The interpreter itself: a virtual environment's start-up hooks are not the hook's doing.
    python = getattr(sys, "_base_executable", sys.executable)
    rows: list[tuple[str, float, str]] = []
    with tempfile.TemporaryDirectory(prefix="ou-bench-") as home:
        env = {
            "HOME": home,
            "XDG_STATE_HOME": f"{home}/state",
            "PATH": os.environ.get("PATH", ""),
        }
        hook = [python, "-I", "-S", str(ROOT / "hooks" / "claude" / "openusage_hook.py")]
        away_env = env | {"XDG_STATE_HOME": f"{home}/away"}
        socket_path = locations.socket_path(env)
        os.makedirs(os.path.dirname(socket_path), mode=0o700)
        with subprocess.Popen(
            [python, "-c", SERVER, socket_path], stdout=subprocess.PIPE, env=env
        ) as server:
            try:
                assert server.stdout is not None
                server.stdout.readline()
                bare, sent, spooled = [], [], []
                for _ in range(rounds):
                    # With the hook's own flags: what else is installed here is no measure.
                    bare.append(_wall_ms([python, "-I", "-S", "-c", "pass"], env))
                    sent.append(_wall_ms(hook, env))
                    spooled.append(_wall_ms(hook, away_env))
            finally:
                server.kill()
        assert not os.path.exists(locations.spool_dir(env))
        assert len(os.listdir(locations.spool_dir(away_env))) == rounds
    reference = statistics.median(bare)
    rows.append(("hook.python_pass_ms", reference, "ms"))
    for name, samples in (("delivered", sent), ("spooled", spooled)):
        median = statistics.median(samples)
        rows.append((f"hook.{name}_ms", median, "ms"))
        rows.append((f"hook.{name}_ratio", median / reference, "x python3 -c pass"))
        rows.append((f"hook.{name}_max_ms", max(samples), "ms"))
    return rows


def _wall_ms(command: list[str], env: dict[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, input=PAYLOAD, env=env, capture_output=True, check=True)
    elapsed = (time.perf_counter() - started) * 1000
    assert not done.stdout
    assert not done.stderr
    return elapsed
