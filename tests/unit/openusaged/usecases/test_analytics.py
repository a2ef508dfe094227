"""Analytics: the sums of the read model, and the period of equal length before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto.analytics_messages import Analytics, AnalyticsParams
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account
from openusaged.core.windows import zone_of
from openusaged.storage.store import Store
from openusaged.usecases.analytics import build_analytics
from openusaged.usecases.reading import View
from openusaged.usecases.usage_view import ViewRequest, build_view, resolve_span
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
ACCOUNTS = (
    Account(id="claude-code", provider_id="claude_code"),
    Account(id="codex-cli", provider_id="codex"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    yield store
    store.close()


def analytics(store: Store, zone: str = "UTC", now: str = NOW, **params: object) -> Analytics:
    wanted = AnalyticsParams(**params)  # type: ignore[arg-type]
    view = View(accounts=ACCOUNTS)
    return build_analytics(store, view, wanted, zone_of(zone), zone, ms(now))


def sums(rows, account=None):
    """(name, tokens now, tokens before) of an account's rows."""
    return {
        row.name: (row.totals.total_tokens, row.previous and row.previous.total_tokens)
        for row in rows
        if account in (None, row.account)
    }


def codex(when: str, **fields: object):
    return event(when, **{
        "source": "codex", "client": "codex", "provider": "openai", "account_id": "codex-cli",
        "model": "gpt-5", "input": 50, "output": 0, **fields,
    })  # fmt: skip


def fill_two_weeks(store: Store) -> None:
    fill(store, [
        event("2026-11-07T09:00:00+00:00", input=300, output=0, cwd="/w/a"),
        event("2026-11-12T09:00:00+00:00", input=400, output=0, cwd="/w/a"),
        event("2026-11-14T09:00:00+00:00", input=100, output=0, cwd="/w/a"),
        event("2026-11-19T21:30:00+00:00", input=700, output=0, cwd="/w/b", model="claude-opus-4-5"),
        codex("2026-11-19T10:00:00+00:00", cwd="/w/b"),
        codex("2026-11-20T10:10:00+00:00", cost_nano=2_000_000_000, currency="EUR", model="odd"),
    ])  # fmt: skip


def test_an_empty_store_has_nothing(store: Store) -> None:
    """No history: no days, no rows, nothing to compare with."""
    answer = analytics(store)
    assert (answer.dates, answer.accounts, answer.models, answer.hours) == ([], [], [], [])
    assert answer.history_since is None
    assert answer.previous_complete is False


def test_the_previous_period_is_really_read(store: Store) -> None:
    """Seven days are compared with the seven days before them, for every name."""
    fill_two_weeks(store)
    answer = analytics(store, window="7d")
    assert answer.since == "2026-11-13T12:00:00Z"
    assert (answer.previous_since, answer.previous_until) == (
        "2026-11-06T11:45:00Z",
        "2026-11-13T12:00:00Z",
    )
    assert sums(answer.accounts) == {"claude-code": (800, 700), "codex-cli": (100, 0)}
    assert sums(answer.models) == {
        "claude-opus-4-5": (700, 0),
        "claude-sonnet-4-5": (100, 700),
        "gpt-5": (50, 0),
        "odd": (50, 0),
    }
    assert {row.label: row.previous.total_tokens for row in answer.projects if row.previous} == {
        "a": 700,
        "b": 0,
    }


@pytest.mark.parametrize(
    ("first", "complete"),
    [("2026-11-06T20:00:00+00:00", True), ("2026-11-08T00:00:00+00:00", False)],
)
def test_a_history_that_begins_too_late_is_said(store: Store, first: str, complete: bool) -> None:
    """A period of which only a part is known is no period to compare with."""
    fill(store, [event(first), event("2026-11-19T00:00:00+00:00")])
    assert analytics(store, window="7d").previous_complete is complete


def test_all_time_has_no_previous_period(store: Store) -> None:
    """There is nothing before everything."""
    fill_two_weeks(store)
    answer = analytics(store, window="all")
    assert (answer.since, answer.previous_since, answer.previous_until) == (None, None, None)
    assert {row.previous for row in (*answer.accounts, *answer.models)} == {None}
    assert answer.dates[0] == "2026-11-07"


@pytest.mark.parametrize("since", ["0001-01-01", "1969-12-31", "2000-01-01"])
def test_nothing_is_compared_with_what_was_before_1970(store: Store, since: str) -> None:
    """A period too long to have an equal one before it is all time as well."""
    fill_two_weeks(store)
    answer = analytics(store, since=since)
    known = since == "2000-01-01"
    assert (answer.previous_since is not None) is known
    everything = analytics(store, window="all").accounts
    assert [row.totals for row in answer.accounts] == [row.totals for row in everything]


def test_a_morning_is_compared_with_the_morning_before(store: Store) -> None:
    """Today up to now goes with yesterday up to the same time, not with the whole of it."""
    fill_two_weeks(store)
    answer = analytics(store, window="1d")
    assert (answer.previous_since, answer.previous_until) == (
        "2026-11-19T00:00:00Z",
        "2026-11-19T12:15:00Z",
    )
    assert sums(answer.accounts) == {"codex-cli": (50, 50)}


