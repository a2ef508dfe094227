"""The read model: every event under exactly one account, limits honest about their age."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto.messages import AccountSnapshot, ReadModel
from openusaged.core.errors import InvalidParams
from openusaged.core.models import (
    TOOL_USAGE,
    TURN_COMPLETED,
    Account,
    LimitMetric,
    ReportedUsage,
    UsageSnapshot,
)
from openusaged.core.windows import zone_of
from openusaged.storage.store import Store, WriteBatch
from openusaged.usecases.usage_view import ViewRequest, build_view, parse_day, resolve_span
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
CLAUDE = Account(id="claude-code", provider_id="claude_code", title="Claude Code")
CODEX = Account(id="codex-cli", provider_id="codex")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    yield store
    store.close()


def view(
    store: Store,
    window: str = "30d",
    zone: str = "UTC",
    accounts: tuple[Account, ...] = (CLAUDE, CODEX),
    links: dict[str, str] | None = None,
    only: frozenset[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    now: str = NOW,
) -> ReadModel:
    tz = zone_of(zone)
    return build_view(
        store,
        ViewRequest(
            window=window,
            span=resolve_span(window, since, until, ms(now), tz),
            zone=tz,
            zone_name=zone,
            now_ms=ms(now),
            accounts=accounts,
            titles={},
            links=links or {},
            suggestions={"anthropic": "claude_code"},
            pollable=frozenset({"codex-cli"}),
            only=only,
        ),
        store.seq,
    )


def account(model: ReadModel, name: str) -> AccountSnapshot:
    (found,) = [item for item in model.accounts if item.account_id == name]
    return found


def test_windows_hold_what_their_name_says(store: Store) -> None:
    """Today, rolling days and all time count the right events."""
    fill(
        store,
        [
            event("2026-11-20T08:00:00+00:00"),
            event("2026-11-19T23:00:00+00:00"),
            event("2026-11-15T12:00:00+00:00"),
            event("2026-10-25T12:00:00+00:00"),
            event("2025-01-01T12:00:00+00:00"),
        ],
    )
    for window, messages in (("1d", 1), ("3d", 2), ("7d", 3), ("30d", 4), ("all", 5)):
        usage = account(view(store, window), "claude-code").usage
        assert usage is not None
        assert usage.totals.requests == messages, window
        assert usage.today.requests == 1
    local = account(view(store, "1d", "Asia/Kathmandu"), "claude-code").usage
    assert local is not None
    assert local.totals.requests == 2  # 23:00 UTC is 04:45 of the local 20th


def test_breakdowns(store: Store, tmp_path: Path) -> None:
    """Models, projects, agents, tools, MCP and languages each add up to the account."""
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    when = "2026-11-20T08:0{}:00+00:00"
    fill(
        store,
        [
            event(when.format(0), cwd=str(tmp_path / "shop")),
            event(when.format(1), model="claude-opus-4-5", agent="reviewer"),
            event(
                when.format(2),
                event_type=TOOL_USAGE,
                tool_call_id="t1",
                tool_name="Edit",
                language="python",
                lines_added=4,
                status="error",
            ),
            event(
                when.format(3),
                event_type=TOOL_USAGE,
                tool_call_id="t2",
                tool_name="mcp__gh__search",
                mcp_server="gh",
                mcp_function="search",
            ),
            event(when.format(4), event_type=TURN_COMPLETED, turn_id="turn"),
        ],
    )
    usage = account(view(store), "claude-code").usage
    assert usage is not None
    assert {row.name for row in usage.models} == {"claude-sonnet-4-5", "claude-opus-4-5"}
    assert [(row.label, row.totals.requests) for row in usage.projects] == [("shop", 1)]
    assert [(row.label, row.totals.requests) for row in usage.projects_today] == [("shop", 1)]
    assert {row.name: row.totals.requests for row in usage.agents} == {"main": 1, "subagent": 1}
    assert {(row.name, row.calls, row.errors) for row in usage.tools} == {
        ("Edit", 1, 1),
        ("mcp__gh__search", 1, 0),
    }
    assert [(row.name, row.calls) for row in usage.mcp] == [("gh/search", 1)]
    assert [(row.name, row.lines_added) for row in usage.languages] == [("python", 4)]
    assert [(day.date, day.totals.requests) for day in usage.days] == [("2026-11-20", 2)]
    assert (usage.turns, usage.sessions) == (1, 1)
    assert usage.last_event_at is not None


def test_nobody_elses_usage(store: Store) -> None:
    """An event of a source without an account is listed as unmapped, with a suggestion."""
    fill(store, [event(NOW, source="my_tool", client="my_tool", account_id="")])
    model = view(store)
    assert all(item.usage is not None and not item.usage.totals.requests for item in model.accounts)
    (unmapped,) = model.unmapped
    assert (unmapped.source, unmapped.provider, unmapped.suggestion) == (
        "my_tool",
        "anthropic",
        "claude_code",
    )
    assert model.totals is not None
    assert model.totals.requests == 1


def test_a_link_maps_it(store: Store) -> None:
    """The user's link gives the source's usage to that provider's single account."""
    fill(store, [event(NOW, source="my_tool", client="my_tool", account_id="")])
    model = view(store, links={"my_tool": "claude_code"})
    assert model.unmapped == []
    usage = account(model, "claude-code").usage
    assert usage is not None
    assert usage.totals.requests == 1
    second = Account(id="claude-code:work", provider_id="claude_code")
    ambiguous = view(store, links={"my_tool": "claude_code"}, accounts=(CLAUDE, second))
    assert len(ambiguous.unmapped) == 1


