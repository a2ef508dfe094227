"""Reports by model, project and branch; filters, breakdowns, orders, what is folded away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto.messages import Report, ReportParams, ReportRow
from openusaged.core.errors import InvalidParams
from openusaged.core.models import ACCOUNT_ERROR, ACCOUNT_OK, Account, ReportedUsage, UsageSnapshot
from openusaged.core.windows import zone_of
from openusaged.storage.store import Store, WriteBatch
from openusaged.usecases import report_rows
from openusaged.usecases.reports import ReportContext, build_report
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
OPUS = "claude-opus-4-5"
ACCOUNTS = [
    Account(id="claude-code", provider_id="claude_code"),
    Account(id="codex-cli", provider_id="codex"),
    Account(id="router", provider_id="openrouter"),
]
CODEX = {"source": "codex", "client": "codex", "account_id": "codex-cli", "provider": "openai"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    yield store
    store.close()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with a linked worktree beside it."""
    root = tmp_path / "shop"
    (root / ".git" / "worktrees" / "login").mkdir(parents=True)
    (root / "src").mkdir()
    tree = tmp_path / "shop-login"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {root}/.git/worktrees/login\n")
    return root


def report(store: Store, zone: str = "UTC", **params: object) -> Report:
    context = ReportContext(
        zone=zone_of(zone),
        zone_name=zone,
        now_ms=ms(NOW),
        accounts=ACCOUNTS,
        errors={},
        importing=False,
        retention_days=30,
        recording=frozenset({"claude-code", "codex-cli"}),
    )
    return build_report(store, ReportParams(**params), context, store.seq)  # type: ignore[arg-type]


def tokens(rows: list[ReportRow]) -> dict[str, int]:
    return {row.label: row.total_tokens for row in rows}


@pytest.fixture
def filled(store: Store, shop: Path, tmp_path: Path) -> Store:
    """Two tools, four branches of two projects, and something outside any project."""
    fill(
        store,
        [
            event("2026-11-10T10:00:00+00:00", cwd=str(shop / "src"), branch="main"),
            event("2026-11-10T11:00:00+00:00", cwd=str(shop), branch="main", model=OPUS),
            event(
                "2026-11-11T10:00:00+00:00",
                cwd=str(tmp_path / "shop-login"),
                branch="login",
                session_id="s2",
                input=9000,
            ),
            event(
                "2026-11-12T10:00:00+00:00",
                **CODEX,
                model="gpt-5.1-codex",
                cwd=str(tmp_path / "blog"),
                branch="main",
                session_id="c1",
                input=40_000,
            ),
            event("2026-11-13T10:00:00+00:00", session_id="s3", agent="explorer", input=400),
        ],
    )
    return store


ALL = 1100 + 1100 + 9100 + 40_100 + 500


def test_worktrees_fold_into_their_repository(filled: Store) -> None:
    """A linked worktree's usage is its repository's, under its own branch."""
    answer = report(filled, kind="projects")
    assert tokens(answer.rows) == {"blog": 40_100, "shop": 11_300, "(no project)": 500}
    assert answer.totals.total_tokens == ALL
    shop = next(row for row in answer.rows if row.label == "shop")
    assert (shop.project, shop.sessions) == ("shop", 2)
    assert shop.start == "2026-11-10T10:00:00Z"
    assert shop.last_activity == "2026-11-11T10:00:00Z"


def test_branches_say_what_each_cost(filled: Store) -> None:
    """One row per branch of a project; the same name in two projects stays two."""
    answer = report(filled, kind="branches")
    assert tokens(answer.rows) == {
        "blog · main": 40_100,
        "shop · login": 9100,
        "shop · main": 2200,
        "(no project) · (no branch)": 500,
    }
    login = next(row for row in answer.rows if row.branch == "login")
    assert login.cost_usd == pytest.approx((9000 * 3 + 100 * 15) / 1e6)
    assert login.key.endswith("/shop@login")


@pytest.mark.parametrize("place", ["", "src", "../shop-login"])
def test_project_by_any_directory_in_it(filled: Store, shop: Path, place: str) -> None:
    """A path means the repository that holds it, also from a worktree."""
    path = str((shop / place).resolve())
    assert report(filled, kind="daily", project=path).totals.total_tokens == 11_300


