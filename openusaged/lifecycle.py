"""
Start and stop of the process: lock, socket, signals, ready line.

Everything here happens once per life of the daemon and touches the operating system only.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket as native_socket
import stat
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import gevent
import gevent.socket
from gevent.event import Event

from openusage_proto.locations import MAX_SOCKET_PATH_BYTES
from openusaged.core.errors import LifecycleError, SocketPathTaken
from openusaged.instance_lock import InstanceLock, acquire_lock

__all__ = [
    "ClaimedSocket",
    "InstanceLock",
    "Ownership",
    "StopSignals",
    "acquire_lock",
    "announce_ready",
    "claim_socket",
    "ensure_private_dir",
    "inherited_socket",
    "notify_systemd",
    "open_listener",
]

log = logging.getLogger(__name__)

BACKLOG: Final = 512
FIRST_INHERITED_FD: Final = 3
_PROBE_S: Final = 0.25


def ensure_private_dir(path: str) -> None:
    """
    Make the directory, or make ours private: 0700, whatever the umask.

    Raises:
        LifecycleError: it belongs to somebody else, is no directory, or cannot be made.
    """
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        info = os.stat(path)
        if info.st_uid != os.geteuid():
            raise LifecycleError(f"{path} belongs to user {info.st_uid}, not to this one")
        if stat.S_IMODE(info.st_mode) & 0o077:
            os.chmod(path, 0o700)
    except OSError as exc:
        raise LifecycleError(f"state directory {path}: {exc.strerror}") from exc


class ClaimedSocket:
    """A listening socket and the path that is to be removed with it."""

    def __init__(self, sock: Any, path: str, *, inherited: bool = False) -> None:
        self.sock = sock
        self.path = path
        self.inherited = inherited
        self._identity = None if inherited else _file_identity(path)

    def release(self) -> None:
        """Close it and remove the path, unless another process has put its own there."""
        self.sock.close()
        if self._identity is not None and _file_identity(self.path) == self._identity:
            with contextlib.suppress(OSError):
                os.unlink(self.path)


def open_listener(path: str, env: MutableMapping[str, str]) -> ClaimedSocket:
    """The socket systemd passed to us, else (or when its file has gone) one of our own."""
    inherited = inherited_socket(env)
    if inherited is None:
        return claim_socket(path)
    if not inherited.path.startswith("/") or os.path.exists(inherited.path):
        return inherited
    # Its directory was removed: systemd keeps listening where nobody can connect any more.
    log.warning("event=inherited_socket_gone path=%s", inherited.path)
    inherited.release()
    return claim_socket(inherited.path)


def claim_socket(path: str) -> ClaimedSocket:
    """
    Bind and listen at `path`, mode 0600 from the first moment.

    The caller holds the instance lock, so a socket file at which nobody answers is left over from
    a killed daemon and is replaced.

    Raises:
        SocketPathTaken: something that is no socket lies there, or somebody answers.
        LifecycleError: the path is too long, or the operating system refuses.
    """
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH_BYTES:
        raise LifecycleError(
            f"socket path of {length} bytes is too long (at most {MAX_SOCKET_PATH_BYTES}): "
            f"set OPENUSAGE_TELEMETRY_SOCKET to a shorter one for daemon and clients ({path})"
        )
    sock: Any = None
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
        _clear_stale(path)
        sock = gevent.socket.socket(native_socket.AF_UNIX, native_socket.SOCK_STREAM)
        # umask is the only way to have the right mode from the first moment: chmod after bind
        # leaves a window, and fchmod on the socket does not reach the file.
        old = os.umask(0o177)
        try:
            sock.bind(path)
        finally:
            os.umask(old)
        sock.listen(BACKLOG)
        return ClaimedSocket(sock, path)
    except OSError as exc:
        if sock is not None:
            sock.close()
        raise LifecycleError(f"socket {path}: {exc.strerror or exc}") from exc


def inherited_socket(env: MutableMapping[str, str]) -> ClaimedSocket | None:
    """
    The listening Unix stream socket of systemd's socket activation, None when there is none.

    The variables are taken out of `env`, so that our children do not mistake them for theirs.

    Raises:
        LifecycleError: descriptors were passed, but no such socket is among them.
    """
    pid, count = env.pop("LISTEN_PID", ""), env.pop("LISTEN_FDS", "")
    env.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdigit() or count == "0":
        return None
    for fd in range(FIRST_INHERITED_FD, FIRST_INHERITED_FD + int(count)):
        if _is_listening_unix_stream(fd):
            os.set_inheritable(fd, False)
            sock = gevent.socket.socket(native_socket.AF_UNIX, native_socket.SOCK_STREAM, fileno=fd)
            return ClaimedSocket(sock, os.fsdecode(sock.getsockname()), inherited=True)
    raise LifecycleError("socket activation passed no listening Unix stream socket (ListenStream=)")


class StopSignals:
    """
    SIGTERM and SIGINT set `stop`; a second one ends the process at once; SIGHUP reloads.

    Handlers run as greenlets of the main thread.
    """

    def __init__(self, on_reload: Callable[[], object]) -> None:
        self.stop = Event()
        self._on_reload = on_reload
        self._watchers = [
            gevent.signal_handler(signal.SIGTERM, self._stop, signal.SIGTERM),
            gevent.signal_handler(signal.SIGINT, self._stop, signal.SIGINT),
            gevent.signal_handler(signal.SIGHUP, self._reload),
        ]
        # Waiting for a signal is waiting for something: without this the hub gives up ("would
        # block forever") when nothing else is registered.
        self._watchers[0].ref = True

    def close(self) -> None:
        """Give the signals back."""
        for watcher in self._watchers:
            watcher.cancel()

    def _stop(self, number: int) -> None:
        if self.stop.is_set():
            # Asked twice: every acknowledged event is on disk, nothing else is worth waiting for.
            os._exit(128 + number)
        log.info("event=stop_requested signal=%s", signal.Signals(number).name)
        self.stop.set()

    def _reload(self) -> None:
        log.info("event=reload_requested")
        self._on_reload()


class Ownership:
    """
    Ends a daemon whose lock file has gone or is another one.

    Its state directory was removed, so no client finds it, nothing it stores will be read again,
    and a second daemon may run beside it.
    """

    def __init__(
        self, lock: InstanceLock, stop: Event, work: Callable[[Callable[[], bool]], bool]
    ) -> None:
        self.lost = False
        self._lock = lock
        self._stop = stop
        self._work = work

    def check(self) -> None:
        """Look, in a worker thread; the calling greenlet waits."""
        if self.lost or self._work(self._lock.in_place):
            return
        self.lost = True
        log.error("event=state_directory_gone lock=%s", self._lock.path)
        self._stop.set()


def announce_ready(socket_path: str, env: MutableMapping[str, str]) -> None:
    """The ready line on standard output, and systemd's notification."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"openusaged ready socket={socket_path} pid={os.getpid()}\n")
        sys.stdout.flush()
    notify_systemd("READY=1", env)