def test_account_filter(store: Store) -> None:
    """A filtered answer holds and totals the asked accounts only."""
    fill(store, [event(NOW), event(NOW, source="codex", account_id="codex-cli", client="codex")])
    model = view(store, only=frozenset({"codex-cli"}))
    assert [item.account_id for item in model.accounts] == ["codex-cli"]
    assert model.totals is not None
    assert model.totals.requests == 1


def poll(status: str, when: str, *metrics: LimitMetric, message: str = "") -> UsageSnapshot:
    return UsageSnapshot(
        provider_id="claude_code",
        account_id="claude-code",
        ts_ms=ms(when),
        status=status,
        message=message,
        metrics=metrics,
        attributes={"plan": "Max 20x"} if metrics else {},
    )


def window(used: float, resets: str) -> LimitMetric:
    return LimitMetric(
        key="usage_five_hour",
        unit="%",
        window="5h",
        used=used,
        limit=100,
        remaining=100 - used,
        resets_at_ms=ms(resets),
    )


def test_failed_poll_keeps_the_last_good_figures(store: Store) -> None:
    """After a failure the figures stay, with their age and the reason."""
    good = poll("OK", "2026-11-20T11:00:00+00:00", window(42, "2026-11-20T15:00:00+00:00"))
    bad = poll("ERROR", "2026-11-20T11:30:00+00:00", message="no answer")
    store.apply([WriteBatch(snapshots=[good])])
    store.apply([WriteBatch(snapshots=[bad])])
    snapshot = account(view(store), "claude-code")
    assert snapshot.status == "ERROR"
    assert snapshot.stale_since == snapshot.fetched_at == "2026-11-20T11:00:00Z"
    assert snapshot.stale_reason == "no answer"
    assert [(item.key, item.used) for item in snapshot.metrics] == [("usage_five_hour", 42)]
    assert snapshot.attributes == {"plan": "Max 20x"}


def test_upstream_is_the_vendors_own_report(store: Store) -> None:
    """Hosts of the 30 days are listed; days, models and other windows of the report are not."""
    report = UsageSnapshot(
        provider_id="codex",
        account_id="codex-cli",
        ts_ms=ms(NOW),
        status="OK",
        reported=(
            ReportedUsage(
                window="30d", group="host", total=70, requests=3, cost=0.5, currency="USD"
            ),
            ReportedUsage(window="30d", group="euro", total=7, cost=2.0, currency="EUR"),
            ReportedUsage(window="30d", model="m", total=70),
            ReportedUsage(window="1d", group="host", total=9),
        ),
    )
    store.apply([WriteBatch(snapshots=[report])])
    host, euro = account(view(store), "codex-cli").upstream
    assert (host.name, host.totals.total_tokens, host.totals.requests) == ("host", 70, 3)
    assert (host.totals.cost_usd, host.totals.cost_basis) == (0.5, "recorded")
    assert (euro.totals.cost_usd, euro.totals.other_costs) == (0.0, {"EUR": 2.0})


def test_window_that_has_been_reset_is_at_zero(store: Store) -> None:
    """A percentage whose reset has passed since the poll is not shown as still used."""
    store.apply(
        [
            WriteBatch(
                snapshots=[
                    poll(
                        "OK",
                        "2026-11-20T09:00:00+00:00",
                        window(90, "2026-11-20T10:00:00+00:00"),
                    )
                ]
            )
        ]
    )
    (metric,) = account(view(store), "claude-code").metrics
    assert (metric.used, metric.remaining, metric.resets_at) == (0, 100, None)


def test_never_polled_is_unknown(store: Store) -> None:
    """An account nobody has asked yet has no figures, which is not zero."""
    snapshot = account(view(store), "codex-cli")
    assert (snapshot.status, snapshot.metrics, snapshot.fetched_at) == ("UNKNOWN", [], None)


def test_local_records_need_no_poll(store: Store) -> None:
    """An account whose vendor cannot be asked is fine with its local records."""
    assert account(view(store), "claude-code").status == "OK"


def test_since_and_until(store: Store) -> None:
    """A span of dates is inclusive; an instant is taken as it is."""
    fill(store, [event(f"2026-11-{day}T12:00:00+00:00") for day in (10, 11, 12)])
    model = view(store, since="2026-11-10", until="2026-11-11")
    assert model.totals is not None
    assert model.totals.requests == 2
    model = view(store, since="2026-11-11T12:00:00Z")
    assert model.totals is not None
    assert model.totals.requests == 2


@pytest.mark.parametrize(
    "text", ["", "2026-13-01", "soon", "2026-11-1x", "0001-01-01T00:00:00+14:00"]
)
def test_bad_dates(text: str) -> None:
    """A date that cannot be read names its field."""
    with pytest.raises(InvalidParams, match="until"):
        parse_day(text, "until", zone_of("UTC"))
