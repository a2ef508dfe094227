"""The names that templates know: what each is, and how it follows from an account's figures."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Final

from openusage_proto.values import dataclass
from openusaged.core.projects import project_labels
from openusaged.core.windows import to_datetime
from openusaged.usecases.lines.figures import AccountFigures, Figures, Window
from openusaged.usecases.lines.hosts import HostState
from openusaged.usecases.lines.values import (
    COUNT,
    DURATION,
    MONEY,
    NOTHING,
    PERCENT,
    RATE,
    TEXT,
    TOKENS,
    Value,
    text_value,
)
from openusaged.usecases.totals import Sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a line is about."""

    figures: Figures
    zone: tzinfo
    one: AccountFigures | None = None
    """The account in use."""
    host: HostState | None = None
    pane_path: str = ""
    hide_costs: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """One name."""

    kind: str
    description: str
    read: Callable[[Subject], Value]


def variable(name: str, subject: Subject) -> Value | None:
    """A variable's value now; None when there is no such name."""
    found = VARIABLES.get(name)
    if found is None:
        return _metric(name, subject)
    if found.kind in (MONEY, RATE) and subject.hide_costs:
        return NOTHING
    value = found.read(subject)
    return Value(
        kind=value.kind,
        name=name,
        number=value.number,
        text=value.text,
        estimate=value.estimate,
        stale=value.stale,
    )


def _metric(name: str, subject: Subject) -> Value | None:
    """A figure of the vendor by its own key: what is used, else what is left."""
    metric = subject.one.metrics.get(name) if subject.one is not None else None
    if metric is None:
        return None
    number = metric.used if metric.used is not None else metric.remaining
    if metric.money_kind and subject.hide_costs:
        return NOTHING
    kinds = {"%": PERCENT, "USD": MONEY, "tokens": TOKENS}
    stale = subject.one is not None and subject.one.stale
    return Value(kind=kinds.get(metric.unit, COUNT), name=name, number=number, stale=stale)


# ------------------------------------------------------------------ reading


def _own(read: Callable[[AccountFigures], Value]) -> Callable[[Subject], Value]:
    return lambda subject: NOTHING if subject.one is None else read(subject.one)


def _today(kind: str, read: Callable[[Sum], float]) -> Callable[[Subject], Value]:
    def value(subject: Subject) -> Value:
        one = subject.one
        if one is None or one.today is None:
            return NOTHING
        return Value(kind=kind, number=float(read(one.today)), estimate=kind == MONEY)

    return value


def _all_today(subject: Subject) -> Value:
    sums = [one.today for one in subject.figures.accounts if one.today is not None]
    if not sums:
        return NOTHING
    return Value(kind=MONEY, number=sum(one.cost_usd for one in sums), estimate=True)


def _block(kind: str, name: str) -> Callable[[Subject], Value]:
    def value(subject: Subject) -> Value:
        block = subject.one.block if subject.one is not None else None
        number = getattr(block, name) if block is not None else None
        return Value(kind=kind, number=number, estimate=kind in (MONEY, RATE))

    return value


def _used(which: str) -> Callable[[Subject], Value]:
    def value(subject: Subject) -> Value:
        window = _window(which, subject)
        if window is None:
            return NOTHING
        return Value(kind=PERCENT, number=window.used, stale=window.stale)

    return value


def _window(which: str, subject: Subject) -> Window | None:
    return getattr(subject.one, which) if subject.one is not None else None


def _left(which: str) -> Callable[[Subject], Value]:
    def value(subject: Subject) -> Value:
        window = _window(which, subject)
        if window is None or window.resets_ms is None:
            return NOTHING
        seconds = (window.resets_ms - subject.figures.now_ms) / 1000
        return Value(kind=DURATION, number=seconds)

    return value


def _clock(which: str) -> Callable[[Subject], Value]:
    def value(subject: Subject) -> Value:
        window = _window(which, subject)
        if window is None or window.resets_ms is None:
            return NOTHING
        return _moment(window.resets_ms, subject)

    return value


