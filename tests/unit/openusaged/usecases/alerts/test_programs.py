"""Programs for alerts: real processes, their environment, their end."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from openusaged.usecases.alerts.programs import DeliveryError, ProgramFailed, Programs
from tests.support.waiting import wait_until

ENV = {"PATH": os.environ["PATH"], "HOME": "/h", "ANTHROPIC_API_KEY": "secret"}


@pytest.fixture
def programs() -> Programs:
    return Programs(ENV)


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def is_alive(pid: int) -> bool:
    """Whether a process runs (one that waits to be reaped does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_arguments_are_not_a_shell_s(programs: Programs, tmp_path: Path) -> None:
    """What looks like a command in an argument stays an argument."""
    trap = tmp_path / "trap"
    argv = [script(tmp_path, 'printf "%s|" "$@"'), f"$(touch {trap})", "a b", "; true"]
    assert programs.run(argv) == f"$(touch {trap})|a b|; true|"
    assert not trap.exists()


def test_keys_are_not_handed_on(programs: Programs) -> None:
    """A service's environment may hold API keys: only what programs need is passed."""
    out = programs.run(["env"], extra={"OPENUSAGE_ALERT_RULE": "r"})
    assert sorted(
        line for line in out.splitlines() if not line.startswith(("PWD", "SHLVL", "_"))
    ) == [
        "HOME=/h",
        "OPENUSAGE_ALERT_RULE=r",
        f"PATH={ENV['PATH']}",
    ]


def test_input_that_nobody_reads_is_no_failure(programs: Programs) -> None:
    """A program need not care for what it is given."""
    assert programs.run(["true"], stdin=b"x" * 1_000_000) == ""
    assert programs.run(["cat"], stdin=b"hello") == "hello"
    assert programs.run(["cat"], stdin=b"hello", listen=False) == ""


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["no-such-program-here"], "no-such-program-here is not installed or not on PATH"),
        (["/etc/passwd"], "passwd cannot be started: Permission denied"),
        (["sh", "-c", "exit 3"], "sh ended with exit code 3"),
        (["sh", "-c", "kill -9 $$"], "sh was ended by signal 9"),
        (["true", "a\0b"], "true cannot be started: embedded null byte"),
    ],
)
def test_failures_say_why(programs: Programs, argv: list[str], reason: str) -> None:
    """Each failure names the program and what happened to it."""
    with pytest.raises(DeliveryError, match=reason):
        programs.run(argv)


def test_first_line_of_a_complaint_is_kept(programs: Programs) -> None:
    """What a program says about its failure is there for the ways we know."""
    with pytest.raises(ProgramFailed) as failure:
        programs.run(["sh", "-c", "echo no bus >&2; echo more >&2; exit 1"])
    assert failure.value.said == "no bus"


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """After the time limit nothing of it is left."""
    pids = tmp_path / "pids"
    hangs = script(tmp_path, f"echo $$ > {pids}\nsleep 60 &\necho $! >> {pids}\nwait")
    with pytest.raises(DeliveryError, match=r"program did not end within 0\.5 s"):
        Programs(ENV, timeout_s=0.5).run([hangs])
    for pid in pids.read_text().split():
        wait_until(lambda pid=pid: not is_alive(int(pid)), 5.0, f"the end of {pid}")


def test_closing_ends_what_runs(programs: Programs, tmp_path: Path) -> None:
    """A daemon that stops leaves no program behind and starts none any more."""
    started = tmp_path / "started"
    hangs = script(tmp_path, f"echo $$ > {started}\nexec sleep 60")
    failures: list[str] = []

    def run() -> None:
        try:
            programs.run([hangs], listen=False)
        except DeliveryError as error:
            failures.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: started.exists() and started.read_text().strip(), 5.0, "its start")
    programs.close()
    thread.join(5.0)
    assert failures == ["program was ended by signal 9"]
    with pytest.raises(DeliveryError, match="the daemon is stopping"):
        programs.run(["true"])
