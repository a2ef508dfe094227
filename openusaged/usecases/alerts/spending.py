"""
What was spent in a calendar period by an account, a project or a model: for rules and budgets.

The same rows, filters and sums as the reports, so that a budget and `openusage monthly` agree.
Amounts of different currencies are never added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta, tzinfo
from typing import Final, NamedTuple, Protocol

from openusage_proto.messages import ReportParams
from openusage_proto.values import dataclass
from openusaged.core.models import NANO
from openusaged.core.windows import day_start_ms, local_date, quarter_of, week_start
from openusaged.storage.store import Store, UsageRow
from openusaged.usecases.report_scope import FUTURE_QUARTERS, ReportContext, accept_of
from openusaged.usecases.totals import Sum

_DIMENSIONS: Final = ("account", "provider", "client", "model", "project")
USD: Final = "USD"


class Scope(Protocol):
    """What a rule on spending and a budget have in common."""

    @property
    def account(self) -> str:
        """Id of an account; empty for all."""
        ...

    @property
    def provider(self) -> str:
        """A service, tool or vendor; empty for all."""
        ...

    @property
    def project(self) -> str:
        """A project's name or root; empty for all."""
        ...

    @property
    def model(self) -> str:
        """A model; empty for all."""
        ...

    @property
    def currency(self) -> str:
        """Which amounts count."""
        ...

    @property
    def period(self) -> str:
        """`day`, `week` or `month`."""
        ...


class Period(NamedTuple):
    """Instants [since_ms, until_ms) of the local day, week or month that holds a moment."""

    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """An amount in the currency asked for, and what is to be known about it."""

    amount: float
    basis: str
    unpriced: int
    approximate: int
    others: Mapping[str, float]
    """Amounts in other currencies, which are not in `amount`."""


def period_of(name: str, now_ms: int, zone: tzinfo) -> Period:
    """The running `day`, `week` (from Monday) or `month`."""
    today = local_date(now_ms, zone)
    if name == "day":
        first, after = today, today + timedelta(days=1)
    elif name == "week":
        first = week_start(today)
        after = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Period(day_start_ms(first, zone), day_start_ms(after, zone))


def filters_of(scope: Scope) -> ReportParams:
    """The filters of a report about the same."""
    return ReportParams(
        kind="daily",
        account=scope.account or None,
        provider=scope.provider or None,
        project=scope.project or None,
        model=scope.model or None,
    )


class Spending:
    """Amounts at one moment; each period is read once.  For one reader thread."""

    def __init__(self, store: Store, context: ReportContext) -> None:
        self._store = store
        self._context = context
        self._rows: dict[str, Sequence[UsageRow]] = {}

    def period(self, scope: Scope) -> Period:
        """The period that runs."""
        return period_of(scope.period, self._context.now_ms, self._context.zone)

    def spent(self, scope: Scope) -> Spent:
        """What was spent in it."""
        accept = accept_of(filters_of(scope), self._context, self._store)
        total = Sum()
        approximate = 0
        for row in self._period_rows(scope.period):
            if accept(row):
                total.add(row)
                approximate += row.approx
        amounts = {USD: total.cost_usd} if total.cost_nano else {}
        amounts |= {currency: nano / NANO for currency, nano in total.other.items()}
        in_dollars = scope.currency == USD
        return Spent(
            amount=amounts.pop(scope.currency, 0.0),
            basis=total.basis if in_dollars else "recorded",
            unpriced=total.unpriced if in_dollars else 0,
            approximate=approximate if in_dollars else 0,
            others=amounts,
        )

    def _period_rows(self, name: str) -> Sequence[UsageRow]:
        if name not in self._rows:
            since_ms, until_ms = period_of(name, self._context.now_ms, self._context.zone)
            # as the reports: an event of a clock slightly ahead counts
            end_q = quarter_of(self._context.now_ms) + FUTURE_QUARTERS
            self._rows[name] = self._store.usage_rows(
                start_q=quarter_of(since_ms),
                end_q=min(end_q, quarter_of(until_ms)),
                group_by=_DIMENSIONS,
            )
        return self._rows[name]
