"""
Spellings of a model's name: the many ways tools and price lists write the same model.

Version numbers are never dropped: `gpt-5.9` must not become `gpt-5`, nor `deepseek-v3` `deepseek`.
"""

from __future__ import annotations

import re
from typing import Final

_BRACKETS: Final = re.compile(r"\[[^\]]*\]$")
_REGION: Final = re.compile(r"^(?:us-gov|us|eu|apac|global|au|jp|ca|sa|me|af|in)\.")
_BEDROCK: Final = re.compile(
    r"^(?:anthropic|openai|meta|mistral|amazon|cohere|deepseek|google|moonshot|moonshotai|qwen"
    r"|minimax|zai|nvidia|writer|ai21)\."
)
_BEDROCK_VERSION: Final = re.compile(r"-v\d+:\d+$")
# Not `:free`, which is another price, and no size like `:120b`, which is another model.
_MODE: Final = re.compile(r":(?:thinking|latest|beta|extended|exacto|nitro|floor|online)$")
# Cursor's word order and words for effort: `claude-4.5-sonnet`, `claude-4.6-opus-high-thinking`.
# Up to 3.7 it is Anthropic's own order, and found as it stands.
_VERSION_FIRST: Final = re.compile(
    r"^claude-([4-9](?:[.-]\d)?)-(opus|sonnet|haiku)(?:-(?:low|medium|high|max))?(?:-thinking)?$"
)
_DATE: Final = re.compile(r"-(?:20\d{6}|20\d{2}-\d{2}-\d{2})$")
_DOT: Final = re.compile(r"(?<=\d)\.(?=\d)")

_TIERS: Final = {
    "default": "",
    "standard": "",
    "auto": "",
    "on_demand": "",
    "standard_only": "",
    "batches": "batch",
}


def tier_name(tier: str) -> str:
    """`fast`, `priority`, `batch`, `flex` ...; empty for every name of the standard tier."""
    name = tier.strip().lower()
    return _TIERS.get(name, name)


def spellings(model: str) -> list[str]:
    """Spellings of a model to look for, lower case, most specific first."""
    name = model.strip().lower()
    names = [name]

    def add(spelling: str) -> str:
        if spelling and spelling not in names:
            names.append(spelling)
        return spelling

    plain = add(_BRACKETS.sub("", name))
    plain = add(plain.rsplit("/", 1)[-1])
    regional = _REGION.sub("", plain)
    if _BEDROCK.match(regional):
        plain = add(_BEDROCK_VERSION.sub("", _BEDROCK.sub("", regional)))
    plain = add(plain.replace("@", "-"))
    plain = add(_MODE.sub("", plain))
    version_first = _VERSION_FIRST.match(plain)
    if version_first:
        version, family = version_first.groups()
        add(f"claude-{family}-{version.replace('.', '-')}")
    return names


def normalised(model: str) -> str:
    """The one form in which both sides of a loose spelling meet: no route, date, mode or dots."""
    name = spellings(model)[-1]
    name = _MODE.sub("", name).removesuffix("-latest")
    return _DOT.sub("-", _DATE.sub("", name))
