"""Walks a tool's directories for units of local records: stat only, no loops, no surprises."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from openusaged.core.models import SourceCursor
from openusaged.providers.base import Unit

MAX_DEPTH = 32


def stat_unit(path: str, group: str = "") -> Unit | None:
    """The unit at `path`, or None when it is gone, unreadable or no regular file."""
    try:
        info = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(info.st_mode):
        return None
    return Unit(
        path=path,
        device=info.st_dev,
        inode=info.st_ino,
        size=info.st_size,
        mtime_ns=info.st_mtime_ns,
        group=group,
    )


def walk_units(root: str, accept: Callable[[str], bool]) -> Iterator[Unit]:
    """
    Regular files below `root` whose name `accept` takes, each inode once.

    Symbolic links are followed, but a directory is entered once (links may form loops) and a file
    that is linked twice is one unit.  Unreadable directories are passed over.
    """
    seen_dirs: set[tuple[int, int]] = set()
    seen_files: set[tuple[int, int]] = set()
    stack: list[tuple[str, int]] = [(root, 0)]
    while stack:
        directory, depth = stack.pop()
        try:
            info = os.stat(directory)
            if (info.st_dev, info.st_ino) in seen_dirs:
                continue
            seen_dirs.add((info.st_dev, info.st_ino))
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name, reverse=True)
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir():
                    if depth < MAX_DEPTH:
                        stack.append((entry.path, depth + 1))
                    continue
            except OSError:
                continue
            if not accept(entry.name):
                continue
            unit = stat_unit(entry.path)
            if unit is None or (unit.device, unit.inode) in seen_files:
                continue
            seen_files.add((unit.device, unit.inode))
            yield unit


def is_unchanged(unit: Unit, cursor: SourceCursor | None) -> bool:
    """Whether nothing has been written since the cursor: no need to open the file."""
    return (
        cursor is not None
        and cursor.inode == unit.inode
        and cursor.device == unit.device
        and cursor.size == unit.size
        and cursor.mtime_ns == unit.mtime_ns
    )


def resume_offset(unit: Unit, cursor: SourceCursor | None, state_version: int) -> int:
    """
    Where to go on reading: the cursor's offset, or 0 when the file is another one.

    A new inode, a file shorter than what was read, or another parser version start over; identities
    make that harmless.
    """
    if cursor is None or cursor.state_version != state_version:
        return 0
    if (cursor.device, cursor.inode) != (unit.device, unit.inode) or unit.size < cursor.offset:
        return 0
    return cursor.offset
