"""
Parameters and results of `alerts`, `alert_test`, `alert_mute` and `budgets` (spec/jsonrpc.md).

`AlertFacts` is also what a command gets on standard input and a webhook in its body.
"""

from __future__ import annotations

from dataclasses import field

from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFacts:
    """
    One alert: what happened, to whom, by which figures; an empty text is not applicable.

    `value` and `threshold` are in `unit`: `%` of a limit used, a currency, the metric's own unit,
    or `min` since a source was last read.
    """

    rule: str
    kind: str
    """`limit`, `balance`, `pace`, `reset`, `spend`, `budget`, `stale` or `test`."""
    at: str
    text: str
    """One sentence for people."""
    title: str = "OpenUsage"
    account: str = ""
    provider: str = ""
    metric: str = ""
    project: str = ""
    model: str = ""
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    period: str = ""
    """`day`, `week` or `month` of an amount spent."""
    resets_at: str | None = None
    """When the limit, or the period of an amount, starts anew."""
    lasts_until: str | None = None
    """When the limit is used up if it goes on as usual."""
    basis: str = ""
    """What an amount is: `estimate`, `recorded`, `mixed` or `unpriced`."""
    unpriced_requests: int = 0
    """Requests without a price, which the amount lacks."""
    approximate_requests: int = 0
    """Requests whose price is that of a similar model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsParams:
    """How many alerts of the past are wanted, newest first."""

    history: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRuleState:
    """One rule, and what it is about at the moment."""

    id: str
    on: str
    words: str
    enabled: bool = True
    active: list[str] = field(default_factory=list)
    """Subjects (`account/metric`, an account, or a period) whose condition holds and was told."""
    last_fired_at: str | None = None
    muted_until: str | None = None
    problem: str = ""
    """Why it can never be told: an account or a service in it that there is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChannel:
    """A way alerts go out: `desktop`, `tmux`, `command` or `webhook`, and where to."""

    name: str
    target: str
    delivered: int = 0
    failed: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEntry:
    """
    One alert of the past.

    `outcome`: `delivered`, `partly` or `failed`; `pending` or `held` (quiet hours); `muted`,
    `cooldown`, `dropped` (no longer so after the quiet hours) or `silent` (no way is set).
    `deliveries` has the reason of each way that failed, or an empty text.
    """

    id: int
    at: str
    outcome: str
    facts: AlertFacts
    deliveries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """The answer of `alerts`."""

    enabled: bool
    quiet: bool
    """Whether it is quiet now."""
    quiet_hours: str
    timezone: str
    cooldown_minutes: int
    muted_until: str | None = None
    """Until when all rules are silent."""
    rules: list[AlertRuleState] = field(default_factory=list)
    channels: list[AlertChannel] = field(default_factory=list)
    history: list[AlertEntry] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStatus:
    """Alerts in `status`: what is active and waits, and how deliveries went since the start."""

    enabled: bool = False
    rules: int = 0
    active: int = 0
    waiting: int = 0
    fired: int = 0
    failed: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTestParams:
    """Which way to try; null tries each that is set."""

    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTestResult:
    """By way, an empty text where the sample went out, else the reason."""

    deliveries: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMuteParams:
    """A rule (null: all of them) and for how long it is silent; 0 ends that."""

    minutes: int
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMuteResult:
    """Until when it is silent now; null when it is not."""

    rule: str | None
    muted_until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetsParams:
    """Which budget; null is all of them."""

    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """
    A budget and what has been spent of it in the period that runs.

    `spent` counts amounts in `currency` only: in USD the estimate for tokens, as in the reports,
    else what tools recorded in that currency.  What there is in others is in `other_costs`.
    """

    id: str
    amount: float
    currency: str
    period: str
    account: str = ""
    provider: str = ""
    project: str = ""
    model: str = ""
    since: str
    until: str
    """End of the period (exclusive)."""
    spent: float
    used_percent: float
    over: bool
    basis: str
    """`estimate`, `recorded`, `mixed` or `unpriced`."""
    unpriced_requests: int = 0
    """Requests without a price: `spent` is then a lower bound."""
    approximate_requests: int = 0
    """Requests whose price is that of a similar model."""
    other_costs: dict[str, float] = field(default_factory=dict)
    projected: float | None = None
    """Spent by the period's end if it goes on by usual weekdays and hours; null when that is not
    known."""
    over_at: str | None = None
    """When the amount is reached if it goes on like this; null when not within the period."""
    problem: str = ""
    """A name in it that nothing is known by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The answer of `budgets`."""

    timezone: str
    budgets: list[BudgetState] = field(default_factory=list)
