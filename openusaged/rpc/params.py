"""
From the JSON of `params` to a method's typed parameters, refusing what it does not know.

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
_INT64: Final = typing.Annotated[int, msgspec.Meta(ge=-INT64_MAX, le=INT64_MAX)]
_PLACE: Final = re.compile(r"^(?P<what>.*) - at `(?P<path>\$[^`]*)`$", re.DOTALL)


class ParamsError(ValueError):
    """Parameters that a method cannot take; the text is for people and names the path."""


class ParamsDecoder(Generic[T]):
    """
    Turns decoded JSON objects into what a dataclass of `openusage_proto.messages` describes.

    The values are structs with the dataclass's fields and defaults: msgspec makes one of those in a
    tenth of the time, and checks names and ranges on the way.
    """

    __slots__ = ("_kind", "_struct")

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._struct = _struct_like(kind)

    def decode(self, raw: Mapping[str, Any]) -> T:
        """
        The parameters, typed.

        Raises:
            ParamsError: a wrong type, a missing or unknown name, a number out of range.
        """
        try:
            return msgspec.convert(raw, self._struct)  # type: ignore[no-any-return]
        except msgspec.ValidationError as exc:
            _explain(self._kind, raw, "$")
            raise ParamsError(_readable(str(exc))) from None


def _explain(kind: type[Any], raw: Mapping[str, Any], path: str) -> None:
    """
    Say what msgspec's own words leave unclear: the known names, the range of integers.

    Raises:
        ParamsError: one of these is what is wrong.
    """
    hints = typing.get_type_hints(kind)
    if not raw.keys() <= hints.keys():
        unknown = min(raw.keys() - hints.keys())
        known = ", ".join(sorted(hints)) or "none"
        raise ParamsError(f"`{path}.{_printable(unknown)}`: unknown parameter; known: {known}")
    for name, hint in hints.items():
        value = raw.get(name)
        members = _members(hint)
        if value.__class__ is int and int in members and not -INT64_MAX <= value <= INT64_MAX:
            raise ParamsError(f"`{path}.{name}`: integer does not fit into 64 bits")
        if value.__class__ is dict:
            for member in filter(_is_dataclass, members):
                _explain(member, value, f"{path}.{name}")


def _struct_like(kind: type[Any]) -> type[Any]:
    """A struct type with the fields and defaults of a dataclass, nested ones included."""
    hints = typing.get_type_hints(kind)
    fields: list[Any] = []
    for field in dataclasses.fields(kind):
        hint = _strict(hints[field.name])
        if field.default is not dataclasses.MISSING:
            fields.append((field.name, hint, field.default))
        elif field.default_factory is not dataclasses.MISSING:
            fields.append((field.name, hint, msgspec.field(default_factory=field.default_factory)))
        else:
            fields.append((field.name, hint))
    return msgspec.defstruct(
        kind.__name__, fields, kw_only=True, frozen=True, forbid_unknown_fields=True
    )


def _strict(hint: Any) -> Any:
    members = [
        _INT64 if member is int else _struct_like(member) if _is_dataclass(member) else member
        for member in _members(hint)
    ]
    return typing.Union[tuple(members)]  # noqa: UP007  # a union made at run time


def _is_dataclass(member: Any) -> bool:
    return isinstance(member, type) and dataclasses.is_dataclass(member)


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
