"""How the service calls this installation, and whether it will still be there next week."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Final

import openusage_proto
from openusaged.core.errors import LifecycleError

_CELLAR: Final = re.compile(r"^(?P<prefix>.*)/Cellar/(?P<formula>[^/]+)/[^/]+/(?P<rest>.*)$")
_PASSING: Final = re.compile(
    r"/uv/(?:archive-v\d+|builds-v\d+|environments-v\d+)/|/pipx/(?:\.cache|cache)/|/\.cache/pipx/"
)
"""Where `uvx` and `pipx run` keep what they throw away again."""


def version() -> str:
    """The version of this program."""
    return openusage_proto.VERSION


def command(
    executable: str | None = None, exists: Callable[[str], bool] = os.path.exists
) -> list[str]:
    """
    Program and arguments that run the daemon, in the place of one that was started by hand.

    Raises:
        LifecycleError: this copy lives where it will be removed.
    """
    python = executable or sys.executable
    if _PASSING.search(python):
        raise LifecycleError(
            f"this copy lives in a cache ({python}) that is emptied without asking; install it for"
            " good first: `uv tool install openusage` or `pipx install openusage`"
        )
    # Links are not followed (an environment's python is one), but Homebrew's folder with the
    # version in its name goes away with the next upgrade; `opt` always leads to the current one.
    match = _CELLAR.match(python)
    if match:
        stable = f"{match['prefix']}/opt/{match['formula']}/{match['rest']}"
        python = stable if exists(stable) else python
    return [python, "-P", "-m", "openusaged", "run", "--take-over"]


def is_older(version_text: str, other: str) -> bool:
    """Whether the first version comes before the second, number by number."""
    return _key(version_text) < _key(other)


def _key(text: str) -> tuple[tuple[int, ...], int]:
    numbers = re.match(r"v?(\d+(?:\.\d+)*)", text)
    parts = [int(part) for part in numbers[1].split(".")] if numbers else [0]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    rest = text[numbers.end() :] if numbers else text
    # 1.0rc1 and 1.0.dev3 come before 1.0; a local or post part does not matter here.
    return tuple(parts), 0 if re.match(r"[.-]?(?:a|b|c|rc|dev|alpha|beta)", rest) else 1
