"""
Reads the limits that APIs put into answer headers: how much, how much is left, when it is full.

Every vendor has the same three figures and its own spelling of names and times, so the names are
data (`HeaderGroup`) and the time forms are all understood for all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from openusage_proto.values import dataclass
from openusaged.core.models import LimitMetric
from openusaged.providers.base import MetricSpec
from openusaged.providers.shared.json_values import as_epoch_ms, as_number

MAX_AHEAD_MS: Final = 366 * 86_400_000
"""A window that is longer than a year is a number of another kind, not a reset."""

MIN_EPOCH_S: Final = 1e9
"""2001: a smaller number is a duration in seconds, not a moment."""

_UNIT_MS: Final = {
    "ns": 1e-6,
    "us": 1e-3,
    "ms": 1.0,
    "s": 1e3,
    "m": 60e3,
    "h": 3_600e3,
    "d": 86_400e3,
}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|ms|s|m|h|d)")
_SHOWN_PREFIXES: Final = ("x-ratelimit-", "ratelimit-", "anthropic-ratelimit-")
_SHOWN: Final = frozenset({"retry-after", "x-request-id", "date"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderGroup:
    """One limit that travels as a trio of headers, and the figure it becomes."""

    key: str
    label: str
    unit: str
    window: str
    limit: str
    remaining: str
    reset: str

    @property
    def metric(self) -> MetricSpec:
        """How a provider declares the figure."""
        return MetricSpec(key=self.key, label=self.label, unit=self.unit, window=self.window)


REQUESTS_PER_MINUTE: Final = HeaderGroup(
    key="rpm",
    label="Requests per minute",
    unit="requests",
    window="1m",
    limit="x-ratelimit-limit-requests",
    remaining="x-ratelimit-remaining-requests",
    reset="x-ratelimit-reset-requests",
)
TOKENS_PER_MINUTE: Final = HeaderGroup(
    key="tpm",
    label="Tokens per minute",
    unit="tokens",
    window="1m",
    limit="x-ratelimit-limit-tokens",
    remaining="x-ratelimit-remaining-tokens",
    reset="x-ratelimit-reset-tokens",
)
STANDARD: Final = (REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE)
"""What OpenAI began and most others copied."""


def read_groups(
    headers: Mapping[str, str], groups: Iterable[HeaderGroup], now_ms: int
) -> tuple[LimitMetric, ...]:
    """
    The figures of the groups that are there; header names are in lower case.

    A group without limit and remainder says nothing, even with a reset.  Negative numbers are how
    gateways write "no limit", and a trio of zeros how they write "not counted here".
    """
    found = (_read_group(headers, group, now_ms) for group in groups)
    return tuple(metric for metric in found if metric is not None)


def _read_group(headers: Mapping[str, str], group: HeaderGroup, now_ms: int) -> LimitMetric | None:
    limit = _amount(headers.get(group.limit, ""))
    remaining = _amount(headers.get(group.remaining, ""))
    if limit is None and remaining is None:
        return None
    if limit == 0 and not remaining:
        return None
    return LimitMetric(
        key=group.key,
        unit=group.unit,
        window=group.window,
        label=group.label,
        limit=limit,
        remaining=remaining,
        resets_at_ms=reset_at_ms(headers.get(group.reset, ""), now_ms),
    )


def _amount(text: str) -> float | None:
    # The IETF drafts append policies (`100, 100;w=60`); repeated headers arrive joined by `, `.
    number = as_number(text.split(";", maxsplit=1)[0].split(", ", maxsplit=1)[0])
    return None if number is None or number < 0 else number


def reset_at_ms(text: str, now_ms: int) -> int | None:
    """
    When a limit is full again, as epoch milliseconds; None for a form that is not known.

    Understood are moments (ISO 8601, epoch seconds, milli- and microseconds), durations with units
    (`6m0s`, `2m59.56s`, `750ms`) and bare seconds from now.
    """
    text = text.split(", ", maxsplit=1)[0].strip()
    number = as_number(text)
    if number is None:
        duration_ms = duration_as_ms(text)
        moment = as_epoch_ms(text) if duration_ms is None else now_ms + duration_ms
    elif number >= MIN_EPOCH_S:
        moment = as_epoch_ms(number)
    else:
        moment = now_ms + round(number * 1000) if number >= 0 else None
    if moment is None or moment > now_ms + MAX_AHEAD_MS:
        return None
    return moment


def duration_as_ms(text: str) -> int | None:
    """Milliseconds of a duration with units, or None when the text is anything else."""
    # Header bytes are read as Latin-1, which turns a micro sign in UTF-8 into two characters.
    text = text.replace("Âµ", "u").replace("µ", "u")
    total, position = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != position:
            return None
        total += float(part[1]) * _UNIT_MS[part[2]]
        position = part.end()
    if not position or position != len(text) or not math.isfinite(total):
        return None
    return round(total)


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """
    The headers that may be shown or kept: limits, waits, request id and date.

    Everything else stays where it is: cookies and echoed credentials are among it.
    """
    return {
        name: value
        for name, value in headers.items()
        if name.startswith(_SHOWN_PREFIXES) or name in _SHOWN
    }
