"""
The shipped price table: finds a model's prices by the vendor's own matching rules.

Provider tables stay undecoded until one of their models is asked for, so that a user of two vendors
does not carry the other forty-five in memory.
"""

from __future__ import annotations

import pkgutil
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import msgspec

from openusaged.pricing.rates import Rate, Rates, build_rates

NO_MATCH: Final = 0
LOOSE: Final = 1
EXACT: Final = 2

_VERSION_TAIL = re.compile(
    r"(?:[-@]?\d{8}|[-@]\d{4}-\d{2}-\d{2}|-latest|-preview|-exp|-beta|-v\d+(?::\d+)?|:\w+)*"
)
_BRACKETS = re.compile(r"\[[^\]]*\]$")
_BEDROCK = re.compile(
    r"^(?:[a-z]{2,6}\.)?(?:anthropic|openai|meta|mistral|amazon|cohere|deepseek)\."
)

# Fast modes that the table has no variant for; multiples of the standard price as published by the
# vendors (Claude Code fast mode, Codex fast tier).
_FAST_FACTORS: Final = (
    ("claude-opus-4-6", 6.0),
    ("claude-opus-4-7", 6.0),
    ("claude-opus-4-8", 2.0),
    ("gpt-5.5", 2.5),
    ("gpt-5.4", 2.0),
    ("gpt-5.3-codex", 2.0),
)
_TIER_CONTEXTS: Final[dict[str, tuple[dict[str, str], ...]]] = {
    "fast": ({"speed": "fast"}, {"service_tier": "fast"}, {"service_tier": "priority"}),
    "priority": ({"service_tier": "priority"},),
    "flex": ({"service_tier": "flex"},),
    "batch": ({"processing": "batch"},),
}


class _Price(msgspec.Struct, rename={"starts": "from"}):
    input: Rate | None = None
    output: Rate | None = None
    cache_read: Rate | None = None
    cache_write_5m: Rate | None = None
    cache_write_1h: Rate | None = None
    when: dict[str, str] | None = None
    starts: str | None = None
    daily: tuple[str, str] | None = None


class _Model(msgspec.Struct):
    id: str
    match: list[Any]
    prices: list[_Price]
    variants: list[_Price] = []
    context: int | None = None


class _Provider(msgspec.Struct):
    id: str
    match: list[Any] | None
    model_match: list[Any] | None
    models: msgspec.Raw


class _Table(msgspec.Struct):
    source: str
    version: str
    providers: list[_Provider]


class DatedRates(msgspec.Struct, frozen=True):
    """Rates of one model over time: the last entry that has begun is in force."""

    model_id: str
    approximate: bool
    entries: tuple[tuple[int, tuple[int, int] | None, Rates], ...]
    """(valid from, epoch ms; part of the day in UTC seconds or None; rates), oldest first."""

    def at(self, ts_ms: int) -> Rates:
        """The rates in force at `ts_ms`; the oldest known ones before any began."""
        if len(self.entries) == 1:
            return self.entries[0][2]
        second = ts_ms // 1000 % 86_400
        for starts, part, rates in reversed(self.entries):
            if ts_ms < starts:
                continue
            if part is None:
                return rates
            begin, end = part
            if begin <= second < end or (end < begin and not end <= second < begin):
                return rates
        return self.entries[0][2]


class Catalogue:
    """The shipped table, opened lazily."""

    def __init__(self, data: bytes) -> None:
        table = msgspec.json.decode(data, type=_Table)
        self.source = table.source
        self.version = table.version
        self._providers = table.providers
        self._models: dict[str, list[_Model]] = {}

    def find(self, provider: str, model: str, tier: str = "") -> DatedRates | None:
        """
        Prices of `model` billed by `provider` in service tier `tier`, or None when unknown.

        A model that only a loose rule of the table takes (a newer sibling, an unknown suffix) is
        returned as approximate.
        """
        names = _names(model)
        best: tuple[int, _Provider, _Model] | None = None
        for candidate in self._candidates(provider, names):
            for name in names:
                for entry in self._decoded(candidate):
                    grade = _grade(entry.match, name)
                    if grade and (best is None or grade > best[0]):
                        best = (grade, candidate, entry)
                    if grade == EXACT:
                        break
                if best is not None and best[0] == EXACT:
                    break
            if best is not None:
                break
        if best is None:
            return None
        grade, candidate, entry = best
        return _dated(entry, candidate.id, tier, approximate=grade == LOOSE)

    def _candidates(self, provider: str, names: list[str]) -> list[_Provider]:
        wanted = provider.lower()
        found = [item for item in self._providers if item.id == wanted]
        if not found and wanted:
            found = [item for item in self._providers if item.match and _grade(item.match, wanted)]
        prefix = names[0].split("/", 1)[0] if "/" in names[0] else ""
        if prefix:
            found += [item for item in self._providers if item.id == prefix and item not in found]
        found += [
            item
            for item in self._providers
            if item not in found
            and item.model_match
            and any(_grade(item.model_match, name) for name in names)
        ]
        return found

    def _decoded(self, provider: _Provider) -> list[_Model]:
        models = self._models.get(provider.id)
        if models is None:
            models = msgspec.json.decode(provider.models, type=list[_Model])
            self._models[provider.id] = models
        return models


