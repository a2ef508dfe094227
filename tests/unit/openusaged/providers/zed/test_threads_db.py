"""Zed's threads while they grow, and documents that are not what they should be."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zstandard

from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.shared.sqlite_ro import DatabaseUnreadable
from openusaged.providers.zed import PROVIDER, threads_db
from openusaged.providers.zed.records import first_folder
from tests.support.provider_case import counted

SCHEMA = "CREATE TABLE threads (id TEXT PRIMARY KEY, summary TEXT, updated_at TEXT, data_type TEXT, data BLOB)"


class Home:
    """A Zed home and a reader that remembers its cursor."""

    def __init__(self, path: Path) -> None:
        self.machine = Machine(env={"HOME": str(path)}, home=str(path))
        self.database = path / ".local/share/zed/threads/threads.db"
        self.database.parent.mkdir(parents=True)
        self.cursor = None
        self.events: list = []
        self.run(SCHEMA)

    def run(self, sql: str, *values: object) -> None:
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute(sql, values)
            connection.commit()

    def put(self, name: str, updated: str, data: Any, kind: str = "json") -> None:
        blob = data if isinstance(data, bytes | str) else json.dumps(data).encode()
        self.run(
            "INSERT OR REPLACE INTO threads VALUES (?, 'x', ?, ?, ?)", name, updated, kind, blob
        )

    def read(self, chunk_events: int = 2000) -> list:
        (account,) = PROVIDER.discover(self.machine)
        (unit,) = PROVIDER.units(account, self.machine)
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        fresh: list = []
        try:
            for chunk in PROVIDER.collect(account, unit, self.cursor, context):
                fresh += chunk.events
                self.cursor = chunk.cursor
        finally:
            self.events += fresh
        return fresh


def document(tokens: int, *calls: str) -> dict[str, Any]:
    return {
        "version": "0.3.0",
        "messages": [
            {"Agent": {"content": [{"ToolUse": {"id": call, "name": "grep"}}], "tool_results": {}}}
            for call in calls
        ],
        "cumulative_token_usage": {"input_tokens": tokens},
        "model": {"provider": "zed.dev", "model": "gpt-5"},
    }


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def test_growing_thread_is_one_event_with_larger_numbers(home):
    """A thread that is saved again is the same event; threads that rest are not unpacked."""
    home.put("a", "2026-01-01T10:00:00+00:00", document(100, "c1"))
    home.put("b", "2026-01-01T08:00:00+00:00", document(7))
    assert len(home.read(chunk_events=1)) == 3
    home.run("UPDATE threads SET data = X'00' WHERE id = 'b'")  # would be noticed
    home.run(
        "UPDATE threads SET updated_at = '2026-01-01T11:00:00+00:00', data = ? WHERE id = 'a'",
        json.dumps(document(150, "c1", "c2")),
    )
    home.read()
    stored = counted(home.events, "zed")
    assert sorted(event.input for event in stored if event.input) == [7, 150]
    assert len([event for event in stored if event.tool_name == "grep"]) == 2


def test_later_save_does_not_move_a_thread_that_names_no_begin(home):
    """Without a time of creation the first time that was seen stays."""
    home.put("a", "2026-01-01T10:00:00+00:00", document(100))
    home.read()
    home.put("a", "2026-01-05T10:00:00+00:00", document(101))
    home.read()
    (event,) = counted(home.events, "zed")
    assert (event.ts_ms, event.input) == (1767261600000, 101)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("brotli", b"{}"),
        ("zstd", b"no frame"),
        ("zstd", zstandard.compress(b"{}")[:-3]),
        ("json", b"[]"),
        ("json", b'{"messages": '),
        ("json", b'{"model": "\xff"}'),
        ("json", b""),
        ("json", b"[" * 100_000),
    ],
)
def test_undecodable_thread_is_reported_and_costs_only_itself(home, kind, data):
    """What cannot be decoded is counted in words, after everything else has been read."""
    home.put("bad", "2026-01-01T09:00:00+00:00", data, kind)
    home.put("good", "2026-01-01T10:00:00+00:00", document(100))
    with pytest.raises(DatabaseUnreadable, match="1 threads could not be decoded"):
        home.read()
    assert [event.session_id for event in home.events] == ["good"]
    assert home.cursor.size > 0, "it is not read again until it changes"


def test_document_beyond_the_bound_is_not_unpacked(home, monkeypatch):
    """A small file may hold gigabytes of the same letter: memory is bounded."""
    monkeypatch.setattr(threads_db, "MAX_DOCUMENT_BYTES", 1000)
    packed = zstandard.compress(json.dumps({"title": "x" * 5000}).encode())
    home.put("bomb", "2026-01-01T09:00:00+00:00", packed, "zstd")
    home.put("large", "2026-01-01T09:00:00+00:00", {"title": "x" * 5000})
    with pytest.raises(DatabaseUnreadable, match="2 threads"):
        home.read()


def test_thread_without_any_time_is_reported(home):
    """A thread that cannot be put on a day is not invented one."""
    home.put("a", "soon", document(100))
    with pytest.raises(DatabaseUnreadable):
        home.read()
    assert home.events == []


def test_odd_leaves_cost_only_themselves(home):
    """Messages, usage and model of other types than they should be are unknown."""
    odd = {
        "messages": [
            {"Agent": {"content": "ToolUse", "x": {"ToolUse": 1}}},
            {
                "tool_uses": [{"id": "c", "name": "grep"}, 7, {"id": "", "name": "x"}],
                "tool_results": [3],
            },
        ],
        "cumulative_token_usage": {"input_tokens": "12", "output_tokens": -3},
        "request_token_usage": 7,
        "model": "gpt-5",
        "subagent_context": [],
    }
    home.put("a", "2026-01-01T10:00:00+00:00", odd)
    home.put("b", "2026-01-01T10:00:00+00:00", {"messages": 7, "request_token_usage": "x"})
    usage, call = home.read()
    assert (usage.input, usage.output, usage.model, usage.provider) == (12, 0, "", "")
    assert call.tool_call_id == "a:c"


def test_database_of_something_else_is_no_usage(home):
    """A database without the columns of a thread is read as empty."""
    home.run("ALTER TABLE threads RENAME COLUMN data TO other")
    assert home.read() == []


@pytest.mark.parametrize(
    ("paths", "order", "folder"),
    [
        ("/a\n/b", "1,0", "/b"),
        ("/a\n/b", "", "/a"),
        ("/a\n/b", "9", "/a"),
        ("/a\n/b", "x", "/a"),
        ("", "0", ""),
        (None, None, ""),
    ],
)
def test_first_folder_is_the_users(paths, order, folder):
    """The order kept beside the sorted paths says which worktree comes first."""
    assert first_folder(paths, order) == folder


def test_places_on_each_system(tmp_path):
    """The Mac's own place, Linux' and the Flatpak's, or the directories that were named."""
    home = str(tmp_path)
    mac = Machine(env={}, home=home, platform="darwin")
    assert PROVIDER.roots(mac) == [f"{home}/Library/Application Support/Zed"]
    linux = Machine(env={"XDG_DATA_HOME": "/data"}, home=home)
    assert PROVIDER.roots(linux) == [
        "/data/zed",
        f"{home}/.local/share/zed",
        f"{home}/.var/app/dev.zed.Zed/data/zed",
    ]
    named = Machine(env={"OPENUSAGE_ZED_HOME": "~/z1,/z2"}, home=home)
    assert PROVIDER.roots(named) == [f"{home}/z1", "/z2"]
