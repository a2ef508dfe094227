"""Conditions on money: rules on what is spent in a period, and the shares of budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from openusage_proto.alert_messages import AlertFacts
from openusaged.config.alerts import SPEND, AlertRule, Budget
from openusaged.core.windows import iso
from openusaged.usecases.alerts.memory import Finding
from openusaged.usecases.alerts.rules import BUDGET, budget_rule
from openusaged.usecases.alerts.spending import Spending, Spent
from openusaged.usecases.alerts.wording import Words, project_label


def findings_of(
    rules: Mapping[str, AlertRule],
    budgets: Mapping[str, Budget],
    spending: Spending,
    words: Words,
) -> Iterator[Finding]:
    """How the conditions of the rules on spending, and of the budgets, are."""
    for name, rule in rules.items():
        if rule.on == SPEND:
            spent = spending.spent(rule)
            text = partial(words.spend, rule, spent)
            yield _finding(name, SPEND, rule, spent, rule.amount, spending, words, text)
    for name, budget in budgets.items():
        spent = spending.spent(budget)
        for percent in budget.alert_at:
            yield _finding(
                budget_rule(name, percent),
                BUDGET,
                budget,
                spent,
                budget.amount * percent / 100,
                spending,
                words,
                partial(words.budget, name, budget, spent),
                group=f"{BUDGET} {name}",
            )


def _finding(
    name: str,
    kind: str,
    scope: AlertRule | Budget,
    spent: Spent,
    threshold: float,
    spending: Spending,
    words: Words,
    text: partial[str],
    group: str = "",
) -> Finding:
    until_ms = spending.period(scope).until_ms
    holds = spent.amount >= threshold
    return Finding(
        rule=name,
        subject=scope.period,
        holds=holds,
        clear=not holds,
        window_ms=until_ms,
        due_ms=until_ms,
        group=group,
        rank=threshold,
        facts=lambda: AlertFacts(
            rule=name,
            kind=kind,
            at=words.at,
            text=text(),
            account=scope.account,
            provider=scope.provider,
            project=project_label(scope.project),
            model=scope.model,
            value=spent.amount,
            threshold=threshold,
            unit=scope.currency,
            period=scope.period,
            resets_at=iso(until_ms),
            basis=spent.basis,
            unpriced_requests=spent.unpriced,
            approximate_requests=spent.approximate,
        ),
    )
