"""
`custom-pricing.json`: the user's own prices, which come before any table.

    {"models": {"acme/acme-1": {"input_cost_per_million_tokens": 2.0,
                                "output_cost_per_million_tokens": 8.0}}}

Every rate may also be given per token (`input_cost_per_token`, ...), and for prompts above a size
(`input_cost_per_million_tokens_above_200k`).  A model may have a list of such objects, each with
`from`, the date it begins.  A bad entry is reported with its line and left out; the others count.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from openusage_proto import locations
from openusaged.pricing.dated import DatedRates, Model, Price, build_dated
from openusaged.pricing.json_places import Node, line_and_column, parse
from openusaged.pricing.names import normalised, spellings
from openusaged.pricing.rates import Rate

MAX_BYTES: Final = 4 << 20

_KEYS: Final = {
    "input": ("input_cost_per_million_tokens", "input_cost_per_token"),
    "output": ("output_cost_per_million_tokens", "output_cost_per_token"),
    "cache_read": (
        "cache_read_input_token_cost_per_million_tokens",
        "cache_read_input_token_cost",
    ),
    "cache_write_5m": (
        "cache_creation_input_token_cost_per_million_tokens",
        "cache_creation_input_token_cost",
    ),
    "cache_write_1h": (
        "cache_creation_1h_input_token_cost_per_million_tokens",
        "cache_creation_input_token_cost_above_1hr",
    ),
    "reasoning": ("reasoning_cost_per_million_tokens", "reasoning_cost_per_token"),
    "request": ("cost_per_thousand_requests", "cost_per_request"),
}
_PLAIN: Final = frozenset({"reasoning", "request"})
"""Rates that do not depend on the size of the prompt."""
_ABOVE: Final = re.compile(r"^(.+?)_above_(\d{1,6})k(?:_tokens)?$")
_OTHER_KEYS: Final = ("context_window", "provider", "from")


class CustomPrices(msgspec.Struct, frozen=True):
    """The user's prices: by the name as it was written, lower case, and by its normal form."""

    exact: Mapping[str, DatedRates] = {}
    loose: Mapping[str, DatedRates] = {}
    path: str = ""
    warnings: tuple[str, ...] = ()

    def find(self, provider: str, model: str) -> DatedRates | None:
        """The price of a model, also under `provider/model` and under other spellings."""
        if not self.exact:
            return None
        names = spellings(model)
        for name in (f"{provider}/{names[0]}", *names):
            rates = self.exact.get(name)
            if rates is not None:
                return rates
        return self.loose.get(normalised(model))


def custom_path(env: Mapping[str, str]) -> str:
    """`$OPENUSAGE_CUSTOM_PRICING`, else `custom-pricing.json` beside the settings."""
    named = env.get("OPENUSAGE_CUSTOM_PRICING", "")
    if named:
        # Notifications come with whole paths.
        return os.path.abspath(os.path.expanduser(named))
    return os.path.join(locations.config_dir(env), "custom-pricing.json")