def test_dates_make_a_period_of_their_own(store: Store) -> None:
    """Two days are compared with the two days before."""
    fill_two_weeks(store)
    answer = analytics(store, since="2026-11-13", until="2026-11-14")
    assert (answer.previous_since, answer.previous_until) == (
        "2026-11-11T00:00:00Z",
        "2026-11-13T00:00:00Z",
    )
    assert sums(answer.accounts)["claude-code"] == (100, 400)


@pytest.mark.parametrize("window", ["1d", "3d", "7d", "30d", "all"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
def test_e02_sums_equal_the_read_model(store: Store, window: str, zone: str) -> None:
    """Every account's sum is its tile's, in every window and zone."""
    fill_two_weeks(store)
    span = resolve_span(window, None, None, ms(NOW), zone_of(zone))
    model = build_view(store, ViewRequest(
        window=window, span=span, zone=zone_of(zone), zone_name=zone, now_ms=ms(NOW),
        accounts=ACCOUNTS, titles={}, links={}, suggestions={},
    ), 1)  # fmt: skip
    tiles = {one.account_id: one.usage.totals for one in model.accounts if one.usage}
    answer = analytics(store, zone, window=window)
    for row in answer.accounts:
        if row.totals.requests:
            assert row.totals == tiles[row.name]
    used = {name for name, totals in tiles.items() if totals.requests}
    assert used <= {row.name for row in answer.accounts}
    for rows in (answer.models, answer.clients):
        for name in used:
            assert sum(row.totals.total_tokens for row in rows if row.account == name) == (
                tiles[name].total_tokens
            )


def test_days_are_local_and_marked_by_basis(store: Store) -> None:
    """A day's cost says which part a source wrote down; other currencies are in neither."""
    fill_two_weeks(store)
    fill(store, [codex("2026-11-18T10:00:00+00:00", model="odd-2", cost_nano=3_000_000_000,
                       currency="USD")])  # fmt: skip
    answer = analytics(store, "Asia/Kathmandu", window="3d")
    rows = {row.name: row for row in answer.accounts}
    day = dict(zip(answer.dates, rows["codex-cli"].cost_usd, strict=True))
    recorded = dict(zip(answer.dates, rows["codex-cli"].recorded_usd, strict=True))
    assert (day["2026-11-18"], recorded["2026-11-18"]) == (3.0, 3.0)
    assert day["2026-11-20"] == recorded["2026-11-20"] == 0.0
    assert rows["codex-cli"].totals.other_costs == {"EUR": 2.0}
    tokens = dict(zip(answer.dates, rows["claude-code"].tokens, strict=True))
    assert (tokens["2026-11-19"], tokens["2026-11-20"]) == (0, 700)


def test_e10_hours_are_local(store: Store) -> None:
    """Weekday and hour are those of the zone, per account."""
    fill_two_weeks(store)
    hours = {
        (one.account, one.weekday, one.hour): (one.requests, one.tokens)
        for one in analytics(store, "Asia/Kathmandu", window="3d").hours
    }
    # 21:30 UTC is 03:15 on Friday, 10:00 UTC is 15:45, 10:10 UTC is 15:55.
    assert hours == {
        ("claude-code", 4, 3): (1, 700),
        ("codex-cli", 3, 15): (1, 50),
        ("codex-cli", 4, 15): (1, 50),
    }


def test_servers_are_counted_per_account(store: Store) -> None:
    """Calls of MCP servers now and before, with their days."""

    def call(when: str, number: str):
        return event(when, event_type="tool_usage", tool_call_id=number, message_id="",
                     tool_name="x", mcp_server="docs", mcp_function="find", input=None,
                     output=None)  # fmt: skip

    fill(store, [call("2026-11-10T09:00:00+00:00", "a"), call("2026-11-19T09:00:00+00:00", "b"),
                 call("2026-11-19T09:00:00+00:00", "c"), event("2026-11-10T09:00:00+00:00")])  # fmt: skip
    (row,) = analytics(store, window="7d").mcp
    assert (row.account, row.name, row.totals.requests) == ("claude-code", "docs", 2)
    assert row.previous is not None
    assert row.previous.requests == 1
    assert row.requests[-2:] == [2, 0]


def test_only_the_largest_come_with_their_days(store: Store) -> None:
    """`top` bounds the lists, never the rows; accounts always have theirs."""
    fill_two_weeks(store)
    answer = analytics(store, window="7d", top=1)
    assert {row.name for row in answer.models if row.tokens} == {"claude-opus-4-5"}
    assert len(answer.models) == 4
    assert all(row.tokens for row in answer.accounts)
    none = analytics(store, window="7d", top=0)
    assert [row for row in none.models if row.tokens] == []


def test_what_no_account_owns_is_listed_without_one(store: Store) -> None:
    """Nothing is dropped and nothing is put under somebody else's name."""
    fill(store, [event("2026-11-19T09:00:00+00:00", source="proxy", client="proxy",
                       account_id="gateway", provider="elsewhere")])  # fmt: skip
    assert [(row.account, row.name) for row in analytics(store).accounts] == [("", "")]


@pytest.mark.parametrize("params", [{"top": -1}, {"top": 51}, {"since": "soon"}])
def test_bad_parameters_are_refused(store: Store, params: dict[str, object]) -> None:
    """The error names the parameter."""
    with pytest.raises(InvalidParams, match=next(iter(params))):
        analytics(store, **params)
