"""
The hook scripts that are shipped, their installed copies, and the commands that run them.

A copy carries a version of its own (`openusage-hook-version: 1`), which moves only when the script
does: a new release of the application alone makes nobody upgrade hooks.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from typing import Final

import openusaged
from openusage_proto.values import dataclass
from openusaged.core.errors import ConfigError
from openusaged.providers.base import Machine

MARKER: Final = re.compile(rb"openusage-hook-version:\s*(\d{1,6})")
_MARKER_WITHIN: Final = 4096
_MAX_SCRIPT_BYTES: Final = 1 << 20
_SYSTEM_PYTHON: Final = "/usr/bin/python3"
_OLDEST_PYTHON: Final = 9
"""Hooks are written for Python 3.9."""
FLAGS: Final = ("-I", "-S")

AFTER: Final = "--after"
"""Flag of our status line: the command of another one that it runs first."""

ABSENT: Final = "absent"
CURRENT: Final = "current"
OLDER: Final = "older"
EDITED: Final = "edited"
NEWER: Final = "newer"
FOREIGN: Final = "foreign"
_WORST_FIRST: Final = (FOREIGN, ABSENT, NEWER, OLDER, EDITED, CURRENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script that is shipped below `hooks/`."""

    shipped: tuple[str, str]
    """Directory and name below `hooks/`."""
    installed: str
    """Name of the copy."""
    starts_module: bool = False
    """It only starts the module beside it, whose bytecode Python keeps."""

    def read(self) -> bytes:
        """The shipped script."""
        return _read(self._shipped_path)

    def files(self, path: str) -> dict[str, bytes]:
        """What is to stand where a copy lies at `path`: the script first, then its module."""
        files = {path: self.read()}
        if self.starts_module:
            files[_module_of(path)] = _read(_module_of(self._shipped_path))
        return files

    @property
    def _shipped_path(self) -> str:
        return os.path.join(shipped_directory(), *self.shipped)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _module_of(path: str) -> str:
    """The module that a script starts."""
    return path.removesuffix(".py") + "_main.py"


def words(path: str, data: bytes) -> str:
    """A file of a script for people."""
    return f"our {os.path.basename(path)}, version {version_of(data)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """An installed copy: how it compares with the shipped script, and its version."""

    path: str
    state: str
    version: int | None = None


def shipped_directory() -> str:
    """`hooks/` of the installed package, or of the checkout it runs from."""
    package = os.path.dirname(os.path.abspath(openusaged.__file__))
    inside = os.path.join(package, "_assets", "hooks")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "hooks")


def version_of(data: bytes) -> int | None:
    """The version a script says it has, None when it is none of ours."""
    match = MARKER.search(data[:_MARKER_WITHIN])
    return int(match.group(1)) if match else None


def inspect(script: Script, path: str) -> Copy:
    """How the copy at a path compares with what is shipped; with a module the worse of the two."""
    copies = [_compare(file, shipped) for file, shipped in script.files(path).items()]
    if copies[0].state == OLDER:
        # An older one may have come without a module.
        return copies[0]
    return min(copies, key=lambda copy: _WORST_FIRST.index(copy.state))


def _compare(path: str, shipped: bytes) -> Copy:
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_SCRIPT_BYTES)
    except OSError:
        return Copy(path=path, state=ABSENT)
    version = version_of(data)
    ours = version_of(shipped) or 0
    if version is None:
        return Copy(path=path, state=FOREIGN)
    if version != ours:
        return Copy(path=path, state=NEWER if version > ours else OLDER, version=version)
    return Copy(path=path, state=CURRENT if data == shipped else EDITED, version=version)


def drop_bytecode(script: Script, path: str) -> None:
    """Remove what Python kept of the module of a copy."""
    if not script.starts_module:
        return
    directory, name = os.path.split(_module_of(path))
    kept = os.path.join(directory, "__pycache__")
    with contextlib.suppress(OSError):
        for entry in os.listdir(kept):
            if entry.startswith(name.removesuffix("py")) and entry.endswith(".pyc"):
                os.unlink(os.path.join(kept, entry))
        os.rmdir(kept)


def refuse_foreign(copy: Copy) -> None:
    """
    Leave a file alone that only has the name of ours.

    Raises:
        ConfigError: it is somebody else's.
    """
    if copy.state == FOREIGN:
        raise ConfigError(
            f"{copy.path}: is there already and is no hook of ours; move it away and try again"
        )


def hook_python(machine: Machine) -> str:
    """
    An interpreter that outlives our own environment, named by its real path.

    Not the one of a virtual environment, which is removed with it, and no shim of a version
    manager, which takes longer than the hook.
    """
    if machine.platform != "darwin" and _is_recent(_SYSTEM_PYTHON):
        # On macOS this is a stub that may open a dialogue instead.
        return _SYSTEM_PYTHON
    base = getattr(sys, "_base_executable", "") or sys.executable
    return base if os.path.isabs(base) and os.path.exists(base) else sys.executable


def _is_recent(path: str) -> bool:
    match = re.fullmatch(r"python3\.(\d+)", os.path.basename(os.path.realpath(path)))
    return match is not None and int(match.group(1)) >= _OLDEST_PYTHON and os.access(path, os.X_OK)


def statusline_command(machine: Machine) -> str:
    """The shell command that prints the status line."""
    named = machine.env.get("OPENUSAGE_BIN", "")
    beside = os.path.join(os.path.dirname(sys.executable), "openusage")
    candidates = [named, beside, shutil.which("openusage", path=machine.env.get("PATH")) or ""]
    for path in candidates:
        if os.path.isabs(path) and os.access(path, os.X_OK):
            return shlex.join([path, "statusline"])
    return "openusage statusline"


def is_statusline(command: object) -> bool:
    """Whether a command is our status line."""
    tokens = split(command)
    return any(
        os.path.basename(word) == "openusage" and following == "statusline"
        for word, following in itertools.pairwise(tokens)
    )


def line_before(command: str) -> str:
    """Somebody else's status line that ours runs first, by its own words; empty when none."""
    words = split(command)
    return words[words.index(AFTER) + 1] if AFTER in words[:-1] else ""


def split(command: object) -> list[str]:
    """The words of a shell command; none for what is no command."""
    if not isinstance(command, str):
        return []
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def script_in(tokens: Sequence[str], script: Script, installed: str) -> str:
    """The path of our script in a command, empty when it is not ours."""
    for token in tokens:
        directory, name = os.path.split(token)
        by_hand = name == script.shipped[1] and os.path.basename(directory) == script.shipped[0]
        ours = name == script.installed and directory.endswith(
            os.path.join(os.sep, "openusage", "hooks")
        )
        if token == installed or by_hand or ours:
            return token
    return ""


def trouble(tokens: Sequence[str], script_path: str) -> str:
    """Why a command that runs our script cannot work, empty when nothing is wrong with it."""
    if not os.path.exists(script_path):
        return f"{script_path} does not exist"
    return dead_program(tokens)


def dead_program(tokens: Sequence[str]) -> str:
    """A sentence when the program of a command is gone (an environment was removed)."""
    program = tokens[0]
    if os.path.isabs(program) and not os.access(program, os.X_OK):
        return f"{program} does not exist any more, which is to run it"
    return ""
