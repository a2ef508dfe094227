"""
`dataclass` for frozen values, whose methods are written when the first of them is needed.

The standard library's compiles six methods of each class while it is imported: a third of the time
that the daemon and its commands took to start, and of some three hundred classes a run uses a few
dozen.  Type checkers, `fields`, `asdict` and `replace` see an ordinary dataclass; after its first
use a class has the very methods that the standard library would have given it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414  # handed on under this name
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False):  # noqa: ANN201
        """
        As `dataclasses.dataclass`, for `frozen=True, slots=True`.

        Raises:
            TypeError: another kind of class; the standard library has those.
        """
        if not (frozen and slots):
            raise TypeError("only frozen values with slots are made here")

        def made(cls: type) -> type:
            own = vars(cls)
            for name, method in _LATER.items():
                if name not in own or own[name] is None:
                    setattr(cls, name, method)
            return dataclasses.dataclass(
                cls, init=False, repr=False, eq=False, slots=True, kw_only=kw_only
            )

        return made


def _init(self: Any, *args: Any, **given: Any) -> None:
    _write(type(self))
    self.__init__(*args, **given)


def _repr(self: Any) -> str:
    _write(type(self))
    return repr(self)


def _eq(self: Any, other: object) -> Any:
    _write(type(self))
    return self.__eq__(other)


def _hash(self: Any) -> int:
    _write(type(self))
    return hash(self)


def _setattr(_self: Any, name: str, _value: Any) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(_self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, item.name) for item in dataclasses.fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for item, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, item.name, value)


_WRITTEN = {"__init__": _init, "__repr__": _repr, "__eq__": _eq, "__hash__": _hash}
_LATER = {
    **_WRITTEN,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}


def _write(kind: type) -> None:
    """Give a class, and those it inherits from, the methods that stand in for them so far."""
    for cls in kind.__mro__:
        waiting = [name for name, method in _WRITTEN.items() if vars(cls).get(name) is method]
        if not waiting:
            continue
        twin = dataclasses.make_dataclass(
            cls.__name__,
            [(item.name, item.type, _again(item)) for item in dataclasses.fields(cls)],
            frozen=True,
        )
        for name in waiting:
            setattr(cls, name, vars(twin)[name])


def _again(item: dataclasses.Field[Any]) -> Any:
    return dataclasses.field(
        default=item.default,
        default_factory=item.default_factory,
        init=item.init,
        repr=item.repr,
        hash=item.hash,
        compare=item.compare,
        kw_only=item.kw_only is True,
    )
