"""Mux's homes and workspaces: rows against totals, sub-agents against their parents."""

from __future__ import annotations

import os

import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import Account
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.mux import PROVIDER
from tests.support.local_home import LocalHome

ROOT = ".mux/sessions"
T = 1_767_261_600_000


def row(number: int, **more: object) -> dict[str, object]:
    usage = {"inputTokens": 10, "outputTokens": number}
    metadata = {"timestamp": T + number, "model": "openai:gpt-5", "usage": usage}
    return {"id": f"m{number}", "role": "assistant", "parts": [], "metadata": {**metadata, **more}}


def totals(output: int, *children: str, **more: object) -> dict[str, object]:
    model = {"input": {"tokens": 10}, "output": {"tokens": output}}
    return {
        "byModel": {"openai:gpt-5": model},
        "rolledUpFrom": dict.fromkeys(children, True),
        "lastRequest": {"timestamp": T},
        **more,
    }


@pytest.fixture
def home(tmp_path):
    """An empty home."""
    return LocalHome(PROVIDER, tmp_path)


class TestHomes:
    @pytest.mark.parametrize("sign", [f"{ROOT}/w/chat.jsonl", ".mux/config.json"])
    def test_workspaces_or_settings_make_the_account(self, home, sign):
        """The directory alone is no sign that Mux is used."""
        (home.home / ".mux").mkdir()
        assert home.accounts() == []
        home.write(sign, "")
        [account] = home.accounts()
        assert (account.id, account.home) == ("mux", f"{home.home}/.mux")

    def test_former_name_behind_a_link_is_the_same(self, home):
        """`~/.cmux` is usually a link to the new directory; a development build is one more."""
        home.write(".mux/config.json", "{}")
        home.write(".mux-dev/config.json", "{}")
        os.symlink(home.home / ".mux", home.home / ".cmux")
        assert [account.id for account in home.accounts()] == ["mux", "mux:mux-dev"]

    def test_variable_moves_the_home(self, tmp_path):
        """MUX_ROOT replaces the usual homes."""
        home = LocalHome(PROVIDER, tmp_path, MUX_ROOT="~/elsewhere")
        home.write("elsewhere/sessions/w/chat.jsonl", row(1))
        [account] = home.accounts()
        assert (account.home, account.origin) == (f"{tmp_path}/elsewhere", "env:MUX_ROOT")
        assert PROVIDER.roots(home.machine) == [f"{tmp_path}/elsewhere/sessions"]

    def test_configured_paths_are_looked_at_first(self):
        """An account of the settings may name its sessions, its home or nothing."""
        machine = Machine(env={}, home="/h")

        def watched(**fields: object) -> list[str]:
            return list(PROVIDER.watch(Account(id="x", provider_id="mux", **fields), machine))

        assert watched(paths={"sessions_dir": "~/s"}, home="/other") == ["/h/s"]
        assert watched(home="~/m") == ["/h/m/sessions"]
        assert watched() == ["/h/.mux/sessions"]

    def test_only_records_are_units(self, home):
        """The other files of a workspace hold texts and are neither listed nor located."""
        chat = home.write(f"{ROOT}/w/chat.jsonl", row(1))
        other = home.write(f"{ROOT}/w/partial.json", row(1))
        elsewhere = home.write(".mux/chat.jsonl", row(1))
        assert home.unit_names() == [f"{ROOT}/w/chat.jsonl"]

        def located(path: object) -> bool:
            return PROVIDER.locate(home.account, str(path), home.machine) is not None

        assert [located(path) for path in (chat, other, elsewhere)] == [True, False, False]


class TestRows:
    def test_growth_and_rewriting_bring_each_row_once(self, home):
        """Appended rows are read alone; a chat that was compacted brings nothing twice."""
        chat = f"{ROOT}/w/chat.jsonl"
        home.write(chat, row(1), row(2))
        events = home.read()
        home.append(chat, row(3))
        grown = home.read()
        assert [event.output for event in grown] == [3]
        home.write(f"{ROOT}/w/new", row(3), row(4))
        os.replace(home.home / ROOT / "w/new", home.home / chat)
        events += grown + home.read()
        assert [event.output for event in home.counted(events)] == [1, 2, 3, 4]

    def test_nested_calls_are_tools_too(self, home):
        """Calls that code has made are counted with the call of the code."""
        nested = [
            {"toolCallId": "n1", "toolName": "file_read", "input": {"filePath": "a.rs"}},
            {"toolCallId": "n2", "toolName": "bash", "state": "output-redacted", "failed": True},
            "odd",
        ]
        outer = {"type": "dynamic-tool", "toolCallId": "t1", "toolName": "code_execution"}
        parts = ["odd", {"type": "text", "text": "PLANTED"}, {**outer, "nestedCalls": nested}]
        home.write(f"{ROOT}/w/chat.jsonl", {**row(1), "parts": parts})
        tools = [event for event in home.read() if event.event_type == "tool_usage"]
        assert [(tool.tool_call_id, tool.language, tool.status) for tool in tools] == [
            (f"{T + 1}:t1", "", "ok"),
            (f"{T + 1}:n1", "rust", "ok"),
            (f"{T + 1}:n2", "", "error"),
        ]
        assert "PLANTED" not in repr(tools)

    def test_rows_of_other_shapes_say_nothing(self, home):
        """Prompts, damaged rows and rows without usage bring no event; no id is no matter."""
        home.write(
            f"{ROOT}/w/chat.jsonl",
            "[]\n",
            {"role": "user", "usage": {"inputTokens": 5}},
            {"role": "assistant", "metadata": "odd"},
            {**row(5), "id": None, "parts": [{"type": "dynamic-tool", "toolName": "x"}]},
        )
        usage, tool = home.read()
        assert (usage.message_id, tool.tool_call_id) == ("", "")

    def test_time_of_a_row_without_one(self, home):
        """The time of creation stands in, else the file's."""
        late = {"role": "assistant", "metadata": {"usage": {"outputTokens": 1}}}
        place = home.write(
            f"{ROOT}/w/chat.jsonl", {**late, "createdAt": "2026-01-01T10:00:00Z"}, late
        )
        mtime_ms = os.stat(place).st_mtime_ns // 1_000_000
        assert [event.ts_ms for event in home.read()] == [T, mtime_ms]


