"""Reads the settings of Z.AI's coding helper: which plan, and the key it was set up with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.providers.shared.json_values import as_text

MAX_BYTES: Final = 64 << 10
MAX_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class HelperSettings:
    """Plan and key; empty when the file does not say.  The key is never kept."""

    plan: str = ""
    api_key: str = ""

    def __repr__(self) -> str:
        return f"HelperSettings(plan={self.plan!r})"


def read(path: str) -> HelperSettings:
    """What the file says; nothing when it is missing, too large or no YAML."""
    import yaml

    try:
        with open(path, "rb") as file:
            document = yaml.safe_load(file.read(MAX_BYTES + 1)[:MAX_BYTES])
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return HelperSettings()
    return HelperSettings(plan=_first(document, "plan"), api_key=_first(document, "api_key"))


def _first(document: object, name: str) -> str:
    """The outermost text under a name: versions of the helper nest it differently."""
    for level in _levels(document):
        value = as_text(level.get(name))
        if value:
            return value
    return ""


def _levels(document: object) -> Iterator[Mapping[str, Any]]:
    level = [document]
    for _ in range(MAX_DEPTH):
        objects = [one for one in level if isinstance(one, Mapping)]
        yield from objects
        level = [value for one in objects for value in one.values()]
