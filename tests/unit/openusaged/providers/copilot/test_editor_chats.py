"""VS Code's chats with Copilot: where they are, and how their log of changes is followed."""

from __future__ import annotations

import json

import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import MESSAGE_USAGE, Account
from openusaged.providers.base import CollectContext, Machine, Shallow
from openusaged.providers.copilot import PROVIDER
from openusaged.providers.copilot.chat_changes import Chat

T = 1_780_308_000_000
ONE_ROUND = {"metadata": {"toolCallRounds": [{"id": "r1", "timestamp": T, "modelId": "gpt-5"}]}}


def request(number=1, **more):
    return {"requestId": f"request_{number}", "timestamp": T, "modelId": "copilot/gpt-5", **more}


def done(number=1, **more):
    return request(number, modelState={"value": 1}, result=ONE_ROUND, **more)


class Editor:
    """An editor with one window's folder in a temporary home."""

    def __init__(self, home):
        self.home = home
        self.machine = Machine(env={"HOME": str(home)}, home=str(home))
        self.user = home / ".config" / "Code" / "User"
        self.directory = self.user / "workspaceStorage" / "1a2b" / "chatSessions"
        self.directory.mkdir(parents=True)
        (self.user / "globalStorage" / "github.copilot-chat").mkdir(parents=True)
        self.chat = self.directory / "chat-1.jsonl"
        self.cursors = {}

    def add(self, *entries, text=""):
        with self.chat.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in entries)
            file.write(text)

    def account(self):
        (account,) = PROVIDER.discover(self.machine)
        return account

    def read(self):
        context = CollectContext(machine=self.machine)
        events = []
        for unit in PROVIDER.units(self.account(), self.machine):
            known = self.cursors.get(unit.path)
            for chunk in PROVIDER.collect(self.account(), unit, known, context):
                events += chunk.events
                self.cursors[unit.path] = chunk.cursor
        return events

    def usage(self):
        return [event for event in self.read() if event.event_type == MESSAGE_USAGE]


@pytest.fixture
def editor(tmp_path):
    """No chat yet."""
    return Editor(tmp_path)


def test_extension_alone_makes_the_account(editor):
    """Whoever has Copilot in an editor uses it, although there is no command line."""
    account = editor.account()
    assert (account.id, account.home) == ("copilot", str(editor.home / ".copilot"))
    places = PROVIDER.roots(editor.machine)
    assert str(editor.user / "globalStorage" / "github.copilot-chat") in places


def test_request_counts_once_it_has_ended(editor):
    """While a request is answered its figures are not final; then they are, in later lines too."""
    editor.add({"kind": 0, "v": {"sessionId": "s1", "requests": []}})
    editor.add({"kind": 2, "k": ["requests"], "v": [request(promptTokens=10)]})
    editor.add({"kind": 1, "k": ["requests", 0, "completionTokens"], "v": 5})
    assert editor.read() == []
    editor.add({"kind": 1, "k": ["requests", 0, "result"], "v": ONE_ROUND})
    (event,) = editor.usage()
    assert (event.input, event.output, event.requests, event.session_id) == (10, 5, 1, "s1")
    editor.add({"kind": 1, "k": ["requests", 0, "response"], "v": [{"value": "more"}]})
    assert editor.read() == []
    editor.add({"kind": 1, "k": ["requests", 0, "completionTokens"], "v": 7})
    assert [event.output for event in editor.usage()] == [7]


def test_log_that_was_written_anew_is_the_same_chat(editor):
    """From time to time the log is replaced by one with the whole chat in its first line."""
    editor.add({"kind": 0, "v": {"sessionId": "s1", "requests": [done(completionTokens=5)]}})
    editor.add({"kind": 1, "k": ["inputState", "inputText"], "v": "x" * 5000})
    first = editor.usage()
    editor.chat.write_text("", encoding="utf-8")
    editor.add({"kind": 0, "v": {"sessionId": "s1", "requests": [done(completionTokens=5)]}})
    assert first
    assert editor.usage() == first


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[1]",
        '{"kind":1}',
        '{"kind":1,"k":["requests",9,"result"],"v":{}}',
        '{"kind":1,"k":["requests",0,5,"x"],"v":{}}',
        '{"kind":1,"k":["requests",0,"a","b","c"],"v":{}}',
        '{"kind":1,"k":["requests",0,["a"]],"v":{}}',
        '{"kind":1,"k":["requests",0,"result"],"v":"text"}',
        '{"kind":2,"k":["requests",0,"response"],"v":[{"value":"x"}]}',
        '{"kind":2,"k":["requests"],"v":"text"}',
        '{"kind":2,"k":["requests"]}',
        '{"kind":3,"k":["requests",0]}',
        '{"kind":8,"k":["requests"],"v":[]}',
    ],
)
def test_changes_that_make_no_sense_change_nothing(line):
    """A damaged line, or one of a newer version, costs only itself."""
    chat = Chat()
    chat.replace(json.dumps({"requests": [done()]}).encode())
    known = list(chat.requests)
    assert chat.change(line.encode()) == []
    assert chat.requests == known


