"""
Adds up usage rows into the totals of the wire, by one rule for tokens, money and what is unknown.

Cost modes: `calculate` is our price for the tokens, and what the source recorded only where no
price is known; `display` is what the source recorded; `auto` prefers the recorded amount.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from openusage_proto.messages import CostMode, NamedTotals, Totals
from openusaged.core.models import NANO
from openusaged.storage.store import UsageRow

ESTIMATE: Final = "estimate"
RECORDED: Final = "recorded"
MIXED: Final = "mixed"
UNPRICED: Final = "unpriced"


class Sum:
    """A running sum of usage rows."""

    __slots__ = (
        "cache_read",
        "cost_nano",
        "estimated",
        "input",
        "mode",
        "other",
        "output",
        "reasoning",
        "recorded",
        "requests",
        "turns",
        "unpriced",
        "write_1h",
        "write_5m",
    )

    def __init__(self, mode: CostMode = "calculate") -> None:
        self.mode = mode
        self.requests = self.turns = 0
        self.input = self.output = self.cache_read = self.write_5m = self.write_1h = 0
        self.reasoning = 0
        self.cost_nano = self.unpriced = 0
        self.estimated = self.recorded = 0
        self.other: dict[str, int] = {}

    def add(self, row: UsageRow) -> None:
        """Add one row."""
        self.requests += row.requests
        self.turns += row.turns
        self.input += row.input
        self.output += row.output
        self.cache_read += row.cache_read
        self.write_5m += row.cache_write_5m
        self.write_1h += row.cache_write_1h
        self.reasoning += row.reasoning
        self._add_cost(row)

    def absorb(self, other: Sum) -> None:
        """Add what another sum of the same mode has added up."""
        self.requests += other.requests
        self.turns += other.turns
        self.input += other.input
        self.output += other.output
        self.cache_read += other.cache_read
        self.write_5m += other.write_5m
        self.write_1h += other.write_1h
        self.reasoning += other.reasoning
        self.cost_nano += other.cost_nano
        self.unpriced += other.unpriced
        self.estimated += other.estimated
        self.recorded += other.recorded
        for currency, nano in other.other.items():
            self.other[currency] = self.other.get(currency, 0) + nano

    def _add_cost(self, row: UsageRow) -> None:
        # Thousands of rows are added per answer; `max` would cost as much as all the rest.
        if self.mode == "calculate":
            self.cost_nano += row.calc_nano + row.fallback_nano
            if row.unpriced:
                self.unpriced += row.auto_unpriced
                if row.unpriced > row.auto_unpriced:
                    self.recorded += row.unpriced - row.auto_unpriced
            estimated = row.requests - row.errors - row.unpriced
            if estimated > 0:
                self.estimated += estimated
            if row.currency != "USD":
                self._add_other(row)
            return
        if row.currency != "USD":
            self._add_other(row)
            recorded_nano = recorded = 0
        else:
            recorded_nano, recorded = row.rec_nano, row.rec_requests
        self.recorded += recorded
        if self.mode == "display":
            self.cost_nano += recorded_nano
            # Recorded in another currency is recorded all the same.
            self.unpriced += max(0, row.requests - row.errors - row.rec_requests)
            return
        self.cost_nano += row.auto_nano
        self.unpriced += row.auto_unpriced
        self.estimated += max(0, row.requests - row.errors - recorded - row.auto_unpriced)

    def _add_other(self, row: UsageRow) -> None:
        if row.rec_nano:
            self.other[row.currency] = self.other.get(row.currency, 0) + row.rec_nano

    @property
    def total_tokens(self) -> int:
        """`input + output + cache_read + cache_write`."""
        return self.input + self.output + self.cache_read + self.write_5m + self.write_1h

    @property
    def basis(self) -> str:
        """What the cost is: estimate, recorded, mixed or unpriced."""
        if self.recorded and self.estimated:
            return MIXED
        if self.recorded:
            return RECORDED
        if self.unpriced and not self.estimated:
            return UNPRICED
        return RECORDED if self.mode == "display" else ESTIMATE

    @property
    def cost_usd(self) -> float:
        """USD, unrounded."""
        return self.cost_nano / NANO

    def totals(self) -> Totals:
        """The sum as it goes over the wire."""
        return Totals(
            requests=self.requests,
            input_tokens=self.input,
            output_tokens=self.output,
            cache_read_tokens=self.cache_read,
            cache_creation_tokens=self.write_5m + self.write_1h,
            cache_creation_1h_tokens=self.write_1h,
            reasoning_tokens=self.reasoning,
            total_tokens=self.total_tokens,
            cost_usd=self.cost_usd,
            cost_basis=self.basis,
            unpriced_requests=self.unpriced,
            other_costs={currency: nano / NANO for currency, nano in self.other.items()},
        )


def sum_rows(rows: Iterable[UsageRow], mode: CostMode = "calculate") -> Sum:
    """One sum of all rows."""
    total = Sum(mode)
    for row in rows:
        total.add(row)
    return total


def group_rows(
    rows: Sequence[UsageRow], key: Callable[[UsageRow], str], whole: Sum | None = None
) -> dict[str, Sum]:
    """
    Sums by key; rows whose key is empty are left out.

    `whole` is the sum of all rows where it is known: it need not be worked out again when they all
    have one key.
    """
    groups: dict[str, list[UsageRow]] = {}
    for row in rows:
        name = key(row)
        if name:
            groups.setdefault(name, []).append(row)
    if whole is not None and len(groups) == 1:
        ((name, same),) = groups.items()
        if len(same) == len(rows):
            return {name: whole}
    return {name: sum_rows(same) for name, same in groups.items()}


def named(groups: dict[str, Sum], labels: dict[str, str] | None = None) -> list[NamedTotals]:
    """Rows of a breakdown, most tokens first; groups that used nothing are left out."""
    rows = [(name, group) for name, group in groups.items() if group.total_tokens or group.requests]
    rows.sort(key=lambda item: (-item[1].total_tokens, -item[1].cost_nano, item[0]))
    return [
        NamedTotals(name=name, label=(labels or {}).get(name, name), totals=group.totals())
        for name, group in rows
    ]
