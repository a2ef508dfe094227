"""`openusage statusline doctor`: draws the line once, times it, says where each part comes from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any, Final

from openusage_client import statusline
from openusage_client.errors import EXIT_FAILURE, EXIT_OK, ClientError
from openusage_client.rpc import Connection, RpcError
from openusage_client.terminal import style_of
from openusage_proto import methods

_SAMPLE: Final = {
    "session_id": "openusage-doctor",
    "model": {"id": "claude-sample", "display_name": "Sample"},
}
_SOURCES: Final = {
    "model": "Claude Code (stdin)",
    "session": "stored events of the session, else Claude Code (stdin)",
    "today": "stored events of the local day",
    "block": "stored events of the running block",
    "burn": "stored events of the running block",
    "window5h": "Claude Code (stdin), else the vendor's last answer",
    "reset": "Claude Code (stdin), else the vendor's last answer",
    "pace": "Claude Code (stdin), else the vendor's last answer",
    "weekly": "Claude Code (stdin), else the vendor's last answer",
    "context": "Claude Code (stdin)",
    "project": "stored events of the session, else its directory",
    "branch": "stored events of the session",
    "lines": "Claude Code (stdin)",
}


def run(flags: list[str]) -> int:
    """Print what was found; 1 when the daemon does not draw or the line is late."""
    shown = [] if style_of(sys.stdout, no_color=False).color else ["--no-color"]
    began = time.perf_counter()
    done = subprocess.run(
        [*_program(), "statusline", *flags, *shown],
        input=json.dumps(_SAMPLE).encode(),
        capture_output=True,
        check=False,
    )
    took_ms = (time.perf_counter() - began) * 1000
    late = took_ms > statusline.DEADLINE_S * 1000 * 2
    print(f"line     {done.stdout.decode('utf-8', 'replace').rstrip()}")
    print(f"time     {took_ms:.0f} ms as a process of its own (deadline {_deadline_ms()} ms)")
    catalogue = _catalogue()
    if catalogue is None:
        print("daemon   does not answer; the line shows what Claude Code itself says")
        print("         -> openusaged start")
    else:
        print("daemon   answers")
    chosen = _chosen(flags)
    for name, source in _SOURCES.items():
        print(f"{'shown' if name in chosen else 'off':<8} {name:<9} {source}")
    print(f"wired    {_wired(catalogue)}")
    return EXIT_FAILURE if catalogue is None or late or done.returncode else EXIT_OK


def _program() -> list[str]:
    """What Claude Code would run: this very script by the interpreter that runs it."""
    script = sys.argv[0]
    if os.path.basename(script) == "openusage" and os.path.isfile(script):
        return [sys.executable, script]
    return [sys.executable, "-m", "openusage_client"]


def _deadline_ms() -> int:
    return round(statusline.DEADLINE_S * 1000)


def _chosen(flags: list[str]) -> list[str]:
    from openusage_proto.line_messages import STATUSLINE_DEFAULT

    if "--segments" in flags:
        return flags[flags.index("--segments") + 1].split(",")
    return list(STATUSLINE_DEFAULT)


def _catalogue() -> Any:
    from openusage_client.commands.integrations import environment

    try:
        with Connection(timeout_s=2.0) as connection:
            return connection.call(
                methods.STATUSLINE_UNINSTALL, dry_run=True, environment=environment()
            )
    except (ClientError, RpcError):
        return None


def _wired(answer: Any) -> str:
    if answer is None:
        return "unknown without the daemon"
    commands = [command for command in answer["commands"] if command]
    if not commands:
        return "no status line in Claude Code's settings -> openusage statusline install"
    if answer["foreign"]:
        return f"another program's: {answer['foreign']} -> openusage statusline install --chain"
    return "; ".join(commands)
