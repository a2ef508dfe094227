"""
Alerts as sentences: what happened, by how much, and what comes next.

Pure functions of figures and a zone; the same sentence goes to every way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Final

from openusaged.config.alerts import (
    BALANCE,
    LIMIT,
    PACE,
    RESET,
    SPEND,
    STALE,
    AlertRule,
    Budget,
)
from openusaged.core.windows import iso, to_datetime
from openusaged.usecases.alerts.spending import USD, Spent
from openusaged.usecases.statusline import duration, whole

PERIODS: Final = {"day": "today", "week": "this week", "month": "this month"}
_PER: Final = {"day": "a day", "week": "a week", "month": "a month"}
_WEEK_S: Final = 6 * 86_400


def money(amount: float, currency: str) -> str:
    """`$12.30`, `12.30 EUR`, `250.00 credits`."""
    return f"${amount:,.2f}" if currency == USD else f"{amount:,.2f} {currency}"


def clock(at: datetime, now: datetime) -> str:
    """`14:00` today, `Tue 14:00` within a week, else with the date."""
    if at.date() == now.date():
        return f"{at:%H:%M}"
    near = abs((at - now).total_seconds()) < _WEEK_S
    return f"{at:%a %H:%M}" if near else f"{at:%Y-%m-%d %H:%M}"


class Words:
    """Sentences at one moment in one zone."""

    def __init__(self, now_ms: int, zone: tzinfo) -> None:
        self.now_ms = now_ms
        self.at = iso(now_ms) or ""
        self.now = to_datetime(now_ms, zone)
        self._zone = zone

    def until(self, at_ms: int | None) -> str:
        """`; it starts anew Tue 14:00 (in 2h10m)`; empty when that is unknown or past."""
        if at_ms is None:
            return ""
        at = to_datetime(at_ms, self._zone)
        left_s = (at - self.now).total_seconds()
        if left_s <= 0:
            return ""
        return f"; it starts anew {clock(at, self.now)} (in {duration(left_s)})"

    def limit(self, account: str, label: str, percent: float, resets_ms: int | None) -> str:
        """A limit has been used up to a share."""
        return f"{account}: {whole(percent)}% of {label} used{self.until(resets_ms)}."

    def balance(self, account: str, label: str, left: float, unit: str, below: float) -> str:
        """A balance has fallen to a bound."""
        return (
            f"{account}: {money(left, unit)} left of {label}, not more than {money(below, unit)}."
        )

    def pace(
        self, account: str, label: str, percent: float, full: datetime, resets: datetime
    ) -> str:
        """A limit will be used up before it starts anew."""
        return (
            f"{account}: {whole(percent)}% of {label} used; as it goes it lasts until"
            f" {clock(full, self.now)}, not until it starts anew {clock(resets, self.now)}."
        )

    def reset(self, account: str, label: str) -> str:
        """A limit that was nearly used up has started anew."""
        return f"{account}: {label} has started anew."

    def spend(self, rule: AlertRule, spent: Spent) -> str:
        """More has been spent in a period than a rule allows."""
        return (
            f"{_scope(rule)}{self._amount(rule, spent)} spent {PERIODS[rule.period]}, at least"
            f" the {money(rule.amount, rule.currency)} of its rule{_doubts(spent)}."
        )

    def budget(self, name: str, budget: Budget, spent: Spent) -> str:
        """A budget has been used up to a share."""
        percent = 100.0 * spent.amount / budget.amount
        return (
            f"Budget {name}: {self._amount(budget, spent)} of"
            f" {money(budget.amount, budget.currency)} spent {PERIODS[budget.period]}"
            f" ({whole(percent)}%){_doubts(spent)}."
        )

    def _amount(self, scope: AlertRule | Budget, spent: Spent) -> str:
        text = money(spent.amount, scope.currency)
        return f"about {text}" if spent.basis in ("estimate", "mixed") else text

    def stale(self, account: str, since_ms: int | None, status: str) -> str:
        """A source has not been read for long."""
        if since_ms is None:
            return f"{account}: its figures could not be read yet ({status})."
        since = to_datetime(since_ms, self._zone)
        age = duration((self.now - since).total_seconds())
        return (
            f"{account}: no new figures since {clock(since, self.now)} ({age} ago, {status});"
            " what is shown is old."
        )


def _scope(scope: AlertRule | Budget) -> str:
    names = (scope.account, scope.provider, project_label(scope.project), scope.model)
    parts = [name for name in names if name]
    return f"{', '.join(parts)}: " if parts else ""


def project_label(project: str) -> str:
    """A project by its folder's name: where it lies is nobody's business who is told."""
    return project.rstrip("/").rpartition("/")[2]


def _doubts(spent: Spent) -> str:
    """What the amount lacks or only guesses."""
    doubts = []
    if spent.unpriced:
        doubts.append(f"{_requests(spent.unpriced)} without a price not counted")
    if spent.approximate:
        doubts.append(f"{_requests(spent.approximate)} at the price of a similar model")
    return f" ({', '.join(doubts)})" if doubts else ""


def _requests(number: int) -> str:
    return f"{number} request{'' if number == 1 else 's'}"


def rule_words(rule: AlertRule) -> str:
    """What a rule watches, in a line."""
    of = _of(rule)
    words: dict[str, Callable[[], str]] = {
        LIMIT: lambda: f"{rule.at:g}% of a limit used{of}",
        BALANCE: lambda: f"{rule.below:g} or less left{of}",
        PACE: lambda: f"a limit will not last until it starts anew, from {rule.at:g}% used{of}",
        RESET: lambda: f"a limit starts anew of which {rule.at:g}% was used{of}",
        SPEND: lambda: f"{money(rule.amount, rule.currency)} {_PER[rule.period]} spent{of}",
        STALE: lambda: f"no new figures for {duration(rule.minutes * 60)}{of}",
    }
    return words[rule.on]()


def budget_words(budget: Budget, percent: float) -> str:
    """What a budget's alert watches, in a line."""
    amount = money(budget.amount, budget.currency)
    return f"{percent:g}% of {amount} {_PER[budget.period]} spent{_of(budget)}"


def _of(scope: AlertRule | Budget) -> str:
    names = [
        *(scope.account, scope.provider, scope.project, scope.model),
        *((scope.metric, scope.window) if isinstance(scope, AlertRule) else ()),
    ]
    parts = [name for name in names if name]
    return f" ({', '.join(parts)})" if parts else ""
