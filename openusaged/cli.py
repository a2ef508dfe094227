"""
`openusaged`: run the daemon, and look after one that runs.

Everything that starts fast stays fast: what the daemon needs is loaded by `run` only.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from openusage_proto import locations
from openusage_proto.errors import RpcError
from openusage_proto.streams import let_go
from openusaged.core.errors import OpenUsageError
from openusaged.importing import command as importing
from openusaged.instance_lock import holder_pid
from openusaged.probe import NothingAnswers, call
from openusaged.service import command as service

OK, FAILURE, USAGE, NOTHING_ANSWERS = 0, 1, 2, 3
START_DEADLINE_S = 15.0
STOP_DEADLINE_S = 6.0
POLL_S = 0.05
FOLLOW_S = 0.25
DEBUG = "OPENUSAGE_DEBUG"

_EXAMPLES = """\
examples:
  openusaged start              start in the background and return when it answers
  openusaged run --foreground   run here, log to the terminal (for systemd and debugging)
  openusaged status             how it is doing; exit code 3 when nothing answers
  openusaged status --json      the same for programs
  openusaged logs -n 50 -f      the last 50 lines of its log, then what is added
  openusaged doctor             check paths, rights, socket, limits; says how to fix what is wrong
  openusaged stop
  openusaged install            start it at every log-in, again after a crash (see docs/service.md)
  openusaged uninstall          undo that
  openusaged import-go PATH     take over the history of the Go OpenUsage

exit codes: 0 ok, 1 failure, 2 wrong usage, 3 no daemon answers
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.version:
        from openusaged.service.program import version

        print(f"openusaged {version()}")
        return OK
    command: Callable[[argparse.Namespace], int] | None = arguments.command
    if command is None:
        parser.error("which command? e.g. openusaged start; openusaged --help lists them")
    try:
        code = command(arguments)
        sys.stdout.flush()
    except (OpenUsageError, RpcError, OSError) as exc:
        if isinstance(exc, BrokenPipeError):
            # the reader of our output has gone; there is nobody to tell
            return OK
        words = str(exc)
        if isinstance(exc, OSError) and exc.strerror:
            words = f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
        print(f"openusaged: {words}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        return 130
    finally:
        let_go(sys.stdout)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="openusaged",
        description="The OpenUsage daemon: collects what AI tools use and serves it on a socket.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(metavar="command")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], words: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(command=run)
        return sub

    run = add("run", _run, "run the daemon until it is told to stop")
    run.add_argument("--foreground", action="store_true", help="log to standard error as well")
    run.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="debug" if os.environ.get(DEBUG, "0") not in ("", "0") else "info",
        help=f"debug also tells how long every request and job took ({DEBUG}=1 does the same)",
    )
    run.add_argument("--environment-file", metavar="FILE", help="take over variables not yet set")
    run.add_argument(
        "--take-over", action="store_true", help="stop a daemon that runs already, and replace it"
    )
    add("start", _start, "start the daemon in the background")
    add("stop", _stop, "stop the running daemon")
    add("restart", _restart, "stop the daemon if it runs, then start it")
    status = add("status", _status, "show how the daemon is doing")
    status.add_argument("--json", action="store_true", help="print the answer of the daemon as is")
    logs = add("logs", _logs, "show the daemon's log")
    logs.add_argument("-n", "--lines", type=_count, default=20, metavar="N", help="how many lines")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what is added")
    doctor = add("doctor", _doctor, "check the installation and say how to fix what is wrong")
    doctor.add_argument("--json", action="store_true", help="print the checks as JSON")
    service.configure(add, _start_by_hand, _stop_by_hand, print)
    importing.configure(add, _ensure_running, print)
    return parser


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.environment_file:
        from openusaged.service import environment

        for name, value in environment.read(arguments.environment_file).items():
            os.environ.setdefault(name, value)
    if arguments.take_over and holder_pid(locations.lock_path()):
        # A client has started one while the service was away: two would fight for one database.
        code = _stop_by_hand()
        if code:
            return code
    # Hardly anything that an import makes is garbage, and looking for it is a seventh of the start.
    gc.disable()
    from openusaged.app import RunOptions, run

    return run(RunOptions(foreground=arguments.foreground, log_level=arguments.log_level))


def _start(_arguments: argparse.Namespace) -> int:
    pid = holder_pid(locations.lock_path())
    if pid is not None:
        print(f"openusaged is already running (pid {pid})")
        return OK
    if service.start_installed() and _wait_until(_answers, START_DEADLINE_S):
        print(f"openusaged started by its service (pid {holder_pid(locations.lock_path())})")
        return OK
    return _start_by_hand()


def _ensure_running() -> int:
    return OK if _answers() else _start(argparse.Namespace())


