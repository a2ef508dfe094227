"""
Reads other programs' small files: bounded, regular files only, never an exception.

Separate because every detector has the same duty: what is unreadable or malformed is noted as
looked at, and the next source gets its turn.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Final

import msgspec

MAX_BYTES: Final = 1 << 20


class Unreadable(Exception):
    """A file that is there and cannot be used; the text says why and repeats nothing of it."""


def read_bytes(path: str, limit: int = MAX_BYTES) -> bytes | None:
    """
    The content of a regular file; None when there is none.

    Raises:
        Unreadable: no permission, no regular file, too large.
    """
    try:
        # a pipe or a device in place of a file would block for ever
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be opened") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Unreadable("not a regular file")
        # closefd: a descriptor of something that cannot be opened so must be closed all the same
        with open(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from error
    finally:
        os.close(fd)
    if len(data) > limit:
        raise Unreadable(f"larger than {limit} bytes")
    return data


def read_text(path: str) -> str | None:
    """
    The text of a file (bytes that are no UTF-8 become replacement marks); None without a file.

    Raises:
        Unreadable: as `read_bytes`.
    """
    data = read_bytes(path)
    return None if data is None else data.decode("utf-8-sig", "replace")


def read_json(path: str) -> Any:
    """
    The decoded content; None without a file.

    Raises:
        Unreadable: as `read_bytes`, or no JSON.
    """
    data = read_bytes(path)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("not JSON") from error
