"""
Conditions on accounts: limits used, balances, pace, resets, and sources that are not read any more.

Pure functions of what is stored of an account; a limit's figures are as the read model shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from openusage_proto.alert_messages import AlertFacts
from openusage_proto.forecasts import Habits, limit_forecast
from openusage_proto.limits import is_limit, used_percent
from openusage_proto.messages import Metric
from openusaged.config.alerts import BALANCE, LIMIT, PACE, RESET, STALE, AlertRule
from openusaged.core.models import MINUTE_WINDOW, Account
from openusaged.core.windows import iso
from openusaged.storage.store import StoredSnapshot
from openusaged.usecases.alerts.memory import Finding
from openusaged.usecases.alerts.wording import Words
from openusaged.usecases.usage_view import current_metrics

HYSTERESIS: Final = 5.0
"""Per cent below a threshold from which a limit, or above which a balance, may cross it anew."""
MINUTE_MS: Final = 60_000

NamedRule = tuple[str, AlertRule]
"""(id, rule)"""


def findings_of(
    account: Account,
    title: str,
    poll: StoredSnapshot,
    rules: Iterable[NamedRule],
    words: Words,
    habits: Callable[[], Habits | None],
) -> Iterator[Finding]:
    """How the conditions of the rules are for one account; `habits` is asked for when needed."""
    mine = [
        (name, rule)
        for name, rule in rules
        if rule.account in ("", account.id) and rule.provider in ("", account.provider_id)
    ]
    for name, rule in mine:
        if rule.on == STALE:
            yield _stale(name, rule, account, title, poll, words)
    good = poll.last_good
    if good is None:
        return
    resets = {metric.key: metric.resets_at_ms for metric in good.metrics}
    for metric in current_metrics(good, words.now_ms):
        limit = _Limit(account, title, metric, resets[metric.key] or 0, words)
        for name, rule in mine:
            if rule.on != STALE and _is_meant(rule, metric):
                yield from _of_limit(name, rule, limit, habits)


class _Limit(NamedTuple):
    """One figure of one account at one moment."""

    account: Account
    title: str
    metric: Metric
    resets_ms: int
    words: Words

    @property
    def label(self) -> str:
        return self.metric.label or self.metric.key.replace("_", " ")

    def finding(self, name: str, rule: AlertRule, text: Callable[[], str], **more: Any) -> Finding:
        """How it is; `value` (and what else the facts need) among `more`."""
        facts = {"value": more.pop("value"), "threshold": rule.at, "unit": "%"}
        facts |= more.pop("facts", {})
        subject = f"{self.account.id}/{self.metric.key}"
        return Finding(
            rule=name,
            subject=subject,
            part=self.account.id,
            window_ms=self.resets_ms,
            due_ms=self.resets_ms,
            group=f"{rule.on} {subject}",
            facts=lambda: AlertFacts(
                rule=name,
                kind=rule.on,
                at=self.words.at,
                text=text(),
                title=self.title,
                account=self.account.id,
                provider=self.account.provider_id,
                metric=self.metric.key,
                resets_at=self.metric.resets_at,
                **facts,
            ),
            **more,
        )


def _is_meant(rule: AlertRule, metric: Metric) -> bool:
    """Whether a rule is about a figure: the one it names, else every limit that can run out."""
    if rule.window not in ("", metric.window):
        return False
    if rule.metric:
        return rule.metric == metric.key
    if metric.window == MINUTE_WINDOW:
        # a rate limit has always just been reset
        return False
    return rule.on == BALANCE or is_limit(metric)


def _of_limit(
    name: str, rule: AlertRule, limit: _Limit, habits: Callable[[], Habits | None]
) -> Iterator[Finding]:
    if rule.on == BALANCE:
        if limit.metric.remaining is not None:
            yield _balance(name, rule, limit, limit.metric.remaining)
        return
    percent = used_percent(limit.metric)
    over = 0 < limit.resets_ms <= limit.words.now_ms
    if percent is None or (over and limit.metric.unit != "%"):
        # What was used before a reset says nothing about now.
        return
    if rule.on == LIMIT:
        yield limit.finding(
            name,
            rule,
            lambda: limit.words.limit(limit.title, limit.label, percent, limit.resets_ms or None),
            holds=percent >= rule.at,
            clear=percent < rule.at - HYSTERESIS,
            rank=rule.at,
            value=percent,
        )
    elif rule.on == RESET:
        yield limit.finding(
            name,
            rule,
            lambda: limit.words.reset(limit.title, limit.label),
            holds=percent >= rule.at and limit.resets_ms > 0,
            clear=False,
            is_reset=True,
            value=percent,
        )
    elif rule.on == PACE and percent >= rule.at and not over:
        yield from _pace(name, rule, limit, percent, habits())


def _balance(name: str, rule: AlertRule, limit: _Limit, left: float) -> Finding:
    unit = limit.metric.unit
    return limit.finding(
        name,
        rule,
        lambda: limit.words.balance(limit.title, limit.label, left, unit, rule.below),
        holds=left <= rule.below,
        clear=left > rule.below * (1 + HYSTERESIS / 100),
        rank=-rule.below,
        value=left,
        facts={"threshold": rule.below, "unit": unit},
    )


def _pace(
    name: str, rule: AlertRule, limit: _Limit, percent: float, habits: Habits | None
) -> Iterator[Finding]:
    forecast = limit_forecast(limit.metric, habits, limit.words.now)
    if forecast is None or forecast.full is None:
        # Told once in a window: a forecast goes up and down with every hour.
        return
    full: datetime = forecast.full
    yield limit.finding(
        name,
        rule,
        lambda: limit.words.pace(limit.title, limit.label, percent, full, forecast.resets),
        holds=True,
        clear=False,
        value=percent,
        facts={"lasts_until": iso(int(full.timestamp() * 1000))},
    )


def _stale(
    name: str, rule: AlertRule, account: Account, title: str, poll: StoredSnapshot, words: Words
) -> Finding:
    since_ms = poll.last_good.ts_ms if poll.last_good is not None else None
    late_ms = (poll.latest_ms if since_ms is None else since_ms) + rule.minutes * MINUTE_MS
    failing = poll.failures > 0
    status = poll.latest_status.lower().replace("_", " ")
    return Finding(
        rule=name,
        subject=account.id,
        part=account.id,
        # Never read at all: its first failures are forgotten, so several stand for the time.
        holds=failing and (words.now_ms >= late_ms or (since_ms is None and poll.failures > 3)),
        clear=not failing,
        due_ms=late_ms if failing else 0,
        facts=lambda: AlertFacts(
            rule=name,
            kind=STALE,
            at=words.at,
            text=words.stale(title, since_ms, status),
            title=title,
            account=account.id,
            provider=account.provider_id,
            value=None if since_ms is None else (words.now_ms - since_ms) / MINUTE_MS,
            threshold=float(rule.minutes),
            unit="min",
        ),
    )
