"""
What keeps the daemon running on this machine: systemd, launchd, a desktop's autostart, or cron.

Each manager writes its files, tells its program about them, and takes both back.  The programs are
run, never imported: what they answer is all that is known of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from openusage_proto.values import dataclass
from openusaged.config import atomic_file
from openusaged.core.errors import LifecycleError
from openusaged.service import units

COMMAND_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine and user that the service is for."""

    env: Mapping[str, str]
    home: str
    platform: str
    uid: int

    def run(self, *argv: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program of the system and wait; a missing one answers like a failing one."""
        try:
            return subprocess.run(
                argv,
                input=given if given is not None else "",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=COMMAND_TIMEOUT_S,
                check=False,
                env=dict(self.env),
            )
        except FileNotFoundError:
            return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]}: not found")
        except subprocess.TimeoutExpired:
            words = f"{argv[0]} did not answer within {COMMAND_TIMEOUT_S:g} s"
            return subprocess.CompletedProcess(argv, 124, "", words)

    def must(self, *argv: str, given: str | None = None) -> str:
        """
        Run it; its output.

        Raises:
            LifecycleError: it failed, with what it said.
        """
        done = self.run(*argv, given=given)
        if done.returncode:
            said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
            raise LifecycleError(f"{' '.join(argv)}: {said}")
        return done.stdout

    def has(self, program: str) -> bool:
        """Whether a program is on the path."""
        return shutil.which(program, path=self.env.get("PATH")) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the service shall run."""

    command: Sequence[str]
    version: str
    environment: str
    socket: str
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What is installed now."""

    files: tuple[str, ...] = ()
    version: str = ""
    program: str = ""

    def __bool__(self) -> bool:
        return bool(self.files)


class Manager(Protocol):
    """One way to keep the daemon running."""

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    @property
    def starts(self) -> bool:
        """Whether it starts and stops the daemon itself, now and after a crash."""
        ...

    def usable(self) -> str:
        """Why it cannot be used here, "" when it can."""
        ...

    def texts(self, wanted: Wanted) -> Mapping[str, bytes]:
        """The files it needs."""
        ...

    def installed(self) -> Installed:
        """What is there."""
        ...

    def enable(self, wanted: Wanted) -> None:
        """Take over files that were written: started now when it can, and at each login."""
        ...

    def start(self) -> bool:
        """Start what is installed; False when it cannot (another way is needed)."""
        ...

    def stop(self) -> None:
        """Stop it until it is wanted again."""
        ...

    def disable(self) -> None:
        """Stop and forget; before the files go."""
        ...

    def forgotten(self) -> None:
        """After the files have gone."""
        ...

    def notes(self) -> Iterator[str]:
        """What the user should know."""
        ...


def write_file(path: str, data: bytes) -> bool:
    """Write one file of a manager; whether that changed it."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        if file.read() == data:
            return False
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    atomic_file.replace(atomic_file.behind_links(path), data, 0o644)
    return True


def installed_from(paths: Sequence[str]) -> Installed:
    """What unit files say about themselves."""
    there = tuple(path for path in paths if os.path.lexists(path))
    if not there:
        return Installed()
    try:
        with open(there[0], encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError:
        return Installed(files=there)
    return Installed(
        files=there,
        version=units.installed_version(text),
        program=units.installed_program(text),
    )
