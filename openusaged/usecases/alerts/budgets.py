"""The answer of `budgets`: what has been spent of each, and what it will come to."""

from __future__ import annotations

from datetime import datetime

from openusage_proto import forecasts
from openusage_proto.alert_messages import Budgets, BudgetState
from openusaged.config.alerts import Budget
from openusaged.core.errors import InvalidParams
from openusaged.core.windows import iso, to_datetime
from openusaged.storage.store import Store
from openusaged.usecases.alerts.spending import USD, Period, Spending, Spent, filters_of
from openusaged.usecases.habits import habits_of
from openusaged.usecases.reading import Reading, View
from openusaged.usecases.report_scope import ReportContext, check_names, unknown_name


class BudgetBook:
    """Answers `budgets`; reader threads."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._reading = reading

    def answer(self, wanted: str | None, view: View) -> Budgets:
        """
        Every budget, or the one wanted.

        Raises:
            InvalidParams: there is no such budget.
        """
        if wanted is not None and wanted not in view.budgets:
            raise unknown_name("budget", wanted, view.budgets)
        context = self._reading.context(None)
        spending = Spending(self._store, context)
        return Budgets(
            timezone=context.zone_name,
            budgets=[
                self._state(name, budget, spending, context, view)
                for name, budget in view.budgets.items()
                if wanted in (None, name)
            ],
        )

    def _state(
        self, name: str, budget: Budget, spending: Spending, context: ReportContext, view: View
    ) -> BudgetState:
        spent, period = spending.spent(budget), spending.period(budget)
        problem = ""
        projected: float | None = None
        over_at: datetime | None = None
        try:
            check_names(filters_of(budget), context, self._store)
            projected, over_at = self._forecast(budget, spent, period, context, view)
        except InvalidParams as error:
            problem = str(error)
        return BudgetState(
            id=name,
            amount=budget.amount,
            currency=budget.currency,
            period=budget.period,
            account=budget.account,
            provider=budget.provider,
            project=budget.project,
            model=budget.model,
            since=iso(period.since_ms) or "",
            until=iso(period.until_ms) or "",
            spent=spent.amount,
            used_percent=100.0 * spent.amount / budget.amount,
            over=spent.amount > budget.amount,
            basis=spent.basis,
            unpriced_requests=spent.unpriced,
            approximate_requests=spent.approximate,
            other_costs=dict(spent.others),
            projected=projected,
            over_at=None if over_at is None else iso(int(over_at.timestamp() * 1000)),
            problem=problem,
        )

    def _forecast(
        self, budget: Budget, spent: Spent, period: Period, context: ReportContext, view: View
    ) -> tuple[float | None, datetime | None]:
        """What will have been spent at the period's end, and when the amount is reached."""
        if budget.currency != USD:
            return None, None  # hours are known in dollars only
        habits = habits_of(
            self._store,
            view,
            context,
            account=budget.account,
            provider=budget.provider,
            project=budget.project,
            model=budget.model,
        )
        if habits is None or habits.unit != "cost":
            return None, None
        now = to_datetime(context.now_ms, context.zone)
        end = to_datetime(period.until_ms, context.zone)
        projected = spent.amount + forecasts.expected(habits, now, end)
        left = budget.amount - spent.amount
        over_at = forecasts.reached(habits, now, left) if left > 0 else None
        return projected, over_at if over_at is not None and over_at < end else None
