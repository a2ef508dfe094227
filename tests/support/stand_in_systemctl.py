"""
A `systemctl --user` for machines where no user manager runs: it obeys the real unit files.

Written as a program of its own (`write_to` puts it on a path): `start` leaves a supervisor behind
that holds the socket of the socket unit, runs the service unit's command with the environment file
and a notification socket, waits for READY=1, and starts it again when it crashes, as systemd does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PROGRAM = """#!{python} -IS
import os, pathlib, shlex, signal, socket, subprocess, sys, time

state = pathlib.Path({state!r})
units = pathlib.Path(os.environ["XDG_CONFIG_HOME"]) / "systemd" / "user"
arguments = sys.argv[1:]
with open(state / "calls", "a") as calls:
    calls.write(" ".join(arguments) + "\\n")
assert arguments.pop(0) == "--user"
verb = arguments.pop(0)
pid_file = state / "supervisor"


def option(unit, name):
    for line in (units / unit).read_text().splitlines():
        if line.startswith(name + "="):
            return line.partition("=")[2].removeprefix("-").replace("%%", "%").replace("$$", "$")
    return ""


def environment():
    result = dict(os.environ)
    path = option("openusaged.service", "EnvironmentFile")
    for line in open(path).read().splitlines() if os.path.exists(path) else ():
        for word in shlex.split(line, comments=True):
            name, _, value = word.partition("=")
            result[name] = value
    return result


def stop():
    if pid_file.exists():
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
        while pid_file.exists():
            time.sleep(0.02)


def start():
    if pid_file.exists():
        return
    if os.fork():
        deadline = time.monotonic() + 30
        while not (state / "ready").exists():
            if time.monotonic() > deadline:
                sys.exit("the service did not become ready")
            time.sleep(0.02)
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    (state / "ready").unlink(missing_ok=True)
    path = option("openusaged.socket", "ListenStream")
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    old = os.umask(0o177)
    listener.bind(path)
    os.umask(old)
    listener.listen(16)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    (state / "notify").unlink(missing_ok=True)
    notify.bind(str(state / "notify"))
    pid_file.write_text(str(os.getpid()))
    child = None
    stopping = []

    def end(*_):
        stopping.append(True)
        if child:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    command = shlex.split(option("openusaged.service", "ExecStart"))
    while not stopping:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            given = environment()
            given.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()),
                         NOTIFY_SOCKET=str(state / "notify"))
            os.dup2(listener.fileno(), 3, inheritable=True)
            os.execvpe(command[0], command, given)
        notify.settimeout(20)
        try:
            if b"READY=1" in notify.recv(100):
                (state / "ready").write_text(str(child))
        except OSError:
            pass
        _, status = os.waitpid(child, 0)
        (state / "ready").unlink(missing_ok=True)
        if os.waitstatus_to_exitcode(status) in (0, -signal.SIGTERM):
            break
    listener.close()
    pathlib.Path(path).unlink(missing_ok=True)
    pid_file.unlink()
    os._exit(0)


if verb == "start":
    start()
elif verb == "stop" or (verb == "disable" and "--now" in arguments):
    stop()
elif verb not in ("show-environment", "daemon-reload", "enable", "disable", "reset-failed"):
    sys.exit(f"unknown verb {{verb}}")
"""


class StandInSystemctl:
    """The program, and what it was asked."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "systemd-state"
        self.state.mkdir(parents=True)
        self.bin = directory / "bin"
        self.bin.mkdir(exist_ok=True)
        text = _PROGRAM.replace("{python}", sys.executable).replace(
            "{state!r}", repr(os.fspath(self.state))
        )
        program = self.bin / "systemctl"
        program.write_text(text.replace("{{", "{").replace("}}", "}"))
        program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """Every call so far, without `--user`."""
        try:
            lines = (self.state / "calls").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [line.removeprefix("--user ") for line in lines]

    @property
    def service_pid(self) -> int:
        """Process id of the service that has said that it is ready, 0 when there is none."""
        try:
            return int((self.state / "ready").read_text() or 0)
        except FileNotFoundError:
            return 0
