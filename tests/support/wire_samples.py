"""Results of the wire for tests of clients: small, with every kind of row that a page can show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from openusage_proto import methods
from openusage_proto.messages import (
    AccountSnapshot,
    DayTotals,
    EventCounts,
    ImportProgress,
    Metric,
    NamedTotals,
    ReadModel,
    RecentError,
    Report,
    ReportRow,
    ReportSource,
    SourceStatus,
    SpoolStatus,
    Status,
    Totals,
    Unmapped,
    Usage,
)
from openusage_proto.report_messages import ReconcileRow, ReconcileSide, Reconciliation

NOW = "2026-03-07T09:30:00Z"
ZONE = "Asia/Kathmandu"


def row(key: str, n: int, **more: Any) -> ReportRow:
    """A row whose buckets are multiples of `n` and add up."""
    given: dict[str, Any] = {
        "key": key,
        "label": key,
        "input_tokens": n,
        "output_tokens": 2 * n,
        "cache_read_tokens": 40 * n,
        "cache_creation_tokens": 3 * n,
        "total_tokens": 46 * n,
        "cost_usd": n / 1000,
        "requests": 5,
    }
    return ReportRow(**(given | more))


def report(kind: str, rows: list[ReportRow], **more: Any) -> Report:
    """A report over rows, with their sum as totals."""
    totals = ReportRow(
        key="total",
        label="TOTAL",
        input_tokens=sum(item.input_tokens for item in rows),
        output_tokens=sum(item.output_tokens for item in rows),
        cache_read_tokens=sum(item.cache_read_tokens for item in rows),
        cache_creation_tokens=sum(item.cache_creation_tokens for item in rows),
        total_tokens=sum(item.total_tokens for item in rows),
        cost_usd=sum(item.cost_usd for item in rows),
        requests=sum(item.requests for item in rows),
        unpriced_requests=sum(item.unpriced_requests for item in rows),
    )
    given: dict[str, Any] = {
        "schema_version": 1,
        "kind": kind,
        "timezone": ZONE,
        "currency": "USD",
        "cost_basis": "estimate",
        "generated_at": NOW,
        "seq": 12,
        "rows": rows,
        "totals": totals,
        "sources": [ReportSource(account="claude_code", provider="claude_code", status="ok")],
    }
    return Report(**(given | more))


def daily() -> Report:
    """Three days: several models with children, an unpriced one, a day off the list."""
    children = [
        row("claude-opus-4-5-20251101", 1000, requests=3),
        row("gpt-5.1-codex", 234, requests=2),
    ]
    rows = [
        row("2026-03-04", 1234, models=["claude-opus-4-5-20251101", "gpt-5.1-codex"],
            model_breakdown=children),
        row("2026-03-05", 7, models=["anthropic/claude-haiku-4-5", "a", "b", "c"]),
        row("2026-03-06", 98765, models=["mystery-1"], cost_usd=12.5, unpriced_requests=2),
    ]  # fmt: skip
    return report("daily", rows, unpriced_models=["mystery-1"])


def session() -> Report:
    """Two sessions, one of a project with a wide name, one with a hostile name."""
    rows = [
        row("0195aaaa", 310, label="0195aaaa-bbb · 港口-api", models=["gpt-5.1"],
            last_activity="2026-03-06T20:00:00Z", project="港口-api"),
        row("0195cccc", 22000, label="0195cccc-ddd · evil\x1b[31m\nname", cost_basis="recorded",
            models=["claude-opus-4-5-20251101"], last_activity="2026-03-07T09:00:00Z"),
    ]  # fmt: skip
    return report("session", rows)


def blocks() -> Report:
    """A finished and a running block."""
    rows = [
        row("2026-03-06T04:00:00Z", 500, label="2026-03-06 09:45", start="2026-03-06T04:00:00Z",
            end="2026-03-06T09:00:00Z", burn_rate_usd_per_hour=0.25),
        row("2026-03-07T08:00:00Z", 900, label="2026-03-07 13:45", start="2026-03-07T08:00:00Z",
            end="2026-03-07T13:00:00Z", active=True, time_remaining_seconds=12600.0,
            burn_rate_usd_per_hour=0.6, projected_cost_usd=3.0),
    ]  # fmt: skip
    return report("blocks", rows)


def models() -> Report:
    """Three models by cost, one of them without a price, and what was folded away."""
    rows = [
        row("claude-opus-4-5-20251101", 9000, breakdown=[row("claude_code", 9000)]),
        row("gpt-5.1-codex", 1234, requests=1200),
        row("mystery-1", 50, cost_usd=0.0, cost_basis="unpriced", unpriced_requests=5),
        row("(others)", 3, label="(12 others)"),
    ]
    return report("models", rows, unpriced_models=["mystery-1"], history_starts="2026-01-02")


def branches() -> Report:
    """Branches of two projects, and usage outside any."""
    rows = [
        row("/home/me/api@main", 40_000, label="api · main", project="api", branch="main",
            sessions=12, last_activity="2026-03-07T09:00:00Z"),
        row("/home/me/api@feature/x", 2500, label="api · feature/a-long-name-of-a-branch",
            project="api", branch="feature/x", sessions=3, last_activity="2026-03-01T20:00:00Z"),
        row("@", 100, label="(no project) · (no branch)"),
    ]  # fmt: skip
    return report("branches", rows)


def vendor_blocks() -> Report:
    """Two accounts at once: a vendor's window that runs, a block of the log that is over."""
    rows = [
        row("2026-03-07T04:00:00Z", 500, label="2026-03-07 09:45", start="2026-03-07T04:00:00Z",
            end="2026-03-07T09:00:00Z", account="codex", window_source="log",
            burn_rate_usd_per_hour=0.25),
        row("2026-03-07T06:37:00Z", 900, label="2026-03-07 12:22", start="2026-03-07T06:37:00Z",
            end="2026-03-07T11:37:00Z", account="claude_code", window_source="vendor",
            used_percent=41.0, active=True, time_remaining_seconds=7620.0,
            burn_rate_usd_per_hour=0.6, projected_cost_usd=2.1),
    ]  # fmt: skip
    return report("blocks", rows, note="blocks of the last 30 days; earlier ones with --since")


