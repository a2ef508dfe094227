"""
One daemon per state directory: a lock file that the kernel releases when its holder dies.

Separate from `lifecycle` so that the command line can ask who runs without loading gevent.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import Final

from openusaged.core.errors import AlreadyRunning

RETRIES: Final = 10
RETRY_S: Final = 0.05
"""Somebody who asks `holder_pid` takes the lock for an instant; a start must not fail for that."""


class InstanceLock:
    """The lock, held while this object lives and until `release` or the end of the process."""

    def __init__(self, fd: int, path: str) -> None:
        self._fd = fd
        self.path = path

    def in_place(self) -> bool:
        """Whether the file of that name is still the locked one: else nobody sees who holds it."""
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(self.path))
        except OSError:
            return False

    def release(self) -> None:
        """Give the lock up.  The file stays: unlinking it would let two processes hold 'it'."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def acquire_lock(path: str) -> InstanceLock:
    """
    Take the lock and write the process id into its file.

    Call it before anything else of the state directory is opened.

    Raises:
        AlreadyRunning: another process holds it; the message names the process id.
        OSError: the file cannot be made.
    """
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    for attempt in range(RETRIES):
        if attempt:
            time.sleep(RETRY_S)
        if _try_lock(fd):
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
            return InstanceLock(fd, path)
    pid = _read_pid(fd)
    os.close(fd)
    raise AlreadyRunning(f"openusaged is already running (pid {pid or 'unknown'}, lock {path})")


def holder_pid(path: str) -> int | None:
    """
    Process id of the daemon that holds the lock, None when nobody does.

    Somebody without an id in the file is starting, stopping or only looking, as we are: that is
    waited out for a moment, and 0 when it does not end.
    """
    for attempt in range(RETRIES):
        if attempt:
            time.sleep(RETRY_S)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _try_lock(fd):
                return None
            pid = _read_pid(fd)
        finally:
            os.close(fd)
        if pid:
            return pid
    return 0


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(fd: int) -> int:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else 0
