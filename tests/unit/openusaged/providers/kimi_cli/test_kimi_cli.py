"""Kimi CLI's homes, what its logs do not say themselves, and ids that come again."""

from __future__ import annotations

import os
from hashlib import md5

import pytest

from openusaged.core.identity import identity_of, reuse_identity_of
from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.kimi_cli import PROVIDER
from openusaged.providers.shared.open_calls import MAX_OPEN_CALLS
from tests.support.local_home import LocalHome

GROUP = md5(b"/srv/shop", usedforsecurity=False).hexdigest()
WIRE = f".kimi/sessions/{GROUP}/u1/wire.jsonl"
T = 1_790_000_000


def line(at: float, kind: str, payload: object) -> dict[str, object]:
    return {"timestamp": at, "message": {"type": kind, "payload": payload}}


def status(at: float, output: int, message_id: str = "", **more: object) -> dict[str, object]:
    usage = {"input_other": 10, "output": output}
    return line(at, "StatusUpdate", {"token_usage": usage, "message_id": message_id, **more})


def call(at: float, call_id: str, arguments: str = "{}") -> dict[str, object]:
    return line(
        at, "ToolCall", {"id": call_id, "function": {"name": "Edit", "arguments": arguments}}
    )


def failure(at: float, call_id: str) -> dict[str, object]:
    return line(at, "ToolResult", {"tool_call_id": call_id, "return_value": {"is_error": True}})


@pytest.fixture
def home(tmp_path):
    """An empty home."""
    return LocalHome(PROVIDER, tmp_path)


@pytest.mark.parametrize("sign", [WIRE, ".kimi/config.json", ".kimi/config.toml"])
def test_sessions_or_settings_make_the_account(home, sign):
    """The directory alone is no sign that the agent is used."""
    (home.home / ".kimi").mkdir()
    assert home.accounts() == []
    home.write(sign, "")
    [account] = home.accounts()
    assert (account.id, account.home) == ("kimi_cli", f"{home.home}/.kimi")


def test_variables_move_the_homes(tmp_path):
    """KIMI_SHARE_DIR replaces the list of KIMI_DATA_DIR, and both the default."""
    for name in ("a/.kimi", "b/.kimi", "c"):
        LocalHome(PROVIDER, tmp_path).write(f"{name}/config.toml", "")

    def ids(**env: str) -> list[tuple[str, str, str]]:
        accounts = LocalHome(PROVIDER, tmp_path, **env).accounts()
        return [(one.id, os.path.relpath(one.home, tmp_path), one.origin) for one in accounts]

    origin = "env:KIMI_DATA_DIR"
    assert ids(KIMI_DATA_DIR="~/a/.kimi,~/b/.kimi") == [
        ("kimi_cli", "a/.kimi", origin),
        ("kimi_cli:b", "b/.kimi", origin),
    ]
    assert ids(KIMI_DATA_DIR="~/a/.kimi", KIMI_SHARE_DIR="~/c") == [
        ("kimi_cli", "c", "env:KIMI_SHARE_DIR")
    ]
    assert PROVIDER.roots(Machine(env={}, home="/h")) == ["/h/.kimi/sessions"]


def test_configured_paths_are_looked_at_first():
    """An account of the settings may name its sessions, its home or nothing."""
    machine = Machine(env={}, home="/h")

    def watched(**fields: object) -> list[str]:
        return list(PROVIDER.watch(Account(id="x", provider_id="kimi_cli", **fields), machine))

    assert watched(paths={"sessions_dir": "~/s"}, home="/other") == ["/h/s"]
    assert watched(home="~/k") == ["/h/k/sessions"]
    assert watched() == ["/h/.kimi/sessions"]


def test_only_wire_logs_are_units(home):
    """The other files of a session hold texts and are neither listed nor located."""
    wire = home.write(WIRE, status(T, 5))
    other = home.write(f".kimi/sessions/{GROUP}/u1/context.jsonl", "{}")
    assert home.unit_names() == [WIRE]
    assert PROVIDER.locate(home.account, str(wire), home.machine) is not None
    assert PROVIDER.locate(home.account, str(other), home.machine) is None
    elsewhere = home.write("wire.jsonl", "{}")
    assert PROVIDER.locate(home.account, str(elsewhere), home.machine) is None


@pytest.mark.parametrize(
    ("register", "cwd"),
    [
        ({"work_dirs": [7, {"path": "/srv/shop"}]}, "/srv/shop"),
        ({"work_dirs": [{"path": "/srv/shop", "kaos": "ssh"}]}, ""),
        ({"session_to_workdir": {"u1": "/srv/moved"}}, "/srv/moved"),
        ([], ""),
    ],
)
def test_directory_comes_from_the_register(home, register, cwd):
    """The folder's hash is undone by the directories that the agent has been used in."""
    home.write(".kimi/kimi.json", register)
    home.write(WIRE, status(T, 5))
    assert [event.cwd for event in home.read()] == [cwd]


