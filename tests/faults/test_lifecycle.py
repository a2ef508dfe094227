"""Lock, socket, signals and activation: what goes wrong when a daemon starts and stops."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusaged import lifecycle
from openusaged.core.errors import AlreadyRunning, LifecycleError, SocketPathTaken
from openusaged.instance_lock import acquire_lock, holder_pid
from openusaged.lifecycle import (
    claim_socket,
    ensure_private_dir,
    inherited_socket,
    notify_systemd,
    open_listener,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.measured

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def directory(isolated_home: str) -> str:
    """A directory with a short path: sockets need one."""
    return isolated_home


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


class TestLock:
    def test_holder_is_known_and_second_is_refused(self, directory: str) -> None:
        """One process holds it; others learn who."""
        path = os.path.join(directory, "lock")
        assert holder_pid(path) is None
        lock = acquire_lock(path)
        assert holder_pid(path) == os.getpid()
        with pytest.raises(AlreadyRunning, match=rf"pid {os.getpid()}"):
            acquire_lock(path)
        lock.release()
        lock.release()
        assert holder_pid(path) is None
        assert os.path.exists(path), "the file is never unlinked"
        assert mode(path) == 0o600

    def test_dead_holder_does_not_count(self, directory: str) -> None:
        """kill -9 releases the lock, whatever the file says."""
        path = os.path.join(directory, "lock")
        code = (
            "import sys,time; from openusaged.instance_lock import acquire_lock\n"
            "lock = acquire_lock(sys.argv[1]); print('held', flush=True); time.sleep(60)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code, path], cwd=ROOT, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"held\n"
            assert holder_pid(path) == child.pid
            child.kill()
        assert Path(path).read_text().strip() == str(child.pid)
        assert holder_pid(path) is None
        acquire_lock(path).release()

    def test_a_glance_at_the_lock_does_not_fail_a_start(self, directory: str) -> None:
        """Asking who holds it takes it for an instant; a start at that instant waits it out."""
        path = os.path.join(directory, "lock")
        looker = acquire_lock(path)
        threading.Timer(0.1, looker.release).start()
        acquire_lock(path).release()

    def test_unwritten_pid(self, directory: str) -> None:
        """A holder that has not yet written its id is 0, not nobody."""
        path = os.path.join(directory, "lock")
        lock = acquire_lock(path)
        os.truncate(path, 0)
        assert holder_pid(path) == 0
        with pytest.raises(AlreadyRunning, match="pid unknown"):
            acquire_lock(path)
        lock.release()

    def test_a_glance_is_not_taken_for_a_daemon(self, directory: str) -> None:
        """Two that ask at the same instant do not take each other for a running daemon."""
        path = os.path.join(directory, "lock")
        looker = acquire_lock(path)
        os.truncate(path, 0)
        threading.Timer(0.1, looker.release).start()
        assert holder_pid(path) is None

    def test_not_inherited(self, directory: str) -> None:
        """A child of the daemon does not keep its lock alive."""
        path = os.path.join(directory, "lock")
        lock = acquire_lock(path)
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False) as child:
            lock.release()
            # exec gives the parent its control back an instant before it closes descriptors
            wait_until(lambda: holder_pid(path) is None, what="the lock to be free")
            assert child.stdin is not None
            child.stdin.close()
            child.wait(10)


class TestDirectory:
    def test_made_private(self, directory: str) -> None:
        """A new directory is 0700 below any umask."""
        path = os.path.join(directory, "a", "b")
        old = os.umask(0)
        try:
            ensure_private_dir(path)
        finally:
            os.umask(old)
        assert mode(path) == 0o700

    def test_tightened(self, directory: str) -> None:
        """An own directory that is open to others is closed."""
        path = os.path.join(directory, "open")
        os.mkdir(path)
        os.chmod(path, 0o755)
        ensure_private_dir(path)
        assert mode(path) == 0o700

    def test_file_in_its_place(self, directory: str) -> None:
        """A file where the directory should be is said by name."""
        path = os.path.join(directory, "file")
        Path(path).touch()
        with pytest.raises(LifecycleError, match=r"state directory .*file"):
            ensure_private_dir(path)

    def test_of_somebody_else(self, directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A directory of another user is not used."""
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        with pytest.raises(LifecycleError, match="belongs to user"):
            ensure_private_dir(directory)


