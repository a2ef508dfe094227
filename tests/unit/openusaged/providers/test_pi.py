"""Where pi and oh-my-pi keep their sessions, and in which order they are read."""

from __future__ import annotations

import os

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.pi import PROVIDER
from tests.support.local_home import LocalHome

PI = ".pi/agent/sessions"
OMP = ".omp/agent/sessions"


def answer(entry_id: str) -> dict[str, object]:
    return {
        "type": "message",
        "id": entry_id,
        "timestamp": "2026-01-01T10:00:00Z",
        "message": {"role": "assistant", "model": "gpt-5", "usage": {"input": 1, "output": 1}},
    }


@pytest.fixture
def home(tmp_path):
    """An empty home."""
    return LocalHome(PROVIDER, tmp_path)


@pytest.mark.parametrize("sign", [f"{PI}/--p--/x.jsonl", ".pi/agent/auth.json"])
def test_sessions_or_a_login_make_the_account(home, sign):
    """The directory alone is no sign: other programs are called pi, too."""
    (home.home / ".pi").mkdir()
    assert home.accounts() == []
    home.write(sign, "")
    [account] = home.accounts()
    assert (account.id, account.home) == ("pi", f"{home.home}/.pi/agent")


def test_oh_my_pi_alone_is_an_account(home):
    """Without pi its fork makes the account."""
    home.write(f"{OMP}/--p--/x.jsonl", answer("a"))
    [account] = home.accounts()
    assert (account.id, account.home) == ("pi", f"{home.home}/.omp/agent")
    assert [event.client for event in home.read()] == ["omp"]


def test_variables_move_the_sessions(tmp_path):
    """The agent's own variables go before the list of session directories."""
    for name in ("own/sessions", "s1", "s2/sessions"):
        LocalHome(PROVIDER, tmp_path).write(f"{name}/--p--/x.jsonl", "")

    def found(**env: str) -> list[tuple[str, str, str]]:
        accounts = LocalHome(PROVIDER, tmp_path, **env).accounts()
        return [
            (one.id, os.path.relpath(one.paths["sessions_dir"], tmp_path), one.origin)
            for one in accounts
        ]

    listed = {"PI_AGENT_DIR": "~/s1,~/s2/sessions,~/none"}
    origin = "env:PI_AGENT_DIR"
    assert found(**listed) == [("pi", "s1", origin), ("pi:s2", "s2/sessions", origin)]
    own = {**listed, "PI_CODING_AGENT_SESSION_DIR": "~/s1"}
    assert found(**own) == [("pi", "s1", "env:PI_CODING_AGENT_SESSION_DIR")]
    own["PI_CODING_AGENT_DIR"] = "~/own"
    assert found(**own) == [("pi", "own/sessions", "env:PI_CODING_AGENT_DIR")]
    machine = Machine(env=listed, home=str(tmp_path))
    assert PROVIDER.roots(machine)[-1] == f"{tmp_path}/{OMP}"


def test_configured_paths_are_looked_at_first():
    """An account of the settings may name either directory, a home or nothing."""
    machine = Machine(env={}, home="/h")

    def watched(**fields: object) -> list[str]:
        return list(PROVIDER.watch(Account(id="x", provider_id="pi", **fields), machine))

    assert watched(paths={"sessions_dir": "~/s", "omp_sessions_dir": "/o"}) == ["/h/s", "/o"]
    assert watched(paths={"omp_sessions_dir": "/o"}) == ["/o"]
    assert watched(home="~/agent") == ["/h/agent/sessions"]
    assert watched() == ["/h/.pi/agent/sessions"]


def test_directory_that_is_not_there_drops_its_root(home):
    """A named directory that does not exist is not replaced by the default one."""
    home.write(f"{PI}/--p--/x.jsonl", answer("a"))
    home.fields = {"paths": {"sessions_dir": "~/gone"}}
    assert home.unit_names() == []


def test_parents_are_read_before_their_forks(home):
    """Logs of a project come in the order of their creation, read by one reader."""
    for name in ("2026-01-02T_b", "2026-01-01T_a", "2026-01-03T_c"):
        home.write(f"{PI}/--p--/{name}.jsonl", answer("same"))
    [event] = home.counted()
    assert event.session_id == "a"
    units = list(PROVIDER.units(home.account, home.machine))
    assert {unit.group for unit in units} == {f"{home.home}/{PI}/--p--"}


def test_only_logs_are_located(home):
    """A changed log is its own unit; settings and other files are none."""
    log = home.write(f"{PI}/--p--/x.jsonl", answer("a"))
    other = home.write(f"{PI}/--p--/x.txt", "")
    elsewhere = home.write(".pi/agent/x.jsonl", "")

    def located(path: object) -> bool:
        return PROVIDER.locate(home.account, str(path), home.machine) is not None

    assert [located(path) for path in (log, other, elsewhere)] == [True, False, False]


def test_session_of_a_log_without_header(home):
    """The id stands in the name behind the time, or is the whole name."""
    home.write(f"{PI}/--p--/2026_abc.jsonl", answer("a"))
    home.write(f"{PI}/--p--/plain.jsonl", answer("b"))
    assert sorted(event.session_id for event in home.read()) == ["abc", "plain"]
