"""
Reads, shows and takes the options of the settings file that have no tab of their own.

Values a later daemon adds are listed too, under their own names, so that nothing in the file is out
of reach; what is a structure is shown and edited in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openusage_client.tui.settings.option_table import (
    ELSEWHERE,
    GROUPS,
    UNUSED,
    Group,
    Kind,
    Option,
    Path,
)


def groups(document: Mapping[str, Any]) -> list[Group]:
    """The table, and under a heading of their own the values it does not know."""
    known = {option.path for group in GROUPS for option in group.options}
    others = tuple(
        Option(path=path, label=".".join(path), kind=_kind(value), help="no words for this one yet")
        for path, value in leaves(document)
        if path not in known
    )
    return [*GROUPS, Group(title="Others", options=others)] if others else list(GROUPS)


def leaves(document: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a document with its path, except what other tabs change or nothing uses."""
    tables = {option.path for group in GROUPS for option in group.options}
    for key, value in document.items():
        path = (*above, key)
        if path in ELSEWHERE or path in UNUSED:
            continue
        if isinstance(value, Mapping) and value and path not in tables:
            yield from leaves(value, path)
        else:
            yield path, value


def _kind(value: Any) -> Kind:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "list"
    return "text" if isinstance(value, str) or value is None else "file"


def value_of(document: Mapping[str, Any], path: Path) -> Any:
    """The effective value at a path; None when there is none."""
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def shown(option: Option, value: Any) -> str:
    """A value in words."""
    if option.kind == "flag":
        return "on" if value is True else "off"
    for known, word in option.choices:
        if known == value and type(known) is type(value):
            return word
    if option.kind == "file":
        count = len(value) if isinstance(value, list | Mapping) else 0
        return f"{count} in the file"
    typed = as_typed(option, value)
    return f"{typed} {option.unit}".rstrip() if typed else "—"


def as_typed(option: Option, value: Any) -> str:
    """A value as one would type it."""
    if value is None:
        return ""
    if option.path[-1] == "recency_window_s":
        return _duration(value)
    if option.kind == "percent" and isinstance(value, int | float):
        return f"{round(value * 100, 4):g} %"
    if option.kind == "list" and isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if option.kind == "pairs" and isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _duration(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return ""
    for size, letter in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{letter}"
    return f"{seconds:g}s"


class NotUsable(Exception):
    """What was typed cannot be a value of this option; the text says what can."""


def typed(option: Option, words: str, before: Any = None) -> Any:
    """
    The value for the file of what was typed; None takes the setting out of it.

    `before` is the value so far: of pairs those that are not named any more are taken out.

    Raises:
        NotUsable: it is no such value.
    """
    words = words.strip()
    if option.kind == "list":
        return [part.strip() for part in words.split(",") if part.strip()]
    if option.kind == "pairs":
        return _pairs(words, before)
    if not words:
        return "" if option.kind == "text" and before is not None else None
    if option.kind == "integer":
        try:
            return int(words.removesuffix(option.unit).strip())
        except ValueError:
            raise NotUsable(f"{option.label}: a whole number is wanted") from None
    if option.kind in ("number", "percent"):
        try:
            number = float(words.removesuffix("%").removesuffix(option.unit).strip())
        except ValueError:
            raise NotUsable(f"{option.label}: a number is wanted") from None
        if not abs(number) < 1e12:
            raise NotUsable(f"{option.label}: a number is wanted")
        return round(number / 100, 6) if option.kind == "percent" else number
    return words


def _pairs(words: str, before: Any) -> dict[str, str | None]:
    pairs: dict[str, str | None] = dict.fromkeys(
        before if isinstance(before, Mapping) else (), None
    )
    for part in words.split(","):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise NotUsable("name=value pairs are wanted, separated by commas")
        pairs[name.strip()] = value.strip()
    return pairs
