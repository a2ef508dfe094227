"""A running daemon wires tools, sees their events arrive, and explains one that says nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from openusage_proto.errors import RpcError
from tests.support.daemon import Daemon, running_daemon
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.measured]


@pytest.fixture
def home(isolated_home: str) -> Path:
    """A home in which all three tools have been used."""
    root = Path(isolated_home)
    (root / ".claude/projects").mkdir(parents=True)
    (root / ".claude/settings.json").write_text('{\n  "model": "opus"\n}\n')
    (root / ".codex/sessions").mkdir(parents=True)
    (root / ".codex/config.toml").write_text('model = "gpt"\n[t]\na = 1\n')
    (root / ".config/opencode").mkdir(parents=True)
    return root


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    """A daemon in that home."""
    with running_daemon() as running:
        yield running


def info(daemon: Daemon, name: str, **environment: str) -> Any:
    answer = daemon.call("integrations", environment=environment)
    return next(item for item in answer["integrations"] if item["id"] == name)


def fire(home: Path) -> None:
    """Run the hook as Claude Code does: the command of its settings, through a shell."""
    settings = json.loads((home / ".claude/settings.json").read_text())
    command = settings["hooks"]["Stop"][0]["hooks"][0]["command"]
    payload = {
        "hook_event_name": "Stop",
        "session_id": "s-1",
        "transcript_path": f"{home}/.claude/projects/p/s-1.jsonl",
        "last_assistant_message": "PLANTED PROMPT",
    }
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        input=json.dumps(payload).encode(),
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.parametrize("name", ["claude_code", "codex", "opencode"])
def test_install_and_uninstall_every_tool(daemon: Daemon, home: Path, name: str) -> None:
    """Missing, ready, missing again; a dry run says the same and does nothing."""
    before = {path: path.read_bytes() for path in home.rglob("*.json")} | {
        path: path.read_bytes() for path in home.rglob("*.toml")
    }
    assert info(daemon, name)["state"] == "missing"
    assert info(daemon, name)["detected"]
    shown = daemon.call("integration_install", id=name, dry_run=True)
    assert (shown["action"], shown["state"]) == ("installed", "missing")
    done = daemon.call("integration_install", id=name, plan=shown["plan"])
    assert (done["action"], done["state"]) == ("installed", "ready")
    assert [item["path"] for item in done["changes"]] == [item["path"] for item in shown["changes"]]
    found = info(daemon, name)
    assert (found["state"], found["version"]) == ("ready", found["shipped_version"])
    assert found["delivery"] == "never"
    assert daemon.call("status")["integrations"][name] == "ready"
    assert daemon.call("integration_install", id=name)["action"] == "unchanged"
    assert daemon.call("integration_uninstall", id=name)["state"] == "missing"
    assert all(path.read_bytes() == data for path, data in before.items())


def test_an_event_is_seen_and_remembered(daemon: Daemon, home: Path) -> None:
    """The hook reports through its own command line; a restart does not forget when."""
    daemon.call("integration_install", id="claude_code")
    fire(home)
    wait_until(
        lambda: info(daemon, "claude_code")["delivery"] == "delivering", 10.0, "the hook's event"
    )
    at = info(daemon, "claude_code")["last_event_at"]
    daemon.restart()
    assert info(daemon, "claude_code")["last_event_at"] == at
    assert info(daemon, "codex")["last_event_at"] is None


def test_an_event_from_the_spool_counts_from_when_it_happened(daemon: Daemon, home: Path) -> None:
    """With the daemon away the hook spools; afterwards the time is that of the turn."""
    daemon.call("integration_install", id="claude_code")
    daemon.stop()
    fire(home)
    spool = home / ".local/state/openusage/telemetry-spool"
    (spooled,) = spool.glob("*.json")
    document = json.loads(spooled.read_text())
    document["observed_at"] = 1_767_225_600_000
    spooled.write_text(json.dumps(document))
    daemon.start()
    wait_until(lambda: info(daemon, "claude_code")["last_event_at"], 10.0, "the spooled event")
    assert info(daemon, "claude_code")["last_event_at"] == "2026-01-01T00:00:00Z"


def test_a_caller_says_where_its_tools_are(daemon: Daemon, home: Path) -> None:
    """Variables of a user's shell count, though the daemon has never seen that shell."""
    other = home / "work"
    other.mkdir()
    environment = {"CLAUDE_CONFIG_DIR": str(other)}
    daemon.call("integration_install", id="claude_code", environment=environment)
    assert "hooks" in json.loads((other / "settings.json").read_text())
    # what has been wired once is found again without the variable
    homes = {place["home"]: place["state"] for place in info(daemon, "claude_code")["places"]}
    assert homes == {str(home / ".claude"): "ready", str(other): "ready"}
    daemon.call("integration_uninstall", id="claude_code")
    assert not (other / "settings.json").exists()


