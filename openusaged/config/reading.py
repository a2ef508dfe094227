"""
Reads single values out of a JSON document, one verdict per key.

A value that cannot be used costs a warning and that key's default, never the rest of the file.
Separate from `settings` so that the rules for kinds of values are stated once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_NUMBER: Final = re.compile(r"^\s*-?\d+(\.\d+)?\s*$")
# Some vendors' keys would do for a name: how they begin tells them apart.
_VARIABLE: Final = re.compile(
    r"(?!(?:sk|gsk|hf|fk|r8|xai|pplx|gh[pousr]|github_pat)_)[A-Za-z_][A-Za-z0-9_]{0,127}"
)
_SHOWN: Final = 40


class Section:
    """One JSON object of the document; `path` is how warnings name it."""

    def __init__(self, value: Mapping[str, Any], path: str, warnings: list[str]) -> None:
        self._value = value
        self._path = path
        self._warnings = warnings

    def section(self, key: str) -> Section:
        """The object at `key`, empty when absent or unusable."""
        value = self._value.get(key)
        if value is None:
            value = {}
        elif not isinstance(value, dict):
            self.warn(key, value, "an object", "ignored")
            value = {}
        return Section(value, self.at(key), self._warnings)

    def sections(self, key: str, name: str) -> Iterator[Section]:
        """The objects of the list at `key`; each is named in warnings by its `name` field."""
        value = self._value.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            self.warn(key, value, "a list", "ignored")
            return
        for index, item in enumerate(value):
            label = item.get(name) if isinstance(item, dict) else None
            at = f"{key}[{label if isinstance(label, str) and label.strip() else index}]"
            if isinstance(item, dict):
                yield Section(item, self.at(at), self._warnings)
            else:
                self.warn(at, item, "an object", "ignored")

    def flag(self, key: str, default: bool) -> bool:  # noqa: FBT001  # reads like a declaration
        """A truth value."""
        value = self._value.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.warn(key, value, "true or false", f"{str(default).lower()} is used")
        return default

    def optional_flag(self, key: str) -> bool | None:
        """A truth value or null (no opinion)."""
        value = self._value.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.warn(key, value, "true, false or null", "null is used")
        return None

    def integer(
        self, key: str, default: int, low: int, high: int, *, too_low: int | None = None
    ) -> int:
        """A whole number; see `number`."""
        return int(self.number(key, default, low, high, what="a whole number", too_low=too_low))

    def is_number(self, key: str) -> bool:
        """Whether `number` finds one at `key`, in its range or not."""
        value = self._value.get(key)
        if isinstance(value, str):
            return bool(_NUMBER.match(value))
        return not isinstance(value, bool) and isinstance(value, int | float)

    def number(
        self,
        key: str,
        default: float,
        low: float,
        high: float,
        *,
        what: str = "a number",
        too_low: float | None = None,
    ) -> float:
        """
        A number in [low, high].

        One outside becomes the nearest allowed one instead of the default: somebody who wants
        details kept for 5,000 days must not get 30.  Where the least is no harmless choice,
        `too_low` stands for what lies below.  A number in quotes is taken as a number.
        """
        value = self._value.get(key)
        if value is None:
            return default
        allowed = f"{what} from {low:g} to {high:g}"
        if isinstance(value, str) and _NUMBER.match(value):
            self.warn(key, value, f"{allowed}, without quotes", "taken as that number")
            value = float(value)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or (what != "a number" and value != int(value))
        ):
            self.warn(key, value, allowed, f"{default:g} is used")
            return default
        if not low <= value <= high:
            least = low if too_low is None else too_low
            nearest = least if value < low else high
            self.warn(key, value, allowed, f"{nearest:g} is used")
            return nearest
        return value

    def numbers(
        self, key: str, default: tuple[float, ...], low: float, high: float
    ) -> tuple[float, ...]:
        """A list of numbers in [low, high], each once, ascending; others are left out."""
        value = self._value.get(key)
        if value is None:
            return default
        if not isinstance(value, list):
            self.warn(key, value, "a list of numbers", "the default is used")
            return default
        found = set()
        for index, item in enumerate(value):
            if (
                isinstance(item, bool)
                or not isinstance(item, int | float)
                or not low <= item <= high
            ):
                self.warn(f"{key}[{index}]", item, f"a number from {low:g} to {high:g}", "ignored")
            else:
                found.add(float(item))
        return tuple(sorted(found))

    def choice(self, key: str, default: str, allowed: Sequence[str]) -> str:
        """One of a few words."""
        value = self._value.get(key)
        if value is None or value in allowed:
            return default if value is None else str(value)
        self.warn(key, value, "one of " + ", ".join(allowed), f"{default} is used")
        return default

    def text(self, key: str, default: str = "") -> str:
        """A text, without surrounding blanks; a blank one counts as absent."""
        value = self._value.get(key)
        if value is None or isinstance(value, str):
            return (value or "").strip() or default
        self.warn(key, value, "a text", f"{default!r} is used" if default else "ignored")
        return default

    def secret_name(self, key: str) -> str:
        """The name of an environment variable; whatever stands there is never repeated."""
        value = self._value.get(key)
        if value is None or value == "":
            return ""
        if isinstance(value, str) and _VARIABLE.fullmatch(value.strip()):
            return value.strip()
        self._warnings.append(
            f"{self.at(key)}: must be the name of an environment variable that holds the key, "
            "not the key itself; ignored"
        )
        return ""

    def refuse(self, key: str, reason: str) -> None:
        """Warn when `key` is there at all; its value is not repeated."""
        if self._value.get(key) is not None:
            self._warnings.append(f"{self.at(key)}: {reason}; ignored")

    def texts(self, key: str) -> dict[str, str]:
        """An object of texts; other values in it are dropped with a warning."""
        out: dict[str, str] = {}
        inner = self.section(key)
        for name, value in inner.items():
            if isinstance(value, str):
                out[name] = value
            else:
                inner.warn(name, value, "a text", "ignored")
        return out

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts, each once, blank ones left out."""
        value = self._value.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.warn(key, value, "a list", "ignored")
            return ()
        found: dict[str, None] = {}
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self.warn(f"{key}[{index}]", item, "a text", "ignored")
            elif item.strip():
                found[item.strip()] = None
        return tuple(found)

    def over_each(self, defaults: Mapping[str, Mapping[str, Any]], *, unless: str) -> Section:
        """
        The objects of this one laid over others of the same key.

        One with a field `unless` replaces the other whole, as what is no object does.
        """
        laid = dict(self.items())
        for key, default in defaults.items():
            own = laid.get(key, {})
            if isinstance(own, dict) and own.get(unless) is None:
                laid[key] = {**default, **own}
        return Section({**dict.fromkeys(defaults), **laid}, self._path, self._warnings)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Raw keys and values, without nulls."""
        return ((key, value) for key, value in self._value.items() if value is not None)

    def names(self) -> list[str]:
        """Keys whose value is not null."""
        return [key for key, value in self._value.items() if value is not None]

    def raw(self, key: str) -> Any:
        """The value as it stands."""
        return self._value.get(key)

    def at(self, key: str) -> str:
        """How a warning names `key`."""
        return f"{self._path}.{key}" if self._path else key

    def warn(self, key: str, value: Any, allowed: str, consequence: str) -> None:
        """Note that the value at `key` cannot be used as it stands."""
        shown = repr(value)
        if len(shown) > _SHOWN:
            shown = shown[:_SHOWN] + "…"
        self._warnings.append(f"{self.at(key)}: {shown} is not {allowed}; {consequence}")
