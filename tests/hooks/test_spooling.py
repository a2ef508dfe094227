"""What the hooks leave on disk when no daemon answers: at once, once, and whatever ends them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from openusaged.telemetry.spool import TMP_GRACE_S
from tests.support.daemon import Daemon, running_daemon
from tests.support.hooks import (
    HOOKS,
    PYTHON,
    SOURCES,
    STOP,
    patched_hook,
    post_tool_use,
    run_hook,
    spooled,
)
from tests.support.waiting import wait_until

IN_ONE_BLOW = 12
KILLED_BEFORE_THE_RENAME = """
import posix
posix.rename = lambda *_: posix.kill(posix.getpid(), 9)
"""
KILLED_WHILE_WRITING = """
import posix
write = posix.write
def half(fd, data):
    write(fd, data[: len(data) // 2])
    posix.kill(posix.getpid(), 9)
posix.write = half
"""
STOPPED_BEFORE_THE_RENAME = f"""
import posix
rename = posix.rename
def late(*names):
    posix.kill(posix.getpid(), {int(signal.SIGSTOP)})
    rename(*names)
posix.rename = late
"""
TELLS_WHAT_IT_FLUSHES = """
import posix
fsync = posix.fsync
def told(fd):
    sys.stdout.write("%d\\n" % posix.fstat(fd).st_ino)
    sys.stdout.write(",".join(posix.listdir(sys.argv[1])) + "\\n")
    sys.stdout.flush()
    fsync(fd)
posix.fsync = told
"""


@pytest.fixture
def spool() -> Path:
    """Where the hooks spool; not there before the first of them."""
    return Path(locations.spool_dir())


@contextlib.contextmanager
def patched(source: str, patch: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A hook that has its input and comes upon the patched function."""
    with subprocess.Popen(
        [*patched_hook(source, patch), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(post_tool_use("s1", "toolu_1")).encode())
            process.stdin.close()
            yield process
        finally:
            process.kill()


def grow_old(path: Path) -> None:
    """Make a file look like one whose writer must have died."""
    past = path.stat().st_mtime - TMP_GRACE_S - 1
    os.utime(path, (past, past))


def drained(daemon: Daemon, spool: Path) -> dict[str, Any]:
    """The daemon's status once nothing waits any more."""
    wait_until(lambda: not left(spool), 10.0, "an empty spool")
    status: dict[str, Any] = daemon.call("status")
    return status


def left(directory: Path) -> list[str]:
    """The files that wait, under whatever name."""
    return sorted(entry.name for entry in directory.iterdir() if entry.is_file())


@pytest.mark.parametrize("source", SOURCES)
def test_one_flush_covers_the_file_and_its_name(source: str, spool: Path) -> None:
    """What is flushed has its last name by then, which on Linux makes a second flush needless."""
    spool.mkdir(parents=True)
    with patched(source, TELLS_WHAT_IT_FLUSHES, str(spool)) as process:
        assert process.stdout is not None
        out = process.stdout.read().decode().split()
    [file] = spool.iterdir()
    expected = [file, spool] if sys.platform != "linux" else [file]
    assert out[::2] == [str(path.stat().st_ino) for path in expected]
    assert out[1::2] == [file.name] * len(expected)
    assert file.suffix == ".json"


@pytest.mark.parametrize("source", SOURCES)
def test_killed_between_writing_and_naming(source: str, spool: Path) -> None:
    """A hook that is killed before it has named its file loses nothing."""
    with patched(source, KILLED_BEFORE_THE_RENAME) as process:
        assert process.wait(20) == -signal.SIGKILL
    [file] = spool.iterdir()
    assert file.suffix == ".tmp"
    grow_old(file)
    with running_daemon() as daemon:
        status = drained(daemon, spool)
        assert status["events"]["stored"] == 1
        assert status["spool"] == {"pending": 0, "rejected": 0, "dropped": 0}


@pytest.mark.parametrize("source", SOURCES)
def test_killed_while_writing(source: str, spool: Path) -> None:
    """Half an event is not taken for one, and not thrown away either."""
    with patched(source, KILLED_WHILE_WRITING) as process:
        assert process.wait(20) == -signal.SIGKILL
    [file] = spool.iterdir()
    half = file.read_bytes()
    grow_old(file)
    with running_daemon() as daemon:
        status = drained(daemon, spool)
        assert status["events"]["stored"] == 0
        assert status["spool"] == {"pending": 0, "rejected": 1, "dropped": 0}
    kept = spool / "rejected" / f"{file.stem}.json"
    assert kept.read_bytes() == half
    assert "no JSON" in kept.with_name(f"{kept.name}.reason").read_text()


def test_a_hook_at_work_is_left_alone(spool: Path) -> None:
    """The daemon takes what is ready and waits for the hook that has not named its file yet."""
    with patched("claude_code", STOPPED_BEFORE_THE_RENAME) as process:
        os.waitpid(process.pid, os.WUNTRACED)
        [file] = spool.iterdir()
        run_hook("claude_code", json.dumps(post_tool_use("s1", "toolu_2")).encode())
        with running_daemon() as daemon:
            wait_until(lambda: left(spool) == [file.name], 10.0, "the other hook's event")
            assert daemon.call("status")["events"]["stored"] == 1
            process.send_signal(signal.SIGCONT)
            assert process.wait(20) == 0
            assert drained(daemon, spool)["events"]["stored"] == 2


def test_both_names_at_once(spool: Path) -> None:
    """An event that a damaged file system shows under both of its names counts once."""
    run_hook("claude_code", json.dumps(post_tool_use("s1", "toolu_1")).encode())
    [file] = spool.iterdir()
    shutil.copy(file, file.with_suffix(".tmp"))
    grow_old(file.with_suffix(".tmp"))
    with running_daemon() as daemon:
        status = drained(daemon, spool)
        assert status["events"]["stored"] == 1
        assert status["spool"] == {"pending": 0, "rejected": 0, "dropped": 0}


@pytest.mark.parametrize("source", SOURCES)
def test_the_first_hooks_of_a_machine(source: str, tmp_path: Path) -> None:
    """Hooks that make the same missing directories at the same moment lose nothing."""
    for number in range(4):
        state = tmp_path / str(number) / "a" / "b" / "c" / "d"
        env = dict(os.environ, XDG_STATE_HOME=str(state))
        processes = []
        for _ in range(IN_ONE_BLOW):
            process = subprocess.Popen(
                [PYTHON, "-I", "-S", str(HOOKS[source])], stdin=subprocess.PIPE, env=env
            )
            assert process.stdin is not None
            process.stdin.write(json.dumps(STOP).encode())
            process.stdin.flush()
            processes.append(process)
        for process in processes:
            process.stdin.close()  # now they go on, all of them
        assert [process.wait(20) for process in processes] == [0] * IN_ONE_BLOW
        assert len(left(Path(locations.spool_dir(env)))) == IN_ONE_BLOW
    assert not spooled()
