"""Answers about alerts and budgets, for tests of the client."""

from __future__ import annotations

from openusage_proto.alert_messages import (
    AlertChannel,
    AlertEntry,
    AlertFacts,
    AlertRuleState,
    Alerts,
    Budgets,
    BudgetState,
)


def alerts() -> Alerts:
    """Rules of every state, ways that work and fail, and a history of every outcome."""
    return Alerts(
        enabled=True,
        quiet=False,
        quiet_hours="22:00-07:00",
        timezone="Asia/Kathmandu",
        cooldown_minutes=15,
        rules=[
            AlertRuleState(
                id="limit-80",
                on="limit",
                words="80% of a limit used",
                active=["claude-work/usage_seven_day"],
                last_fired_at="2026-03-07T08:30:00Z",
            ),
            AlertRuleState(id="limit-95", on="limit", words="switched off", enabled=False),
            AlertRuleState(
                id="codex",
                on="limit",
                words="80% of a limit used (codx)",
                problem="account: there is no 'codx'; did you mean codex?",
            ),
            AlertRuleState(
                id="pace",
                on="pace",
                words="a limit will not last until it starts anew, from 20% used",
                muted_until="2026-03-07T12:00:00Z",
            ),
            AlertRuleState(
                id="budget:all@100", on="budget", words="100% of $200.00 a month spent (api)"
            ),
        ],
        channels=[
            AlertChannel(name="desktop", target="notify-send", delivered=3),
            AlertChannel(
                name="webhook",
                target="hooks.example.com",
                failed=1,
                last_error="hooks.example.com: HTTP 404",
            ),
        ],
        history=[
            entry(
                4, "limit-80", "partly", {"desktop": "", "webhook": "hooks.example.com: HTTP 404"}
            ),
            entry(3, "pace", "muted"),
            entry(2, "limit-80", "held"),
            entry(1, "test", "delivered", {"desktop": ""}),
        ],
    )


def entry(
    number: int, rule: str, outcome: str, deliveries: dict[str, str] | None = None
) -> AlertEntry:
    """An alert of an hour and its outcome."""
    at = f"2026-03-07T0{number}:15:00Z"
    return AlertEntry(
        id=number,
        at=at,
        outcome=outcome,
        facts=AlertFacts(
            rule=rule,
            kind=rule.partition("-")[0],
            at=at,
            title="Claude Code",
            text="Claude Code: 83% of 7-day limit used; it starts anew Tue 14:00 (in 3d4h).",
            account="claude-work",
            provider="claude_code",
            metric="usage_seven_day",
            value=83.5,
            threshold=80.0,
            unit="%",
            resets_at="2026-03-10T14:00:00Z",
        ),
        deliveries=deliveries or {},
    )


def budgets() -> Budgets:
    """Within, on the way over, over, in another currency, and with a wrong name."""
    month = {"since": "2026-02-28T18:15:00Z", "until": "2026-03-31T18:15:00Z"}
    day = {"since": "2026-03-06T18:15:00Z", "until": "2026-03-07T18:15:00Z"}
    return Budgets(
        timezone="Asia/Kathmandu",
        budgets=[
            BudgetState(
                id="all", amount=200, currency="USD", period="month", spent=41.5,
                used_percent=20.75, over=False, basis="estimate", projected=188.2, **month,
            ),
            BudgetState(
                id="api", amount=20, currency="USD", period="day", project="api",
                account="claude-work", spent=16.02, used_percent=80.1, over=False, basis="mixed",
                projected=24.4, over_at="2026-03-07T12:10:00Z", unpriced_requests=3,
                approximate_requests=2, other_costs={"CNY": 12.5}, **day,
            ),
            BudgetState(
                id="cn", amount=100, currency="CNY", period="month", provider="moonshot",
                spent=131.4, used_percent=131.4, over=True, basis="recorded",
                other_costs={"USD": 2.0}, **month,
            ),
            BudgetState(
                id="typo", amount=5, currency="USD", period="month", project="apii", spent=0,
                used_percent=0, over=False, basis="estimate",
                problem="project: there is no 'apii'; did you mean api?", **month,
            ),
        ],
    )  # fmt: skip
