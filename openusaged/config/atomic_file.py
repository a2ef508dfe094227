"""
Replaces a file in one step, under a lock that other processes honour, links and mode preserved.

Shared by settings and credentials: losing either to a crash or to a second writer is not an option.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from openusaged.core.errors import ConfigError


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock that belongs to `path`; other processes wait."""
    # The lock file is never removed: unlinking would let two writers lock different files.
    fd = os.open(path + ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def behind_links(path: str) -> str:
    """
    The file behind a chain of links: a dotfile manager's link must stay one.

    Raises:
        ConfigError: the chain ends nowhere.
    """
    target = os.path.realpath(path)
    if os.path.islink(path) and not os.path.exists(target):
        raise ConfigError(f"{path}: is a link to {target}, which does not exist")
    return target


def replace(path: str, data: bytes, mode: int, *, owner: tuple[int, int] | None = None) -> None:
    """
    Temporary file, flush to disk, rename: a reader sees the old or the new file, never half.

    `owner` is the user and group to give the new file to, as far as that is allowed.
    """
    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            if owner is not None:
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), *owner)
            # after the owner: changing that clears set-id bits
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
