"""Qwen Code's homes, and lines of its chats that the recorded case does not hold."""

from __future__ import annotations

import os

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.qwen_cli import PROVIDER
from tests.support.local_home import LocalHome

CHAT = ".qwen/projects/-p/chats/s.jsonl"


def answer(number: int, **more: object) -> dict[str, object]:
    return {
        "type": "assistant",
        "uuid": f"u{number}",
        "sessionId": "s",
        "timestamp": f"2026-06-01T10:00:{number:02}Z",
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": number},
        **more,
    }


@pytest.fixture
def home(tmp_path):
    """An empty home."""
    return LocalHome(PROVIDER, tmp_path)


@pytest.mark.parametrize("sign", [CHAT, ".qwen/oauth_creds.json"])
def test_chats_or_a_login_make_the_account(home, sign):
    """The directory alone is no sign that the agent is used."""
    (home.home / ".qwen").mkdir()
    assert home.accounts() == []
    home.write(sign, {})
    [account] = home.accounts()
    assert (account.id, account.home) == ("qwen_cli", f"{home.home}/.qwen")


def test_variables_move_the_homes(tmp_path):
    """QWEN_HOME replaces the list of QWEN_DATA_DIR; QWEN_RUNTIME_DIR is one home more."""
    for name in ("a/.qwen", "b/.qwen", "c", "run"):
        LocalHome(PROVIDER, tmp_path).write(f"{name}/projects/-p/chats/s.jsonl", "")

    def ids(**env: str) -> list[tuple[str, str]]:
        accounts = LocalHome(PROVIDER, tmp_path, **env).accounts()
        return [(one.id, os.path.relpath(one.home, tmp_path)) for one in accounts]

    data = {"QWEN_DATA_DIR": f"~/a/.qwen,{tmp_path}/b/.qwen, ~/none"}
    assert ids(**data) == [("qwen_cli", "a/.qwen"), ("qwen_cli:b", "b/.qwen")]
    assert ids(**data, QWEN_HOME="~/c") == [("qwen_cli", "c")]
    assert ids(QWEN_HOME="~/c", QWEN_RUNTIME_DIR="~/run") == [
        ("qwen_cli", "c"),
        ("qwen_cli:run", "run"),
    ]
    machine = Machine(env={"QWEN_RUNTIME_DIR": "/r"}, home="/h")
    assert PROVIDER.roots(machine) == ["/h/.qwen/projects", "/r/projects"]


def test_configured_paths_are_looked_at_first():
    """An account of the settings may name its projects, its home or nothing."""
    machine = Machine(env={}, home="/h")

    def watched(**fields: object) -> list[str]:
        return list(PROVIDER.watch(Account(id="x", provider_id="qwen_cli", **fields), machine))

    assert watched(paths={"projects_dir": "~/p"}, home="/other") == ["/h/p"]
    assert watched(home="~/q") == ["/h/q/projects"]
    assert watched() == ["/h/.qwen/projects"]


@pytest.mark.parametrize(
    ("path", "is_log"),
    [
        ("projects/-p/chats/s.jsonl", True),
        ("projects/-p/chats/S.JSONL", True),
        ("projects/-p/subagents/s/agent-1.jsonl", True),
        ("projects/-p/subagents/s/agent-1.jsonl.stream", False),
        ("projects/-p/debug.jsonl", False),
        ("other/chats/s.jsonl", False),
    ],
)
def test_only_logs_with_usage_are_units(home, path, is_log):
    """Chats and transcripts of sub-agents are located, other files are not."""
    home.write(".qwen/oauth_creds.json", {})
    place = home.write(f".qwen/{path}", answer(1))
    assert (PROVIDER.locate(home.account, str(place), home.machine) is not None) == is_log
    assert home.unit_names() == ([f".qwen/{path}"] if is_log else [])


def test_appended_lines_keep_the_model(home):
    """A line without a model was answered by the one before it, also in a later read."""
    home.write(CHAT, answer(1, model="qwen3-max"))
    home.read()
    home.append(CHAT, answer(2))
    assert [(event.model, event.output) for event in home.read()] == [("qwen3-max", 2)]


def test_copies_without_a_mark_count_once(home):
    """A chat copied under another session has the same lines."""
    home.write(CHAT, answer(1))
    home.write(".qwen/projects/-p/chats/t.jsonl", answer(1, sessionId="t"))
    assert len(home.counted()) == 1


def test_subagent_without_sidecar_is_still_one(home):
    """Without a sidecar and a name a sub-agent's usage is told from the main agent's."""
    home.write(".qwen/projects/-p/subagents/s/agent-1.jsonl", answer(1))
    assert [event.agent for event in home.read()] == ["subagent"]


def test_odd_parts_cost_only_themselves(home):
    """Calls without an id get one by their place; results that say nothing are passed over."""
    parts = ["odd", {"functionCall": 7}, {"functionCall": {"name": "Glob", "args": 3}}]
    result = {"type": "tool_result", "timestamp": "2026-06-01T10:00:09Z", "message": "odd"}
    home.write(
        CHAT,
        answer(1, message={"parts": parts}),
        answer(2, message={"parts": "odd"}, usageMetadata=[]),
        {**result, "toolCallResult": None},
        {**result, "toolCallResult": {"status": "error"}},
        {**result, "toolCallResult": {"callId": "c", "status": "executing"}},
        {**result, "toolCallResult": {"callId": "d", "status": "cancelled"}},
        "[1]\n",
    )
    told = [(event.event_type, event.tool_call_id, event.tool_name) for event in home.read()]
    assert told == [
        ("message_usage", "", ""),
        ("tool_usage", "u1:tc1", "glob"),
        ("tool_usage", "d", ""),
    ]


def test_no_text_is_kept(home):
    """Neither prompts nor answers, arguments or results are in any event."""
    call = {"id": "c", "name": "edit", "args": {"file_path": "PLANTED.py", "new_string": "PLANTED"}}
    home.write(
        CHAT,
        answer(1, message={"parts": [{"text": "PLANTED"}, {"functionCall": call}]}),
        {
            "type": "tool_result",
            "message": {"parts": [{"functionResponse": {"id": "c", "response": "PLANTED"}}]},
            "toolCallResult": {"callId": "c", "status": "error", "resultDisplay": "PLANTED"},
        },
    )
    events = home.read()
    assert len(events) == 3
    assert "PLANTED" not in repr(events)
