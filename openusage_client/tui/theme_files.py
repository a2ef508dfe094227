"""
Which themes there are: those that come with the program, then the user's own.

A user's theme is a JSON file in `themes` below the configuration directory or in a directory of
OPENUSAGE_THEME_DIR; one of a known name replaces that one in its place.  A file that cannot be used
is left out and said.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

from openusage_client.tui import theme
from openusage_client.tui.theme import DEFAULT_THEME, Theme, ThemeError
from openusage_proto import locations
from openusage_proto.values import dataclass

BUILT_IN: Final = "built in"
VARIABLE: Final = "OPENUSAGE_THEME_DIR"
_MAX_FILES: Final = 500
"""Of one directory: a wrong path must not make the start slow."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A theme and where it comes from: `built in`, or the path of its file."""

    theme: Theme
    origin: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All themes in their order, and a sentence for every file that is none."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()

    def index(self, name: str) -> int:
        """Place of the theme of that name; -1 when there is none."""
        wanted = key(name)
        for place, entry in enumerate(self.entries):
            if key(entry.theme.name) == wanted:
                return place
        return -1

    def after(self, name: str, step: int = 1) -> Entry:
        """The theme `step` places behind the one of that name, from the last on to the first."""
        return self.entries[(self.index(name) + step) % len(self.entries)]


def key(name: str) -> str:
    """A theme's name as it is compared: `OpenUsage Dark`, `openusage-dark` are the same."""
    return name.strip().casefold().replace(" ", "-")


def read(env: Mapping[str, str]) -> Catalogue:
    """Every theme there is now."""
    entries = {}
    for name in sorted(theme.builtin_names(), key=lambda item: (item != DEFAULT_THEME, item)):
        found = theme.builtin(name)
        entries[key(found.name)] = Entry(found, BUILT_IN)
    problems: list[str] = []
    for entry in _own(env, problems):
        entries[key(entry.theme.name)] = entry
    return Catalogue(tuple(entries.values()), tuple(problems))


def find(name: str, env: Mapping[str, str]) -> Theme:
    """
    The theme of a name: the user's own, else the one that comes with the program.

    Raises:
        ThemeError: there is none; says which there are, and which files could not be used.
    """
    problems: list[str] = []
    own = {key(entry.theme.name): entry.theme for entry in _own(env, problems)}
    known = own.get(key(name))
    if known is not None:
        return known
    if key(name) in theme.builtin_names():
        return theme.builtin(name)
    names = ", ".join([*theme.builtin_names(), *(item.name for item in own.values())])
    broken = f"; not usable: {'; '.join(problems)}" if problems else ""
    raise ThemeError(f"no theme {name!r}; there are: {names}{broken}")


def problems(env: Mapping[str, str]) -> list[str]:
    """A sentence for every file of the user that is no theme; looks at the user's files only."""
    found: list[str] = []
    for _ in _own(env, found):
        continue
    return found


def directories(env: Mapping[str, str]) -> list[str]:
    """Where the user's themes are looked for, each directory once, in the order of reading."""
    places = [os.path.join(locations.config_dir(env), "themes")]
    for part in env.get(VARIABLE, "").split(os.pathsep):
        if part.strip():
            expanded = part.strip()
            if expanded == "~" or expanded.startswith("~/"):
                expanded = locations.home(env) + expanded[1:]
            places.append(os.path.normpath(expanded))
    return list(dict.fromkeys(places))


def _own(env: Mapping[str, str], problems: list[str]) -> Iterator[Entry]:
    for number, directory in enumerate(directories(env)):
        try:
            names = sorted(os.listdir(directory), key=str.casefold)
        except OSError as error:
            # The directory of the configuration need not be there; one that was named must.
            if number or not isinstance(error, FileNotFoundError):
                problems.append(f"{directory}: {error.strerror or error}")
            continue
        files = [name for name in names if name.lower().endswith(".json")]
        if len(files) > _MAX_FILES:
            problems.append(f"{directory}: only the first {_MAX_FILES} themes are read")
        for name in files[:_MAX_FILES]:
            path = os.path.join(directory, name)
            try:
                yield Entry(theme.load(path), path)
            except ThemeError as error:
                problems.append(str(error))
