"""Roo Code's task folders: where they are looked for, and what a growing task brings."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.roocode import PROVIDER
from openusaged.providers.shared import documents, places, roo_tasks

STORAGE = ".config/Code/User/globalStorage/rooveterinaryinc.roo-cline"
T = 1767261600000


def machine(home: Path, **env: str) -> Machine:
    return Machine(env=env, home=str(home))


def call(ts: object, **text: object) -> dict[str, object]:
    return {"ts": ts, "type": "say", "say": "api_req_started", "text": json.dumps(text)}


def prompt(ts: int, model: str) -> dict[str, object]:
    text = f"<environment_details><model>{model}</model></environment_details>"
    return {"role": "user", "ts": ts, "content": [{"type": "text", "text": text}]}


class Task:
    """One task folder, read as the collector reads it."""

    def __init__(self, home: Path) -> None:
        self.machine = machine(home)
        self.folder = home / STORAGE / "tasks" / "t1"
        self.folder.mkdir(parents=True)
        self.cursor: SourceCursor | None = None

    def write(self, name: str, value: object) -> None:
        (self.folder / name).write_text(json.dumps(value))

    def read(self) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        [unit] = PROVIDER.units(account, self.machine)
        events: list[UsageEvent] = []
        for chunk in PROVIDER.collect(
            account, unit, self.cursor, CollectContext(machine=self.machine)
        ):
            events += chunk.events
            self.cursor = chunk.cursor
        return events


@pytest.fixture
def task(tmp_path) -> Task:
    return Task(tmp_path)


class TestPlaces:
    def test_folders_of_the_variable_are_accounts_of_their_own(self, tmp_path):
        """The variable replaces the editors; a missing folder keeps its name for later."""
        for name in ("b", "c"):
            (tmp_path / name / "tasks").mkdir(parents=True)
        (tmp_path / STORAGE).mkdir(parents=True)
        there = machine(tmp_path, OPENUSAGE_ROOCODE_HOME=f"{tmp_path}/a, ~/b,c/tasks")
        found = [(account.id, account.home) for account in PROVIDER.discover(there)]
        assert found == [("roocode:b", f"{tmp_path}/b"), ("roocode:c", f"{tmp_path}/c/tasks")]
        watched = [list(PROVIDER.watch(account, there)) for account in PROVIDER.discover(there)]
        assert watched == [[f"{tmp_path}/b/tasks"], [f"{tmp_path}/c/tasks"]]

    def test_users_tasks_directory_is_used_alone_while_it_exists(self, tmp_path):
        """A path from the settings hides the editors', and a vanished one does not."""
        (tmp_path / STORAGE / "tasks" / "here").mkdir(parents=True)
        (tmp_path / STORAGE / "tasks" / "here" / "ui_messages.json").write_text("[]")
        (tmp_path / "mine" / "there").mkdir(parents=True)
        (tmp_path / "mine" / "there" / "ui_messages.json").write_text("[]")
        account = Account(id="roocode", provider_id="roocode", paths={"tasks_dir": "~/mine"})
        on = machine(tmp_path)
        assert [unit.path for unit in PROVIDER.units(account, on)] == [
            f"{tmp_path}/mine/there/ui_messages.json"
        ]
        gone = msgspec.structs.replace(account, paths={"tasks_dir": "~/gone"})
        assert [unit.path for unit in PROVIDER.units(gone, on)] == [
            f"{tmp_path}/{STORAGE}/tasks/here/ui_messages.json"
        ]

    def test_any_file_of_a_task_leads_to_its_messages(self, tmp_path):
        """A new history file is news of the task; files elsewhere are nobody's."""
        folder = tmp_path / STORAGE / "tasks" / "t1"
        folder.mkdir(parents=True)
        (folder / "ui_messages.json").write_text("[]")
        on = machine(tmp_path)
        [account] = PROVIDER.discover(on)
        found = PROVIDER.locate(account, str(folder / roo_tasks.HISTORY), on)
        assert found is not None
        assert found.path == str(folder / "ui_messages.json")
        assert PROVIDER.locate(account, str(tmp_path / STORAGE / "settings.json"), on) is None
        assert PROVIDER.locate(account, str(folder / "checkpoints" / "x.json"), on) is None

    def test_editors_of_windows_are_seen_from_wsl(self, tmp_path, monkeypatch):
        """The Windows side of a WSL machine is looked at, but not its shared profiles."""
        for user in ("dev", "Public"):
            (
                tmp_path / "users" / user / "AppData/Roaming/Code/User/globalStorage"
                "/rooveterinaryinc.roo-cline"
            ).mkdir(parents=True)
        monkeypatch.setattr(places, "WSL_USERS", str(tmp_path / "users"))
        found = list(PROVIDER.discover(machine(tmp_path / "home")))
        roaming = f"{tmp_path}/users/dev/AppData/Roaming"
        assert [account.home for account in found] == [f"{roaming}/{STORAGE.partition('/')[2]}"]
        assert found[0].paths == {}

    def test_roots_name_every_editor(self, tmp_path):
        """What was looked at is listed even where nothing is."""
        roots = list(PROVIDER.roots(machine(tmp_path)))
        assert f"{tmp_path}/{STORAGE}" in roots
        assert f"{tmp_path}/.vscode-mock/global-storage" in roots
        assert len(roots) >= 10


