"""
Reads Firefox's cookies from a private copy, so that the running browser notices nothing.

`moz_cookies` is not encrypted.  The write-ahead log is copied, too: the newest sign-in lies there.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from typing import Final

from openusaged.providers.base import Machine

MAX_BYTES: Final = 256 << 20
_MILLISECONDS: Final = 10**11
"""Newer versions write expiry in milliseconds; in seconds this is the year 5138."""
_LINUX: Final = (
    (".mozilla", "firefox"),
    (".config", "mozilla", "firefox"),
    ("snap", "firefox", "common", ".mozilla", "firefox"),
    (".var", "app", "org.mozilla.firefox", ".mozilla", "firefox"),
)
_MACOS: Final = (("Library", "Application Support", "Firefox"),)

Row = tuple[str, str, str, float]
"""Host, name, value, expiry in seconds (0: until the browser is closed)."""


class FirefoxError(Exception):
    """Firefox cannot be read; the text is for people."""


def profiles(machine: Machine) -> list[str]:
    """Directories of all profiles that hold cookies, in the order of their `profiles.ini`."""
    found: list[str] = []
    for parts in _MACOS if machine.platform == "darwin" else _LINUX:
        root = os.path.join(machine.home, *parts)
        found += [
            os.path.normpath(profile)
            for profile in (*_listed(root), *_lying_around(root))
            if os.path.isfile(os.path.join(profile, "cookies.sqlite"))
        ]
    return list(dict.fromkeys(found))


def cookies(machine: Machine, name: str) -> list[Row]:
    """
    Every cookie of that name in all profiles.

    Raises:
        FirefoxError: there is no profile, or none of them can be read.
    """
    found: list[Row] = []
    places = profiles(machine)
    if not places:
        raise FirefoxError("no Firefox profile with cookies was found")
    problems = []
    for profile in places:
        path = os.path.join(profile, "cookies.sqlite")
        try:
            try:
                found += _read(path, name)
            except sqlite3.DatabaseError:
                # copied in the middle of a checkpoint: database and log did not fit together
                found += _read(path, name)
        except (OSError, sqlite3.Error) as error:
            problems.append(f"{profile}: {getattr(error, 'strerror', None) or error}")
    if len(problems) == len(places):
        raise FirefoxError("; ".join(problems))
    return found


def _read(path: str, name: str) -> list[Row]:
    if os.path.getsize(path) > MAX_BYTES:
        raise OSError(f"larger than {MAX_BYTES} bytes")
    # private by mkdtemp's mode, gone at the end whatever happens
    with tempfile.TemporaryDirectory(prefix="openusage-") as directory:
        copy = os.path.join(directory, "cookies.sqlite")
        shutil.copyfile(path, copy)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path + "-wal", copy + "-wal")
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            rows = connection.execute(
                "SELECT host, name, value, expiry FROM moz_cookies WHERE name = ?", (name,)
            ).fetchall()
    return [
        (host, found, value, _seconds(expiry))
        for host, found, value, expiry in rows
        if isinstance(host, str) and isinstance(value, str)
    ]


def _seconds(expiry: object) -> float:
    if isinstance(expiry, bool) or not isinstance(expiry, int | float) or expiry <= 0:
        return 0.0
    return expiry / 1000 if expiry >= _MILLISECONDS else float(expiry)


def _listed(root: str) -> Iterator[str]:
    """Profiles of `profiles.ini`, the default one of an installation first."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        with open(os.path.join(root, "profiles.ini"), encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, UnicodeDecodeError, configparser.Error):
        return
    for section in parser.sections():
        if section.startswith("Install"):
            yield os.path.join(root, parser[section].get("Default", ""))
    for section in parser.sections():
        if section.startswith("Profile"):
            path = parser[section].get("Path", "")
            # an absolute path stays one
            yield os.path.join(root, path)


def _lying_around(root: str) -> Iterator[str]:
    """Without a usable `profiles.ini`: directories that look like profiles."""
    for folder in (root, os.path.join(root, "Profiles")):
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(folder)):
                yield os.path.join(folder, name)