def _moment(when_ms: int, subject: Subject) -> Value:
    when = to_datetime(when_ms, subject.zone)
    today = to_datetime(subject.figures.now_ms, subject.zone).date()
    return text_value(when.strftime("%H:%M" if when.date() == today else "%a %H:%M"))


def _pace(which: str) -> Callable[[Subject], Value]:
    def value(subject: Subject) -> Value:
        window = _window(which, subject)
        pace = window.pace(subject.figures.now_ms) if window is not None else None
        if pace is None:
            return NOTHING
        sign = "+" if pace >= 0 else "-"
        return Value(kind=PERCENT, number=pace, text=f"{sign}{abs(round(pace))}%")

    return value


def _lasts(which: str) -> Callable[[Subject], Value]:
    def value(subject: Subject) -> Value:
        window = _window(which, subject)
        if window is None or subject.one is None:
            return NOTHING
        # Within hours nobody keeps to a usual week.
        usual = subject.figures.usual(subject.one) if which == "weekly" else None
        full = window.full(to_datetime(subject.figures.now_ms, subject.zone), usual)
        return NOTHING if full is None else _moment(int(full.timestamp() * 1000), subject)

    return value


def _context(kind: str) -> Callable[[Subject], Value]:
    def value(subject: Subject) -> Value:
        host = subject.host
        if host is None:
            return NOTHING
        number = host.context_percent if kind == PERCENT else host.context_tokens
        return Value(kind=kind, number=None if number is None else float(number))

    return value


def _model(subject: Subject) -> Value:
    if subject.host is not None and subject.host.model:
        return text_value(subject.host.model)
    return text_value(subject.one.model.rpartition("/")[2] if subject.one is not None else "")


def _project(subject: Subject) -> Value:
    name = _project_root(subject) or (subject.one.project if subject.one is not None else "")
    return text_value(project_labels({name}).get(name, "") if name else "")


def _project_root(subject: Subject) -> str:
    """The project that the pane stands in, as far as it has been used today."""
    if not subject.pane_path:
        return ""
    known = {name for one in subject.figures.accounts for name in one.projects}
    path = subject.pane_path.rstrip("/")
    inside = [name for name in known if path == name or path.startswith(name.rstrip("/") + "/")]
    return max(inside, key=len, default="")


def _project_cost(subject: Subject) -> Value:
    root = _project_root(subject)
    if not root:
        return NOTHING
    spent = [
        one.projects[root].cost_usd for one in subject.figures.accounts if root in one.projects
    ]
    return Value(kind=MONEY, number=sum(spent), estimate=True)


def _stale(one: AccountFigures) -> Value:
    return text_value("stale" if one.stale else "")


def _title(one: AccountFigures) -> Value:
    return text_value(one.title)


