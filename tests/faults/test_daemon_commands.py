"""`openusaged` start, stop, status and logs against real daemons."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from openusage_proto import locations
from openusaged import cli
from openusaged.cli import main
from openusaged.instance_lock import acquire_lock, holder_pid
from tests.support.daemon import Daemon, running_daemon
from tests.support.waiting import wait_until

pytestmark = pytest.mark.measured

ROOT = Path(__file__).resolve().parents[2]
REFUSAL = b'{"jsonrpc":"2.0","id":1,"error":{"code":1003,"message":"shutting_down"}}\n'


@pytest.fixture
def daemon(isolated_home: str) -> Iterator[Daemon]:
    """A daemon in an empty home."""
    with running_daemon() as running:
        yield running


@pytest.fixture
def in_repository(isolated_home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m openusaged` finds this checkout."""
    monkeypatch.chdir(ROOT)


def make_state_dir() -> str:
    os.makedirs(locations.state_dir(), mode=0o700)
    return locations.state_dir()


class TestStartStop:
    def test_start_status_restart_stop(
        self, in_repository: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A whole life in the background: started once, asked, replaced, stopped."""
        try:
            assert main(["start"]) == 0
            first = holder_pid(locations.lock_path())
            assert first
            assert f"started (pid {first})" in capsys.readouterr().out
            assert main(["start"]) == 0
            assert f"already running (pid {first})" in capsys.readouterr().out
            assert main(["status"]) == 0
            page = capsys.readouterr().out
            assert f"pid {first}" in page
            assert "no AI tool was found" in page
            assert main(["status", "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["pid"] == first
            assert main(["restart"]) == 0
            second = holder_pid(locations.lock_path())
            assert second != first
            assert main(["logs", "-n", "200"]) == 0
            assert capsys.readouterr().out.count("event=started") == 2
            assert main(["stop"]) == 0
            assert holder_pid(locations.lock_path()) is None
            assert main(["stop"]) == 0
            assert "not running" in capsys.readouterr().out
            assert not os.path.exists(locations.socket_path())
        finally:
            main(["stop"])

    def test_start_tells_why_it_failed(
        self, in_repository: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A daemon that cannot start leaves its reason where the user is."""
        make_state_dir()
        Path(locations.socket_path()).write_text("not a socket")
        assert main(["start"]) == 1
        assert "is no socket" in capsys.readouterr().err
        assert Path(locations.socket_path()).read_text() == "not a socket"

    def test_run_beside_a_running_one(self, daemon: Daemon) -> None:
        """A second daemon refuses before it touches anything, and says who runs."""
        done = subprocess.run(
            [sys.executable, "-m", "openusaged", "run"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 1
        assert f"already running (pid {daemon.pid}" in done.stderr
        assert daemon.call("status")["pid"] == daemon.pid

    def test_stop_of_one_that_is_just_starting(
        self, isolated_home: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A held lock without an id is not signalled at random."""
        make_state_dir()
        lock = acquire_lock(locations.lock_path())
        os.truncate(locations.lock_path(), 0)
        assert main(["stop"]) == 1
        assert "just starting" in capsys.readouterr().err
        lock.release()

    def test_stop_that_is_not_followed(
        self,
        isolated_home: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A daemon that hangs is reported with the way out, after a bounded wait."""
        monkeypatch.setattr(cli, "STOP_DEADLINE_S", 0.1)
        make_state_dir()
        code = (
            "import signal,sys,time; from openusaged.instance_lock import acquire_lock\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "lock = acquire_lock(sys.argv[1]); print('held', flush=True); time.sleep(60)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code, locations.lock_path()], cwd=ROOT, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            assert main(["stop"]) == 1
            assert f"kill -9 {child.pid}" in capsys.readouterr().err
            child.kill()

    def test_killed_daemon_is_replaced(self, daemon: Daemon) -> None:
        """After kill -9 the next one takes over lock and socket."""
        first = daemon.pid
        daemon.restart(kill=True)
        assert daemon.call("status")["pid"] == daemon.pid != first

    def test_stop_answers_within_bounds(self, daemon: Daemon) -> None:
        """SIGTERM with open connections and a subscriber ends the daemon with exit code 0."""
        with daemon.wire() as wire, daemon.wire() as other:
            wire.call("subscribe")
            other.send(b'{"jsonrpc":')
            assert daemon.stop() == 0
            assert wire.read_line() == b""


@contextlib.contextmanager
def answering(line: bytes) -> Iterator[None]:
    """Something at the daemon's socket that gives its first caller this line."""
    make_state_dir()

    def answer() -> None:
        peer, _ = server.accept()
        with peer:
            peer.recv(1000)
            peer.sendall(line)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(locations.socket_path())
        server.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


class TestQuestions:
    def test_nothing_answers(self, isolated_home: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Exit code 3 and what to do."""
        assert main(["status"]) == 3
        assert "openusaged start" in capsys.readouterr().err

    def test_a_daemon_that_is_stuck_is_not_to_be_started(
        self, daemon: Daemon, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """One that runs and does not answer is named, with what replaces it."""
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            assert main(["status"]) == 3
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        err = capsys.readouterr().err
        assert err.startswith(f"openusaged (pid {daemon.pid}) does not answer at ")
        assert err.endswith("openusaged restart\n")

    def test_something_else_answers(self, isolated_home: str) -> None:
        """Garbage from the socket counts as no answer."""
        with answering(b"hello\n"):
            assert main(["status"]) == 3

    def test_error_answer(self, isolated_home: str, capsys: pytest.CaptureFixture[str]) -> None:
        """An error of the daemon is shown and fails the command."""
        with answering(REFUSAL):
            assert main(["status"]) == 1
        assert "shutting_down" in capsys.readouterr().err

    def test_answers_counts_any_answer(self, isolated_home: str) -> None:
        """Waiting for a start ends with the first answer, also when it is an error."""
        assert not cli._answers()
        with answering(REFUSAL):
            assert cli._answers()

    @pytest.mark.parametrize(
        "arguments", [[], ["nope"], ["logs", "-n", "x"], ["run", "--log-level", "x"]]
    )
    def test_wrong_usage(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        """Exit code 2 and a word about it."""
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert capsys.readouterr().err

    def test_help_has_examples(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Help shows what to type."""
        with pytest.raises(SystemExit) as caught:
            main(["--help"])
        assert caught.value.code == 0
        assert "openusaged logs -n 50 -f" in capsys.readouterr().out

    def test_broken_pipe_and_interrupt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A reader that went away and Ctrl-C are no failures to talk about."""
        stdout = sys.stdout

        def pipe(*_: object) -> int:
            raise BrokenPipeError

        def interrupt(*_: object) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(cli, "_status", pipe)
        assert main(["status"]) == 0
        assert sys.stdout is stdout
        monkeypatch.setattr(cli, "_status", interrupt)
        assert main(["status"]) == 130

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
    def test_full_disk_is_one_sentence(self, isolated_home: str) -> None:
        """Output that cannot be written is exit 1 with the reason, and nothing else."""
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "openusaged", "doctor"],
                cwd=ROOT,
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert (done.returncode, done.stderr) == (1, b"openusaged: No space left on device\n")

    def test_commands_load_nothing_of_the_daemon(self, isolated_home: str) -> None:
        """Asking is fast because gevent, pony and jsonrpcserver stay unloaded."""
        code = (
            "import sys; from openusaged.cli import main; main(['status']);"
            "print([m for m in ('gevent','pony','jsonrpcserver','msgspec','jsonschema')"
            " if m in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"


class TestLogs:
    def test_no_log_yet(self, isolated_home: str, capsys: pytest.CaptureFixture[str]) -> None:
        """No log is said, with its path."""
        assert main(["logs"]) == 1
        assert locations.log_path() in capsys.readouterr().err

    def test_last_lines(self, isolated_home: str, capsys: pytest.CaptureFixture[str]) -> None:
        """-n counts from the end."""
        make_state_dir()
        Path(locations.log_path()).write_text("".join(f"line {n}\n" for n in range(100)))
        assert main(["logs", "-n", "2"]) == 0
        assert capsys.readouterr().out == "line 98\nline 99\n"
        assert cli._tail("/nonexistent", 3) == []

    def test_follow_through_a_rotation(self, isolated_home: str) -> None:
        """-f prints what is added, also to the file that replaces a rotated one."""
        make_state_dir()
        path = Path(locations.log_path())
        path.write_text("old\n")
        with subprocess.Popen(
            [sys.executable, "-m", "openusaged", "logs", "-n", "1", "-f"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "old\n"
            with path.open("a") as file:
                file.write("added\n")
            # it may not have begun to follow when this was written: then it is written again
            lines: list[str] = []
            reader = threading.Thread(target=lambda: lines.extend(iter(child.stdout.readline, "")))
            reader.start()

            def append(text: str) -> bool:
                with path.open("a") as file:
                    file.write(text)
                return any(text == line for line in lines)

            wait_until(lambda: append("again\n"), what="an added line")
            path.rename(path.with_suffix(".1"))
            path.write_text("first of the new file\n")
            wait_until(lambda: "first of the new file\n" in lines, what="the new file")
            child.terminate()
            reader.join()


class TestCommandLine:
    """What is no command, and what the system refuses."""

    def test_version(self, isolated_home: str, capsys: pytest.CaptureFixture[str]) -> None:
        """The version is told without a daemon."""
        assert main(["--version"]) == 0
        assert capsys.readouterr().out == f"openusaged {metadata.version('openusage')}\n"

    @pytest.mark.parametrize("arguments", [[], ["--frobnicate"], ["stat"]])
    def test_no_command(
        self, isolated_home: str, capsys: pytest.CaptureFixture[str], arguments: list[str]
    ) -> None:
        """Without a command, or with one that there is not, those there are can be found."""
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
        assert "openusaged" in capsys.readouterr().err

    def test_refused_by_the_system(
        self,
        isolated_home: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A directory that cannot be made is named, in words and without an error number."""
        Path(isolated_home, "file").touch()
        monkeypatch.setenv("XDG_STATE_HOME", f"{isolated_home}/file")
        assert main(["start"]) == 1
        where = f"openusaged: {isolated_home}/file/openusage/openusaged.lock"
        assert capsys.readouterr().err == f"{where}: Not a directory\n"