def test_list_of_requests_may_be_set_or_removed(editor):
    """A change of the whole list is followed like any other."""
    editor.add({"kind": 0, "v": {"requests": [request(1)]}})
    editor.add({"kind": 1, "k": ["sessionId"], "v": "s2"})
    editor.add({"kind": 1, "k": ["requests"], "v": [done(2, completionTokens=4)]})
    editor.add({"kind": 3, "k": ["requests"]})
    editor.add({"kind": 2, "k": ["requests"], "v": [done(3, completionTokens=6)], "i": -1})
    assert [(event.message_id, event.output) for event in editor.usage()] == [
        ("request_2", 4),
        ("request_3", 6),
    ]


@pytest.mark.parametrize(
    ("model_id", "provider", "model"),
    [
        ("copilot/gpt-4.1", "github-copilot", "gpt-4.1"),
        ("gpt-4.1", "github-copilot", "gpt-4.1"),
        ("copilot/auto", "github-copilot", ""),
        ("gemini/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("openrouter/anthropic/claude-sonnet-4", "openrouter", "anthropic/claude-sonnet-4"),
        ("customendpoint/My Box/our-own", "my box", "our-own"),
    ],
)
def test_key_of_the_users_own_is_billed_by_its_vendor(editor, model_id, provider, model):
    """Copilot's chat also drives other vendors' models, which it does not bill."""
    metadata = {"metadata": {"promptTokens": 3, "outputTokens": 1}}
    editor.add({"kind": 0, "v": {"requests": [request(modelId=model_id, result=metadata)]}})
    (event,) = [one for one in editor.usage() if one.message_id == "request_1"]
    assert (event.provider, event.model, event.input) == (provider, model, 3)


def test_chat_in_exported_telemetry_is_counted_there(editor):
    """Its tools and turns still come from the chat."""
    export = editor.home / ".copilot" / "otel" / "x.jsonl"
    export.parent.mkdir(parents=True)
    export.write_text('{"attributes":{"gen_ai.conversation.id":"s1"}}\n', encoding="utf-8")
    editor.add({"kind": 0, "v": {"sessionId": "s1", "requests": [done(completionTokens=5)]}})
    assert [event.event_type for event in editor.read()] == ["turn_completed"]


def test_half_written_document_is_said_to_be_one(editor):
    """A chat of an older version that is being rewritten is read at its next change."""
    old = editor.directory / "old.json"
    old.write_text('{"sessionId": "s1", "requ', encoding="utf-8")
    with pytest.raises(ProviderError, match=r"old\.json"):
        editor.read()
    old.write_text("", encoding="utf-8")
    assert editor.read() == []


def test_chats_belong_to_the_usual_home(editor):
    """Another home of the command line has none; an account may name its editor."""
    editor.add({"kind": 0, "v": {}})
    path = str(editor.chat)
    other = Account(id="c2", provider_id="copilot", home="/elsewhere")
    named = Account(
        id="c3", provider_id="copilot", home="/elsewhere", paths={"editor_dir": str(editor.user)}
    )
    for account, has in ((editor.account(), True), (other, False), (named, True)):
        listed = [unit.path for unit in PROVIDER.units(account, editor.machine)]
        found = PROVIDER.locate(account, path, editor.machine)
        watched = list(PROVIDER.watch(account, editor.machine))
        assert (listed == [path], found is not None) == (has, has)
        assert (Shallow(str(editor.directory)) in watched) == has
    beside = str(editor.directory.parent / "workspace.json")
    assert PROVIDER.locate(editor.account(), beside, editor.machine) is None


def test_sessions_of_the_first_versions_are_found(editor):
    """They lie in a directory of their own, which newer versions do not make."""
    history = editor.home / ".copilot" / "history-session-state"
    account = editor.account()
    assert Shallow(str(history)) not in list(PROVIDER.watch(account, editor.machine))
    history.mkdir(parents=True)
    session = history / "session_1.json"
    session.write_text('{"chatMessages":[{"role":"assistant"}]}', encoding="utf-8")
    assert Shallow(str(history)) in list(PROVIDER.watch(account, editor.machine))
    assert PROVIDER.locate(account, str(session), editor.machine) is not None
    assert editor.read() == [], "without any time there is nothing to count"
    session.write_text("", encoding="utf-8")
    assert editor.read() == []
