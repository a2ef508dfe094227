"""
Names that no price list knows because they stand for another model, from a date on.

A plan's own name for "our model of the day" is priced as the model that answered then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from openusaged.pricing.dated import DatedRates
from openusaged.pricing.names import normalised

_ALWAYS: Final = 0
_KIMI_K26_MS: Final = 1_776_698_890_072
"""2026-04-20 15:28:10.072 UTC, when Kimi's coding plan moved to K2.6."""

# Name -> (from epoch ms on, model), oldest first.  The days are those of the models' releases.
_STAND_INS: Final[dict[str, tuple[tuple[int, str], ...]]] = {
    "kimi-for-coding": ((_ALWAYS, "kimi-k2.5"), (_KIMI_K26_MS, "kimi-k2.6")),
    "k2p5": ((_ALWAYS, "kimi-k2.5"),),
    "k2p6": ((_ALWAYS, "kimi-k2.6"),),
    "codex-auto-review": (
        (_ALWAYS, "gpt-5"),
        (1_757_894_400_000, "gpt-5-codex"),  # 2025-09-15
        (1_762_992_000_000, "gpt-5.1-codex"),  # 2025-11-13
        (1_765_411_200_000, "gpt-5.2-codex"),  # 2025-12-11
        (1_770_249_600_000, "gpt-5.3-codex"),  # 2026-02-05
        (1_772_668_800_000, "gpt-5.4"),  # 2026-03-05
        (1_776_902_400_000, "gpt-5.5"),  # 2026-04-23
    ),
}


def stand_ins(model: str) -> tuple[tuple[int, str], ...]:
    """(from epoch ms on, model) for a name that stands for others, oldest first; else nothing."""
    return _STAND_INS.get(normalised(model), ())


def in_turn(model: str, parts: Iterable[tuple[int, DatedRates]]) -> DatedRates:
    """
    The rates of several models, each from its moment on, as those of one.

    Args:
        model: the name that stands for them.
        parts: (from epoch ms on, rates), oldest first.
    """
    in_order = list(parts)
    ends = [start for start, _ in in_order[1:]]
    periods = [
        msgspec.structs.replace(period, starts_ms=max(period.starts_ms, start))
        for (start, rates), end in zip(in_order, [*ends, None], strict=True)
        for period in rates.periods
        if end is None or period.starts_ms < end
    ]
    approximate = any(rates.approximate for _, rates in in_order)
    return DatedRates(model, approximate, tuple(periods), in_order[-1][1].context)
