"""The card that says what is to be expected, and how that was worked out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from openusage_client.formatting import (
    format_clock,
    format_cost,
    format_duration,
    format_money,
    format_percent,
    format_tokens,
)
from openusage_client.tui import limits
from openusage_client.tui.detail import forecast
from openusage_client.tui.detail.forecast import Habits
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.text import clean, pad, wrap
from openusage_client.tui.views.chart import short_day
from openusage_client.tui.views.detail_cards import Given, habits_of
from openusage_client.tui.views.detail_page import Card, widest

_AHEAD: Final = ((1, "Next 24 hours"), (7, "Next 7 days"), (30, "Next 30 days"))


def forecast_card(given: Given) -> Card | None:
    """Limits at their resets, balances' ends and the spend ahead, by this account's own week."""
    activity = given.activity
    if activity is None:
        return None
    of = habits_of(given)
    rows = [*_limits(given, of), *_balances(given, of), *_ahead(given, of)]
    if not rows:
        return None
    names = widest([name for name, _, _ in rows], max(8, given.width // 3))
    lines: list[Line] = [[("Forecast", "heading"), (" if it goes on as usual", "muted")]]
    for name, words, role in rows:
        parts = wrap(words, max(12, given.width - names - 4))
        for index, part in enumerate(parts):
            start = pad(name if index == 0 else "", names)
            lines.append([("  ", "text"), (start, "label"), ("  ", "text"), (part, role)])
    how = wrap(explained(of, activity.history_since), max(20, given.width - 2))
    lines += [[("  ", "text"), (part, "muted")] for part in how]
    return Card(
        id="forecast",
        title="Forecast",
        lines=[clip_line(line, given.width) for line in lines],
    )


def explained(of: Habits | None, history_since: str | None) -> str:
    """How the forecasts were made, in a sentence."""
    if of is None:
        since = f" (there is nothing from before {history_since})" if history_since else ""
        return f"Too little is known for a usual week: it takes seven days{since}."
    week = format_cost(of.week) if of.unit == "cost" else f"{format_tokens(round(of.week))} tokens"
    hours = forecast.usual_hours(of)
    habit = ", ".join(part for part in (forecast.usual_days(of), hours) if part)
    return (
        f"From the mean of each weekday's hours over {of.days} days since {short_day(of.since)}"
        f" ({of.active_days} active, mostly {habit}); a usual week is {week}."
    )


def _limits(given: Given, of: Habits | None) -> list[tuple[str, str, str]]:
    now = given.state.now
    rows = []
    for name, metric in limits.gauges(
        given.account, given.state.providers.get(given.account.provider_id)
    ):
        found = forecast.limit_forecast(metric, of, now)
        if found is None:
            continue
        clock = format_clock(found.resets.isoformat(), now)
        how = "" if found.by == "habits" else ", at the pace since it began"
        if found.full is None:
            words = (
                f"about {format_percent(min(found.percent, 100))} used at the reset {clock}{how}"
            )
            rows.append((clean(name), words, "text"))
            continue
        spare = format_duration((found.resets - found.full).total_seconds())
        words = f"full {_when(found.full, now)}, {spare} before the reset{how}"
        rows.append((clean(name), words, "warn"))
    return rows


def _balances(given: Given, of: Habits | None) -> list[tuple[str, str, str]]:
    now = given.state.now
    if given.series is None or not given.costs:
        return []
    labels = {metric.key: limits.label(metric) for metric in given.account.metrics}
    rows = []
    for line in given.series.series:
        if line.unit == "%":
            continue
        found = forecast.run_out(line.points, of, now)
        if found is None:
            continue
        unit = clean(line.unit)
        pace = format_money(found.per_day, unit)
        basis = (
            f"{format_money(found.spent, unit)} went in {_span(found.days)}"
            f" ({found.points} measured points), {pace} a day"
        )
        if found.by == "calendar":
            basis += ", every day alike"
        if found.remaining <= 0:
            words, role = f"used up; {basis}", "crit"
        elif found.empty is None:
            words, role = f"lasts more than {forecast.HORIZON_DAYS} days; {basis}", "text"
        else:
            soon = found.empty - now < timedelta(days=7)
            words = f"used up {_when(found.empty, now)}; {basis}"
            role = "warn" if soon else "text"
        rows.append((clean(labels.get(line.metric, line.metric)), words, role))
    return rows


def _ahead(given: Given, of: Habits | None) -> list[tuple[str, str, str]]:
    if of is None:
        return []
    now = given.state.now
    rows = []
    for days, name in _AHEAD:
        value = forecast.expected(of, now, now + timedelta(days=days))
        words = format_cost(value) if of.unit == "cost" else f"{format_tokens(round(value))} tokens"
        rows.append((name, words, "cost" if of.unit == "cost" else "value"))
    return rows


def _span(days: float) -> str:
    return format_duration(days * 86_400)


def _when(at: datetime, now: datetime) -> str:
    left = format_duration((at - now).total_seconds())
    return f"{format_clock(at.isoformat(), now)} (in {left})"
