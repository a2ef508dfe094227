"""OpenClaw's directories under all its names, its agents and its archives."""

from __future__ import annotations

import os

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.openclaw import PROVIDER
from tests.support.local_home import LocalHome

MAIN = "agents/main/sessions"


def answer(entry_id: str, second: int = 0) -> dict[str, object]:
    return {
        "type": "message",
        "id": entry_id,
        "timestamp": f"2026-01-01T10:00:{second:02}Z",
        "message": {"role": "assistant", "model": "gpt-5", "usage": {"input": 1, "output": 1}},
    }


@pytest.fixture
def home(tmp_path):
    """An empty home."""
    return LocalHome(PROVIDER, tmp_path)


@pytest.mark.parametrize("name", [".openclaw", ".clawdbot", ".moltbot", ".moldbot"])
def test_directory_under_any_name_makes_the_account(home, name):
    """The program has been called differently; its directory is enough, before any transcript."""
    assert home.accounts() == []
    (home.home / name).mkdir()
    [account] = home.accounts()
    assert (account.id, account.home) == ("openclaw", f"{home.home}/{name}")


def test_all_names_are_one_account(home):
    """Transcripts of earlier names are read too, a renamed directory behind a link once."""
    home.write(f".openclaw/{MAIN}/a.jsonl", answer("a"))
    home.write(f".moltbot/{MAIN}/b.jsonl", answer("b"))
    os.symlink(home.home / ".openclaw", home.home / ".clawdbot")
    assert len(home.accounts()) == 1
    assert home.unit_names() == [f".openclaw/{MAIN}/a.jsonl", f".moltbot/{MAIN}/b.jsonl"]
    assert list(PROVIDER.watch(home.account, home.machine)) == [
        f"{home.home}/.openclaw/agents",
        f"{home.home}/.moltbot/agents",
    ]


def test_variables_move_the_state(tmp_path):
    """OPENCLAW_STATE_DIR goes before the list of OPENCLAW_DIR; both replace the default."""
    for name in (".openclaw", "a/.openclaw", "b"):
        LocalHome(PROVIDER, tmp_path).write(f"{name}/{MAIN}/x.jsonl", answer(name))

    def found(**env: str) -> list[tuple[str, str]]:
        accounts = LocalHome(PROVIDER, tmp_path, **env).accounts()
        return [(one.id, os.path.relpath(one.home, tmp_path)) for one in accounts]

    listed = {"OPENCLAW_DIR": "~/a/.openclaw, ~/b, ~/none"}
    assert found(**listed) == [("openclaw", "a/.openclaw"), ("openclaw:b", "b")]
    assert found(**listed, OPENCLAW_STATE_DIR="~/b") == [("openclaw", "b")]
    moved = LocalHome(PROVIDER, tmp_path, OPENCLAW_STATE_DIR="~/b")
    assert moved.unit_names() == [f"b/{MAIN}/x.jsonl"]
    assert PROVIDER.roots(Machine(env={}, home="/h"))[0] == "/h/.openclaw/agents"


def test_named_directory_is_used_alone_if_it_exists(home):
    """The user's directory of agents goes first; one that is gone falls back to the usual ones."""
    home.write(f".openclaw/{MAIN}/a.jsonl", answer("a"))
    home.write("mine/x/sessions/b.jsonl", answer("b"))
    home.fields = {"paths": {"agents_dir": "~/mine"}}
    assert home.unit_names() == ["mine/x/sessions/b.jsonl"]
    home.fields = {"paths": {"agents_dir": "~/gone"}}
    assert home.unit_names() == [f".openclaw/{MAIN}/a.jsonl"]
    bare = Account(id="x", provider_id="openclaw")
    assert list(PROVIDER.watch(bare, home.machine)) == [f"{home.home}/.openclaw/agents"]


@pytest.mark.parametrize(
    ("name", "session"),
    [
        ("s1.jsonl", "s1"),
        ("S2.JSONL", "S2"),
        ("s3.jsonl.deleted.2026-01-01", "s3"),
        ("s4.jsonl.reset.2026-01-01", "s4"),
        ("s5.checkpoint.77.jsonl", "s5"),
        ("sessions.json", None),
        ("s6.jsonl.lock", None),
    ],
)
def test_archives_belong_to_their_session(home, name, session):
    """Deleted and reset transcripts were paid for and bear their session's id."""
    place = home.write(f".openclaw/{MAIN}/{name}", answer("a"))
    unit = PROVIDER.locate(home.account, str(place), home.machine)
    assert (unit is not None) == (session is not None)
    assert [event.session_id for event in home.read()] == ([session] if session else [])


def test_path_outside_of_the_agents_is_not_located(home):
    """Other logs of the program are no transcripts."""
    place = home.write(".openclaw/cron/runs/x.jsonl", answer("a"))
    assert PROVIDER.locate(home.account, str(place), home.machine) is None


def test_oldest_change_is_read_first(home):
    """An archive's copies belong to whoever wrote them first."""
    for number, name in enumerate(("b.jsonl", "a.jsonl")):
        place = home.write(f".openclaw/{MAIN}/{name}", answer("same"))
        os.utime(place, (1000 + number, 1000 + number))
    assert [event.session_id for event in home.counted()] == ["b"]


@pytest.mark.parametrize(
    ("folder", "agent"),
    [("agents/main/sessions", ""), ("agents/ops/sessions", "ops"), ("agents", "")],
)
def test_agents_are_told_apart(home, folder, agent):
    """Events of other agents than the main one bear its name."""
    home.write(f".openclaw/{folder}/x.jsonl", answer("a"))
    assert [event.agent for event in home.read()] == [agent]


def test_agent_of_a_directory_of_another_name(home):
    """A directory that is not called `agents` names none."""
    home.write("mine/ops/sessions/x.jsonl", answer("a"))
    (home.home / ".openclaw").mkdir()
    home.fields = {"paths": {"agents_dir": "~/mine"}}
    assert [event.agent for event in home.read()] == [""]