class TestTotals:
    def test_totals_grow_as_one_event(self, home):
        """A workspace without rows is one growing event per model, at the time first told."""
        path = f"{ROOT}/w/session-usage.json"
        home.write(path, totals(5))
        events = home.read()
        home.write(path, totals(9, lastRequest={"timestamp": T + 86_400_000}))
        [event] = home.counted(events + home.read())
        assert (event.output, event.ts_ms) == (9, T)

    def test_rows_once_seen_rule_out_totals(self, home):
        """Totals stay uncounted when the user clears the chat that they repeat."""
        home.write(f"{ROOT}/w/chat.jsonl", row(1))
        home.write(f"{ROOT}/w/session-usage.json", totals(5))
        assert len(home.read()) == 1
        (home.home / ROOT / "w/chat.jsonl").unlink()
        home.write(f"{ROOT}/w/session-usage.json", totals(5, version=2))
        assert home.read() == []

    def test_half_written_totals_are_reported_and_read_later(self, home):
        """What is being written is unreadable for now and loses nothing."""
        path = f"{ROOT}/w/session-usage.json"
        home.write(path, '{"byModel": {')
        with pytest.raises(ProviderError, match=r"session-usage\.json"):
            home.read()
        home.write(path, totals(5))
        assert len(home.read()) == 1

    @pytest.mark.parametrize("text", ["", "{}", '{"byModel": []}'])
    def test_empty_totals_are_nothing(self, home, text):
        """A file that has just been made holds no usage."""
        home.write(f"{ROOT}/w/session-usage.json", text)
        assert home.read() == []

    @pytest.mark.parametrize("vanished", [True, False])
    def test_file_that_cannot_be_read(self, home, vanished):
        """A deleted file brings nothing, one that is no file is reported."""
        place = home.write(f"{ROOT}/w/session-usage.json", totals(5))
        [unit] = PROVIDER.units(home.account, home.machine)
        place.unlink()
        collect = PROVIDER.collect(home.account, unit, None, CollectContext(machine=home.machine))
        if vanished:
            assert list(collect) == []
        else:
            place.mkdir()
            with pytest.raises(ProviderError, match=r"session-usage\.json"):
                list(collect)


class TestSubAgents:
    def test_child_in_counted_totals_is_left_out(self, home):
        """What a deleted sub-agent used is in its parent's totals already."""
        home.write(f"{ROOT}/p/session-usage.json", totals(50, "c1", "c2"))
        home.write(f"{ROOT}/p/subagent-transcripts/c1/session-usage.json", totals(5))
        home.write(f"{ROOT}/c2/metadata.json", {"parentWorkspaceId": "p"})
        home.write(f"{ROOT}/c2/chat.jsonl", row(7))
        assert [event.session_id for event in home.read()] == ["p"]

    def test_child_of_a_parent_with_rows_counts(self, home):
        """Totals that are not read cover nothing: the child's own records do."""
        home.write(f"{ROOT}/p/chat.jsonl", row(1))
        home.write(f"{ROOT}/p/session-usage.json", totals(50, "c1"))
        home.write(f"{ROOT}/p/subagent-transcripts/c1/session-usage.json", totals(5))
        found = {event.session_id: event for event in home.read()}
        assert set(found) == {"p", "c1"}
        assert (found["c1"].parent_session_id, found["c1"].agent) == ("p", "subagent")
        assert found["p"].agent == ""

    def test_child_that_still_exists_counts(self, home):
        """A sub-agent that its parent has not taken over counts for itself, under its mode."""
        home.write(f"{ROOT}/p/session-usage.json", totals(50))
        home.write(f"{ROOT}/c1/metadata.json", {"parentWorkspaceId": "p"})
        home.write(f"{ROOT}/c1/chat.jsonl", row(7, agentId="explore"))
        assert sorted((event.session_id, event.agent) for event in home.read()) == [
            ("c1", "explore"),
            ("p", ""),
        ]


class TestProjects:
    @pytest.mark.parametrize(
        ("projects", "cwd"),
        [
            ([["/srv/p", {"workspaces": [7, {"id": "x"}, {"id": "w"}]}]], "/srv/p"),
            ({"/srv/p": {"workspaces": [{"id": "w"}]}}, "/srv/p"),
            ([["/srv/p"], "odd", ["/srv/q", "odd"]], ""),
            (None, ""),
        ],
    )
    def test_project_comes_from_the_configuration(self, home, projects, cwd):
        """Newer versions keep the project of a workspace in one file above all of them."""
        home.write(".mux/config.json", {"projects": projects})
        home.write(f"{ROOT}/w/chat.jsonl", row(1))
        assert [event.cwd for event in home.read()] == [cwd]
