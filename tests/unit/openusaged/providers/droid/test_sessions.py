"""Droid's sessions while they grow: one event with the session's totals, each tool once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from openusaged.core.errors import AuthRequired, ProviderError
from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import CollectContext, FetchContext, Machine
from openusaged.providers.droid import PROVIDER
from openusaged.providers.droid.models import model_name, vendor_name
from openusaged.providers.shared.files import is_unchanged
from openusaged.providers.shared.http import UrllibHttpClient
from tests.support.provider_case import CaseServer, counted


class Droid:
    """A directory of sessions, read as the collector reads it."""

    def __init__(self, home: Path) -> None:
        self.machine = Machine(env={}, home=str(home))
        self.folder = home / ".factory/sessions/-home-dev-proj"
        self.folder.mkdir(parents=True)
        self.cursors: dict[str, SourceCursor] = {}

    def settings(self, model: str = "gpt-5", **usage: int) -> None:
        document = {
            "model": model,
            "providerLockTimestamp": "2026-01-01T10:00:00Z",
            "tokenUsage": usage,
        }
        (self.folder / "s1.settings.json").write_text(json.dumps(document))

    def say(self, *lines: Any, tail: str = "") -> None:
        with (self.folder / "s1.jsonl").open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.write(tail)

    def read(self, *, chunk_events: int = 2000) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        events: list[UsageEvent] = []
        for unit in PROVIDER.units(account, self.machine):
            cursor = self.cursors.get(unit.path)
            if is_unchanged(unit, cursor):
                continue
            for chunk in PROVIDER.collect(account, unit, cursor, context):
                events += chunk.events
                self.cursors[unit.path] = chunk.cursor
        return events


@pytest.fixture
def droid(tmp_path) -> Droid:
    return Droid(tmp_path)


def uses(name: str, *tools: Any) -> dict[str, Any]:
    blocks = [{"type": "tool_use", "id": f"{name}-{tool}", "name": tool} for tool in tools]
    return {
        "type": "message",
        "id": name,
        "timestamp": "2026-01-01T10:00:01Z",
        "message": {"role": "assistant", "content": blocks},
    }


class TestTotals:
    def test_growing_totals_are_one_event(self, droid):
        """A session's totals are raised, never added up, whichever model is in use."""
        droid.settings(inputTokens=10, outputTokens=5)
        first = droid.read()
        droid.settings(model="glm-4.6", inputTokens=30, outputTokens=9)
        second = droid.read()
        assert droid.read() == []
        [event] = counted(first + second, "droid")
        assert (event.input, event.output) == (30, 9)

    def test_half_written_settings_are_reported_and_read_later(self, droid):
        """Settings caught while they are written move no cursor; empty ones hold nothing."""
        path = droid.folder / "s1.settings.json"
        path.write_text("")
        assert droid.read() == []
        path.write_text('{"model": "gp')
        with pytest.raises(ProviderError, match=r"s1\.settings\.json"):
            droid.read()
        droid.settings(inputTokens=1)
        assert len(droid.read()) == 1

    def test_session_without_any_time_began_when_it_was_written(self, droid):
        """Without a lock's time and a conversation the file's own time stands in."""
        document = {"tokenUsage": {"inputTokens": 5}}
        path = droid.folder / "s1.settings.json"
        path.write_text(json.dumps(document))
        [event] = droid.read()
        assert event.ts_ms == path.stat().st_mtime_ns // 1_000_000
        assert (event.model, event.provider, event.cwd) == ("", "", "")

    def test_conversation_that_comes_later_fills_what_was_unknown(self, droid):
        """Project and beginning are the conversation's, in whichever order the files come."""
        document = {"model": "gpt-5", "tokenUsage": {"inputTokens": 5}}
        (droid.folder / "s1.settings.json").write_text(json.dumps(document))
        first = droid.read()
        droid.say({"type": "session_start", "cwd": "/w", "timestamp": "2026-01-01T10:00:00Z"})
        [event] = counted(first + droid.read(), "droid")
        assert (event.project, event.ts_ms) == ("/w", 1767261600000)

    def test_damaged_settings_do_not_stop_the_conversation(self, droid):
        """Tools are read although the totals beside them cannot be."""
        (droid.folder / "s1.settings.json").write_text("{")
        droid.say(uses("m1", "Read"))
        [account] = PROVIDER.discover(droid.machine)
        unit = PROVIDER.locate(account, str(droid.folder / "s1.jsonl"), droid.machine)
        context = CollectContext(machine=droid.machine)
        [chunk] = PROVIDER.collect(account, unit, None, context)
        assert [event.tool_name for event in chunk.events] == ["read"]

    def test_conversation_without_a_model_or_a_directory_is_droids(self, droid):
        """The folder stands for the directory, and the agent for a vendor nobody names."""
        droid.settings(model="", inputTokens=5)
        droid.say({"type": "session_start"})
        [event] = counted(droid.read(), "droid")
        assert (event.provider, event.project, event.model) == ("droid", "-home-dev-proj", "")


