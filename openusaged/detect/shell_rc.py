"""
Keys that a user's shell exports: a service does not start from that shell and lacks them.

The files are read as text; no shell runs and nothing is sourced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from typing import Final

from openusaged.detect.assignments import assignments
from openusaged.detect.findings import MATCHED, MISSED, UNREADABLE, KeyFinding, Look, Variable
from openusaged.detect.reading import Unreadable, read_text
from openusaged.providers.base import Machine

SOURCE: Final = "shell_rc"
_FILES: Final = (
    ".zshenv",
    ".zprofile",
    ".zshrc",
    ".zlogin",
    ".bash_profile",
    ".bashrc",
    ".profile",
    ".config/fish/config.fish",
)
_FOLDERS: Final = (
    (".zshrc.d", "*.zsh"),
    (".bashrc.d", "*.sh"),
    (".config/fish/conf.d", "*.fish"),
)


def files(machine: Machine) -> Iterator[str]:
    """The start-up files in the order in which they count; named ones need not exist."""
    if not machine.home:
        return
    for name in _FILES:
        yield os.path.join(machine.home, name)
    for folder, pattern in _FOLDERS:
        directory = os.path.join(machine.home, folder)
        try:
            names = sorted(os.listdir(directory))
        except OSError:
            continue
        yield from (os.path.join(directory, name) for name in names if fnmatch(name, pattern))


def keys(machine: Machine, variables: Sequence[Variable]) -> tuple[list[KeyFinding], list[Look]]:
    """
    Findings of all files, the first file first.

    Within a file the last assignment counts, as in the shell; a variable may belong to several
    accounts.
    """
    return from_files(files(machine), variables, SOURCE)


def from_files(
    paths: Iterator[str] | Sequence[str], variables: Sequence[Variable], source: str
) -> tuple[list[KeyFinding], list[Look]]:
    """Findings of any files of assignments; `source` is what they are called, `SOURCE:PATH`."""
    found: list[KeyFinding] = []
    looks: list[Look] = []
    wanted = {variable.name for variable in variables}
    for path in paths:
        try:
            text = read_text(path)
        except Unreadable as error:
            looks.append(Look(source=source, place=path, outcome=UNREADABLE, detail=str(error)))
            continue
        if text is None:
            looks.append(Look(source=source, place=path, outcome=MISSED, detail="no such file"))
            continue
        here = {name: value for name, value in assignments(text) if name in wanted}
        looks.append(
            Look(
                source=source,
                place=path,
                outcome=MATCHED if here else MISSED,
                detail=", ".join(here) or "assigns none of the known variables",
            )
        )
        found += [
            KeyFinding(
                account_id=variable.account_id,
                provider_id=variable.provider_id,
                value=here[variable.name],
                source=f"{source}:{path}",
                variable=variable.name,
            )
            for variable in variables
            if variable.name in here
        ]
    return found, looks