def reconciliation() -> Reconciliation:
    """One row of each verdict, and a model of a day."""

    def side(tokens: int | None, cost: float | None, **more: Any) -> ReconcileSide:
        return ReconcileSide(total_tokens=tokens, cost=cost, currency="USD", **more)

    def compared(verdict: str, **more: Any) -> ReconcileRow:
        given: dict[str, Any] = {
            "account": "openrouter",
            "provider": "openrouter",
            "window": "1d",
            "date": "2026-03-06",
            "verdict": verdict,
            "vendor": side(1_200_000, 3.5, cost_basis="billed"),
            "local": side(1_200_000, 3.61, cost_basis="estimate"),
            "token_difference": 0,
            "cost_difference": -0.11,
        }
        return ReconcileRow(**(given | more))

    return Reconciliation(
        schema_version=1,
        generated_at=NOW,
        seq=12,
        rows=[
            compared("agrees"),
            compared("agrees", model="claude-opus-4-5"),
            compared("vendor_more", date="2026-03-05", local=side(700_000, 2.0),
                     token_difference=500_000, reason="nothing of it was seen on this machine"),
            compared("local_more", account="anthropic", window="month", date="",
                     vendor=side(None, 2.0), token_difference=None, cost_difference=-1.61,
                     reason="list prices may be higher than what is billed"),
            compared("not_comparable", account="zai", window="cycle", date="", local=None,
                     vendor=ReconcileSide(requests=40), token_difference=None,
                     cost_difference=None, reason="when this period began is not known"),
        ],
        accounts_without_report=["claude_code", "codex"],
    )  # fmt: skip


def totals(n: int, **more: Any) -> Totals:
    """Totals that add up to 10 n tokens."""
    given: dict[str, Any] = {
        "requests": n // 100 + 1,
        "input_tokens": n,
        "output_tokens": 2 * n,
        "cache_read_tokens": 6 * n,
        "cache_creation_tokens": n,
        "total_tokens": 10 * n,
        "cost_usd": n / 1000,
    }
    return Totals(**(given | more))


