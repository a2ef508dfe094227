"""Codebuff's chats: places, names that are times, counts in several spellings, growth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.codebuff import PROVIDER, chats, paths, usage
from tests.support.provider_case import iso_ms

CHAT = "2026-01-02T03-04-05.000Z"


class Chat:
    """One chat, read as the collector reads it."""

    def __init__(self, home: Path) -> None:
        self.machine = Machine(env={}, home=str(home))
        self.path = home / ".config/manicode/projects/proj/chats" / CHAT / paths.CHAT
        self.path.parent.mkdir(parents=True)
        self.cursor: SourceCursor | None = None

    def write(self, *messages: Any) -> None:
        self.path.write_text(json.dumps(messages))

    def read(self) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        [unit] = PROVIDER.units(account, self.machine)
        context = CollectContext(machine=self.machine)
        events: list[UsageEvent] = []
        for chunk in PROVIDER.collect(account, unit, self.cursor, context):
            events += chunk.events
            self.cursor = chunk.cursor
        return events


@pytest.fixture
def chat(tmp_path) -> Chat:
    return Chat(tmp_path)


def answer(name: str, tokens: int, **more: Any) -> dict[str, Any]:
    metadata = {"usage": {"outputTokens": tokens}}
    return {"id": name, "variant": "ai", "metadata": metadata, **more}


class TestPlaces:
    def test_directories_of_the_variable_are_accounts_of_their_own(self, tmp_path):
        """CODEBUFF_DATA_DIR replaces the channels; a missing directory keeps its place."""
        for name in ("a/manicode", "b/projects", ".config/manicode"):
            (tmp_path / name).mkdir(parents=True)
        env = {"CODEBUFF_DATA_DIR": "~/a/manicode,~/b/projects,~/c"}
        machine = Machine(env=env, home=str(tmp_path))
        found = {account.id: account for account in PROVIDER.discover(machine)}
        assert {name: account.home for name, account in found.items()} == {
            "codebuff": f"{tmp_path}/a/manicode",
            "codebuff:b": f"{tmp_path}/b/projects",
        }
        assert list(PROVIDER.watch(found["codebuff:b"], machine)) == [f"{tmp_path}/b/projects"]

    def test_data_directory_of_the_settings_comes_first(self, tmp_path):
        """`paths.data_dir` overrides the channels; without any path all of them are read."""
        machine = Machine(env={}, home=str(tmp_path))
        named = Account(id="a", provider_id="codebuff", home="/x", paths={"data_dir": "~/mine"})
        assert list(PROVIDER.watch(named, machine)) == [f"{tmp_path}/mine/projects"]
        bare = Account(id="a", provider_id="codebuff")
        assert len(list(PROVIDER.watch(bare, machine))) == 3

    def test_only_message_files_are_units(self, chat):
        """A chat's run state and logs, and chats elsewhere, are passed over."""
        chat.write()
        [account] = PROVIDER.discover(chat.machine)
        found = PROVIDER.locate(account, str(chat.path), chat.machine)
        assert found is not None
        assert found.path == str(chat.path)
        beside = str(chat.path.parent / "run-state.json")
        assert PROVIDER.locate(account, beside, chat.machine) is None
        assert PROVIDER.locate(account, f"/elsewhere/{paths.CHAT}", chat.machine) is None

    @pytest.mark.parametrize(
        ("path", "named"),
        [
            ("/h/projects/p/chats/c/chat-messages.json", ("p", "c")),
            ("/projects/x/.config/manicode/projects/p/sub/c/chat-messages.json", ("p", "c")),
            ("/h/projects/c/chat-messages.json", ("", "c")),
            ("/h/c/chat-messages.json", ("", "c")),
        ],
    )
    def test_project_and_chat_follow_from_the_path(self, path, named):
        """The project is the folder below the last `projects`, the chat the file's own folder."""
        assert paths.chat_of(path) == named


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        (CHAT, "2026-01-02T03:04:05Z"),
        ("2026-01-02T03-04-05+02-00", "2026-01-02T01:04:05Z"),
        ("2026-01-02T03-04-05-03-30", "2026-01-02T06:34:05Z"),
        ("2026-01-02", "2026-01-02T00:00:00Z"),
    ],
)
def test_chat_is_named_after_its_start(name, moment):
    """Dashes stand for the colons of the time and of its offset only."""
    assert chats.chat_started_ms(name) == iso_ms(moment)


