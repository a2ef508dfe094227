"""Read models for screen tests: every kind of account, in any number, at one fixed moment."""

from __future__ import annotations

import dataclasses
import functools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from openusage_client.tui.state import AppState, Link
from openusage_proto.messages import (
    AccountSnapshot,
    DayTotals,
    Gauge,
    ImportProgress,
    Metric,
    NamedCount,
    NamedTotals,
    ProviderInfo,
    ReadModel,
    Totals,
    Unmapped,
    Usage,
    Widget,
)

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 12, 11, 50, tzinfo=ZONE)


def iso(delta: timedelta) -> str:
    """An instant of the wire, relative to NOW."""
    return (NOW + delta).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def totals(tokens: int, cost: float = 0.0, requests: int = 0, **more: object) -> Totals:
    """Totals whose kinds add up: 5 % input, 3 % output, 82 % cache reads, the rest writes."""
    parts = {
        "input_tokens": tokens * 5 // 100,
        "output_tokens": tokens * 3 // 100,
        "cache_read_tokens": tokens * 82 // 100,
    }
    return Totals(
        requests=requests or max(1, tokens // 30_000) if tokens else 0,
        cache_creation_tokens=tokens - sum(parts.values()),
        total_tokens=tokens,
        cost_usd=cost,
        **parts,
        **more,
    )


def shares(whole: int, cost: float, rows: list[tuple[str, float]], **more: object):
    """Breakdown rows of a whole."""
    return [
        NamedTotals(name=name, totals=totals(int(whole * share), cost * share, **more))
        for name, share in rows
    ]


def days(whole: int, cost: float, count: int = 30) -> list[DayTotals]:
    """A plausible month: busy weekdays, two idle stretches."""
    pattern = [
        3,
        7,
        5,
        9,
        4,
        0,
        0,
        6,
        8,
        10,
        2,
        5,
        0,
        0,
        1,
        4,
        9,
        7,
        3,
        0,
        0,
        5,
        6,
        6,
        8,
        2,
        0,
        0,
        4,
        3,
    ]
    weights = [pattern[index % len(pattern)] for index in range(count)]
    total = sum(weights)
    return [
        DayTotals(
            date=(NOW.date() - timedelta(days=count - 1 - index)).isoformat(),
            totals=totals(whole * part // total, cost * part / total),
        )
        for index, part in enumerate(weights)
        if part
    ]


@functools.cache
def usage(whole: int = 41_200_000, cost: float = 62.4, today: int = 1_240_000) -> Usage:
    """A month of one coding agent; one object for all tests, which change it with `replace`."""
    return Usage(
        totals=totals(whole, cost, 1889, reasoning_tokens=whole // 100),
        today=totals(today, cost * today / whole, 57),
        sessions=96,
        turns=612,
        last_event_at=iso(-timedelta(minutes=3)),
        models=shares(
            whole,
            cost,
            [
                ("orchid-large-4-5", 0.61),
                ("orchid-small-4-5", 0.27),
                ("orchid-medium-4", 0.08),
                ("orchid-mini-3", 0.03),
                ("orchid-nano-3", 0.01),
            ],
        ),
        clients=shares(whole, cost, [("claude_code", 0.9), ("claude_desktop", 0.1)]),
        projects=shares(
            whole,
            cost,
            [("harbour", 0.5), ("lighthouse", 0.3), ("tide-tables", 0.15), ("buoy", 0.05)],
        ),
        projects_today=[
            NamedTotals(name="harbour", totals=totals(today, 1.2, 41)),
            NamedTotals(name="buoy", totals=totals(today // 4, 0.4, 16)),
        ],
        agents=shares(whole, cost, [("main", 0.8), ("explorer", 0.2)]),
        providers=shares(whole, cost, [("anthropic", 1.0)]),
        tools=[
            NamedCount(name="Bash", calls=412, errors=17),
            NamedCount(name="Read", calls=380),
            NamedCount(name="Edit", calls=201, aborted=2, lines_added=5210, lines_removed=1893),
            NamedCount(name="Grep", calls=96),
        ],
        mcp=[NamedCount(name="github", calls=12)],
        languages=[
            NamedCount(name="Python", calls=140, lines_added=4010, lines_removed=1500),
            NamedCount(name="TypeScript", calls=61, lines_added=1200, lines_removed=393),
        ],
        days=days(whole, cost),
    )


def claude(number: int = 1, **changes: object) -> AccountSnapshot:
    """A healthy account with two windows and a month of use."""
    account = AccountSnapshot(
        account_id=f"claude-{number}",
        provider_id="claude_code",
        title="Claude Code" if number == 1 else f"Claude Code {number}",
        status="OK",
        fetched_at=iso(-timedelta(minutes=2)),
        metrics=[
            Metric(key="usage_five_hour", unit="%", label="5-hour limit", window="5h", used=42.0,
                   limit=100.0, resets_at=iso(timedelta(hours=2, minutes=10))),
            Metric(key="usage_seven_day", unit="%", label="Weekly limit", window="7d", used=61.0,
                   limit=100.0, resets_at=iso(timedelta(days=2, hours=5))),
            Metric(key="usage_seven_day_large", unit="%", label="Weekly, large", window="7d",
                   used=12.0, limit=100.0, resets_at=iso(timedelta(days=2, hours=5))),
        ],
        attributes={"seat": "max", "source": "oauth"},
        usage=usage(),
    )  # fmt: skip
    return dataclasses.replace(account, **changes)


def codex(number: int = 1, **changes: object) -> AccountSnapshot:
    """An account near its limit whose pace leads past it, with an unpriced model."""
    whole = 18_300_000
    base = usage(whole, 21.7, 410_000)
    account = AccountSnapshot(
        account_id=f"codex-{number}",
        provider_id="codex",
        title="Codex" if number == 1 else f"Codex {number}",
        status="NEAR_LIMIT",
        message="88% of the 5-hour limit is used",
        fetched_at=iso(-timedelta(minutes=7)),
        metrics=[
            Metric(key="rate_limit_primary", unit="%", label="5-hour limit", window="5h", used=88.0,
                   limit=100.0, resets_at=iso(timedelta(hours=3, minutes=2))),
            Metric(key="rate_limit_secondary", unit="%", label="Weekly limit", window="7d",
                   used=34.0, limit=100.0, resets_at=iso(timedelta(days=4))),
            Metric(key="credit_balance", unit="USD", label="Credits", remaining=12.4,
                   money_kind="billed"),
        ],
        usage=dataclasses.replace(
            base,
            totals=dataclasses.replace(base.totals, unpriced_requests=31, cost_basis="mixed"),
            models=[
                *shares(whole, 21.7, [("basalt-5.2-codex", 0.7), ("basalt-5.2", 0.25)]),
                NamedTotals(
                    name="basalt-preview-0311",
                    totals=totals(whole // 20, 0.0, 31, cost_basis="unpriced", unpriced_requests=31),
                ),
            ],
            projects=shares(whole, 21.7, [("harbour", 0.8), ("tide-tables", 0.2)]),
            mcp=[],
        ),
    )  # fmt: skip
    return dataclasses.replace(account, **changes)


def opencode(number: int = 1, **changes: object) -> AccountSnapshot:
    """An account without limits: local records with recorded cost."""
    whole = 6_100_000
    account = AccountSnapshot(
        account_id=f"opencode-{number}",
        provider_id="opencode",
        title="OpenCode" if number == 1 else f"OpenCode {number}",
        status="UNSUPPORTED",
        usage=Usage(
            totals=totals(whole, 8.25, 203, cost_basis="recorded"),
            today=totals(0),
            last_event_at=iso(-timedelta(hours=20)),
            models=shares(whole, 8.25, [("granite-3-coder", 0.9), ("granite-3-mini", 0.1)],
                          cost_basis="recorded"),
            projects=shares(whole, 8.25, [("buoy", 1.0)], cost_basis="recorded"),
            days=days(whole, 8.25),
        ),
    )  # fmt: skip
    return dataclasses.replace(account, **changes)


def signed_out() -> AccountSnapshot:
    """An account whose login has expired."""
    return claude(
        97,
        title="Claude Code (work)",
        status="AUTH_REQUIRED",
        message="The login has expired.",
        metrics=[],
        fetched_at=None,
        usage=None,
    )


def stale() -> AccountSnapshot:
    """An account whose last polls failed; the last good figures stand."""
    return claude(
        98,
        title="Claude Code (lab)",
        status="ERROR",
        message="api.example.net answered 503",
        fetched_at=iso(-timedelta(hours=3)),
        stale_since=iso(-timedelta(hours=2, minutes=50)),
        stale_reason="vendor unreachable",
    )


def unknown_figures() -> AccountSnapshot:
    """An account with a limit nobody knows the use of, and no events in the window."""
    return codex(
        99,
        title="Codex (fresh)",
        status="UNKNOWN",
        message="",
        fetched_at=None,
        metrics=[Metric(key="rate_limit_primary", unit="%", window="5h", limit=100.0)],
        usage=Usage(totals=Totals(), today=Totals()),
    )


def odd_names() -> AccountSnapshot:
    """Names that would wreck a terminal or a layout."""
    whole = 9_000_000
    return claude(
        10,
        title="東京の開発チーム 👩‍💻 Ünïcödé \x1b[31mred\x07 " + "long " * 30,
        usage=dataclasses.replace(
            usage(whole, 14.0),
            models=shares(
                whole,
                14.0,
                [("模型-超大-" + "x" * 60, 0.6), ("a\u0301\u0302\u0303\u0304b\n\tc", 0.4)],
            ),
            projects=shares(whole, 14.0, [("\u202eevil\u202c", 0.5), ("❤️ family", 0.5)]),
        ),
    )


PROVIDERS = {
    "claude_code": ProviderInfo(
        id="claude_code",
        title="Claude Code",
        kind="agent",
        auth="oauth",
        description="",
        capabilities=[],
        dashboard_widget=Widget(
            gauges=[
                Gauge(metric="usage_five_hour", label="5-hour limit"),
                Gauge(metric="usage_seven_day", label="Weekly limit"),
            ]
        ),
        detail_widget=Widget(),
    )
}


def accounts(count: int) -> list[AccountSnapshot]:
    """`count` accounts of changing kinds, the first three being one of each tool."""
    kinds = [claude, codex, opencode]
    special = [signed_out(), stale(), unknown_figures()]
    made = [kinds[index % 3](index // 3 + 1) for index in range(count)]
    if count >= 6:
        made[3:6] = special
    return made


def model(rows: list[AccountSnapshot], window: str = "30d", **changes: object) -> ReadModel:
    """The read model of these accounts."""
    usages = [row.usage for row in rows if row.usage]
    base = ReadModel(
        seq=7,
        generated_at=iso(timedelta()),
        timezone="Europe/Berlin",
        window=window,
        since=iso(-timedelta(days=30)),
        until=iso(timedelta()),
        accounts=rows,
        totals=totals(
            sum(item.totals.total_tokens for item in usages),
            sum(item.totals.cost_usd for item in usages),
            sum(item.totals.requests for item in usages),
            unpriced_requests=sum(item.totals.unpriced_requests for item in usages),
            cost_basis="mixed",
        ),
        unpriced_models=sorted(
            {
                row.name
                for item in usages
                for row in item.models
                if row.totals.cost_basis == "unpriced"
            }
        ),
    )
    return dataclasses.replace(base, **changes)


def state(rows: list[AccountSnapshot] | None = None, **changes: object) -> AppState:
    """A live state that shows these accounts; None for one before the first answer."""
    base = AppState(
        now=NOW,
        link=Link(phase="live", since=NOW - timedelta(minutes=5)),
        model=None if rows is None else model(rows),
        providers=PROVIDERS,
    )
    return dataclasses.replace(base, **changes)


UNMAPPED = Unmapped(
    source="proxy",
    account_id="gateway",
    provider="anthropic",
    suggestion='map it with telemetry.provider_links: {"gateway": "claude_code"}',
    totals=totals(1_200_000, 3.4, 25),
)

IMPORTING = ImportProgress(
    active=True, total_bytes=2_900_000_000, done_bytes=1_218_000_000, events=183_402
)
