"""
All conditions that some news may have changed, at one moment; a reader thread.

Reads what the rules need and nothing else: the limits of the accounts that have news, the amounts
of the periods, the habits of accounts whose pace is watched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import NamedTuple

from openusaged.config.alerts import SPEND, AlertRule, Budget
from openusaged.storage.store import Store
from openusaged.usecases.alerts import amounts, limits
from openusaged.usecases.alerts.habits import habits_of
from openusaged.usecases.alerts.memory import Finding
from openusaged.usecases.alerts.spending import Spending
from openusaged.usecases.alerts.wording import Words
from openusaged.usecases.reading import View
from openusaged.usecases.report_scope import ReportContext


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


def evaluate(
    store: Store, view: View, context: ReportContext, rules: Rules, news: News
) -> list[Finding]:
    """How every condition is that the news may have changed."""
    words = Words(context.now_ms, context.zone)
    findings: list[Finding] = []
    if news.accounts and rules.watch_accounts:
        findings += _of_accounts(store, view, context, rules, news, words)
    if news.spending and rules.watch_spending:
        spending = Spending(store, context)
        findings += amounts.findings_of(rules.rules, rules.budgets, spending, words)
    return findings


def _of_accounts(
    store: Store, view: View, context: ReportContext, rules: Rules, news: News, words: Words
) -> Iterator[Finding]:
    polls = {account_id: poll for (_, account_id), poll in store.snapshots().items()}
    named = [(name, rule) for name, rule in rules.rules.items() if rule.on != SPEND]
    for account in view.accounts:
        poll = polls.get(account.id)
        if account.id in news.accounts and poll is not None:
            title = view.titles.get(account.id, account.title or account.id)
            habits = cache(partial(habits_of, store, view, context, account=account.id))
            yield from limits.findings_of(account, title, poll, named, words, habits)
