"""
What is watched, and what has moved: the words that the watch and an evaluation share.

Apart from the evaluation, which a daemon without alerts never loads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from openusaged.config.alerts import SPEND, AlertRule, Budget

BUDGET: Final = "budget"


def budget_rule(name: str, percent: float) -> str:
    """Id of the alert at one share of a budget."""
    return f"{BUDGET}:{name}@{percent:g}"


class News(NamedTuple):
    """What has moved: accounts with new limits or polls, and whether amounts may have changed."""

    accounts: frozenset[str] = frozenset()
    spending: bool = False


class Rules(NamedTuple):
    """The rules that are switched on, and the budgets."""

    rules: Mapping[str, AlertRule]
    budgets: Mapping[str, Budget]

    @property
    def watch_accounts(self) -> bool:
        """Whether anything depends on limits or polls."""
        return any(rule.on != SPEND for rule in self.rules.values())

    @property
    def watch_spending(self) -> bool:
        """Whether anything depends on events."""
        return bool(self.budgets) or any(rule.on == SPEND for rule in self.rules.values())