class TestGrowingTask:
    def test_placeholder_becomes_one_call_and_nothing_is_repeated(self, task):
        """A running call counts nothing; when it ends, it alone is reported."""
        done = call(T, apiProtocol="openai", tokensIn=5, tokensOut=1)
        task.write("ui_messages.json", [done, call(T + 1000, apiProtocol="openai")])
        assert [event.input for event in task.read()] == [5]
        task.write("ui_messages.json", [done, call(T + 1000, tokensIn=9, tokensOut=2)])
        assert [(event.message_id, event.input) for event in task.read()] == [(f"t1:{T + 1000}", 9)]
        assert task.read() == []

    def test_model_of_an_unchanged_history_is_remembered(self, task):
        """The long history is read once; a half-written newer one does not take the model away."""
        task.write(roo_tasks.HISTORY, [prompt(T + 300, "gpt-5")])
        task.write("ui_messages.json", [call(T, tokensIn=5)])
        assert [event.model for event in task.read()] == ["gpt-5"]
        (task.folder / roo_tasks.HISTORY).write_text('[{"role": "us')
        task.write("ui_messages.json", [call(T, tokensIn=5), call(T + 9, tokensIn=6)])
        assert [(event.input, event.model) for event in task.read()] == [(6, "gpt-5")]
        (task.folder / roo_tasks.HISTORY).unlink()
        task.write("ui_messages.json", [call(T, tokensIn=5), call(T + 9, tokensIn=7)])
        assert [(event.input, event.model) for event in task.read()] == [(7, "gpt-5")]

    @pytest.mark.parametrize("state", [b"", b"\xff\xffdamaged"])
    def test_lost_state_costs_work_only(self, task, state):
        """Without its state a task is read again from the start, with the same identities."""
        task.write("ui_messages.json", [call(T, tokensIn=5)])
        first = task.read()
        assert task.cursor is not None
        task.cursor = msgspec.structs.replace(task.cursor, state=state)
        assert task.read() == first

    def test_half_written_messages_are_reported_and_read_later(self, task):
        """A document caught while it is written moves no cursor."""
        task.write("ui_messages.json", [call(T, tokensIn=5)])
        whole = (task.folder / "ui_messages.json").read_text()
        (task.folder / "ui_messages.json").write_text(whole[:40])
        with pytest.raises(documents.DocumentUnreadable):
            task.read()
        assert task.cursor is None
        (task.folder / "ui_messages.json").write_text(whole)
        assert len(task.read()) == 1

    def test_odd_neighbours_cost_only_themselves(self, task):
        """Prompts without an environment, tools without a name and odd cancels invent nothing."""
        task.write(roo_tasks.HISTORY, [7, {"role": "user", "content": "plain"}, prompt(T, "o3")])
        task.write(
            "ui_messages.json",
            [
                call(T, tokensIn=5, cancelReason="streaming_failed"),
                {"ts": T, "say": "tool", "text": "{}"},
                {"ts": T, "say": "tool", "text": 7},
                {"ts": T, "say": "condense_context", "contextCondense": {"cost": 0}},
                {"ts": T, "say": "condense_context"},
                {"ts": T, "ask": "use_mcp_server", "text": json.dumps({"serverName": 7})},
            ],
        )
        [usage, tool] = task.read()
        assert (usage.model, usage.status) == ("o3", "error")
        assert (tool.tool_name, tool.mcp_server, tool.mcp_function) == ("use_mcp_tool", "", "")


@pytest.mark.parametrize(
    ("sent", "reads", "writes", "protocol", "whole", "uncached"),
    [
        (100, 60, 30, "anthropic", True, 10),
        (100, 60, 30, "anthropic", False, 100),
        (100, 60, 30, "openai", False, 10),
        (80, 60, 30, "openai", True, 80),
        (90, 60, 30, "openai", True, 0),
        (100, 0, 0, "", True, 100),
    ],
)
def test_uncached_input_by_protocol_and_version(sent, reads, writes, protocol, whole, uncached):
    """The cached part is taken out exactly where `tokensIn` holds it."""
    assert (
        roo_tasks.uncached_input(sent, reads, writes, protocol=protocol, is_whole_prompt=whole)
        == uncached
    )


@pytest.mark.parametrize(
    ("ts", "model"), [(0, "a"), (140, "a"), (160, "b"), (150, "b"), (249, "b"), (900, "c")]
)
def test_model_is_that_of_the_nearest_prompt(ts, model):
    """Between two runs of prompts the nearer decides, of two equally near the later."""
    assert roo_tasks.model_at(ts, [(10, "a"), (100, "a"), (200, "b"), (300, "c")]) == model


def test_model_without_times_is_the_last_one():
    """Old histories have no times: the last prompt speaks for the task; no prompt, no model."""
    assert roo_tasks.model_at(5, [(0, "a"), (0, "b")]) == "b"
    assert roo_tasks.model_at(5, []) == ""
