"""What the analytics screen looks at: the order of its lists."""

from __future__ import annotations

from typing import Final

from openusage_proto.values import dataclass

SORTS: Final = ("cost", "tokens", "requests", "change", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsState:
    """`sort` is what every list is ordered by."""

    sort: str = SORTS[0]