class TestSocket:
    def test_private_from_the_first_moment(self, directory: str) -> None:
        """The socket is 0600 under an open umask, its directory 0700, and both are usable."""
        path = os.path.join(directory, "d", "s.sock")
        old = os.umask(0)
        try:
            claimed = claim_socket(path)
            assert os.umask(0) == 0, "the umask is given back"
        finally:
            os.umask(old)
        assert mode(path) == 0o600
        assert mode(os.path.dirname(path)) == 0o700
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        claimed.release()
        assert not os.path.exists(path)

    def test_stale_socket_is_taken_over(self, directory: str) -> None:
        """What a killed daemon left behind is replaced."""
        path = os.path.join(directory, "s.sock")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        claimed = claim_socket(path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        claimed.release()

    def test_living_socket_is_left_alone(self, directory: str) -> None:
        """Somebody answers: another state directory's daemon keeps its socket."""
        path = os.path.join(directory, "s.sock")
        first = claim_socket(path)
        with pytest.raises(SocketPathTaken, match="another process answers"):
            claim_socket(path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        first.release()

    @pytest.mark.parametrize("kind", ["file", "directory", "link"])
    def test_what_is_no_socket_is_not_deleted(self, directory: str, kind: str) -> None:
        """Only a socket is ever removed."""
        path = os.path.join(directory, "s.sock")
        if kind == "file":
            Path(path).write_text("mine")
        elif kind == "directory":
            os.mkdir(path)
        else:
            os.symlink("/nowhere", path)
        with pytest.raises(SocketPathTaken, match="is no socket"):
            claim_socket(path)
        assert os.path.lexists(path)

    def test_socket_of_another_kind(self, directory: str) -> None:
        """A datagram socket is somebody else's: not a stream server, not stale."""
        path = os.path.join(directory, "s.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(path)
            with pytest.raises(SocketPathTaken, match="is in use"):
                claim_socket(path)
        assert os.path.exists(path)

    def test_too_long_path(self, directory: str) -> None:
        """The limit is said before the kernel does, with the way out."""
        with pytest.raises(LifecycleError, match="OPENUSAGE_TELEMETRY_SOCKET"):
            claim_socket(os.path.join(directory, "x" * 120))

    def test_refusal_of_the_system(self, directory: str) -> None:
        """A path that cannot be made is an error with its reason."""
        Path(directory, "file").touch()
        with pytest.raises(LifecycleError, match=r"file/s\.sock"):
            claim_socket(os.path.join(directory, "file", "s.sock"))

    def test_release_leaves_a_successors_socket(self, directory: str) -> None:
        """Whoever has replaced our path keeps it."""
        path = os.path.join(directory, "s.sock")
        first = claim_socket(path)
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(path)
            first.release()
            assert os.path.exists(path)


class TestActivation:
    def run(self, env: dict[str, str], code: str, fd: int) -> subprocess.CompletedProcess[str]:
        """Run code in a child that has `fd` as its descriptor 3 and its own pid as LISTEN_PID."""
        wrapper = (
            "import os,sys; os.dup2(int(sys.argv[1]), 3, inheritable=True)\n"
            "os.environ['LISTEN_PID']=str(os.getpid())\n" + code
        )
        return subprocess.run(
            [sys.executable, "-c", wrapper, str(fd)],
            env={**os.environ, **env},
            pass_fds=[fd],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    CODE = (
        "from openusaged.lifecycle import open_listener\n"
        "c = open_listener('/nonexistent/x.sock', os.environ)\n"
        "print(c.inherited, c.path, sorted(k for k in os.environ if k.startswith('LISTEN')))\n"
        "print(os.get_inheritable(3)); s, _ = c.sock.accept(); s.sendall(b'hello'); s.close()\n"
        "c.release(); print(os.path.exists(c.path))"
    )

    def test_inherited_socket_is_served_and_kept(self, directory: str) -> None:
        """systemd's listener is used, not handed on to children, and not unlinked."""
        path = os.path.join(directory, "s.sock")
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
            listener.bind(path)
            listener.listen()
            client.connect(path)
            done = self.run(
                {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "x"}, self.CODE, listener.fileno()
            )
            assert done.stdout.splitlines() == [f"True {path} []", "False", "True"], done.stderr
            assert client.recv(10) == b"hello"

    def test_inherited_socket_without_its_file_is_replaced(self, directory: str) -> None:
        """Where the file was removed nobody would find systemd's socket: it is made anew there."""
        path = os.path.join(directory, "gone", "s.sock")
        os.mkdir(os.path.dirname(path))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            shutil.rmtree(os.path.dirname(path))
            code = (
                "import os, socket\nfrom openusaged.lifecycle import open_listener\n"
                "c = open_listener('/nonexistent/x.sock', os.environ)\n"
                "client = socket.socket(socket.AF_UNIX); client.connect(c.path)\n"
                "print(c.inherited, c.path)\n"
                "c.release(); print(os.path.exists(c.path))"
            )
            done = self.run({"LISTEN_FDS": "1"}, code, listener.fileno())
        assert done.stdout.splitlines() == [f"False {path}", "False"], done.stderr

    @pytest.mark.parametrize("kind", ["file", "datagram", "not listening"])
    def test_other_descriptors_are_an_error(self, directory: str, kind: str) -> None:
        """A passed descriptor that cannot be served is said, not ignored."""
        path = os.path.join(directory, "s.sock")
        with open(os.path.join(directory, "f"), "w") as file:
            datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            stream = socket.socket(socket.AF_UNIX)
            with datagram, stream:
                stream.bind(path)
                fd = {
                    "file": file.fileno(),
                    "datagram": datagram.fileno(),
                    "not listening": stream.fileno(),
                }[kind]
                done = self.run({"LISTEN_FDS": "1"}, self.CODE, fd)
        assert "no listening Unix stream socket" in done.stderr

    @pytest.mark.parametrize(
        "env",
        [
            {},
            {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
            {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"},
            {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"},
        ],
    )
    def test_variables_of_others_are_dropped(self, env: dict[str, str]) -> None:
        """Variables meant for another process mean nothing, and are not handed on."""
        assert inherited_socket(env) is None
        assert env == {}

    def test_own_socket_without_activation(self, directory: str) -> None:
        """Without activation the path is claimed."""
        claimed = open_listener(os.path.join(directory, "s.sock"), {})
        assert not claimed.inherited
        claimed.release()


class TestNotify:
    @pytest.mark.parametrize("abstract", [False, True])
    def test_ready_reaches_systemd(self, directory: str, abstract: bool) -> None:
        """READY=1 arrives at a path and at an abstract address."""
        if abstract and sys.platform != "linux":
            pytest.skip("abstract addresses are Linux only")
        name = f"{directory}/n.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind("\0" + name if abstract else name)
            receiver.settimeout(5)
            address = "@" + name if abstract else name
            assert notify_systemd("READY=1", {"NOTIFY_SOCKET": address})
            assert receiver.recv(100) == b"READY=1"

    @pytest.mark.parametrize(
        "env", [{}, {"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": "/nope/x"}]
    )
    def test_nobody_to_notify(self, env: dict[str, str]) -> None:
        """No address, or a dead one, is no error."""
        assert not notify_systemd("READY=1", env)

    def test_ready_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The ready line names socket and process."""
        lifecycle.announce_ready("/s", {})
        assert capsys.readouterr().out == f"openusaged ready socket=/s pid={os.getpid()}\n"


SIGNALS = """
import sys, gevent
from openusaged.lifecycle import StopSignals
signals = StopSignals(lambda: print("reload", flush=True))
print("up", flush=True)
signals.stop.wait()
print("stopping", flush=True)
if sys.argv[1] == "hang":
    gevent.sleep(60)
signals.close()
print("done", flush=True)
"""


class TestSignals:
    @pytest.fixture
    def start(self) -> Iterator[object]:
        """Start the small program; it is killed at the end."""
        children: list[subprocess.Popen[str]] = []

        def run(argument: str) -> subprocess.Popen[str]:
            child = subprocess.Popen(
                [sys.executable, "-c", SIGNALS, argument],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            children.append(child)
            assert child.stdout is not None
            assert child.stdout.readline() == "up\n"
            return child

        yield run
        for child in children:
            child.kill()
            child.communicate()

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_stop(self, start: object, number: signal.Signals) -> None:
        """A stop signal ends the program in order."""
        child = start("go")  # type: ignore[operator]
        child.send_signal(number)
        assert child.communicate(timeout=20)[0] == "stopping\ndone\n"
        assert child.returncode == 0

    def test_second_signal_ends_at_once(self, start: object) -> None:
        """Asked twice, the program does not finish what it was doing."""
        child = start("hang")  # type: ignore[operator]
        child.send_signal(signal.SIGTERM)
        assert child.stdout.readline() == "stopping\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 128 + signal.SIGTERM

    def test_hangup_reloads(self, start: object) -> None:
        """SIGHUP reloads and the program goes on."""
        child = start("go")  # type: ignore[operator]
        for _ in range(2):
            child.send_signal(signal.SIGHUP)
            assert child.stdout.readline() == "reload\n"
        child.terminate()
        assert child.wait(timeout=20) == 0
