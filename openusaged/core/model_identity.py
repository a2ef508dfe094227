"""
Which spellings of a model's name mean the same model, so that a report can show one row for them.

Apart from prices, which have rules of their own: here a release date, a route and the order of the
words do not matter, but a version always does (`gpt-5.9` is not `gpt-5`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from openusaged.core.model_names import vendor_of_model

_ROUTE: Final = re.compile(r"^(?:[a-z-]+\.)+(?=[a-z])")
"""Regions and vendors before a name on Bedrock: `us.anthropic.`"""
_BRACKETS: Final = re.compile(r"\[[^\]]*\]$")
_REVISION: Final = re.compile(r"-v\d+:\d+$")
_DATE: Final = re.compile(r"(?<!\d)(20\d\d)[-_]?(\d\d)[-_]?(\d\d)(?!\d)")
_NO_WORD: Final = re.compile(r"[^a-z0-9.]+")
_VERSION: Final = re.compile(r"\d+(?:\.\d+)?")
_CLAUDE: Final = "claude"
_FAMILIES: Final = ("opus", "sonnet", "haiku")

# How sure it is that equal results mean equal models.
_SAID: Final = 1.0
_WELL_FORMED: Final = 0.95
_KNOWN_VENDOR: Final = 0.90
_BY_BILLER: Final = 0.72
_UNKNOWN: Final = 0.60


class Identity(NamedTuple):
    """A model without its spelling."""

    lineage: str
    """`vendor/model`, of all releases."""
    release: str
    """The same with `@YYYYMMDD` where the name has a date."""
    confidence: float


class Use(NamedTuple):
    """Where a name was met: who bills, with which tool, and the name as it is in the record."""

    provider: str
    client: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRule:
    """What the user says a raw name stands for; of any biller and tool when `provider` is empty."""

    raw: str
    lineage: str
    provider: str = ""
    release: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelNames:
    """How the names of models are grouped."""

    enabled: bool = False
    by_release: bool = False
    min_confidence: float = 0.80
    rules: tuple[NameRule, ...] = ()

    def shown(self, uses: Iterable[Use]) -> Mapping[Use, str]:
        """
        The name to show for each of all that is there.

        A model that has only one spelling keeps it; of several the shortest stands for all, unless
        a rule says how the model is called.
        """
        if not self.enabled:
            return {}
        groups: dict[str, list[Use]] = {}
        called: dict[str, str] = {}
        for use in sorted(set(uses)):
            rule = self._rule(use)
            identity = identity_of(use.provider, use.raw) if rule is None else _ruled(rule)
            if not use.raw or identity.confidence < self.min_confidence:
                continue
            group = identity.release if self.by_release else identity.lineage
            groups.setdefault(group, []).append(use)
            if rule is not None:
                called[group] = rule.shown or group
        return {
            use: called.get(group) or min((len(one.raw), one.raw) for one in members)[1]
            for group, members in groups.items()
            for use in members
        }

    def _rule(self, use: Use) -> NameRule | None:
        for rule in self.rules:
            owners = ("", use.provider.lower(), use.client.lower())
            if rule.raw.strip().lower() == use.raw.strip().lower() and (
                rule.provider.lower() in owners
            ):
                return rule
        return None


def _ruled(rule: NameRule) -> Identity:
    return Identity(rule.lineage, rule.release or rule.lineage, _SAID)


def identity_of(provider: str, raw: str) -> Identity:
    """What a raw name says about the model it means; `provider` (who bills) helps where it must."""
    name = _BRACKETS.sub("", raw.strip().lower().strip("/"))
    vendor = vendor_of_model(_ROUTE.sub("", name))
    name = _REVISION.sub("", _ROUTE.sub("", name.rpartition("/")[2]))
    dated = _DATE.search(name)
    if dated is not None:
        name = name[: dated.start()] + "-" + name[dated.end() :]
    words = _joined([word for word in _NO_WORD.split(name) if word])
    confidence = _KNOWN_VENDOR if vendor else _BY_BILLER if provider else _UNKNOWN
    if words[:1] == [_CLAUDE] or (vendor == "anthropic" and words[:1]):
        words, is_whole = _claude(words)
        confidence = _WELL_FORMED if is_whole else confidence
    lineage = f"{vendor or provider.lower() or 'unknown'}/{'-'.join(words)}"
    release = f"{lineage}@{''.join(dated.groups())}" if dated is not None else lineage
    return Identity(lineage, release, confidence)


def _joined(words: list[str]) -> list[str]:
    """Words in which `4`, `6` has become the version `4.6`."""
    joined: list[str] = []
    may_join = False
    for word in words:
        if may_join and word.isdigit():
            joined[-1] = f"{joined[-1]}.{word}"
            may_join = False
        else:
            joined.append(word)
            may_join = word.isdigit()
    return joined


def _claude(words: list[str]) -> tuple[list[str], bool]:
    """`claude`, family, version, then whatever else; and whether both are there."""
    rest = [word for word in words if word != _CLAUDE]
    family = next((word for word in rest if word in _FAMILIES), "")
    version = next((word for word in rest if _VERSION.fullmatch(word)), "")
    for word in (family, version):
        if word:
            rest.remove(word)
    return [word for word in (_CLAUDE, family, version, *rest) if word], bool(family and version)
