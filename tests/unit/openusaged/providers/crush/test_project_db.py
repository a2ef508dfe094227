"""Crush's databases while they live, and the registry that lists them."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from openusaged.core.models import Account
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.crush import PROVIDER
from tests.support.provider_case import counted

SCHEMA = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, parent_session_id TEXT, message_count INTEGER, cost REAL,
  updated_at INTEGER, created_at INTEGER);
CREATE TABLE messages (id TEXT PRIMARY KEY, session_id TEXT, role TEXT, parts TEXT, model TEXT, provider TEXT,
  created_at INTEGER);
"""
RESULT = '[{"type":"tool_result","data":{"tool_call_id":"%s","name":"bash"}}]'


class Home:
    """A machine with one Crush project and a reader that remembers its cursor."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.machine = Machine(env={"HOME": str(path)}, home=str(path))
        self.registry = path / ".local/share/crush/projects.json"
        self.registry.parent.mkdir(parents=True)
        self.database = self.project("shop")
        self.register("shop")
        self.cursor = None
        self.events: list = []

    def project(self, name: str) -> Path:
        database = self.path / name / ".crush" / "crush.db"
        database.parent.mkdir(parents=True)
        with closing(sqlite3.connect(database)) as connection:
            connection.executescript(SCHEMA)
        return database

    def register(self, *names: str) -> None:
        projects = [{"path": str(self.path / name), "data_dir": ".crush"} for name in names]
        self.registry.write_text(json.dumps({"projects": projects}))

    @property
    def account(self) -> Account:
        (account,) = PROVIDER.discover(self.machine)
        return account

    def run(self, sql: str, *values: object) -> None:
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute(sql, values)
            connection.commit()

    def read(self, chunk_events: int = 2000) -> list:
        (unit,) = PROVIDER.units(self.account, self.machine)
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        fresh = []
        for chunk in PROVIDER.collect(self.account, unit, self.cursor, context):
            fresh += chunk.events
            self.cursor = chunk.cursor
        self.events += fresh
        return fresh


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def test_session_grows_in_cost_and_answers(home):
    """A session is one event whose cost and requests grow; others are not sent again."""
    home.run("INSERT INTO sessions VALUES ('a', NULL, 1, 0.1, 1780308000, 1780308000)")
    home.run("INSERT INTO sessions VALUES ('b', NULL, 1, 0.2, 1780308000, 1780308000)")
    home.run(
        "INSERT INTO messages VALUES ('m1', 'a', 'assistant', '[]', 'gpt-5', 'openai', 1780308001)"
    )
    assert len(home.read()) == 2
    home.run(
        "INSERT INTO messages VALUES ('m2', 'a', 'assistant', '[]', 'gpt-5', 'openai', 1780308002)"
    )
    home.run("UPDATE sessions SET cost = 0.3, updated_at = 1780308600 WHERE id = 'a'")
    assert [event.session_id for event in home.read()] == ["a"]
    assert [(event.requests, event.cost_nano) for event in counted(home.events, "crush")] == [
        (None, 200_000_000),
        (2, 300_000_000),
    ]


def test_rowid_used_again_is_noticed(home):
    """When the newest messages were deleted their row ids return: the table is read again."""
    home.run(
        "INSERT INTO messages VALUES ('m1', 'a', 'tool', ?, '', '', 1780308001)", RESULT % "c1"
    )
    home.run(
        "INSERT INTO messages VALUES ('m2', 'a', 'tool', ?, '', '', 1780308002)", RESULT % "c2"
    )
    assert len(home.read(chunk_events=1)) == 2
    home.run("DELETE FROM messages WHERE id = 'm2'")
    home.run(
        "INSERT INTO messages VALUES ('m3', 'a', 'tool', ?, '', '', 1780308003)", RESULT % "c3"
    )
    home.read()
    assert [event.tool_call_id for event in home.events[2:]] == ["a:c1", "a:c3"]
    assert len(counted(home.events, "crush")) == 3


def test_database_that_has_just_been_made_is_empty(home):
    """Without its tables a database holds nothing yet, which is no error."""
    home.run("DROP TABLE messages")
    assert home.read() == []
    assert home.cursor.size == os.stat(home.database).st_size


def test_damaged_cursor_starts_over(home):
    """A cursor that cannot be decoded costs work, not numbers."""
    home.run("INSERT INTO sessions VALUES ('a', NULL, 1, 0.1, 1780308000, 1780308000)")
    first = home.read()
    home.cursor = msgspec.structs.replace(home.cursor, state=b"\xff")
    assert home.read() == first


def test_new_project_is_read_without_new_detection(home):
    """The registry is asked at every look, so a project added later is not missed."""
    account = home.account
    home.project("lab")
    home.register("lab", "shop")
    units = [unit.path for unit in PROVIDER.units(account, home.machine)]
    assert units == [str(home.path / name / ".crush/crush.db") for name in ("lab", "shop")]
    assert PROVIDER.locate(account, str(home.registry), home.machine).path == units[0]
    assert PROVIDER.locate(account, units[1] + "-wal", home.machine).path == units[1]
    assert PROVIDER.locate(account, units[1] + "-shm", home.machine) is None


def test_damaged_registry_lists_nothing(home):
    """A half-written or foreign list is an empty one."""
    account = home.account
    for text in (
        "",
        "{",
        "[]",
        '{"projects": {"path": "/x"}}',
        '{"projects": [{"path": "relative"}]}',
    ):
        home.registry.write_text(text)
        assert list(PROVIDER.units(account, home.machine)) == []
        assert list(PROVIDER.discover(home.machine)) == []
    assert PROVIDER.locate(account, str(home.registry), home.machine) is None


def test_databases_named_in_the_settings_replace_the_registry(home):
    """`db_paths` and `db_path` are read instead; a `.crush` directory tells its project."""
    other = home.project("other")
    account = Account(
        id="c",
        provider_id="crush",
        paths={"db_paths": f"~/other/.crush/crush.db{os.pathsep}/none.db"},
    )
    assert [unit.path for unit in PROVIDER.units(account, home.machine)] == [str(other)]
    home.database = other
    home.run("INSERT INTO sessions VALUES ('a', NULL, 1, 0.1, 1780308000, 1780308000)")
    (unit,) = PROVIDER.units(account, home.machine)
    (chunk,) = PROVIDER.collect(account, unit, None, CollectContext(machine=home.machine))
    assert chunk.events[0].cwd == str(home.path / "other")
    moved = Account(id="c", provider_id="crush", paths={"db_path": "/elsewhere/crush.db"})
    assert [place.path for place in PROVIDER.watch(moved, home.machine)] == [
        str(home.registry.parent),
        "/elsewhere",
    ]


def test_registry_elsewhere(home):
    """The variable and the settings may name another list of projects."""
    listed = home.path / "mine.json"
    listed.write_bytes(home.registry.read_bytes())
    home.registry.unlink()
    there = Machine(env={"OPENUSAGE_CRUSH_REGISTRY": str(listed)}, home=str(home.path))
    (account,) = PROVIDER.discover(there)
    assert account.origin == "env:OPENUSAGE_CRUSH_REGISTRY"
    assert PROVIDER.roots(there) == [str(home.path)]
    assert [unit.path for unit in PROVIDER.units(account, there)] == [str(home.database)]
    named = Account(id="c", provider_id="crush", paths={"registry_path": str(listed)})
    assert [unit.path for unit in PROVIDER.units(named, home.machine)] == [str(home.database)]
    assert list(PROVIDER.units(Account(id="c", provider_id="crush"), home.machine)) == []