def _wait_until(condition: Callable[[], bool], deadline_s: float) -> bool:
    """Look every `POLL_S` whether it holds; whether it did within the deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def _start_by_hand() -> int:
    log_path = locations.log_path()
    os.makedirs(os.path.dirname(log_path), mode=0o700, exist_ok=True)
    log_fd = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "openusaged", "run"],
            stdin=subprocess.DEVNULL,
            stdout=log_fd,
            stderr=log_fd,
            start_new_session=True,
            close_fds=True,
        )
    finally:
        os.close(log_fd)

    def has_failed() -> bool:
        # Another one may have won the race for the lock; then it is the one to wait for.
        return child.poll() is not None and holder_pid(locations.lock_path()) is None

    _wait_until(lambda: _answers() or has_failed(), START_DEADLINE_S)
    if _answers():
        # It outlives us on purpose: without this, Popen warns about a child left running.
        child.returncode = child.poll() or 0
        print(f"openusaged started (pid {holder_pid(locations.lock_path()) or child.pid})")
        return OK
    print(f"openusaged did not start; the end of {log_path}:", file=sys.stderr)
    for line in _tail(log_path, 10):
        print(f"  {line}", end="", file=sys.stderr)
    return FAILURE


def _answers() -> bool:
    try:
        call(locations.socket_path(), "status", timeout_s=2.0)
    except NothingAnswers:
        return False
    except RpcError:
        return True
    return True


def _stop(_arguments: argparse.Namespace) -> int:
    running = holder_pid(locations.lock_path())
    service.stop_installed()
    if running and holder_pid(locations.lock_path()) is None:
        print(f"openusaged stopped (pid {running})")
        return OK
    return _stop_by_hand()


def _stop_by_hand() -> int:
    lock = locations.lock_path()
    pid = holder_pid(lock)
    if pid is None:
        print("openusaged is not running")
        return OK
    if pid == 0:
        print("openusaged is just starting; try again in a moment", file=sys.stderr)
        return FAILURE
    try:
        # The lock is held, and only its holder writes this file: the id cannot be a stranger's.
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return OK
    if _wait_until(lambda: holder_pid(lock) != pid, STOP_DEADLINE_S):
        print(f"openusaged stopped (pid {pid})")
        return OK
    print(
        f"openusaged (pid {pid}) has not stopped within {STOP_DEADLINE_S:g} s; "
        f"kill -9 {pid} loses no acknowledged event",
        file=sys.stderr,
    )
    return FAILURE


def _restart(arguments: argparse.Namespace) -> int:
    return _stop(arguments) or _start(arguments)


def _status(arguments: argparse.Namespace) -> int:
    try:
        status = call(locations.socket_path(), "status")
    except NothingAnswers as exc:
        lock = locations.lock_path()
        pid = holder_pid(lock) if os.path.exists(lock) else None
        who = f"openusaged (pid {pid})" if pid else "openusaged"
        fix = "openusaged restart" if pid else "start it: openusaged start"
        print(f"{who} does not answer at {exc}; {fix}", file=sys.stderr)
        return NOTHING_ANSWERS
    if arguments.json:
        print(json.dumps(status, indent=2, ensure_ascii=False))
    else:
        from openusaged.status_page import render

        print(render(status), end="")
    return OK


def _logs(arguments: argparse.Namespace) -> int:
    path = locations.log_path()
    if not os.path.exists(path):
        print(f"openusaged: there is no log yet at {path}", file=sys.stderr)
        return FAILURE
    for line in _tail(path, arguments.lines):
        print(line, end="")
    if arguments.follow:
        sys.stdout.flush()
        _follow(path)
    return OK


def _tail(path: str, lines: int) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return list(deque(file, maxlen=lines))
    except OSError:
        return []


def _follow(path: str) -> None:
    """Print what is added, also after the file was rotated; until interrupted."""
    file = open(path, encoding="utf-8", errors="replace")  # noqa: SIM115  # replaced below
    try:
        file.seek(0, os.SEEK_END)
        while True:
            if text := file.read():
                print(text, end="", flush=True)
                continue
            time.sleep(FOLLOW_S)
            try:
                rotated = os.stat(path).st_ino != os.fstat(file.fileno()).st_ino
            except FileNotFoundError:
                continue
            if rotated:
                rest = file.read()
                file.close()
                file = open(path, encoding="utf-8", errors="replace")  # noqa: SIM115
                print(rest, end="", flush=True)
    finally:
        file.close()


def _doctor(arguments: argparse.Namespace) -> int:
    from openusaged.doctor import FAILED, examine, render

    checks = examine(os.environ)
    if arguments.json:
        print(json.dumps([check.as_dict() for check in checks], indent=2, ensure_ascii=False))
    else:
        print(render(checks), end="")
    return FAILURE if any(check.state == FAILED for check in checks) else OK
