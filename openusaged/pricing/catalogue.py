"""
The shipped price table: finds a model's prices by the vendor's own matching rules.

Provider tables stay undecoded until one of their models is asked for, so that a user of two vendors
does not carry the other forty-five in memory.
"""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from typing import Any, Final

import msgspec

from openusaged.core.model_names import vendor_of_model
from openusaged.pricing.dated import DatedRates, Model, build_dated
from openusaged.pricing.names import normalised, spellings

NO_MATCH: Final = 0
LOOSE: Final = 1
EXACT: Final = 2
PREMIUM_VENDOR: Final = "anthropic"
"""Whose cache rates follow from the input price where a list leaves them out."""

_VERSION_TAIL: Final = re.compile(
    r"(?:[-@]?\d{8}|[-@]\d{4}-\d{2}-\d{2}|-latest|-preview|-exp|-beta|-v\d+(?::\d+)?"
    r"|:(?:\d+|thinking|latest|beta|extended))*"
)
_IDS: Final = re.compile(rb'"id":"([^"]+)"')


class _Provider(msgspec.Struct):
    id: str
    match: list[Any] | None
    model_match: list[Any] | None
    models: msgspec.Raw


class _Table(msgspec.Struct):
    source: str
    version: str
    providers: list[_Provider]


class Match(msgspec.Struct, frozen=True):
    """A model of the table and how well it took a name."""

    provider: str
    rates: DatedRates

    @property
    def exact(self) -> bool:
        """Whether the table's own rule takes this name, not only a sibling's."""
        return not self.rates.approximate


class Catalogue:
    """The shipped table, opened lazily."""

    def __init__(self, data: bytes) -> None:
        table = msgspec.json.decode(data, type=_Table)
        self.source = table.source
        self.version = table.version
        self._providers = table.providers
        self._models: dict[str, list[Model]] = {}

    def find(self, provider: str, model: str, tier: str = "") -> Match | None:
        """
        Prices of `model` billed by `provider` in service tier `tier`, or None when unknown.

        A model that only a loose rule of the table takes (a newer sibling, an unknown suffix) is
        returned as approximate, when no provider in question takes the name exactly.
        """
        names = spellings(model)
        for spelling in (names[-1].replace(".", "-"), normalised(model)):
            if spelling not in names:
                names.append(spelling)
        best: tuple[_Provider, Model] | None = None
        for candidate in self._candidates(provider, names):
            grade, entry = self._match(candidate, names)
            if entry is not None and grade == EXACT:
                return _result(entry, candidate, tier, approximate=False)
            if entry is not None and best is None:
                best = candidate, entry
        if best is None:
            return None
        return _result(best[1], best[0], tier, approximate=True)

    def model_ids(self) -> list[str]:
        """Every model id of the table, read from the undecoded text."""
        return [
            found.decode()
            for provider in self._providers
            for found in _IDS.findall(bytes(provider.models))
        ]

    def _match(self, provider: _Provider, names: list[str]) -> tuple[int, Model | None]:
        """The first model that takes the most specific spelling exactly, else a loose one."""
        loose: Model | None = None
        for name in names:
            for entry in self._decoded(provider):
                grade = _grade(entry.match, name)
                if grade == EXACT or (grade and name == entry.id.lower()):
                    return EXACT, entry
                if grade and loose is None:
                    loose = entry
        return (LOOSE, loose) if loose is not None else (NO_MATCH, None)

    def _candidates(self, provider: str, names: list[str]) -> list[_Provider]:
        """Whose table may have it: the biller's, a route's, the vendor's, any that claims it."""
        wanted = provider.lower()
        found = [item for item in self._providers if item.id == wanted]
        if not found and wanted:
            found = [item for item in self._providers if item.match and _grade(item.match, wanted)]
        prefix = names[0].split("/", 1)[0] if "/" in names[0] else ""
        for ident in (prefix, vendor_of_model(names[-1])):
            found += [item for item in self._providers if item.id == ident and item not in found]
        found += [
            item
            for item in self._providers
            if item not in found
            and item.model_match
            and any(_grade(item.model_match, name) for name in names)
        ]
        return found

    def _decoded(self, provider: _Provider) -> list[Model]:
        models = self._models.get(provider.id)
        if models is None:
            models = msgspec.json.decode(provider.models, type=list[Model])
            self._models[provider.id] = models
        return models


@cache
def shipped() -> Catalogue:
    """The table that ships with the package; decoded once per process."""
    # Not `importlib.resources`: its imports double the start-up of a scanner.
    data = pkgutil.get_data("openusaged.pricing", "catalogue.json")
    assert data is not None, "the package ships its table"
    return Catalogue(data)


def _result(entry: Model, provider: _Provider, tier: str, *, approximate: bool) -> Match | None:
    rates = build_dated(
        entry, tier, approximate=approximate, write_premium=provider.id == PREMIUM_VENDOR
    )
    return None if rates is None else Match(provider.id, rates)


def _grade(clause: list[Any], name: str) -> int:
    """How well a clause takes a name: NO_MATCH, LOOSE or EXACT."""
    operator, *arguments = clause
    if operator == "or":
        return max((_grade(part, name) for part in arguments), default=NO_MATCH)
    if operator == "and":
        return min((_grade(part, name) for part in arguments), default=NO_MATCH)
    if operator == "regex":
        return EXACT if re.search(arguments[0], name) else NO_MATCH
    # Lists write some names in capitals; ours is in lower case.
    argument = arguments[0].lower()
    if operator == "equals":
        return EXACT if name == argument else NO_MATCH
    if operator == "startswith":
        if not name.startswith(argument):
            return NO_MATCH
        return EXACT if _VERSION_TAIL.fullmatch(name[len(argument) :]) else LOOSE
    if operator == "endswith":
        return EXACT if name.endswith(argument) else NO_MATCH
    before, found, behind = name.partition(argument)
    if not found:
        return NO_MATCH
    # A route before it and a version behind it do not make it another model.
    is_whole = not before or before.endswith((".", "/"))
    return EXACT if is_whole and _VERSION_TAIL.fullmatch(behind) else LOOSE
