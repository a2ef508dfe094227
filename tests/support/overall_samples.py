"""Answers of `analytics` and `sessions` that belong to the read models of `screen_samples`."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from openusage_client.tui.analytics import asking as analytics_asking
from openusage_client.tui.sessions import asking as sessions_asking
from openusage_client.tui.watching import Answer
from openusage_proto.analytics_messages import Analytics, AnalyticsHour, AnalyticsRow
from openusage_proto.messages import NamedCount, Totals
from openusage_proto.session_messages import SessionRow, Sessions, SessionTurn
from tests.support import screen_samples as samples

DATES = [(samples.NOW.date() - timedelta(days=29 - index)).isoformat() for index in range(30)]


def scaled(totals: Totals, part: float) -> Totals:
    """A part of a sum."""
    return dataclasses.replace(
        totals,
        requests=int(totals.requests * part),
        total_tokens=int(totals.total_tokens * part),
        cost_usd=totals.cost_usd * part,
        unpriced_requests=0,
        cost_basis="estimate" if totals.cost_basis == "mixed" else totals.cost_basis,
    )


def analytics(accounts, *, before=0.8, **changes) -> Analytics:
    """What these accounts used, `before` of it in the period before; None: no such period."""
    parts: dict[str, list[AnalyticsRow]] = {}
    hours = []
    for number, account in enumerate(accounts):
        usage = account.usage
        if usage is None:
            continue

        def row(name, label, totals, days, kind, account=account, share=1.0):
            past = None if before is None else scaled(totals, before * (1 + len(name) % 3 / 4))
            costs = kind == "accounts"
            basis = totals.cost_basis
            cost = [day.totals.cost_usd for day in days] if costs else []
            parts.setdefault(kind, []).append(
                AnalyticsRow(
                    account=account.account_id,
                    name=name,
                    label=label,
                    totals=totals,
                    previous=past,
                    tokens=[int(day.totals.total_tokens * share) for day in days],
                    requests=[day.totals.requests for day in days] if costs else [],
                    cost_usd=cost,
                    recorded_usd=cost if basis == "recorded" else [0.0] * len(cost),
                )
            )

        known = {day.date: day for day in usage.days}
        days = [known.get(day, samples.DayTotals(date=day, totals=Totals())) for day in DATES]
        row(account.account_id, account.title, usage.totals, days, "accounts")
        whole = usage.totals.total_tokens or 1
        for kind in ("models", "clients", "projects"):
            for one in getattr(usage, kind):
                share = one.totals.total_tokens / whole
                row(one.name, one.label or one.name, one.totals, days, kind, share=share)
        for one in usage.mcp:
            parts.setdefault("mcp", []).append(
                AnalyticsRow(account=account.account_id, name=one.name, label=one.name,
                             totals=Totals(requests=one.calls),
                             previous=None if before is None else Totals(requests=7),
                             requests=[0] * 29 + [one.calls])
            )  # fmt: skip
        if usage.totals.total_tokens:
            hours += [
                AnalyticsHour(account=account.account_id, weekday=(number + hour) % 5, hour=hour,
                              requests=hour, tokens=(20 - abs(15 - hour)) * 100_000)
                for hour in range(8, 20)
            ]  # fmt: skip
    compared = before is not None
    base = Analytics(
        seq=7,
        timezone="Europe/Berlin",
        since=samples.iso(-timedelta(days=30)),
        until=samples.iso(timedelta()),
        previous_since=samples.iso(-timedelta(days=60)) if compared else None,
        previous_until=samples.iso(-timedelta(days=30)) if compared else None,
        previous_complete=compared,
        history_since="2026-01-02",
        dates=DATES,
        hours=hours,
        **parts,
    )
    return dataclasses.replace(base, **changes)


def analytics_state(rows, answer=None, error="", **changes):
    """The analytics screen over these accounts."""
    state = samples.state(rows, screens=("main", "analytics"), **changes)
    question = analytics_asking.questions(state)[0]
    value = None if error else answer or analytics(rows)
    reply = Answer(question, value, error)
    return dataclasses.replace(state, answers={"analytics": reply})


def session(number: int, **changes) -> SessionRow:
    """A session that ended `number` hours ago."""
    base = SessionRow(
        session_id=f"5f1c{number:04d}-77aa-4c1e-9c41-0d3c2a7a{number:04d}",
        source="claude_code",
        account_id="claude-1",
        client="claude_code",
        project=("harbour", "lighthouse", "tide-tables")[number % 3],
        branch=("main", "feature/beam", "")[number % 3],
        first_activity=samples.iso(-timedelta(hours=number, minutes=40 + number * 7)),
        last_activity=samples.iso(-timedelta(hours=number)),
        models=["orchid-large-4-5", "orchid-small-4-5"][: 1 + number % 2],
        totals=samples.totals(900_000 + number * 137_000, 1.5 + number, 12 + number),
        tool_calls=number * 3,
    )
    return dataclasses.replace(base, **changes)


def odd_session() -> SessionRow:
    """A session whose every name would wreck a terminal."""
    return session(
        5,
        session_id="\x1b[2J\x07" + "s" * 80,
        project="東京の港 \u202eevil\u202c",
        branch="❤️/" + "x" * 60,
        models=["模型-超大-" + "y" * 40, "b\n\tc"],
        account_id="",
        client="cli\x1b]0;x\x07",
        totals=samples.totals(1_000, 0.0, 3, cost_basis="unpriced", unpriced_requests=3,
                              other_costs={"EUR": 2.5}),
    )  # fmt: skip


def sessions_state(rows, listed, total=None, error="", **changes):
    """The list of these sessions."""
    changes = {"screens": ("main", "sessions"), **changes}
    state = samples.state(rows, **changes)
    (question,) = sessions_asking.list_questions(state)
    page = Sessions(
        seq=7, timezone="Europe/Berlin", total=len(listed) if total is None else total,
        sessions=listed,
    )  # fmt: skip
    reply = Answer(question, None if error else page, error)
    return dataclasses.replace(state, answers={"sessions": reply})


def turn(number: int, **changes) -> SessionTurn:
    """A turn of a session, `number` minutes after it began."""
    base = SessionTurn(
        at=samples.iso(-timedelta(minutes=90 - number)),
        model="orchid-large-4-5",
        provider="anthropic",
        agent="",
        status="ok",
        branch="main",
        input_tokens=120 + number,
        cache_read_tokens=48_000 + number * 900,
        cache_creation_tokens=None,
        output_tokens=340,
        reasoning_tokens=None,
        requests=1,
        estimate_usd=0.0421,
        recorded=None,
        currency="",
        tools=[NamedCount(name="Bash", calls=2), NamedCount(name="docs/find", calls=1)],
    )
    return dataclasses.replace(base, **changes)


TURNS = [
    turn(1),
    turn(5, agent="explorer", model="orchid-small-4-5", tools=[]),
    turn(9, status="error", output_tokens=0, estimate_usd=None, tools=[]),
    turn(12, recorded=1.5, currency="EUR", estimate_usd=None, model=""),
]
TOOLS = [NamedCount(name="Bash", calls=19, errors=2), NamedCount(name="docs/find", calls=3)]


def session_state(rows, row, turns=TURNS, kept=None, error="", **changes):
    """One open session."""
    state = sessions_state(rows, [row], screens=("main", "sessions", "session"))
    state = dataclasses.replace(state, **changes)
    look = dataclasses.replace(state.sessions, opened=(row.source, row.session_id))
    state = dataclasses.replace(state, sessions=look)
    (question,) = sessions_asking.session_questions(state)
    page = Sessions(
        seq=7, timezone="Europe/Berlin", total=1, sessions=[row], turns=turns,
        turns_kept=len(turns) if kept is None else kept, tools=TOOLS if turns else [],
    )  # fmt: skip
    reply = Answer(question, None if error else page, error)
    return dataclasses.replace(state, answers={**state.answers, "session": reply})