VARIABLES: Final[Mapping[str, Variable]] = {
    "tool": Variable(TEXT, "the tool in use", _own(_title)),
    "provider": Variable(
        TEXT, "id of the service", _own(lambda one: text_value(one.account.provider_id))
    ),
    "account": Variable(TEXT, "id of the account", _own(lambda one: text_value(one.account.id))),
    "model": Variable(TEXT, "model in use, else the one used most today", _model),
    "project": Variable(TEXT, "project of the pane, else the one worked on today", _project),
    "machine": Variable(TEXT, "name of this machine", lambda _: text_value(os.uname().nodename)),
    "stale": Variable(TEXT, "`stale` when the vendor's figures are old", _own(_stale)),
    "today_cost": Variable(MONEY, "cost since local midnight", _today(MONEY, lambda s: s.cost_usd)),
    "all_today_cost": Variable(MONEY, "cost since local midnight over all tools", _all_today),
    "project_cost": Variable(MONEY, "cost today of the pane's project", _project_cost),
    "today_tokens": Variable(TOKENS, "tokens today", _today(TOKENS, lambda s: s.total_tokens)),
    "today_input_tokens": Variable(
        TOKENS, "uncached input tokens today", _today(TOKENS, lambda s: s.input)
    ),
    "today_output_tokens": Variable(
        TOKENS, "output tokens today", _today(TOKENS, lambda s: s.output)
    ),
    "requests_today": Variable(COUNT, "requests today", _today(COUNT, lambda s: s.requests)),
    "block_cost": Variable(MONEY, "cost of the running 5-hour block", _block(MONEY, "cost_usd")),
    "block_projection": Variable(
        MONEY, "what the block will have cost at its end", _block(MONEY, "projected_cost_usd")
    ),
    "burn_rate": Variable(
        RATE, "cost per hour in the block", _block(RATE, "burn_rate_usd_per_hour")
    ),
    "block_remaining": Variable(
        DURATION, "time left in the block", _block(DURATION, "time_remaining_seconds")
    ),
    "block_pct": Variable(PERCENT, "used of the 5-hour limit", _used("five_hour")),
    "w5h": Variable(PERCENT, "the same", _used("five_hour")),
    "reset_in": Variable(DURATION, "time until the 5-hour limit starts anew", _left("five_hour")),
    "reset_at": Variable(TEXT, "when the 5-hour limit starts anew", _clock("five_hour")),
    "pace": Variable(
        PERCENT, "used of the 5-hour limit beyond the time passed", _pace("five_hour")
    ),
    "lasts_until": Variable(
        TEXT, "when the 5-hour limit is used up, if before its end", _lasts("five_hour")
    ),
    "weekly": Variable(PERCENT, "used of the weekly limit", _used("weekly")),
    "weekly_reset_in": Variable(
        DURATION, "time until the weekly limit starts anew", _left("weekly")
    ),
    "weekly_reset_at": Variable(TEXT, "when the weekly limit starts anew", _clock("weekly")),
    "weekly_pace": Variable(
        PERCENT, "used of the weekly limit beyond the time passed", _pace("weekly")
    ),
    "weekly_lasts_until": Variable(
        TEXT,
        "when the weekly limit is used up by your usual weekdays and hours, if before its end",
        _lasts("weekly"),
    ),
    "plan_pct": Variable(PERCENT, "used of the month's or cycle's plan", _used("plan")),
    "context_pct": Variable(
        PERCENT, "of the context that is full (Claude Code)", _context(PERCENT)
    ),
    "context_tokens": Variable(TOKENS, "tokens in the context (Claude Code)", _context(TOKENS)),
}

SEGMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "cost": ("today's cost", "{today_cost}"),
    "daily": (
        "today's cost and tokens",
        "{?today_cost:{today_cost} today}{?today_tokens: {today_tokens}}",
    ),
    "block": (
        "the running block: cost and time left",
        "{?block_cost:{block_cost}{?block_remaining: {block_remaining} left}}",
    ),
    "burn": ("cost per hour", "{?burn_rate:{burn_rate}}"),
    "tool": ("sign and name of the tool", "{provider:icon:brand} {tool}"),
    "model": ("the model", "{model:trunc:24}"),
    "tokens": ("tokens today", "{?today_tokens:{today_tokens}}"),
    "context": ("how full the context is", "{?context_pct:{context_pct:color}}"),
    "limits": (
        "both limits",
        "{?block_pct:5h {block_pct:color}}{?reset_in: {reset_in}}{?weekly: wk {weekly:color}}",
    ),
    "week": (
        "the weekly limit",
        "{?weekly:wk {weekly:color}{?weekly_reset_in: {weekly_reset_in}}}",
    ),
    "reset": ("when the 5-hour limit starts anew", "{?reset_in:{reset_in}}"),
    "project": ("project and its cost today", "{project}{?project_cost: {project_cost}}"),
}
ACTIVE_TOOLS: Final = "active_tools"