class TestConversation:
    def test_only_new_lines_are_read(self, droid):
        """Tools come once; the working directory is remembered; a half line waits."""
        droid.say({"type": "session_start", "cwd": "/w"}, uses("m1", "Read"), tail='{"type": "mes')
        assert [(event.tool_name, event.cwd) for event in droid.read()] == [("read", "/w")]
        (droid.folder / "s1.jsonl").write_text(
            (droid.folder / "s1.jsonl").read_text().removesuffix('{"type": "mes')
        )
        droid.say(uses("m2", "Edit"))
        assert [(event.tool_name, event.cwd) for event in droid.read()] == [("edit", "/w")]
        assert droid.read() == []

    def test_bounded_chunks_lose_nothing(self, droid):
        """One event at a time brings the same as all at once."""
        droid.say({"type": "session_start", "cwd": "/w"}, uses("m1", "a", "b"), uses("m2", "c"))
        whole = droid.read()
        droid.cursors.clear()
        pieces = droid.read(chunk_events=1)
        assert counted(pieces, "droid") == counted(whole, "droid")

    def test_odd_lines_cost_only_themselves(self, droid):
        """Lines of people, without a time, and blocks without a name are passed over."""
        user = uses("m1", "a")
        user["message"]["role"] = "user"
        timeless = {**uses("m2", "b"), "timestamp": None}
        nameless = uses("m3", 7, "")
        odd = uses("m4")
        odd["message"]["content"] = [7, {"type": "text", "text": '"tool_use"'}]
        plain = {**odd, "message": '"tool_use"'}
        droid.say(user, timeless, nameless, odd, plain, ['"tool_use"'])
        assert droid.read() == []


class TestPlaces:
    def test_directories_of_the_variable_are_accounts_of_their_own(self, tmp_path):
        """DROID_SESSIONS_DIR replaces the usual place; several directories are accounts."""
        for name in ("a/sessions", "b/sessions", ".factory/sessions"):
            (tmp_path / name).mkdir(parents=True)
        env = {"DROID_SESSIONS_DIR": "~/a/sessions, ~/b/sessions, ~/c"}
        machine = Machine(env=env, home=str(tmp_path))
        found = [(account.id, account.home) for account in PROVIDER.discover(machine)]
        assert found == [("droid", f"{tmp_path}/a/sessions"), ("droid:b", f"{tmp_path}/b/sessions")]

    def test_factory_directory_can_be_elsewhere(self, tmp_path):
        """FACTORY_DIR moves the whole directory."""
        (tmp_path / "f/sessions").mkdir(parents=True)
        machine = Machine(env={"FACTORY_DIR": "~/f"}, home=str(tmp_path))
        [account] = PROVIDER.discover(machine)
        assert (account.home, account.origin) == (f"{tmp_path}/f/sessions", "env:FACTORY_DIR")

    def test_sessions_directory_of_the_settings_counts_while_it_exists(self, tmp_path):
        """`paths.sessions_dir` comes first; a vanished one falls back to what was found."""
        (tmp_path / "mine").mkdir()
        machine = Machine(env={}, home=str(tmp_path))
        for name, directory in (("~/mine", "mine"), ("~/gone", ".factory/sessions")):
            account = Account(id="a", provider_id="droid", paths={"sessions_dir": name})
            assert list(PROVIDER.watch(account, machine)) == [f"{tmp_path}/{directory}"]

    def test_only_records_are_units(self, droid):
        """Other files, and records elsewhere, are nobody's."""
        droid.settings(inputTokens=1)
        [account] = PROVIDER.discover(droid.machine)
        found = PROVIDER.locate(account, str(droid.folder / "s1.settings.json"), droid.machine)
        assert found is not None
        (droid.folder / "notes.txt").touch()
        assert PROVIDER.locate(account, str(droid.folder / "notes.txt"), droid.machine) is None
        assert PROVIDER.locate(account, "/x/s1.settings.json", droid.machine) is None


class TestLimits:
    def context(self, home: Path) -> FetchContext:
        return FetchContext(
            machine=Machine(env={}, home=str(home)),
            http=UrllibHttpClient(proxies={}),
            now_ms=lambda: 1_800_000_000_000,
        )

    def test_nothing_is_asked_without_consent(self, droid, tmp_path):
        """By default the state is that of the local sessions: none is no good state."""
        [account] = PROVIDER.discover(droid.machine)
        assert PROVIDER.fetch is not None
        with CaseServer([]) as server:
            account = msgspec.structs.replace(account, base_url=server.url)
            empty = PROVIDER.fetch(self.context(tmp_path), account)
            droid.settings(inputTokens=1)
            used = PROVIDER.fetch(self.context(tmp_path), account)
            assert server.requests == []
        assert (empty.status, used.status, used.message) == ("UNKNOWN", "OK", "")

    def test_asking_needs_a_key(self, tmp_path):
        """Without a key nothing is sent, and the message names the variable."""
        account = Account(id="droid", provider_id="droid", options={"limits": "on"})
        assert PROVIDER.fetch is not None
        with pytest.raises(AuthRequired, match="FACTORY_API_KEY"):
            PROVIDER.fetch(self.context(tmp_path), account)


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("custom:GPT-5.1-Codex-[OpenAI]-2", "gpt-5.1-codex"),
        ("Claude-Haiku-4.5-[Anthropic]", "claude-haiku-4-5"),
        ("Claude Haiku 4.5 [Anthropic]", "claude-haiku-4-5"),
        ("Claude-Opus-4.5-[a[b]c]", "claude-opus-4-5"),
        (" gemini-2.5--pro- ", "gemini-2.5-pro"),
        ("gpt-5.1-codex-2", "gpt-5.1-codex-2"),
        ("[only]", ""),
        ("", ""),
    ],
)
def test_names_for_people_become_names_of_the_vendors(shown, name):
    """Brackets and the number of a custom model go; dots stay where vendors write them."""
    assert model_name(shown) == name


@pytest.mark.parametrize(
    ("lock", "model", "vendor"),
    [
        ("OpenAI", "claude-x", "openai"),
        ("xai", "", "x-ai"),
        ("factory", "gemini-2.5-pro", "google"),
        ("", "my-sonnet", "anthropic"),
        ("factory", "", ""),
        ("", "", ""),
    ],
)
def test_vendor_is_the_lock_or_follows_from_the_model(lock, model, vendor):
    """A lock on Factory's own route says nothing about who made the model."""
    assert vendor_name(lock, model) == vendor
