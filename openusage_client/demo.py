"""
The demo: generated homes in a directory of their own, a daemon on them, the usual views.

Nothing of the real machine is read or written: HOME, every XDG directory and the socket point into
the demo's directory, and the tools' own variables are dropped.  It ends with the daemon stopped and
the directory removed: on Ctrl-C, SIGTERM and SIGHUP by this process, on SIGKILL by `demo_daemon`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Final, NoReturn

from openusage_client import autostart, demo_daemon, demo_homes, terminal
from openusage_client.commands import overview
from openusage_client.errors import UsageError
from openusage_client.first_import import ready_status
from openusage_client.rpc import Connection
from openusage_proto import locations, methods

STOP_DEADLINE_S: Final = demo_daemon.STOP_DEADLINE_S + 2.0
"""The daemon's keeper needs a moment more than the daemon."""
_SOCKET: Final = "demo.sock"
# Variables that would lead the demo's daemon to the real user's tools, keys or proxies.
_FOREIGN: Final = (
    "ANTHROPIC_",
    "CLAUDE",
    "CODEX",
    "GEMINI_",
    "GOOGLE_",
    "OPENAI_",
    "OPENCODE",
    "OPENROUTER_",
    "OPENUSAGE_",
    "XDG_",
    "ZEN_",
)
_ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


def run(given: argparse.Namespace, *, keep: str | None) -> int:
    """
    Show the demo until the user leaves and return the exit code.

    Args:
        given: the command line's `no_color`, `timezone`, `theme` and `window`.
        keep: directory to use and leave behind; None for a temporary one.

    Raises:
        UsageError: `keep` names a directory that is not empty, or whose path is too long.
        DaemonNotRunning: the demo's daemon did not start.
    """
    options = argparse.Namespace(
        command="demo",
        no_autostart=True,
        json=False,
        no_color=given.no_color,
        timezone=given.timezone,
        theme=given.theme,
        window=given.window,
    )
    with _ending_by_exception(), _directory(keep) as directory:
        demo_homes.write_homes(directory, int(time.time() * 1000))
        _forbid_polling(directory)
        with _environment(demo_environment(directory)), _daemon(None if keep else directory):
            if terminal.is_interactive():
                from openusage_client.tui.app import run as run_dashboard

                code: int = run_dashboard(options)
            else:
                code = overview.run(options)
    return code


def demo_environment(directory: str) -> dict[str, str]:
    """The variables of a machine that consists of `directory`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return env | {
        "HOME": directory,
        "XDG_STATE_HOME": os.path.join(directory, ".local", "state"),
        "XDG_CONFIG_HOME": os.path.join(directory, ".config"),
        "XDG_DATA_HOME": os.path.join(directory, ".local", "share"),
        "XDG_CACHE_HOME": os.path.join(directory, ".cache"),
        # Short, because a temporary directory's path may use up what a socket may have.
        "OPENUSAGE_TELEMETRY_SOCKET": os.path.join(directory, _SOCKET),
        "OPENUSAGE_DEMO": "1",
    }


def _forbid_polling(directory: str) -> None:
    """Invented accounts have no vendor to ask; the demo never uses the network."""
    path = locations.settings_path(demo_environment(directory))
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"telemetry": {"poll": False}}, file)


@contextlib.contextmanager
def _directory(keep: str | None) -> Iterator[str]:
    if keep is None:
        # Symbolic links in the path (macOS) would make the projects' paths differ from the logs'.
        _check_length(
            os.path.join(os.path.realpath(tempfile.gettempdir()), "openusage-demo-12345678"),
            "TMPDIR",
        )
        path = os.path.realpath(tempfile.mkdtemp(prefix="openusage-demo-"))
    else:
        path = os.path.realpath(keep)
        _check_length(path, f"--keep {keep}")
        os.makedirs(path, mode=0o700, exist_ok=True)
        if os.listdir(path):
            raise UsageError(f"--keep {keep}: the directory is not empty; name a new one")
    try:
        yield path
    finally:
        if keep is None:
            # The daemon is gone, so nothing can appear while this runs.
            shutil.rmtree(path, ignore_errors=True)
        else:
            print(f"The demo's files are in {path}", file=sys.stderr)


def _check_length(path: str, what: str) -> None:
    """Refuse a directory in which no socket can be made, before anything is written there."""
    most = locations.MAX_SOCKET_PATH_BYTES - len(_SOCKET) - 1
    size = len(os.fsencode(path))
    if size > most:
        raise UsageError(
            f"{what}: the demo's directory would have {size} bytes in its path, and a socket in it"
            f" allows {most}; name a shorter one"
        )


@contextlib.contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _daemon(removed: str | None) -> Iterator[None]:
    """The daemon and its keeper, which also removes a directory should this process be killed."""
    module = ["openusage_client.demo_daemon", *([removed] if removed else [])]
    process = autostart.start_detached(module, with_pipe=True)
    try:
        with autostart.wait_for_daemon(process) as connection:
            ready_status(connection)
            _report_limits(connection)
        yield
    finally:
        _stop(process)


def _report_limits(connection: Connection) -> None:
    """Say what Claude Code's status line would say: the vendor's two windows."""
    now_s = int(time.time())
    windows = {
        "five_hour": {"used_percentage": 41.0, "resets_at": now_s + 8_400},
        "seven_day": {"used_percentage": 67.0, "resets_at": now_s + 3 * 86_400},
    }
    connection.call(methods.STATUSLINE, payload={"rate_limits": windows})


def _stop(keeper: subprocess.Popen[bytes], deadline_s: float = STOP_DEADLINE_S) -> None:
    assert keeper.stdin is not None
    keeper.stdin.close()
    try:
        keeper.wait(deadline_s)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


@contextlib.contextmanager
def _ending_by_exception() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind like Ctrl-C does, so that every `finally` runs."""
    before = {number: signal.signal(number, _end) for number in _ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