def load(path: str) -> CustomPrices:
    """The prices of the file, with a sentence for everything that was wrong; never raises."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return CustomPrices(path=path)
    except OSError as error:
        return _nothing(path, f"{path}: cannot be read: {error.strerror}")
    if len(data) > MAX_BYTES:
        return _nothing(path, f"{path}: larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
        document = parse(text)
    except json.JSONDecodeError as error:
        return _nothing(path, f"{path}:{error.lineno}:{error.colno}: no valid JSON: {error.msg}")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return _nothing(path, f"{path}:{line}: no valid JSON: not UTF-8")
    except RecursionError:
        return _nothing(path, f"{path}: no valid JSON: nested too deeply")
    return _Reader(path, text).read(document)


def _nothing(path: str, warning: str) -> CustomPrices:
    return CustomPrices(path=path, warnings=(warning,))


class _BadEntry(ValueError):
    """Why an entry is left out, and where."""

    def __init__(self, node: Node, reason: str, key: str = "") -> None:
        super().__init__(f"{key}: {reason}" if key else reason)
        self.at = node.place


class _Reader:
    """Reads one document, collecting what is wrong with it."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text
        self._warnings: list[str] = []

    def _warn(self, at: int, words: str) -> None:
        line, column = line_and_column(self._text, at)
        self._warnings.append(f"{self._path}:{line}:{column}: {words}")

    def read(self, document: Node) -> CustomPrices:
        """The prices of a document."""
        models = document.value.get("models") if isinstance(document.value, dict) else None
        if models is None or not isinstance(models.value, dict):
            at = document.at if models is None else models.place
            self._warn(at, 'expected an object with a key "models", itself an object')
            return CustomPrices(path=self._path, warnings=tuple(self._warnings))
        for name, at in models.repeated:
            self._warn(at, f"models.{name}: the second entry of this name; the last one counts")
        exact: dict[str, DatedRates] = {}
        loose: dict[str, DatedRates] = {}
        for name, node in models.value.items():
            try:
                rates = self._model(name, node)
            except _BadEntry as error:
                self._warn(error.at, f"models.{name}: {error}")
                continue
            exact[name.strip().lower()] = rates
            loose.setdefault(normalised(name), rates)
        return CustomPrices(exact, loose, self._path, tuple(self._warnings))

    def _model(self, name: str, node: Node) -> DatedRates:
        if not name.strip():
            raise _BadEntry(node, "a model needs a name")
        entries = node.value if isinstance(node.value, list) else [node]
        if not entries:
            raise _BadEntry(node, "expected an object or a list of objects with `from` dates")
        prices = [self._price(name, entry) for entry in entries]
        context = next((found for found in map(_context, entries) if found), None)
        dated = build_dated(
            Model(id=name, prices=prices, context=context),
            "",
            approximate=False,
            write_premium=name.lower().rpartition("/")[2].startswith("claude"),
        )
        assert dated is not None, "each price has an input rate"
        return dated

    def _price(self, name: str, node: Node) -> Price:
        if not isinstance(node.value, dict):
            raise _BadEntry(node, "expected an object")
        for key, at in node.repeated:
            self._warn(at, f"models.{name}: {key}: given twice; the last one counts")
        found: dict[str, dict[int, float]] = {}
        for key, item in node.value.items():
            if key in _OTHER_KEYS or item.value is None:
                continue
            rate = _rate_of(key)
            if rate is None:
                self._unknown_key(name, key, item)
                continue
            bucket, scale, above = rate
            # The form per million wins whichever comes first.
            if scale == 1.0 or above not in found.setdefault(bucket, {}):
                found.setdefault(bucket, {})[above] = _number(key, item) * scale
        for bucket in ("input", "output"):
            if 0 not in found.get(bucket, {}):
                raise _BadEntry(node, f"input and output prices are both needed; no {bucket}")
        rates: dict[str, Any] = dict(_rates(node, found))
        return Price(starts=_begin(node), **rates)

    def _unknown_key(self, name: str, key: str, item: Node) -> None:
        # Only for whoever has mistyped something: every scanner imports this module.
        from difflib import get_close_matches

        known = [spelling for pair in _KEYS.values() for spelling in pair] + list(_OTHER_KEYS)
        close = get_close_matches(key, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        self._warn(item.place, f"models.{name}: {key}: unknown key, ignored{hint}")


def _rate_of(key: str) -> tuple[str, float, int] | None:
    """(bucket, factor to USD per million tokens, prompt size it applies above) of a key."""
    above = 0
    # `..._above_1hr` is a name of its own, not a size.
    sized = _ABOVE.match(key)
    if sized is not None:
        key, above = sized[1], int(sized[2]) * 1000
    for bucket, (per_million, per_token) in _KEYS.items():
        if above and bucket in _PLAIN:
            continue
        if key == per_million:
            return bucket, 1.0, above
        if key == per_token:
            return bucket, 1e3 if bucket == "request" else 1e6, above
    return None


def _rates(node: Node, found: Mapping[str, Mapping[int, float]]) -> Iterator[tuple[str, Rate]]:
    for bucket, sizes in found.items():
        if 0 not in sizes:
            raise _BadEntry(node, f"a {bucket} price above a size needs one below it, too")
        base = sizes[0]
        steps: list[float | list[float]] = [
            [float(size), sizes[size]] for size in sorted(sizes) if size
        ]
        yield bucket, [base, *steps] if steps else base


def _number(key: str, node: Node) -> float:
    value: Any = node.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _BadEntry(node, f"expected a number, got {json.dumps(node.plain())[:40]}", key)
    if not math.isfinite(value) or value < 0:
        raise _BadEntry(node, f"must not be negative, got {value!r}", key)
    return float(value)


def _begin(node: Node) -> str | None:
    begin = node.value.get("from")
    if begin is None:
        return None
    try:
        datetime.fromisoformat(begin.value)
    except (TypeError, ValueError):
        raise _BadEntry(begin, "expected a date like 2026-03-01", "from") from None
    return str(begin.value)


def _context(node: Node) -> int | None:
    window = node.value.get("context_window") if isinstance(node.value, dict) else None
    value = None if window is None else window.value
    return value if isinstance(value, int) and not isinstance(value, bool) else None