def test_models_are_ordered_by_cost(filled: Store) -> None:
    """The costliest model comes first, with the tools that used it below."""
    answer = report(filled, kind="models", breakdown=True)
    assert [row.key for row in answer.rows] == ["gpt-5.1-codex", "claude-sonnet-4-5", OPUS]
    assert answer.rows[0].breakdown is not None
    assert [child.key for child in answer.rows[0].breakdown] == ["codex"]
    assert answer.rows[0].model_breakdown is None


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly", "models", "projects", "branches"])
def test_all_kinds_have_the_same_totals(filled: Store, kind: str) -> None:
    """However it is cut, it is the same usage, and rows add up to it."""
    answer = report(filled, kind=kind)
    daily = report(filled, kind="daily")
    for name in ("total_tokens", "requests", "input_tokens", "output_tokens"):
        assert getattr(answer.totals, name) == getattr(daily.totals, name)
        assert sum(getattr(row, name) for row in answer.rows) == getattr(daily.totals, name)
    assert answer.totals.cost_usd == pytest.approx(daily.totals.cost_usd)
    assert sum(row.cost_usd for row in answer.rows) == pytest.approx(daily.totals.cost_usd)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"model": OPUS}, 1100),
        ({"model": OPUS.upper()}, 1100),
        ({"branch": "login"}, 9100),
        ({"branch": "main", "project": "shop"}, 2200),
        ({"branch": "main", "provider": "openai"}, 40_100),
    ],
)
@pytest.mark.parametrize("kind", ["daily", "models", "branches", "session", "blocks"])
def test_filters_by_model_and_branch(
    filled: Store, kind: str, filters: dict[str, str], expected: int
) -> None:
    """Every kind counts exactly the subset."""
    assert report(filled, kind=kind, **filters).totals.total_tokens == expected


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"account": "claude-cod"}, "account: there is no 'claude-cod'; did you mean claude-code"),
        ({"provider": "codx"}, "provider: there is no 'codx'; did you mean codex"),
        ({"project": "shp"}, "project: there is no 'shp'; did you mean shop"),
        ({"model": "gpt-5.1-codec"}, "did you mean gpt-5.1-codex"),
        ({"branch": "logn"}, "branch: there is no 'logn'; did you mean login"),
        ({"project": "zzzz"}, "project: there is no 'zzzz'; known: blog, shop"),
    ],
)
def test_unknown_names_are_refused_with_those_meant(
    filled: Store, filters: dict[str, str], sentence: str
) -> None:
    """A typing error does not look like no usage."""
    with pytest.raises(InvalidParams) as refused:
        report(filled, kind="daily", **filters)
    assert sentence in str(refused.value)


def test_unknown_name_of_an_empty_store(store: Store) -> None:
    """With nothing recorded there is nothing to suggest; a provider we have is no error."""
    with pytest.raises(InvalidParams, match="nothing is recorded yet"):
        report(store, kind="daily", project="shop")
    assert report(store, kind="daily", provider="gemini_cli").rows == []


def test_breakdown_folds_into_others(filled: Store) -> None:
    """The costliest children stay, one stands for the rest, and they add up to their row."""
    (row,) = report(filled, kind="monthly", breakdown=True, top_models=1).rows
    assert row.model_breakdown is not None
    assert [child.key for child in row.model_breakdown] == ["gpt-5.1-codex", "(others)"]
    assert row.model_breakdown[1].label == "(2 others)"
    assert sum(child.total_tokens for child in row.model_breakdown) == row.total_tokens
    assert sum(child.cost_usd for child in row.model_breakdown) == pytest.approx(row.cost_usd)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("account", {"codex-cli": 40_100, "claude-code": 11_800}),
        ("client", {"codex": 40_100, "claude_code": 11_800}),
        ("provider", {"openai": 40_100, "anthropic": 11_800}),
        ("project", {"blog": 40_100, "shop": 11_300, "(no project)": 500}),
        ("branch", {"main": 42_300, "login": 9100, "(no branch)": 500}),
        ("agent", {"main": 51_400, "subagent": 500}),
    ],
)
def test_breakdown_by_anything(filled: Store, by: str, expected: dict[str, int]) -> None:
    """Children are split by what was asked, none of the row is left out."""
    (row,) = report(filled, kind="monthly", breakdown=True, breakdown_by=by).rows
    assert row.breakdown is not None
    assert tokens(row.breakdown) == expected


