"""Kiro's database while a conversation goes on."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.kiro_cli import PROVIDER
from tests.support.provider_case import counted

T = 1767261600000
PROMPT = {"content": {"Prompt": {"prompt": "x"}}}
RESULTS = {"content": {"ToolUseResults": {"tool_use_results": []}}}


class Database:
    """A database with one conversation and a reader that remembers its cursor."""

    def __init__(self, path: Path) -> None:
        self.path = path / "data.sqlite3"
        self.machine = Machine(env={}, home=str(path))
        self.account = Account(
            id="k",
            provider_id="kiro_cli",
            home=str(path / ".kiro"),
            paths={"db_path": str(self.path)},
        )
        self.cursor = None
        self.events: list = []
        self.run(
            "CREATE TABLE conversations_v2 (key TEXT, conversation_id TEXT, value TEXT,"
            " created_at INTEGER, updated_at INTEGER, PRIMARY KEY (key, conversation_id))"
        )

    def run(self, sql: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(sql, values)
            connection.commit()

    def put(self, updated: int, credit: float, *entries: Any) -> None:
        value = {
            "history": list(entries),
            "user_turn_metadata": {"usage_info": [{"value": credit, "unit": "credit"}]},
        }
        self.run("DELETE FROM conversations_v2")
        self.run(
            "INSERT INTO conversations_v2 VALUES ('/w', 'c', ?, ?, ?)",
            json.dumps(value),
            T,
            updated,
        )

    def read(self) -> list:
        (unit,) = PROVIDER.units(self.account, self.machine)
        fresh = []
        context = CollectContext(machine=self.machine)
        for chunk in PROVIDER.collect(self.account, unit, self.cursor, context):
            fresh += chunk.events
            self.cursor = chunk.cursor
        self.events += fresh
        return fresh


@pytest.fixture
def database(tmp_path) -> Database:
    return Database(tmp_path)


def entry(name: str, user: Any, **assistant: Any) -> dict[str, Any]:
    facts = {"request_id": f"00000000-0000-4000-8000-{name}", "request_start_timestamp_ms": T}
    return {"user": user, "assistant": assistant, "request_metadata": facts}


def test_credits_of_a_turn_grow_at_its_first_request(database):
    """However many requests a turn makes, its credits are one amount; the next turn has its own."""
    first = entry("a", PROMPT)
    database.put(T, 0.04, first)
    database.read()
    second = entry("b", RESULTS)
    database.put(T + 1000, 0.1, first, second)
    database.read()
    third = entry("c", PROMPT)
    database.put(T + 600_000, 0.02, first, second, third)
    database.read()
    stored = counted(database.events, "k")
    assert [(event.requests, event.cost_nano) for event in stored] == [
        (1, 100_000_000),
        (1, None),
        (1, 20_000_000),
    ]
    assert {event.currency for event in stored if event.cost_nano} == {"credits"}


def test_conversation_that_rests_is_not_read_again(database):
    """The same row brings nothing when something else in the database has changed."""
    database.put(T, 0.04, entry("a", PROMPT))
    assert len(database.read()) == 1
    database.run("CREATE TABLE state (key TEXT)")
    assert database.read() == []


def test_odd_calls_cost_only_themselves(database):
    """Tools without an id or a name, and results of odd shapes, are passed over."""
    uses = {"tool_uses": [{"id": "t1", "name": "fs_read"}, {"id": 7, "name": "x"}, "odd"]}
    answer = {"content": {"ToolUseResults": {"tool_use_results": ["odd", {"status": "Error"}]}}}
    database.put(T, 0.04, entry("a", PROMPT, ToolUse=uses), entry("b", answer, ToolUse="odd"))
    tools = [event for event in database.read() if event.tool_name]
    assert [(event.tool_name, event.status) for event in tools] == [("fs_read", "ok")]


def test_database_without_conversations_is_empty(database):
    """A database that only holds the sign-in is no error."""
    database.run("DROP TABLE conversations_v2")
    database.run("CREATE TABLE auth_kv (key TEXT, value TEXT)")
    assert database.read() == []
    assert database.cursor.size > 0
