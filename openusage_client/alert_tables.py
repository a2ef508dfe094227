"""The pages of `openusage alerts` and `openusage budget`: rules, history, budgets."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from openusage_client.formatting import (
    PERIOD_WORDS,
    UNKNOWN,
    format_ago,
    format_clock,
    format_duration,
    format_money,
    format_percent,
)
from openusage_client.report_tables import wrap
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style
from openusage_proto.alert_messages import AlertEntry, AlertRuleState, Alerts, BudgetState

_OUTCOMES: Final = {
    "held": "held until the quiet hours end",
    "muted": "muted",
    "cooldown": "told shortly before",
    "dropped": "over before it could be told",
    "silent": "no way is set",
    "pending": "on its way",
    "partly": "delivered in part",
}


def alert_lines(alerts: Alerts, *, now: datetime, width: int | None, style: Style) -> list[str]:
    """The rules and the ways; no line wider than `width`."""
    lines = [style.paint(line, "bold") for line in wrap(_heading(alerts, now, style), width)]
    if not alerts.enabled:
        lines += wrap("Switch them on with `openusage alerts on`.", width)
    columns = (
        Column("RULE", "<", shrink_to=10),
        Column("WHEN", "<", shrink_to=16),
        Column("NOW", "<", rank=1, shrink_to=12),
        Column("LAST", "<", rank=2),
    )
    rows = [_rule(rule, now) for rule in alerts.rules]
    lines += ["", *render([Table(columns, rows)], width, style), ""]
    for rule in alerts.rules:
        if rule.problem:
            lines += [
                style.paint(line, "yellow") for line in wrap(f"{rule.id}: {rule.problem}", width)
            ]
    if not alerts.channels:
        lines += wrap("Nobody is told: none of desktop, tmux, command and webhook is set.", width)
    for channel in alerts.channels:
        text = f"{channel.name}: {channel.target}"
        if channel.delivered or channel.failed:
            text += f"{style.separator}{channel.delivered} delivered, {channel.failed} failed"
        if channel.last_error:
            text += f"{style.separator}{channel.last_error}"
        lines += wrap(text, width)
    return lines


def _heading(alerts: Alerts, now: datetime, style: Style) -> str:
    parts = ["Alerts are on" if alerts.enabled else "Alerts are off"]
    if alerts.muted_until:
        parts.append(f"all muted until {format_clock(alerts.muted_until, now)}")
    if alerts.quiet_hours:
        parts.append(f"quiet {alerts.quiet_hours}{' (now)' if alerts.quiet else ''}")
    if alerts.enabled:
        parts.append(f"again after {format_duration(alerts.cooldown_minutes * 60)} at the earliest")
    return style.separator.join(parts)


def _rule(rule: AlertRuleState, now: datetime) -> Row:
    state = ", ".join(rule.active) or UNKNOWN
    if rule.muted_until:
        state = f"muted until {format_clock(rule.muted_until, now)}"
    return Row(
        [
            rule.id,
            rule.words,
            state if rule.enabled else "off",
            format_ago(rule.last_fired_at, now),
        ],
        "row" if rule.enabled else "child",
    )


def history_lines(
    entries: list[AlertEntry], *, now: datetime, width: int | None, style: Style
) -> list[str]:
    """Alerts of the past, newest first, each with what became of it."""
    if not entries:
        return wrap("Nothing has been told yet.", width)
    lines = []
    for entry in entries:
        head = f"{format_clock(entry.at, now)}{style.separator}{entry.facts.rule}"
        lines += [style.paint(line, "dim") for line in wrap(head, width)]
        lines += [f"  {line}" for line in wrap(entry.facts.text, _inside(width))]
        lines += [f"  {line}" for line in wrap(_outcome(entry), _inside(width))]
    return lines


def _inside(width: int | None) -> int | None:
    return None if width is None else max(20, width - 2)


def _outcome(entry: AlertEntry) -> str:
    told = [name for name, problem in entry.deliveries.items() if not problem]
    failed = [f"{name}: {problem}" for name, problem in entry.deliveries.items() if problem]
    parts = [f"told by {', '.join(told)}"] if told else []
    parts += [f"not told by {text}" for text in failed]
    return "; ".join(parts) or _OUTCOMES.get(entry.outcome, entry.outcome)


def budget_lines(
    budgets: list[BudgetState], *, now: datetime, width: int | None, style: Style
) -> list[str]:
    """One row per budget and what its amount lacks; no line wider than `width`."""
    if not budgets:
        return wrap("There are no budgets; one is made with: openusage budget set ID AMOUNT", width)
    columns = (
        Column("BUDGET", "<", shrink_to=8),
        Column("FOR", "<", rank=4, shrink_to=10),
        Column("SPENT"),
        Column("OF", rank=1),
        Column("USED"),
        Column("PERIOD", "<", rank=3),
        Column("AT THE END", rank=2),
        Column("STATE", "<", shrink_to=10),
    )
    table = Table(columns, [_budget(budget, now, style) for budget in budgets])
    notes = [note for budget in budgets for note in _notes(budget)]
    if any(budget.basis in ("estimate", "mixed") and budget.spent for budget in budgets):
        notes.insert(0, f"{style.approx} is an estimate: tokens at list prices.")
    lines = render([table], width, style)
    if notes:
        lines += ["", *(style.paint(line, "dim") for note in notes for line in wrap(note, width))]
    return lines


def _budget(budget: BudgetState, now: datetime, style: Style) -> Row:
    names = (budget.account, budget.provider, budget.project, budget.model)
    mark = style.approx if budget.basis in ("estimate", "mixed") and budget.spent else ""
    least = ("≥" if style.unicode else ">=") if budget.unpriced_requests else ""
    ahead = budget.projected
    return Row(
        [
            budget.id,
            ", ".join(name for name in names if name) or "everything",
            f"{least}{mark}{format_money(budget.spent, budget.currency)}",
            format_money(budget.amount, budget.currency),
            format_percent(budget.used_percent),
            PERIOD_WORDS.get(budget.period, budget.period),
            UNKNOWN if ahead is None else style.approx + format_money(ahead, budget.currency),
            state_of(budget, now),
        ]
    )


def state_of(budget: BudgetState, now: datetime) -> str:
    """Over, within, or until when."""
    if budget.over:
        return "over"
    if budget.over_at:
        return f"lasts until {format_clock(budget.over_at, now)}"
    return "within"


def _notes(budget: BudgetState) -> list[str]:
    notes = []
    if budget.problem:
        notes.append(f"{budget.id}: {budget.problem}")
    if budget.unpriced_requests:
        notes.append(
            f"{budget.id}: {budget.unpriced_requests} requests without a price are not in it"
            " (openusage pricing --unpriced)."
        )
    if budget.approximate_requests:
        notes.append(
            f"{budget.id}: {budget.approximate_requests} requests are counted at the price of a"
            " similar model."
        )
    if budget.other_costs:
        amounts = ", ".join(
            format_money(amount, currency) for currency, amount in budget.other_costs.items()
        )
        notes.append(f"{budget.id}: {amounts} in other currencies are not in it.")
    return notes
