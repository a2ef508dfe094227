"""
From the JSON of `params` to a method's dataclass, refusing what it does not know.

Separate from dispatch because these rules (paths in errors, unknown names, 64-bit integers) are the
same for every method and are tested without a connection.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec

T = TypeVar("T")

INT64_MAX: Final = (1 << 63) - 1
_PLACE: Final = re.compile(r"^(?P<what>.*) - at `(?P<path>\$[^`]*)`$", re.DOTALL)


class ParamsError(ValueError):
    """Parameters that a method cannot take; the text is for people and names the path."""


class ParamsDecoder(Generic[T]):
    """Turns decoded JSON objects into `kind`, a frozen dataclass of `openusage_proto.messages`."""

    __slots__ = ("_ints", "_kind", "_names", "_nested")

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        hints = typing.get_type_hints(kind)
        fields = dataclasses.fields(kind)  # type: ignore[arg-type]
        self._names = frozenset(field.name for field in fields)
        self._ints = tuple(field.name for field in fields if int in _members(hints[field.name]))
        self._nested: tuple[tuple[str, ParamsDecoder[Any]], ...] = tuple(
            (field.name, ParamsDecoder(member))
            for field in fields
            for member in _members(hints[field.name])
            if isinstance(member, type) and dataclasses.is_dataclass(member)
        )

    def decode(self, raw: Mapping[str, Any]) -> T:
        """
        The parameters as their dataclass.

        Raises:
            ParamsError: a wrong type, a missing or unknown name, a number out of range.
        """
        self._check(raw, "$")
        try:
            return msgspec.convert(raw, self._kind)
        except msgspec.ValidationError as exc:
            raise ParamsError(_readable(str(exc))) from None

    def _check(self, raw: Mapping[str, Any], path: str) -> None:
        if not raw.keys() <= self._names:
            unknown = min(raw.keys() - self._names)
            known = ", ".join(sorted(self._names)) or "none"
            raise ParamsError(f"`{path}.{_printable(unknown)}`: unknown parameter; known: {known}")
        for name in self._ints:
            value = raw.get(name)
            if value.__class__ is int and not -INT64_MAX <= value <= INT64_MAX:
                raise ParamsError(f"`{path}.{name}`: integer does not fit into 64 bits")
        for name, decoder in self._nested:
            value = raw.get(name)
            if value.__class__ is dict:
                decoder._check(value, f"{path}.{name}")  # noqa: SLF001


def _members(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:64])


def _readable(text: str) -> str:
    """`$.turn.input`: expected int, got str, for msgspec's own wording of it."""
    place = _PLACE.match(text)
    what, path = (place["what"], place["path"]) if place else (text, "$")
    what = what.replace("`", "")
    if what.startswith("Object missing required field "):
        return f"`{path}.{what.removeprefix('Object missing required field ')}`: required"
    return f"`{path}`: {what[:1].lower()}{what[1:]}"