def test_refusals_carry_their_place(daemon: Daemon, home: Path) -> None:
    """A broken file is an answer with line and column, and stays."""
    file = home / ".claude/settings.json"
    file.write_text('{\n  "a": \n}')
    with pytest.raises(RpcError) as caught:
        daemon.call("integration_install", id="claude_code")
    assert caught.value.slug == "config_invalid"
    assert f"{file}:3:1: a value is expected" in caught.value.detail
    assert file.read_text() == '{\n  "a": \n}'
    (place,) = info(daemon, "claude_code")["places"]
    assert place["state"] == "broken"


def test_the_log_names_what_is_not_wired(daemon: Daemon, home: Path) -> None:
    """At its start the daemon says once what would wire the tools it has found."""
    log = home / ".local/state/openusage/openusaged.log"
    wait_until(lambda: "openusage integrations install codex" in log.read_text(), 20.0, "the hint")


def doctor(daemon: Daemon) -> list[dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-m", "openusaged", "doctor", "--json"],
        env=daemon.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [check for check in json.loads(done.stdout) if check["name"] == "hooks"]


def test_doctor_says_how_hooks_are(daemon: Daemon, home: Path) -> None:
    """Not wired is fine, wired and current is fine, a missing script is a warning with its cure."""
    missing = doctor(daemon)
    assert {check["state"] for check in missing} == {"ok"}
    assert "openusage integrations install codex" in [check["fix"] for check in missing]
    daemon.call("integration_install", id="codex")
    (home / ".config/openusage/hooks/codex.py").unlink()
    (check,) = [item for item in doctor(daemon) if item["found"].startswith("codex")]
    assert check["state"] == "warning"
    assert "codex.py does not exist" in check["found"]
    assert check["fix"] == "openusage integrations upgrade codex"
    daemon.env["OPENUSAGE_TELEMETRY_ENABLED"] = "off"
    assert any("switches them off" in item["found"] for item in doctor(daemon))


def test_hooks_cost_the_daemon_nothing_until_they_are_edited(daemon: Daemon) -> None:
    """Looking at all integrations does not load the TOML library."""
    daemon.call("integrations")
    maps = Path(f"/proc/{os.getpid()}/maps")
    if not maps.exists():
        pytest.skip("no /proc here")
    code = (
        "import sys, openusaged.integrations.wiring, openusaged.usecases.integrating;"
        "print('tomlkit' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_daemon_looks_at_the_tools_by_itself(daemon: Daemon) -> None:
    """Soon after its start the log says what would wire each tool, and `status` how they are."""
    states = wait_until(lambda: daemon.call("status")["integrations"], 15)
    assert states == dict.fromkeys(("claude_code", "codex", "opencode"), "missing")
    hint = "event=hooks_missing tool=codex fix='openusage integrations install codex'"
    wait_until(lambda: hint in Path(locations.log_path()).read_text(encoding="utf-8"))