@cache
def shipped() -> Catalogue:
    """The table that ships with the package; decoded once per process."""
    # Not `importlib.resources`: its imports double the start-up of a scanner.
    data = pkgutil.get_data("openusaged.pricing", "catalogue.json")
    assert data is not None, "the package ships its table"
    return Catalogue(data)


def _names(model: str) -> list[str]:
    """Spellings of a model to look for, most specific first."""
    name = model.strip().lower()
    names = [name]
    plain = _BRACKETS.sub("", name)
    plain = plain.rsplit("/", 1)[-1]
    plain = _BEDROCK.sub("", plain).replace("@", "-")
    for spelling in (plain, re.sub(r"-v\d+(?::\d+)?$", "", plain)):
        if spelling and spelling not in names:
            names.append(spelling)
    return names


def _grade(clause: list[Any], name: str) -> int:
    """How well a clause takes a name: NO_MATCH, LOOSE or EXACT."""
    operator, *arguments = clause
    if operator == "or":
        return max((_grade(part, name) for part in arguments), default=NO_MATCH)
    if operator == "and":
        return min((_grade(part, name) for part in arguments), default=NO_MATCH)
    argument = arguments[0]
    if operator == "equals":
        return EXACT if name == argument else NO_MATCH
    if operator == "startswith":
        if not name.startswith(argument):
            return NO_MATCH
        return EXACT if _VERSION_TAIL.fullmatch(name[len(argument) :]) else LOOSE
    if operator == "endswith":
        return EXACT if name.endswith(argument) else NO_MATCH
    if operator == "contains":
        if argument not in name:
            return NO_MATCH
        return EXACT if name == argument else LOOSE
    return EXACT if re.search(argument, name) else NO_MATCH


def _dated(model: _Model, provider: str, tier: str, *, approximate: bool) -> DatedRates | None:
    entries = []
    factor = 1.0
    variants: list[_Price] = []
    if tier:
        for context in _TIER_CONTEXTS.get(tier, ()):
            variants = [item for item in model.variants if item.when == context]
            if variants:
                break
        else:
            factor = next(
                (times for name, times in _FAST_FACTORS if tier == "fast" and name in model.id), 0.0
            )
            if not factor:
                factor, approximate = 1.0, True
    for price in model.prices:
        merged = price
        for variant in variants:
            if _start_ms(variant) <= _start_ms(price) or len(model.prices) == 1:
                merged = _overlay(merged, variant)
        rates = _rates(merged, provider)
        if rates is not None:
            entries.append((_start_ms(price), _part_of_day(price), rates.scaled(factor)))
    if not entries:
        return None
    return DatedRates(
        model_id=model.id,
        approximate=approximate,
        entries=tuple(sorted(entries, key=lambda entry: (entry[0], entry[1] is not None))),
    )


def _overlay(base: _Price, variant: _Price) -> _Price:
    return _Price(
        input=base.input if variant.input is None else variant.input,
        output=base.output if variant.output is None else variant.output,
        cache_read=base.cache_read if variant.cache_read is None else variant.cache_read,
        cache_write_5m=(
            base.cache_write_5m if variant.cache_write_5m is None else variant.cache_write_5m
        ),
        cache_write_1h=(
            base.cache_write_1h if variant.cache_write_1h is None else variant.cache_write_1h
        ),
        starts=base.starts,
        daily=base.daily,
    )


def _rates(price: _Price, provider: str) -> Rates | None:
    if price.input is None:
        return None  # embeddings by the hour, images by the piece: nothing to price tokens with
    return build_rates(
        uncached=price.input,
        output=0.0 if price.output is None else price.output,
        cache_read=price.cache_read,
        cache_write_5m=price.cache_write_5m,
        cache_write_1h=price.cache_write_1h,
        write_premium=provider == "anthropic",
    )


def _start_ms(price: _Price) -> int:
    if price.starts is None:
        return 0
    return int(datetime.fromisoformat(price.starts).replace(tzinfo=UTC).timestamp() * 1000)


def _part_of_day(price: _Price) -> tuple[int, int] | None:
    if price.daily is None:
        return None
    begin, end = (
        sum(int(part) * scale for part, scale in zip(text.split(":"), (3600, 60, 1), strict=False))
        for text in price.daily
    )
    return begin, end
