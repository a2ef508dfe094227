"""Answers behind the detail screens, for one account of `screen_samples`, and states with them."""

from __future__ import annotations

import dataclasses
import functools
from datetime import timedelta
from typing import Any

from openusage_client.tui.detail import asking
from openusage_client.tui.detail.model import DetailState, Figure
from openusage_client.tui.state import AppState
from openusage_client.tui.watching import Answer, Question
from openusage_proto.activity_messages import (
    Activity,
    ActivityDays,
    ActivityHour,
    MetricSeries,
    Series,
    SeriesPoint,
)
from openusage_proto.explain_messages import (
    ExplainBucket,
    ExplainChannel,
    ExplainCost,
    ExplainDelivery,
    ExplainEvent,
    ExplainPart,
    ExplainPrice,
    ExplainSession,
    ExplainSource,
    Explanation,
)
from openusage_proto.price_messages import PriceRates
from tests.support import screen_samples as samples

LARGE, SMALL = "orchid-large-4-5", "orchid-small-4-5"


@functools.cache
def activity(days: int = 30) -> Activity:
    """A month: busy weekdays from 9 to 18, two models, a weekend project."""
    dates = [samples.NOW.date() - timedelta(days=days - 1 - index) for index in range(days)]
    tokens = [0 if day.weekday() > 4 else 400_000 + 60_000 * (day.day % 7) for day in dates]
    hours = []
    for back in range(55, -1, -1):
        day = samples.NOW - timedelta(days=back)
        if day.weekday() < 5:
            for hour in (9, 10, 14, 17):
                at = day.replace(hour=hour, minute=0)
                if at <= samples.NOW:
                    hours.append(
                        ActivityHour(
                            at=samples.iso(at - samples.NOW), tokens=120_000, requests=6,
                            cost_usd=0.25,
                        )
                    )  # fmt: skip

    def line(name: str, share: float, label: str = "") -> ActivityDays:
        part = [round(count * share) for count in tokens]
        return ActivityDays(
            name=name,
            label=label or name,
            tokens=part,
            requests=[count // 20_000 for count in part],
            cost_usd=[count * 1.5 / 1_000_000 for count in part],
        )

    return Activity(
        seq=7,
        timezone="Europe/Berlin",
        dates=[day.isoformat() for day in dates],
        days=line("total", 1.0),
        history_since=dates[0].isoformat(),
        hours_since=samples.iso(-timedelta(days=55)),
        hours=hours,
        models=[line(LARGE, 0.6), line(SMALL, 0.3), line("orchid-mini-3", 0.1)],
        clients=[line("claude_code", 1.0)],
        projects=[
            line("/w/harbour", 0.5, "harbour"), line("/w/lighthouse", 0.3, "lighthouse"),
            line("/w/buoy", 0.1, "buoy"), line("/w/tide", 0.05, "tide"), line("/w/x", 0.05, "x"),
        ],
        mcp=[
            dataclasses.replace(line("github", 0.1), tokens=[0] * days),
            dataclasses.replace(line("linear", 0.05), tokens=[0] * days),
        ],
    )  # fmt: skip


@functools.cache
def series() -> Series:
    """Ten days of a limit and of a balance that loses 1.20 on each working day."""
    points = []
    left = 24.0
    for back in range(10, -1, -1):
        at = samples.NOW - timedelta(days=back)
        left -= 1.2 if at.weekday() < 5 else 0.0
        points.append(SeriesPoint(at=samples.iso(at - samples.NOW), remaining=round(left, 2)))
    used = [
        SeriesPoint(at=samples.iso(-timedelta(hours=back)), used=42.0 - back, limit=100.0)
        for back in range(3, -1, -1)
    ]
    return Series(
        seq=7,
        account="claude-1",
        series=[
            MetricSeries(metric="usage_five_hour", unit="%", points=used),
            MetricSeries(metric="credit_balance", unit="USD", points=points, money_kind="billed"),
        ],
    )


def explanation(**changes: Any) -> Explanation:
    """A day of two models from one log and one hook, in two sessions, with two turns listed."""
    totals = samples.totals(1_240_000, 1.87, 57)
    kinds = (
        ("input", totals.input_tokens), ("cache_read", totals.cache_read_tokens),
        ("cache_write_5m", totals.cache_creation_tokens), ("cache_write_1h", 0),
        ("output", totals.output_tokens),
    )  # fmt: skip
    buckets = [ExplainBucket(name=name, tokens=count) for name, count in kinds]
    rates = PriceRates(
        input=3.0, cache_read=0.3, cache_write_5m=3.75, cache_write_1h=6.0, output=15.0
    )

    def session(name: str, project: str, share: float) -> ExplainSession:
        return ExplainSession(
            session_id=name, source="claude_code", account="claude-1", client="claude_code",
            project=project, branch="main", first_at=samples.iso(-timedelta(hours=3)),
            last_at=samples.iso(-timedelta(minutes=5)), models=[LARGE],
            totals=samples.totals(int(1_240_000 * share), 1.87 * share, 20),
        )  # fmt: skip

    def turn(minutes: int, **more: Any) -> ExplainEvent:
        base = ExplainEvent(
            at=samples.iso(-timedelta(minutes=minutes)), kind="message_usage",
            source="claude_code", client="claude_code", provider="anthropic", model=LARGE,
            session_id="0198c1d2-6f1c-7bd4", agent="", channel="hook", status="ok",
            service_tier="", input_tokens=12, cache_read_tokens=88_000,
            cache_write_5m_tokens=1_300, cache_write_1h_tokens=None, output_tokens=640,
            reasoning_tokens=None, requests=1, calculated_usd=0.0409, price_source="genai-prices",
            recorded=None, currency="",
        )  # fmt: skip
        return dataclasses.replace(base, **more)

    answer = Explanation(
        seq=7,
        timezone="Europe/Berlin",
        since=samples.iso(-timedelta(hours=11, minutes=50)),
        until=samples.iso(timedelta(hours=12, minutes=10)),
        question={"account": "claude-1", "model": LARGE, "since": "2026-03-12"},
        totals=totals,
        buckets=buckets,
        cost=ExplainCost(
            mode="calculate", basis="estimate", calculated_usd=1.87, recorded_usd=1.55,
            recorded_requests=57, filled_usd=0.0, unpriced_requests=0, approximate_requests=2,
            recalculated_usd=1.91,
        ),
        parts=[
            ExplainPart(account="claude-1", client="claude_code", provider="anthropic",
                        model=LARGE, totals=samples.totals(1_000_000, 1.6, 40)),
            ExplainPart(account="", client="proxy", provider="anthropic", model="",
                        totals=samples.totals(240_000, 0.27, 17)),
        ],
        prices=[
            ExplainPrice(model=LARGE, provider="anthropic", source="genai-prices", service_tier="",
                         requests=40, buckets=buckets, calculated_usd=1.87, recorded_usd=0.0,
                         list_name="orchid-large", grade="exact", rates=rates, tiered=True),
            ExplainPrice(model="basalt-x", provider="acme", source="", service_tier="fast",
                         requests=1, buckets=buckets[:1], calculated_usd=0.0, recorded_usd=0.0),
        ],
        channels=[
            ExplainChannel(channel="hook", events=40, requests=40, completed=38),
            ExplainChannel(channel="log", events=17, requests=17),
        ],
        deliveries=[
            ExplainDelivery(source="claude_code", channel="hook", new=40, completed=0, repeated=1),
            ExplainDelivery(source="claude_code", channel="jsonl", new=17, completed=38, repeated=3),
        ],
        deliveries_since=samples.iso(-timedelta(hours=4)),
        sources=[
            ExplainSource(account="claude-1", provider="claude_code", title="Claude Code",
                          home="/home/me/.claude", files=214, files_in_range=3,
                          names=["/home/me/.claude/projects/-w-harbour/0198c1d2-6f1c-7bd4.jsonl"],
                          last_event_at=samples.iso(-timedelta(minutes=5)),
                          error="/home/me/.claude/projects/x.jsonl: permission denied"),
        ],
        detail_since="2026-02-10T00:00:00Z",
        requests_with_detail=50,
        requests_without_detail=7,
        sessions=[
            session("0198c1d2-6f1c-7bd4", "harbour", 0.7), session("s-2", "lighthouse", 0.3),
        ],
        sessions_total=3,
        events=[],
        events_total=57,
        query="SELECT SUM(requests) AS requests FROM message_bucket WHERE quarter >= 1 AND quarter < 9",
        notes=["total_tokens = input + cache_read + cache_write + output"],
    )  # fmt: skip
    answer = dataclasses.replace(answer, **changes)
    if changes.get("events") == "two":
        events = [turn(5), turn(9, model="", cache_read_tokens=None, calculated_usd=None,
                                agent="explorer", recorded=0.02, currency="EUR")]  # fmt: skip
        return dataclasses.replace(answer, events=events)
    return answer


def answered(state: AppState, question: Question, value: Any = None, error: str = "") -> AppState:
    """The state with this answer to this question."""
    answer = Answer(question, value, error)
    return dataclasses.replace(state, answers={**state.answers, question.name: answer})


def detail(focus: str = "", cursor: int = 0, **changes: Any) -> AppState:
    """The first account's page with everything that it asks for."""
    base: dict[str, Any] = {"screens": ("main", "detail")}
    state = samples.state(samples.accounts(3), **(base | changes))
    detail_state = DetailState(focus=(("detail", focus),) if focus else (), cursor=cursor)
    state = dataclasses.replace(state, detail=detail_state)
    state = answered(state, asking.activity_question(state), activity())
    return answered(state, asking.series_question(state), series())


def drill(*filters: tuple[str, str], since: str = "", value: Any = None) -> AppState:
    """The way down to a number of the first account, with its answer."""
    figure = Figure(
        account="claude-1",
        title="Claude Code · something",
        filters=filters,
        since=since,
        until=since,
    )
    state = dataclasses.replace(
        detail(), screens=("main", "detail", "drill"), detail=DetailState(trail=(figure,))
    )
    return answered(state, asking.drill_question(state), value)


def explain(value: Any = None, error: str = "", **figure: Any) -> AppState:
    """The explanation of a number of the first account."""
    number = Figure(account="claude-1", title="Claude Code · today", **figure)
    state = dataclasses.replace(
        detail(), screens=("main", "detail", "explain"), detail=DetailState(figure=number)
    )
    if number.metric:
        return state
    return answered(state, asking.explain_question(state), value, error)
