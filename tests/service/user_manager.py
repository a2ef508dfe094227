"""
Runs inside the sandbox: systemd's real user manager, and the service installed under it.

    python -m tests.service.user_manager RESULT.json

It is process 1 of its own namespace, so it can cut the power: everything else is killed at once.
Writes what happened; the tests outside compare.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from openusage_proto import locations
from openusaged import cli
from openusaged.instance_lock import holder_pid
from openusaged.probe import NothingAnswers, call
from openusaged.service import environment, program, units
from tests.support.waiting import wait_until

Json = dict[str, Any]
MANAGER = "/lib/systemd/systemd"
KEYS = ("sk-planted-0001", "sk-planted-0002")
UNITS = (units.SERVICE, units.SOCKET)
LIMIT_S = 60.0
NO_MANAGER = 77
"""Exit code where no user manager comes up at all."""


@contextlib.contextmanager
def logged_in() -> Iterator[None]:
    """The user's manager runs, as from log-in on."""
    runtime = Path(os.environ["XDG_RUNTIME_DIR"])
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.environ["MANAGER_LOG"], "ab") as log:
        manager = subprocess.Popen([MANAGER, "--user"], stdout=log, stderr=log)
    try:
        wait_until(
            lambda: systemctl("is-system-running") in ("running", "degraded"), LIMIT_S, "a manager"
        )
        yield
    finally:
        manager.kill()
        manager.wait()


def systemctl(*arguments: str) -> str:
    """What it prints."""
    command = ["systemctl", "--user", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def show(unit: str, name: str) -> str:
    return systemctl("show", unit, "--value", "-p", name)


def main_pid() -> int:
    """The process that systemd looks after, 0 when there is none."""
    return int(show(units.SERVICE, "MainPID") or 0)


def run(*arguments: str) -> Json:
    """`openusaged ARGUMENTS`: its exit code and what it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = cli.main(arguments)
    return {"code": code, "said": said.getvalue()}


def answering() -> int:
    """Process id of the daemon that answers."""
    return int(call(locations.socket_path(), "status", timeout_s=LIMIT_S)["pid"])


def key_of(pid: int) -> str:
    given = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((one[13:].decode() for one in given if one.startswith(b"GROQ_API_KEY=")), "")


def facts() -> Json:
    pid = answering()
    return {
        "pid": pid,
        "main_pid": main_pid(),
        "key": key_of(pid),
        "active": [show(unit, "ActiveState") for unit in UNITS],
        "enabled": [show(unit, "UnitFileState") for unit in UNITS],
        "restarts": int(show(units.SERVICE, "NRestarts")),
        "sandboxed": show(units.SERVICE, "NoNewPrivileges"),
        "stored": call(locations.socket_path(), "status")["events"]["stored"],
    }


def install() -> Json:
    os.environ["GROQ_API_KEY"] = KEYS[0]
    return {**run("install"), **facts()}


def crash() -> Json:
    """An event is stored, then the daemon dies; the next client does not notice."""
    turn = {"message_id": "m1", "model": "m", "input_tokens": 1}
    call(locations.socket_path(), "ingest_turn", params={"source": "mine", "turn": turn})
    os.kill(answering(), signal.SIGKILL)
    return facts()


def upgrade() -> Json:
    """Another version, with another key, is installed over it."""
    os.environ["GROQ_API_KEY"] = KEYS[1]
    program.version = lambda: "99.0"
    return {**run("install"), **facts(), "version": show(units.SERVICE, "Description")}


def stopped() -> Json:
    """Stopped on purpose, nobody's connection starts it again."""
    stop = run("stop")
    try:
        answering()
        refused = False
    except NothingAnswers:
        refused = True
    return {"stop": stop, "refused": refused, "active": show(units.SERVICE, "ActiveState"),
            "held": holder_pid(locations.lock_path()), "start": run("start"), **facts()}  # fmt: skip


def activated() -> Json:
    """Only the service is stopped: whoever connects to the socket brings it up."""
    systemctl("stop", units.SERVICE)
    before = main_pid()
    return {"before": before, **facts()}


def ended_well() -> Json:
    """A daemon that was told to end is not started again by itself."""
    pid = answering()
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: main_pid() == 0, LIMIT_S, "the end")
    return {"state": show(units.SERVICE, "ActiveState"), "result": show(units.SERVICE, "Result")}


def cut_the_power() -> None:
    """Everything but this process is gone at once; files stay as they are."""
    os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def booted() -> Json:
    """After the next log-in it runs without anybody having asked for it."""
    wait_until(main_pid, LIMIT_S, "the service after a restart of the machine")
    return facts()


def swept() -> Json:
    """Somebody removes the state directory, the socket in it included; the daemon has to end."""
    shutil.rmtree(locations.state_dir())
    os.kill(main_pid(), signal.SIGKILL)

    def answers() -> bool:
        try:
            return bool(answering())
        except NothingAnswers:
            return False

    wait_until(answers, LIMIT_S, "a daemon that clients find")
    return facts()


def uninstall() -> Json:
    done = run("uninstall")
    directory = Path(locations.config_home()) / "systemd" / "user"
    return {
        **done,
        "left": sorted(path.name for path in directory.rglob("openusaged*")),
        "loaded": [show(unit, "LoadState") for unit in UNITS],
        "environment": os.path.exists(environment.path_of(os.environ)),
        "held": holder_pid(locations.lock_path()),
        "database": os.path.exists(locations.database_path()),
    }


BEFORE: tuple[Callable[[], Json], ...] = (install, crash, upgrade, stopped, activated, ended_well)
AFTER: tuple[Callable[[], Json], ...] = (booted, swept, uninstall)


def main(argv: list[str]) -> int:
    """Live through it all and write the result."""
    result: Json = {}
    try:
        with logged_in():
            pass
    except AssertionError:
        return NO_MANAGER
    with logged_in():
        result |= {step.__name__: step() for step in BEFORE}
        cut_the_power()
    with logged_in():
        result |= {step.__name__: step() for step in AFTER}
    Path(argv[0]).write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
