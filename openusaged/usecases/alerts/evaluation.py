"""
All conditions that some news may have changed, at one moment; a reader thread.

Reads what the rules need and nothing else: the limits of the accounts that have news, the amounts
of the periods, the habits of accounts whose pace is watched.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

from openusaged.config.alerts import SPEND
from openusaged.storage.store import Store
from openusaged.usecases.alerts import amounts, limits
from openusaged.usecases.alerts.memory import Finding
from openusaged.usecases.alerts.rules import News, Rules
from openusaged.usecases.alerts.spending import Spending
from openusaged.usecases.alerts.wording import Words
from openusaged.usecases.habits import habits_of
from openusaged.usecases.reading import View
from openusaged.usecases.report_scope import ReportContext


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
