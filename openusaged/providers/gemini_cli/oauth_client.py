"""
The OAuth client that Gemini CLI signs in with, as its own program holds it.

An installed application's client is public by design, but it is not ours to carry: it is read from
the program on this machine, or from two variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from openusage_proto.values import dataclass
from openusaged.providers.base import Machine

ID_ENV: Final = "OPENUSAGE_GEMINI_CLIENT_ID"
SECRET_ENV: Final = "OPENUSAGE_GEMINI_CLIENT_SECRET"  # noqa: S105 - a variable's name
PIECE_BYTES: Final = 1 << 20
MAX_BUNDLES: Final = 200

_ID: Final = re.compile(rb"""["']([0-9]+-[0-9a-z]+\.apps\.googleusercontent\.com)["']""")
_SECRET: Final = re.compile(rb"""["'](GOCSPX-[\w-]+)["']""")
_CORE: Final = os.path.join("dist", "src", "code_assist", "oauth2.js")
_PACKAGES: Final = (
    os.path.join("node_modules", "@google", "gemini-cli-core"),
    os.path.join("..", "gemini-cli-core"),
)
_OVERLAP_BYTES: Final = 256
_LEVELS: Final = 4
"""`gemini` is a link to a file at most this deep in its package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """Id and so-called secret of an installed application."""

    id: str
    secret: str


def find_client(machine: Machine) -> OAuthClient | None:
    """The client by the variables, else by the installed program; None when neither has it."""
    own_id = machine.env.get(ID_ENV, "").strip()
    own_secret = machine.env.get(SECRET_ENV, "").strip()
    if own_id and own_secret:
        return OAuthClient(id=own_id, secret=own_secret)
    for path in _sources(machine):
        try:
            info = os.stat(path)
        except OSError:
            continue
        client = _client_in(path, info.st_mtime_ns, info.st_size)
        if client is not None:
            return client
    return None


@lru_cache(maxsize=256)
def _client_in(path: str, mtime_ns: int, size: int) -> OAuthClient | None:  # noqa: ARG001 - the key
    """The client in one source file, remembered per version of it: bundles hold megabytes."""
    identity = secret = tail = b""
    try:
        with open(path, "rb") as file:
            while piece := file.read(PIECE_BYTES):
                text = tail + piece
                identity = identity or _first(_ID, text)
                secret = secret or _first(_SECRET, text)
                if identity and secret:
                    return OAuthClient(id=identity.decode(), secret=secret.decode())
                tail = text[-_OVERLAP_BYTES:]
    except OSError:
        pass  # the next place is as good
    return None


def _first(pattern: re.Pattern[bytes], text: bytes) -> bytes:
    found = pattern.search(text)
    return found[1] if found is not None else b""


def _sources(machine: Machine) -> Iterator[str]:
    """Files of the program in which the client may stand, likeliest first."""
    for directory in machine.env.get("PATH", "").split(os.pathsep):
        program = os.path.join(directory, "gemini")
        if not directory or not os.path.isfile(program):
            continue
        above = os.path.dirname(os.path.realpath(program))
        for _ in range(_LEVELS):
            for package in _PACKAGES:
                yield os.path.join(above, package, _CORE)
            yield from _bundles(os.path.join(above, "bundle"))
            above = os.path.dirname(above)


def _bundles(directory: str) -> Iterator[str]:
    """Newer versions are shipped as one script, or as one with its pieces."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".js"))
    except OSError:
        return
    yield from (os.path.join(directory, name) for name in names[:MAX_BUNDLES])