def test_directory_on_another_machine(home):
    """Sessions on a remote machine carry its name before the hash."""
    home.write(".kimi/kimi.json", {"work_dirs": [{"path": "/srv/shop", "kaos": "ssh"}]})
    home.write(f".kimi/sessions/ssh_{GROUP}/u1/wire.jsonl", status(T, 5))
    assert [event.cwd for event in home.read()] == ["/srv/shop"]


@pytest.mark.parametrize(
    ("files", "model"),
    [
        ({}, "kimi-for-coding"),
        ({"config.toml": "default_model = 'a/kimi-x'"}, "kimi-x"),
        ({"config.toml": "not toml", "config.json": '{"model": "kimi-old"}'}, "kimi-old"),
        ({"config.toml": "\n[models.a]\n", "config.json": "[]"}, "kimi-for-coding"),
    ],
)
def test_model_comes_from_the_configuration(home, files, model):
    """The newer format is asked first; without any the agent's own default holds."""
    home.write(WIRE, status(T, 5))
    for name, text in files.items():
        home.write(f".kimi/{name}", text)
    assert [event.model for event in home.read()] == [model]


def test_named_configuration_is_asked_first(home):
    """An account of the settings may name another configuration."""
    home.write(WIRE, status(T, 5))
    home.write("mine.json", {"default_model": "kimi-mine"})
    home.fields = {"paths": {**home.account.paths, "config_path": f"{home.home}/mine.json"}}
    assert [event.model for event in home.read()] == ["kimi-mine"]


def test_copied_session_is_told_from_reused_ids(home):
    """The same id in another session is one event to begin with, and two when it says otherwise."""
    home.write(WIRE, status(T, 5, "chatcmpl-1"))
    home.write(".kimi/sessions/g/u2/wire.jsonl", status(T + 60, 6, "chatcmpl-1"))
    first, second = home.read()
    assert identity_of(first) == identity_of(second)
    assert 0 != reuse_identity_of(first) != reuse_identity_of(second)


def test_call_ids_count_up_anew(home):
    """Two calls with one id are two; a result belongs to the one before it, also a read later."""
    home.write(WIRE, call(T, "Edit:0", '{"file_path": "a.go"}'), call(T + 9, "Edit:1"))
    home.write(".kimi/sessions/g/u2/wire.jsonl", call(T + 5, "Edit:0"))
    assert len(home.read()) == 3
    home.append(
        WIRE, failure(T + 10, "Edit:0"), failure(T + 11, "Edit:0"), failure(T + 12, "Edit:7")
    )
    [event] = home.read()
    assert (event.tool_call_id, event.status) == (f"{T * 1000}:Edit:0", "error")


def test_calls_without_result_are_forgotten_in_time(home):
    """What a killed agent left open does not grow the cursor for ever."""
    home.write(WIRE, *(call(T + number, f"Edit:{number}") for number in range(MAX_OPEN_CALLS + 1)))
    home.read()
    home.append(WIRE, failure(T + 999, "Edit:0"), failure(T + 999, f"Edit:{MAX_OPEN_CALLS}"))
    assert [event.tool_call_id[-3:] for event in home.read()] == [f":{MAX_OPEN_CALLS}"]


def test_name_of_a_sub_agent(home):
    """A sub-agent's own log takes its kind from the file beside it."""
    folder = f".kimi/sessions/{GROUP}/u1/subagents/x"
    home.write(f"{folder}/wire.jsonl", status(T, 5))
    home.write(f"{folder}/meta.json", {"subagent_type": "coder"})
    assert [(event.agent, event.session_id) for event in home.read()] == [("coder", f"{GROUP}/u1")]


def test_odd_lines_say_nothing(home):
    """Records of other shapes, and a log outside of any group, cost nothing."""
    home.write(
        ".kimi/sessions/wire.jsonl",
        "[]\n",
        {"message": 7},
        line(T, "StatusUpdate", "odd"),
        line(T, "SubagentEvent", 7),
        line(T, "SubagentEvent", {"event": {"type": "TextPart", "payload": {}}}),
        line(T, "ToolCall", {"id": "x", "function": "odd"}),
        line(T, "ToolResult", []),
        status(0, 5),
    )
    [event] = home.read()
    assert event.ts_ms == os.stat(home.home / ".kimi/sessions/wire.jsonl").st_mtime_ns // 1_000_000


def test_no_text_is_kept(home):
    """Neither prompts nor arguments or outputs are in any event or cursor."""
    home.write(
        WIRE,
        line(T, "TurnBegin", {"user_input": "PLANTED"}),
        call(T, "Edit:0", '{"path": "PLANTED.py", "content": "PLANTED"}'),
        line(T, "ToolResult", {"tool_call_id": "Edit:0", "return_value": {"output": "PLANTED"}}),
        status(T, 5, plan="PLANTED"),
    )
    events = home.read()
    assert len(events) == 2
    assert "PLANTED" not in repr(events) + repr(home.cursors)