@pytest.mark.parametrize(
    ("arrangement", "days"),
    [
        ({}, [10, 11, 12, 13]),
        ({"order": "desc"}, [13, 12, 11, 10]),
        ({"sort": "tokens"}, [12, 11, 10, 13]),
        ({"sort": "tokens", "order": "asc"}, [13, 10, 11, 12]),
        ({"sort": "requests"}, [10, 11, 12, 13]),
        ({"sort": "key"}, [10, 11, 12, 13]),
    ],
)
def test_orders(filled: Store, arrangement: dict[str, str], days: list[int]) -> None:
    """Rows are ordered as asked; time upwards is the default, equals stay in time's order."""
    rows = report(filled, kind="daily", **arrangement).rows
    assert [int(row.key[-2:]) for row in rows] == days


def test_top_keeps_the_newest_days_and_the_costliest_models(filled: Store) -> None:
    """What is left out is one row, so that rows still add up."""
    daily = report(filled, kind="daily", top=2)
    assert [row.label for row in daily.rows] == ["(2 others)", "2026-11-12", "2026-11-13"]
    newest_first = report(filled, kind="daily", top=1, order="desc")
    assert [row.label for row in newest_first.rows] == ["2026-11-13", "(3 others)"]
    models = report(filled, kind="models", top=2)
    assert [row.label for row in models.rows][-1] == "(1 other)"
    for answer in (daily, newest_first, models):
        assert sum(row.total_tokens for row in answer.rows) == answer.totals.total_tokens == ALL


def test_older_sessions_are_one_row(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest sessions are listed; the sum of the older ones is exact."""
    monkeypatch.setattr(report_rows, "MAX_SESSIONS", 2)
    answer = report(filled, kind="session")
    assert [row.label for row in answer.rows] == ["(2 others)", "c1 · blog", "s3"]
    assert answer.rows[0].total_tokens == 1100 + 1100 + 9100
    assert answer.totals.total_tokens == ALL
    everything = report(filled, kind="session", top=0)
    assert len(everything.rows) == 4
    assert everything.totals == answer.totals
    by_cost = report(filled, kind="session", sort="cost", top=1)
    assert [row.label for row in by_cost.rows] == ["c1 · blog", "(3 others)"]
    filtered = report(filled, kind="session", provider="claude_code")
    assert [row.label for row in filtered.rows] == ["(1 other)", "s2 · shop", "s3"]


def test_what_has_no_session_is_said(store: Store) -> None:
    """Totals of sessions lack what knows no session; the note says how much."""
    fill(
        store,
        [event("2026-11-10T10:00:00+00:00"), event("2026-11-10T11:00:00+00:00", session_id="")],
    )
    assert "1,100 tokens belong to no session" in report(store, kind="session").note
    assert "last active in the range" in report(store, kind="session", since="2026-11-01").note


def test_history_start_is_a_local_day(store: Store) -> None:
    """The oldest event's day in the asked zone, whatever the report shows."""
    fill(store, [event("2026-11-10T23:30:00+00:00")])
    assert report(store, kind="daily", since="2026-11-15").history_starts == "2026-11-10"
    assert report(store, "Asia/Tokyo", kind="models").history_starts == "2026-11-11"


def test_sources_without_records_say_why(store: Store) -> None:
    """An account known from its vendor alone is marked so, or as failing when it is."""

    def put(status: str, ts: str, *reported: ReportedUsage) -> None:
        snapshot = UsageSnapshot(
            provider_id="openrouter",
            account_id="router",
            ts_ms=ms(ts),
            status=status,
            message="the key was refused" if status == ACCOUNT_ERROR else "",
            reported=reported,
        )
        (result,) = store.apply([WriteBatch(snapshots=[snapshot])])
        assert result.error is None

    def source() -> tuple[str, str]:
        found = {item.account: item for item in report(store, kind="daily").sources}
        return found["router"].status, found["router"].note

    assert source() == ("ok", "")
    put(ACCOUNT_ERROR, "2026-11-20T10:00:00+00:00")
    assert source() == ("error", "the key was refused")
    put(ACCOUNT_OK, "2026-11-20T11:00:00+00:00", ReportedUsage(window="30d", cost=1.0))
    status, note = source()
    assert status == "vendor_only"
    assert "openusage reconcile" in note
