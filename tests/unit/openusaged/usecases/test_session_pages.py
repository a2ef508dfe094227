"""Sessions: filtered, ordered, opened; and equal to what the session report says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto.session_messages import Sessions, SessionsParams
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account
from openusaged.core.windows import zone_of
from openusaged.storage.store import Store
from openusaged.usecases.report_scope import ReportContext
from openusaged.usecases.session_pages import session_page
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    yield store
    store.close()


def page(store: Store, zone: str = "UTC", **params: object) -> Sessions:
    wanted = SessionsParams(**params)  # type: ignore[arg-type]
    context = ReportContext(
        zone=zone_of(zone),
        zone_name=zone,
        now_ms=ms(NOW),
        accounts=[Account(id="idle", provider_id="groq")],
        errors={},
        importing=False,
        retention_days=30,
    )
    return session_page(store, wanted, context)


def ids(answer: Sessions) -> list[str]:
    return [row.session_id for row in answer.sessions]


def fill_three(store: Store) -> None:
    """Three sessions: the long one, the costly one, the newest one."""
    fill(store, [
        event("2026-11-10T08:00:00+00:00", session_id="long", cwd="/w/harbour", branch="main",
              input=100, cache_read=0, output=10),
        event("2026-11-10T20:00:00+00:00", session_id="long", cwd="/w/harbour", input=100,
              cache_read=0, output=10),
        event("2026-11-18T09:00:00+00:00", session_id="costly_1", cwd="/w/Lighthaüs",
              branch="feature/beam", model="claude-opus-4-5", input=900_000, cache_read=0),
        event("2026-11-19T10:00:00+00:00", source="codex", client="codex", provider="openai",
              account_id="codex-cli", session_id="newest", cwd="/w/harbour", model="gpt-5",
              input=500, cache_read=0, output=1),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("activity", ["newest", "costly_1", "long"]),
        ("started", ["newest", "costly_1", "long"]),
        ("duration", ["long", "newest", "costly_1"]),
        ("tokens", ["costly_1", "newest", "long"]),
        ("requests", ["long", "newest", "costly_1"]),
        ("cost", ["costly_1", "long", "newest"]),
    ],
)
def test_every_order_and_its_reverse(store: Store, sort: str, expected: list[str]) -> None:
    """Each sort key orders the page; ascending is exactly the other way round."""
    fill_three(store)
    assert ids(page(store, sort=sort)) == expected
    assert ids(page(store, sort=sort, order="asc")) == expected[::-1]
    assert ids(page(store, sort=sort, limit=1, offset=1)) == expected[1:2]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"project": "harbour"}, ["newest", "long"]),
        ({"project": "/w/harbour"}, ["newest", "long"]),
        ({"project": "/w/harb"}, []),
        ({"model": "GPT-5"}, ["newest"]),
        ({"client": "codex"}, ["newest"]),
        ({"client": "groq"}, []),
        ({"source": "codex"}, ["newest"]),
        ({"source": "nothing"}, []),
        ({"account": "codex-cli"}, ["newest"]),
        ({"account": "idle"}, []),
        ({"text": "HARB"}, ["newest", "long"]),
        ({"text": "lighthau\u0308s"}, ["costly_1"]),
        ({"text": "beam opus"}, ["costly_1"]),
        ({"text": "beam gpt"}, []),
        ({"text": "y_1"}, ["costly_1"]),
        ({"text": "y%1"}, []),
        ({"text": "codex"}, ["newest"]),
        ({"text": "w"}, ["newest"]),
        ({"window": "7d"}, ["newest", "costly_1"]),
        ({"window": "all"}, ["newest", "costly_1", "long"]),
        ({"since": "2026-11-18", "until": "2026-11-18"}, ["costly_1"]),
        ({"until": "2026-11-10"}, ["long"]),
        ({"session": "long"}, ["long"]),
        ({"session": "lon"}, []),
    ],
)
def test_filters(store: Store, params: dict[str, object], expected: list[str]) -> None:
    """Each filter alone; the text is of every kind, in any case, and no pattern of the database."""
    fill_three(store)
    answer = page(store, **params)
    assert ids(answer) == expected
    assert answer.total == len(expected)


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({"project": "harb"}, "project: there is no 'harb'; did you mean harbour?"),
        ({"model": "gtp-5"}, "model: there is no 'gtp-5'; did you mean gpt-5?"),
        ({"model": "none"}, "model: there is no 'none'; known: claude-opus-4-5, "),
        ({"client": "codx"}, "client: there is no 'codx'; did you mean codex"),
        ({"account": "codex-cl"}, "account: there is no 'codex-cl'; did you mean codex-cli?"),
        ({"account": "nobody"}, "account: there is no 'nobody'; known: "),
    ],
)
def test_unknown_names_are_refused(store: Store, params: dict[str, object], refusal: str) -> None:
    """A typing error must not look like no usage: the answer names what is close, as `report`."""
    fill_three(store)
    with pytest.raises(InvalidParams) as caught:
        page(store, **params)
    assert str(caught.value).startswith(refusal)


def test_dates_are_local_days(store: Store) -> None:
    """The zone decides which day a session was last active on."""
    fill_three(store)
    assert ids(page(store, "Pacific/Auckland", since="2026-11-11", until="2026-11-11")) == ["long"]


def test_a_row_says_what_the_session_was(store: Store) -> None:
    """Label of the project, first names, both ends, calls, tools, models by their tokens."""
    fill_three(store)
    fill(store, [tool("2026-11-10T08:00:01+00:00", "t1", "Bash", session_id="long")])
    (row,) = page(store, session="long").sessions
    assert (row.project, row.branch, row.client) == ("harbour", "main", "claude_code")
    assert row.first_activity == "2026-11-10T08:00:00Z"
    assert row.last_activity == "2026-11-10T20:00:00Z"
    assert (row.totals.requests, row.tool_calls, row.totals.total_tokens) == (2, 1, 220)


def tool(at: str, number: str, name: str, **fields: object):
    return event(at, event_type="tool_usage", tool_call_id=number, message_id="", request_id="",
                 tool_name=name, input=None, cache_read=None, cache_write_5m=None,
                 cache_write_1h=None, output=None, **fields)  # fmt: skip


def test_turns_have_their_tools(store: Store) -> None:
    """A tool belongs to the model call before it, a sub-agent's to the sub-agent's own call."""
    fill(store, [
        tool("2026-11-18T08:59:00+00:00", "t0", "Read", session_id="s"),
        event("2026-11-18T09:00:00+00:00", session_id="s", input=1, cache_read=None, output=2),
        event("2026-11-18T09:00:01+00:00", session_id="s", agent="explorer", is_sidechain=True,
              input=3),
        tool("2026-11-18T09:00:02+00:00", "t1", "Bash", session_id="s", status="error"),
        tool("2026-11-18T09:00:03+00:00", "t2", "Grep", session_id="s", agent="explorer"),
        tool("2026-11-18T09:00:04+00:00", "t3", "search", session_id="s", mcp_server="docs",
             mcp_function="find"),
        tool("2026-11-18T09:00:05+00:00", "t4", "Bash", session_id="s", lines_added=4),
        event("2026-11-18T09:05:00+00:00", session_id="s", output=9, cost_nano=5_000_000_000,
              currency="EUR"),
    ])  # fmt: skip
    answer = page(store, session="s", turns=10)
    assert answer.turns_kept == 3
    first, second, third = answer.turns
    assert [(one.name, one.calls, one.errors) for one in first.tools] == [
        ("Bash", 2, 1),
        ("Read", 1, 0),
        ("docs/find", 1, 0),
    ]
    assert (first.input_tokens, first.cache_read_tokens, first.output_tokens) == (1, None, 2)
    assert [one.name for one in second.tools] == ["Grep"]
    assert second.agent == "explorer"
    assert (third.recorded, third.currency, third.tools) == (5.0, "EUR", [])
    assert (answer.tools[0].name, answer.tools[0].calls) == ("Bash", 2)
    latest = page(store, session="s", turns=1)
    assert [turn.at for turn in latest.turns] == ["2026-11-18T09:05:00Z"]
    assert latest.turns_kept == 3


def test_only_one_session_is_opened(store: Store) -> None:
    """Without turns asked for there are none; an unknown session has none."""
    fill_three(store)
    assert page(store, session="long").turns == []
    assert page(store, session="nobody", turns=5).turns == []


def test_sessions_of_one_id_are_told_apart(store: Store) -> None:
    """Two sources may give one id: turns are only those of the source that was named."""
    fill(store, [
        event("2026-11-18T09:00:00+00:00", session_id="twin", input=1),
        event("2026-11-18T10:00:00+00:00", source="codex", client="codex", provider="openai",
              account_id="codex-cli", session_id="twin", model="gpt-5", input=2),
    ])  # fmt: skip
    assert [row.source for row in page(store, session="twin").sessions] == ["codex", "claude_code"]
    for source, tokens in (("claude_code", 1), ("codex", 2)):
        answer = page(store, session="twin", source=source, turns=5)
        assert [row.source for row in answer.sessions] == [source]
        assert [turn.input_tokens for turn in answer.turns] == [tokens]
    with pytest.raises(InvalidParams, match="claude_code and codex have a session of this id"):
        page(store, session="twin", turns=5)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 1001},
        {"offset": -1},
        {"turns": 5},
        {"session": "s", "turns": -1},
        {"session": "s", "turns": 1001},
        {"since": "soon"},
    ],
)
def test_bad_counts_and_dates_are_refused(store: Store, params: dict[str, object]) -> None:
    """The error names the parameter."""
    with pytest.raises(InvalidParams, match=next(iter(params if len(params) < 2 else ["turns"]))):
        page(store, **params)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"project": "harbour"},
        {"account": "codex-cli"},
        {"since": "2026-11-11", "until": "2026-11-19"},
    ],
)
def test_equal_to_the_session_report(store: Store, zone: str, params: dict[str, str]) -> None:
    """`openusage session` and the sessions screen list the same sessions with the same sums."""
    from openusage_proto.messages import ReportParams
    from openusaged.usecases.reports import ReportContext, build_report

    fill_three(store)
    context = ReportContext(
        zone=zone_of(zone), zone_name=zone, now_ms=ms(NOW), accounts=(), errors={},
        importing=False, retention_days=30,
    )  # fmt: skip
    report = build_report(store, ReportParams(kind="session", **params), context, 1)  # type: ignore[arg-type]
    rows = {row.session_id: row for row in page(store, zone, **params).sessions}
    assert {row.key for row in report.rows} == set(rows)
    for row in report.rows:
        same = rows[row.key]
        assert (row.total_tokens, row.requests, row.cost_usd, row.cost_basis) == (
            same.totals.total_tokens,
            same.totals.requests,
            same.totals.cost_usd,
            same.totals.cost_basis,
        )
        assert (row.last_activity, row.start) == (same.last_activity, same.first_activity)
        assert (row.project or "", row.branch or "") == (same.project, same.branch)


def test_pages_by_last_activity_are_found_by_the_index(store: Store) -> None:
    """The order of the start page costs no sort of all sessions."""
    from openusaged.storage.session_queries import SessionFilter, find_sessions

    fill_three(store)
    seen: list[str] = []
    with store._database.read_snapshot() as connection:
        connection.set_trace_callback(seen.append)
        find_sessions(connection, store._names, SessionFilter(start_ms=0), 10, 0)
        connection.set_trace_callback(None)
        (page_sql,) = [text for text in seen if "ORDER BY" in text]
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {page_sql}"))
    assert "session_by_last_quarter" in plan