def test_chat_of_another_name_has_no_time():
    """A folder that is named otherwise says nothing about time."""
    assert chats.chat_started_ms("my-chat") is None


class TestCounts:
    def test_prompt_tokens_hold_the_cached_ones(self):
        """OpenAI's spelling is taken apart, Anthropic's is not, and nothing gets negative."""
        details = {"cached_tokens": 30}
        openai = usage.counts_of({"prompt_tokens": 100, "prompt_tokens_details": details})
        assert (openai.input, openai.cache_read) == (70, 30)
        anthropic = usage.counts_of({"input_tokens": 100, "cache_read_input_tokens": 30})
        assert (anthropic.input, anthropic.cache_read) == (100, 30)
        odd = usage.counts_of({"prompt_tokens": 10, "prompt_tokens_details": details})
        assert (odd.input, odd.cache_read) == (0, 30)

    def test_zeros_are_filled_from_the_next_place(self):
        """A count that one place leaves at zero or does not have comes from the next one."""
        first = usage.Counts(input=5, output=0)
        second = usage.Counts(input=9, output=7, cache_read=3)
        whole = usage.merged([first, second])
        assert (whole.input, whole.output, whole.cache_read, whole.cache_write) == (5, 7, 3, None)

    def test_rest_of_a_total_is_output(self):
        """What a total holds beyond the parts is priced as output; a smaller one means nothing."""
        assert usage.merged([usage.Counts(input=5, total=12)]).output == 7
        assert usage.merged([usage.Counts(input=5, output=1, total=12)]).output == 7
        assert usage.merged([usage.Counts(input=5, output=1, total=2)]).output == 1


class TestGrowingChat:
    def test_only_news_of_a_rewritten_chat_is_reported(self, chat):
        """An answer whose numbers grew is reported again under the same identity."""
        chat.write(answer("a1", 5))
        assert [(event.message_id, event.output) for event in chat.read()] == [(f"{CHAT}:a1", 5)]
        chat.write(answer("a1", 8), answer("a2", 3))
        assert [(event.message_id, event.output) for event in chat.read()] == [
            (f"{CHAT}:a1", 8),
            (f"{CHAT}:a2", 3),
        ]
        assert chat.read() == []

    def test_state_of_another_version_means_reading_again(self, chat):
        """Unusable state costs work, not numbers."""
        chat.write(answer("a1", 5))
        first = chat.read()
        assert chat.cursor is not None
        chat.cursor = msgspec.structs.replace(chat.cursor, state_version=99)
        assert chat.read() == first

    def test_half_written_chat_is_reported_and_read_later(self, chat):
        """A chat caught while it is written moves no cursor."""
        chat.path.write_text('[{"id": "a1", "var')
        with pytest.raises(ProviderError, match=r"chat-messages\.json"):
            chat.read()
        assert chat.cursor is None

    def test_agents_in_agents_are_followed_so_far(self, chat):
        """Tools of nested agents belong to the innermost; endless nesting ends."""
        block: dict[str, Any] = {"type": "tool", "toolCallId": "deep", "toolName": "bash"}
        for number in range(20):
            block = {"type": "agent", "agentType": f"agent-{number}", "blocks": [block]}
        near = {"type": "tool", "toolCallId": "near", "toolName": "bash", "input": 7}
        nested = {"type": "agent", "blocks": [near]}
        chat.write(answer("a1", 5, blocks=[block, nested]))
        tools = [event for event in chat.read() if event.tool_name]
        assert [(event.tool_call_id, event.agent) for event in tools] == [(f"{CHAT}:near", "agent")]
