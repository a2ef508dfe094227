"""`openusage doctor`: daemon, hooks, status line, tmux and terminal; each finding with its fix."""

from __future__ import annotations

import argparse
import json
import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openusage_client import arguments
from openusage_client.errors import EXIT_FAILURE, EXIT_OK, ClientError
from openusage_client.rpc import Connection
from openusage_proto import methods
from openusage_proto.errors import RpcError

_EPILOG = """\
Reads only.  Exit code 1 when something keeps it from working, 0 for warnings.

examples:
  openusage doctor
  openusage doctor --json
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    arguments.add_json_flag(parser)


def run(options: argparse.Namespace) -> int:
    """Print every finding."""
    checks = [*_daemon(), *_terminal(), *_status_line(), *_tmux(), *_alerts()]
    if options.json:
        print(json.dumps({"checks": checks}, indent=2, ensure_ascii=False))
    else:
        from openusage_client.terminal import width_of

        print("\n".join(check_lines(checks, width_of(sys.stdout))))
    failed = any(check["state"] == "failed" for check in checks)
    return EXIT_FAILURE if failed else EXIT_OK


def check_lines(checks: Sequence[Mapping[str, str]], width: int | None) -> list[str]:
    """The whole page; no line wider than `width`."""
    from openusage_client.report_tables import hanging

    lines = []
    for check in checks:
        lines += hanging(f"{check['state']:<8} {check['name']:<10} ", check["found"], width)
        if check["fix"]:
            lines += hanging(f"{'':<19} -> ", check["fix"], width)
    bad = sum(check["state"] != "ok" for check in checks)
    lines.append(f"{bad} of {len(checks)} need attention" if bad else "everything looks fine")
    return lines


def _check(name: str, state: str, found: str, fix: str = "") -> dict[str, str]:
    return {"name": name, "state": state, "found": found, "fix": fix}


def _daemon() -> Iterator[dict[str, str]]:
    """The daemon's own examination, which needs no running daemon."""
    words = [sys.executable, "-P", "-m", "openusaged", "doctor", "--json"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
        answer: Any = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        yield _check("daemon", "failed", "openusaged cannot be run", "install openusage again")
        return
    yield from answer["checks"] if isinstance(answer, dict) else answer


def _terminal() -> Iterator[dict[str, str]]:
    encoding = locale.getencoding()
    if encoding.lower().replace("-", "") != "utf8":
        fix = "export LC_ALL=C.UTF-8"
        yield _check("terminal", "warning", f"its characters are {encoding}, not UTF-8", fix)
    else:
        yield _check("terminal", "ok", f"{os.environ.get('TERM', 'no TERM')}, UTF-8")
    if shutil.which("openusage") is None:
        directory = os.path.dirname(sys.executable)
        fix = f"export PATH={directory}:$PATH"
        yield _check("path", "warning", "openusage is not on PATH", fix)


def _status_line() -> Iterator[dict[str, str]]:
    from openusage_client.commands.integrations import environment

    try:
        with Connection(timeout_s=5.0) as connection:
            answer = connection.call(
                methods.STATUSLINE_UNINSTALL, dry_run=True, environment=environment()
            )
    except (ClientError, RpcError):
        return
    commands = [command for command in answer["commands"] if command]
    if answer["foreign"]:
        found = f"Claude Code shows another program's: {answer['foreign']}"
        yield _check("statusline", "ok", found, "openusage statusline install --chain")
    elif commands:
        yield _check("statusline", "ok", commands[0])
    else:
        yield _check("statusline", "ok", "not installed", "openusage statusline install")


def _tmux() -> Iterator[dict[str, str]]:
    if shutil.which("tmux") is None or not os.environ.get("TMUX"):
        return
    from openusage_client import tmux_config, tmux_live

    path = tmux_config.config_path(os.environ, os.path.expanduser("~"))
    for state, found, fix in tmux_live.findings(path, {}):
        yield _check("tmux", state, found, fix)


def _alerts() -> Iterator[dict[str, str]]:
    """Whether alerts that are switched on reach anybody."""
    try:
        with Connection(timeout_s=5.0) as connection:
            answer = connection.call(methods.ALERTS)
    except (ClientError, RpcError):
        return
    if not answer["enabled"]:
        return
    if not answer["channels"]:
        found = "alerts are on, but nobody is told: no way is set"
        yield _check("alerts", "warning", found, "set alerts.desktop (docs/alerts.md)")
    for channel in answer["channels"]:
        name, problem = channel["name"], channel["last_error"]
        if problem:
            yield _check("alerts", "warning", f"{name}: {problem}", f"openusage alerts test {name}")
        else:
            yield _check("alerts", "ok", f"{name}: {channel['target']}")