def read_model(window: str = "30d") -> ReadModel:
    """Four accounts: healthy, tight and stale, signed out, and one with an unpriced model."""
    n = {"1d": 100, "7d": 1500, "30d": 64000}.get(window, 64000)

    def usage(share: int, **more: Any) -> Usage:
        sums = totals(n * share, **more)
        return Usage(
            totals=sums,
            today=totals(100),
            sessions=3,
            turns=20,
            last_event_at="2026-03-07T09:29:00Z",
            models=[NamedTotals(name="claude-opus-4-5", totals=sums)],
            days=[DayTotals(date="2026-03-06", totals=sums)],
        )

    accounts = [
        AccountSnapshot(
            account_id="claude_code", provider_id="claude_code", title="Claude Code", status="OK",
            fetched_at=NOW, usage=usage(5), attributes={"plan_type": "max"},
            metrics=[
                Metric(key="usage_five_hour", unit="%", window="5h", used=42.7, limit=100.0,
                       resets_at="2026-03-07T11:40:00Z"),
                Metric(key="usage_seven_day", unit="%", window="7d", used=12.0, limit=100.0,
                       resets_at="2026-03-12T00:00:00Z"),
            ],
        ),
        AccountSnapshot(
            account_id="codex", provider_id="codex", title="Codex", status="NEAR_LIMIT",
            fetched_at="2026-03-07T06:30:00Z", stale_since="2026-03-07T07:00:00Z",
            stale_reason="the vendor did not answer", usage=usage(2),
            metrics=[
                Metric(key="rate_limit_primary", unit="%", window="5h", used=3.0, limit=100.0),
                Metric(key="rate_limit_secondary", unit="%", window="7d", remaining=4.0,
                       resets_at="2026-03-10T00:00:00Z"),
                Metric(key="credit_balance", unit="credits", remaining=250.0),
            ],
        ),
        AccountSnapshot(
            account_id="claude-work", provider_id="claude_code", title="Claude Code (work)",
            status="AUTH_REQUIRED", message="run `claude` and sign in", usage=None,
        ),
        AccountSnapshot(
            account_id="opencode", provider_id="opencode", title="OpenCode", status="UNSUPPORTED",
            usage=usage(1, cost_basis="unpriced", cost_usd=0.0, unpriced_requests=4),
        ),
    ]  # fmt: skip
    return ReadModel(
        seq=12,
        generated_at=NOW,
        timezone=ZONE,
        window=window,
        accounts=accounts,
        totals=totals(8 * n, unpriced_requests=4),
        unmapped=[
            Unmapped(
                source="my_tool",
                account_id="",
                provider="anthropic",
                suggestion="add telemetry.provider_links",
                totals=totals(50),
            )
        ],
        unpriced_models=["mystery-1"],
    )


def status(**more: Any) -> Status:
    """A daemon that has finished its import."""
    given: dict[str, Any] = {
        "version": "0.1.0",
        "protocol": methods.PROTOCOL_VERSION,
        "pid": 4242,
        "started_at": "2026-03-07T07:20:00Z",
        "uptime_s": 7800.0,
        "cpu_s": 3.21,
        "rss_bytes": 47 << 20,
        "seq": 12,
        "socket": "/run/telemetry.sock",
        "database": "/var/telemetry.db",
        "database_bytes": 12 << 20,
        "wal_bytes": 4096,
        "demo": False,
        "connections": 2,
        "subscribers": 1,
        "queues": {"commit": 0, "collect": 3},
        "events": EventCounts(
            stored=12345, identities=12345, accepted=7, deduplicated=2, merged=1, rejected=0
        ),
        "spool": SpoolStatus(pending=1, rejected=2, dropped=3),
        "importing": ImportProgress(
            active=False, total_bytes=240 << 20, done_bytes=240 << 20, events=45000,
            started_at="2026-03-07T07:20:00Z", finished_at="2026-03-07T07:20:01Z", seconds=0.9,
        ),
        "sources": [
            SourceStatus(
                account_id="claude_code", provider_id="claude_code", title="Claude Code",
                home="/home/user/.claude", units=321, bytes=200 << 20, poll_status="OK",
                last_scan_at="2026-03-07T09:29:00Z", last_change_at="2026-03-07T09:29:30Z",
                next_poll_at="2026-03-07T09:34:00Z",
            ),
            SourceStatus(
                account_id="codex", provider_id="codex", title="Codex", home="/home/user/.codex",
                error="/home/user/.codex/sessions: permission denied",
            ),
        ],
        "warnings": ["settings.json: data.retention_days must be 1..3650, using 30"],
        "errors": [RecentError(at="2026-03-07T09:00:00Z", where="poll codex", message="timed out",
                               count=3)],
        "integrations": {"claude_code": "installed"},
    }  # fmt: skip
    return Status(**(given | more))


def importing(done: int, total: int) -> Status:
    """A daemon in the middle of its first import."""
    finished = status()
    progress = replace(
        finished.importing, active=True, finished_at=None, done_bytes=done, total_bytes=total
    )
    return replace(finished, importing=progress)


def answers(**more: Any) -> dict[str, Any]:
    """Answers of a healthy daemon for a `ScriptedPeer`."""
    reports = {
        "daily": daily(),
        "session": session(),
        "blocks": blocks(),
        "models": models(),
        "projects": report("projects", branches().rows),
        "branches": branches(),
    }
    given: dict[str, Any] = {
        methods.STATUS: status(),
        methods.READ_MODEL: lambda params: read_model(params.get("window", "30d")),
        methods.REPORT: lambda params: reports.get(params["kind"], daily()),
        methods.RECONCILE: reconciliation(),
        methods.ACCOUNTS: {"accounts": [{"account_id": "claude_code"}]},
        methods.STATUSLINE: {"text": "Opus X │ ≈$0.40 session"},
    }
    return given | more
