"""
Results of the wire as the dataclasses of `openusage_proto.messages`.

Tolerant as the wire asks of clients: unknown fields are ignored, missing or null ones get their
default.  Strict where a wrong number would be shown: a field of another type is a protocol error
that names its path.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from openusage_client.errors import ProtocolError

T = TypeVar("T")
_Convert = Callable[[Any, str], Any]


def decode(value: Any, kind: type[T]) -> T:
    """
    A decoded JSON object as `kind`, one of the wire's dataclasses.

    Raises:
        ProtocolError: a required field is missing or a field has another type, with its path.
    """
    key: Any = kind
    decoded: T = _converter(key)(value, "$")
    return decoded


@cache
def _converter(kind: Any) -> _Convert:
    if is_dataclass(kind):
        return _dataclass_converter(kind)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union_converter(kind)
    if origin is list:
        return _list_converter(get_args(kind)[0])
    if origin is dict:
        return _dict_converter(get_args(kind)[1])
    if kind is Any:
        return _anything
    if origin is Literal:
        # New words may be added to the wire; they are shown as they are.
        return _scalar_converter(str)
    return _scalar_converter(kind)


def _dataclass_converter(kind: Any) -> _Convert:
    plan: list[tuple[str, bool, _Convert]] = []

    def fill() -> None:
        # Late, because a row type may contain itself.
        hints = get_type_hints(kind)
        for item in fields(kind):
            required = item.default is MISSING and item.default_factory is MISSING
            plan.append((item.name, required, _converter(hints[item.name])))

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _mismatch(path, "an object", value)
        if not plan:
            fill()
        given: dict[str, Any] = {}
        for name, required, field_convert in plan:
            item = value.get(name)
            if item is None and not required:
                continue
            if name not in value:
                raise ProtocolError(f"the daemon's answer lacks {path}.{name}")
            given[name] = field_convert(item, f"{path}.{name}")
        return kind(**given)

    return convert


def _union_converter(kind: Any) -> _Convert:
    options = [option for option in get_args(kind) if option is not type(None)]
    converters = [_converter(option) for option in options]
    nullable = len(options) < len(get_args(kind))

    def convert(value: Any, path: str) -> Any:
        if value is None and nullable:
            return None
        for candidate in converters[:-1]:
            try:
                return candidate(value, path)
            except ProtocolError:
                continue
        return converters[-1](value, path)

    return convert


def _list_converter(kind: Any) -> _Convert:
    item_convert = _converter(kind)

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise _mismatch(path, "a list", value)
        return [item_convert(item, f"{path}[{index}]") for index, item in enumerate(value)]

    return convert


def _dict_converter(kind: Any) -> _Convert:
    item_convert = _converter(kind)

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _mismatch(path, "an object", value)
        return {key: item_convert(item, f"{path}.{key}") for key, item in value.items()}

    return convert


def _scalar_converter(kind: Any) -> _Convert:
    def convert(value: Any, path: str) -> Any:
        if type(value) is kind:
            return value
        # JSON has one kind of number: 3 is a fine float and 3.0 a fine integer.
        if kind is float and type(value) is int:
            return float(value)
        if kind is int and type(value) is float and value.is_integer():
            return int(value)
        raise _mismatch(path, kind.__name__, value)

    return convert


def _anything(value: Any, _path: str) -> Any:
    return value


def _mismatch(path: str, wanted: str, value: Any) -> ProtocolError:
    return ProtocolError(f"the daemon's answer has {type(value).__name__} at {path}, not {wanted}")
