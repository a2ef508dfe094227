"""The three agents, unmodified, wired by `integrations install`: exactly the served tokens arrive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agents import packages, wiring
from tests.support.hooks import REPOSITORY

pytestmark = [pytest.mark.agents, pytest.mark.timeout(900)]

LIMIT_S = 400
KINDS = ("input", "cache_read", "cache_write", "output")


@pytest.fixture(scope="module")
def agents() -> packages.Agents:
    """The programs from npm, or a skip that says what is missing."""
    missing = packages.missing_requirement()
    if missing:
        pytest.skip(missing)
    return packages.install()


@pytest.fixture(scope="module", params=["up", "down", "restarted"])
def result(
    request: pytest.FixtureRequest,
    agents: packages.Agents,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What one run of all agents served and what the daemon found."""
    root = tmp_path_factory.mktemp("a")
    home = root / "h"
    home.mkdir()
    answer = root / "result.json"
    programs = (agents.claude, agents.codex, agents.opencode)
    hide = packages.hidden_home(
        home, REPOSITORY, Path(sys.prefix), Path(sys.base_prefix), *map(Path, programs)
    )
    command = [sys.executable, "-m", "tests.e2e.agents.scenario", str(answer), request.param]
    done = subprocess.run(
        [
            str(REPOSITORY / "tests/support/sandbox.sh"),
            str(home),
            str(LIMIT_S),
            *command,
            *programs,
        ],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HIDE": hide},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=LIMIT_S + 30,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return {"mode": request.param, "home": home, **json.loads(answer.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("provider", ["claude_code", "codex", "opencode"])
def test_exactly_the_served_tokens_are_found(result: dict[str, Any], provider: str) -> None:
    """Hook, log and database of a session together count each served answer once."""
    served = result["served"][provider]
    assert served["requests"] >= 2 * result["runs"][provider]
    for when in ("found", "found_after_restart"):
        counted = result[when][provider]
        assert {kind: counted[kind] for kind in KINDS} == {kind: served[kind] for kind in KINDS}
        assert counted["requests"] == served["requests"]


def test_daily_equals_what_was_served(result: dict[str, Any]) -> None:
    """`openusage daily` has each model's tokens to the last one, and no model besides."""
    served = {
        model: {kind: counts[kind] for kind in KINDS}
        for model, counts in result["served_by_model"].items()
    }
    assert set(served) == {*wiring.MODELS.values(), wiring.SECOND}
    assert result["daily"] == served


@pytest.mark.parametrize("provider", ["claude_code", "codex", "opencode"])
def test_turns_and_tools_count_once(result: dict[str, Any], provider: str) -> None:
    """Each run of an agent is a turn, and its scripted shell call is there once per run."""
    counted = result["found"][provider]
    assert counted["turns"] >= result["runs"][provider]
    assert result["found_after_restart"][provider]["turns"] == counted["turns"]
    scripted = {"claude_code": 4, "codex": 5, "opencode": 5}[provider]
    shells = sum(
        calls
        for name, calls in counted["tools"].items()
        if name.lower() in ("bash", "exec_command", "exec", "shell_command")
    )
    assert shells == scripted


def test_the_spool_bridges_the_daemons_absence(result: dict[str, Any]) -> None:
    """Hooks leave their events on disk where no daemon answers in time, and none stays there."""
    assert result["status"]["spool"] == {"pending": 0, "rejected": 0, "dropped": 0}
    assert result["put"] >= result["spooled"]
    if result["mode"] == "up":
        # The disk may be busy for longer than a hook waits, now and then.
        requests = sum(served["requests"] for served in result["served"].values())
        assert result["put"] <= requests // 6
    else:
        assert result["spooled"] >= {"restarted": 3, "down": 12}[result["mode"]]


def test_integrations_have_delivered_and_leave_nothing(result: dict[str, Any]) -> None:
    """Every tool's hook has reported through its installed script, and is gone after all."""
    for info in result["integrations"]:
        assert (info["state"], info["delivery"]) == ("ready", "delivering"), info
    assert result["left"] == []


def test_nothing_of_the_conversation_is_kept(result: dict[str, Any]) -> None:
    """Prompts, answers, thoughts and commands of the agents are nowhere in the product's files."""
    state = result["home"] / ".local" / "state" / "openusage"
    assert (state / "telemetry.db").exists()
    for path in state.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for text in (b"hello-from-mock", b"Running it.", b"Planning.", b"SUBTASK", b"sk-ant-"):
                assert text not in data, f"{text!r} in {path}"
