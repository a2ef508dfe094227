"""Figures that Cursor keeps itself: today's lines, AI's share of commits."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openusaged.core.errors import ProviderError
from openusaged.providers.cursor.local_figures import commit_metrics, conversations, daily_metrics
from openusaged.providers.cursor.workspaces import WorkspaceFolders

NOON = 1_795_780_800_000  # 2026-11-27T12:00Z
DAY = 86_400_000


def database(path: Path, script: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return str(path)


def state(path: Path, date: str, value: str) -> str:
    key = f"aiCodeTracking.dailyStats.v1.5.{date}"
    return database(
        path,
        "CREATE TABLE ItemTable (key TEXT UNIQUE, value BLOB);"
        f"INSERT INTO ItemTable VALUES ('{key}', '{value}');",
    )


@pytest.mark.parametrize(
    ("date", "now_ms", "lines"),
    [
        ("2026-11-27", NOON, [3.0]),
        ("2026-11-28", NOON - 3 * DAY // 24, []),
        ("2026-11-28", NOON, [3.0]),
        ("2026-11-26", NOON - 1, [3.0]),
        ("2026-11-26", NOON, []),
        ("2026-11-20", NOON, []),
        ("not-a-date", NOON, []),
    ],
)
def test_today_is_the_day_on_the_users_clock(tmp_path, date, now_ms, lines):
    """A date counts while it is that day anywhere on earth; an idle day shows nothing."""
    path = state(tmp_path / "state.vscdb", date, '{"tabAcceptedLines":3}')
    assert [metric.used for metric in daily_metrics(path, now_ms)] == lines


@pytest.mark.parametrize("value", ["{", "[]", '{"tabAcceptedLines":[]}'])
def test_odd_counters_are_no_figures(tmp_path, value):
    """A record of another shape says nothing."""
    assert daily_metrics(state(tmp_path / "s.vscdb", "2026-11-27", value), NOON) == []


def test_databases_without_the_tables_say_nothing(tmp_path):
    """A new or an old database lacks tables and columns; that is no error."""
    path = database(tmp_path / "x.db", "CREATE TABLE other (a);")
    assert daily_metrics(path, NOON) == []
    assert commit_metrics(path) == []
    assert conversations(path, ["c-1"]) == {}


def test_commits_without_a_share_are_counted_only(tmp_path):
    """Commits that Cursor could not score have a number but no average; none is no figure."""
    table = (
        "CREATE TABLE scored_commits (commitHash TEXT, scoredAt INTEGER, linesAdded INTEGER,"
        " v2AiPercentage TEXT);"
    )
    assert commit_metrics(database(tmp_path / "none.db", table)) == []
    path = database(
        tmp_path / "some.db", table + "INSERT INTO scored_commits VALUES ('a', 1, 5, NULL);"
    )
    assert [(metric.key, metric.used) for metric in commit_metrics(path)] == [
        ("scored_commits", 1.0)
    ]


def test_damaged_database_is_named(tmp_path):
    """What cannot be read raises a failure with the file's name."""
    path = tmp_path / "state.vscdb"
    path.write_bytes(b"no database" * 200)
    with pytest.raises(ProviderError, match=r"state\.vscdb"):
        daily_metrics(str(path), NOON)


def test_damaged_workspaces_place_nothing(tmp_path):
    """A workspace whose file or database cannot be read costs only itself."""
    for name, folder in (("a", "{"), ("b", '{"folder":"file:///srv/b"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "workspace.json").write_text(folder)
        (tmp_path / name / "state.vscdb").write_bytes(b"no database" * 200)
    assert WorkspaceFolders(str(tmp_path)).folder_of("c-1") == ""
    assert WorkspaceFolders(str(tmp_path / "none")).folder_of("c-1") == ""
