"""Goose's session files from before its database."""

from __future__ import annotations

import json

import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import Account
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.goose import PROVIDER
from openusaged.providers.shared import documents

TOTALS = {"working_dir": "/srv/app", "input_tokens": 10, "output_tokens": 2}
HELLO = {"role": "user", "created": 1_748_772_930, "content": [{"type": "text", "text": "hi"}]}


class Sessions:
    """A Goose of early 2025 in a temporary home."""

    def __init__(self, home):
        self.machine = Machine(env={"HOME": str(home)}, home=str(home))
        self.directory = home / ".local" / "share" / "goose" / "sessions"
        self.directory.mkdir(parents=True)
        self.cursors = {}

    def write(self, *rows, name="20250601_101530.jsonl"):
        path = self.directory / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    def account(self):
        (account,) = PROVIDER.discover(self.machine)
        return account

    def read(self):
        events = []
        for unit in PROVIDER.units(self.account(), self.machine):
            known = self.cursors.get(unit.path)
            context = CollectContext(machine=self.machine)
            for chunk in PROVIDER.collect(self.account(), unit, known, context):
                events += chunk.events
                self.cursors[unit.path] = chunk.cursor
        return events


@pytest.fixture
def sessions(tmp_path):
    """No session yet."""
    return Sessions(tmp_path)


def test_rewritten_file_brings_what_is_new(sessions):
    """A step that raises the totals brings the session again, its tools only once."""
    call = {"type": "toolRequest", "id": "c1", "toolCall": {"value": {"name": "shell"}}}
    answer = {"type": "toolResponse", "id": "c1", "toolResult": {"status": "success"}}
    rows = [
        HELLO,
        {"created": 1_748_772_935, "content": [call]},
        {"created": 1_748_772_940, "content": [answer]},
    ]
    sessions.write(TOTALS, *rows)
    assert [(event.event_type, event.input) for event in sessions.read()] == [
        ("message_usage", 10),
        ("tool_usage", None),
    ]
    assert sessions.read() == []
    sessions.write(TOTALS | {"accumulated_input_tokens": 30}, *rows)
    (grown,) = sessions.read()
    assert (grown.input, grown.message_id) == (30, "20250601_101530:total")


def test_file_that_changes_is_found(sessions):
    """A change of a session file leads to it; other files beside it are none of ours."""
    path = str(sessions.write(TOTALS, HELLO))
    other = str(sessions.write(HELLO, name="notes.txt"))
    account = sessions.account()
    assert PROVIDER.locate(account, path, sessions.machine).path == path
    assert PROVIDER.locate(account, other, sessions.machine) is None


def test_empty_directory_is_no_account(sessions):
    """Without a database or a session there is nothing to show."""
    assert list(PROVIDER.discover(sessions.machine)) == []


def test_database_of_its_own_takes_no_files_beside_it(sessions, tmp_path):
    """What lies beside a database that the user named may be anything."""
    sessions.write(TOTALS, HELLO)
    (tmp_path / "mine.jsonl").write_text("{}\n", encoding="utf-8")
    own = Account(
        id="g",
        provider_id="goose",
        home=str(sessions.directory.parent),
        paths={"db_path": "~/mine.db"},
    )
    assert list(PROVIDER.units(own, sessions.machine)) == []


def test_file_too_large_is_reported(sessions):
    """What cannot be held in memory is an error with its path, never a shorter session."""
    path = sessions.write(TOTALS, HELLO)
    with path.open("r+b") as file:
        file.truncate(documents.MAX_DOCUMENT_BYTES + 1)
    with pytest.raises(ProviderError, match="20250601_101530"):
        sessions.read()