def notify_systemd(state: str, env: MutableMapping[str, str]) -> bool:
    """Send `state` to `$NOTIFY_SOCKET`; whether there was one and it took it."""
    address = env.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with native_socket.socket(native_socket.AF_UNIX, native_socket.SOCK_DGRAM) as sock:
            sock.connect(address)
            sock.send(state.encode())
    except OSError as exc:
        log.debug("event=notify_failed error=%s", exc)
        return False
    return True


def _clear_stale(path: str) -> None:
    """Remove a socket file that nobody listens on."""
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(info.st_mode):
        raise SocketPathTaken(f"{path} is no socket; move it away or choose another socket path")
    with native_socket.socket(native_socket.AF_UNIX, native_socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(path)
        except OSError as exc:
            if exc.errno not in (errno.ECONNREFUSED, errno.ENOENT):
                raise SocketPathTaken(f"{path} is in use ({exc})") from exc
        else:
            # Our lock is held by us, so it is a daemon of another state directory.
            raise SocketPathTaken(f"another process answers at {path}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _file_identity(path: str) -> tuple[int, int] | None:
    try:
        info = os.lstat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino


def _is_listening_unix_stream(fd: int) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            return False
        probe = native_socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        return (
            probe.family == native_socket.AF_UNIX
            and probe.type == native_socket.SOCK_STREAM
            and probe.getsockopt(native_socket.SOL_SOCKET, native_socket.SO_ACCEPTCONN) == 1
        )
    except OSError:
        return False
    finally:
        probe.detach()
