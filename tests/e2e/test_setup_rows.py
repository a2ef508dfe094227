"""Rows of the feature table about what was found, what is wrong, and every list as JSON."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from openusage_client import demo_homes
from openusage_proto import locations
from tests.support.client import ENTRY, REPOSITORY, report, run_client
from tests.support.daemon import Daemon
from tests.support.json_schemas import problems
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

GROQ_KEY = "gsk_planted0000000000000000000000000000000000009f3a"
OPENAI_KEY = "sk-proj-planted1111111111111111111111111111111111124ff"


def answer(*arguments: str, **env: str) -> Any:
    """The JSON of a command."""
    done = run_client({**os.environ, **env}, *arguments, "--json")
    assert done.stderr == ""
    return json.loads(done.stdout)


def turn(number: int, when: str, **more: Any) -> dict[str, Any]:
    """One message of 1,100 tokens."""
    return {
        "occurred_at": when,
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "session_id": "one",
        "message_id": f"msg_{number}",
        "input_tokens": 1000,
        "output_tokens": 100,
        **more,
    }


def ingest(daemon: Daemon, number: int, when: str, **more: Any) -> None:
    """Store one message."""
    daemon.call("ingest_turn", source="claude_code", turn=turn(number, when, **more))


def test_h03_detect_names_tools_accounts_sources_and_gaps(
    home: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H03: each finding says where it comes from, what is missing where it was looked for."""
    (home / ".claude" / "projects").mkdir(parents=True)
    program = home / "bin" / "codex"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (home / ".bashrc").write_text(f"export OPENAI_API_KEY={OPENAI_KEY}\n")
    monkeypatch.setenv("GROQ_API_KEY", GROQ_KEY)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    daemon.env = dict(os.environ)
    daemon.start()
    found = answer("detect")
    tools = {tool["title"]: tool for tool in found["tools"]}
    assert tools["Codex"]["binary"] == str(program)
    assert str(home / ".claude") in " ".join(tools["Claude Code"]["records"])
    accounts = {item["provider_id"]: item for item in found["accounts"]}
    assert accounts["groq"]["variable"] == "GROQ_API_KEY"
    assert "GROQ_API_KEY" in " ".join(accounts["groq"]["why"])
    assert ".bashrc" in accounts["openai"]["source"]
    gaps = {item["provider_id"]: item for item in found["missing"]}
    assert "env $MISTRAL_API_KEY: missed" in gaps["mistral"]["looked"]
    assert not gaps.keys() & accounts.keys()
    assert gaps.keys() | accounts.keys() == set(found["providers"])

    page = run_client(os.environ, "detect", "--all").stdout
    assert "$GROQ_API_KEY=gsk_...9f3a" in page
    for key in (GROQ_KEY, OPENAI_KEY):
        assert key not in page + json.dumps(found)
    stored = b"".join(
        path.read_bytes() for path in Path(locations.state_dir()).rglob("*") if path.is_file()
    )
    assert GROQ_KEY.encode() not in stored
    assert OPENAI_KEY.encode() not in stored


def test_m04_the_zone_decides_the_day_on_every_surface(home: Path, daemon: Daemon) -> None:
    """M04: one flag; reports, explanations, the overview and the wire count the same local day."""
    daemon.start()
    ingest(daemon, 1, "2026-03-01T18:20:00Z")
    for zone, day in (("UTC", "2026-03-01"), ("Asia/Kathmandu", "2026-03-02")):
        assert [row["key"] for row in report(os.environ, "daily", "-z", zone)["rows"]] == [day]
        explained = answer("explain", "daily", day, "-z", zone)
        assert (explained["timezone"], explained["totals"]["requests"]) == (zone, 1)
        model = daemon.call("read_model", since=day, until=day, tz=zone)
        assert model["totals"]["requests"] == 1
        assert answer("overview", "-z", zone)["timezone"] == zone
    by_environment = answer("daily", TZ="Asia/Kathmandu")
    assert [row["key"] for row in by_environment["rows"]] == ["2026-03-02"]


def test_m10_worktrees_belong_to_their_repository(home: Path, daemon: Daemon) -> None:
    """M10: work in a linked worktree is the repository's, under its own branch."""
    repository, worktree = home / "shop", home / "elsewhere" / "shop-wt"
    (repository / ".git" / "worktrees" / "wt").mkdir(parents=True)
    worktree.mkdir(parents=True)
    (worktree / ".git").write_text(f"gitdir: {repository}/.git/worktrees/wt\n")
    (worktree / "src").mkdir()
    daemon.start()
    ingest(daemon, 1, "2026-03-01T10:00:00Z", cwd=str(repository), branch="main")
    ingest(daemon, 2, "2026-03-01T11:00:00Z", cwd=str(worktree / "src"), branch="feature")
    ingest(daemon, 3, "2026-03-01T12:00:00Z", cwd=str(home / "other"), branch="main")
    rows = report(os.environ, "projects")["rows"]
    assert {row["key"]: row["requests"] for row in rows}[str(repository)] == 2
    assert len(rows) == 2
    branches = report(os.environ, "branches", "--project", "shop")["rows"]
    assert {row["branch"]: row["requests"] for row in branches} == {"main": 1, "feature": 1}


def test_m11_history_from_before_is_imported_with_progress(home: Path) -> None:
    """M11: what tools wrote before OpenUsage came is imported once, while a line says how far."""
    demo_homes.write_homes(str(home), int(time.time() * 1000))
    with Terminal([sys.executable, str(ENTRY), "daily", "-z", "UTC"], 120, 60) as terminal:
        terminal.wait_for("TOTAL", 60.0)
        assert terminal.wait_exit() == 0
    daemon = Daemon()
    importing = daemon.call("status")["importing"]
    assert importing["finished_at"]
    assert importing["done_bytes"] == importing["total_bytes"] > 0
    assert importing["events"] > 0
    before = report(os.environ, "daily", "-z", "UTC")
    assert len(before["rows"]) > 30
    daemon.call("refresh", wait=True)
    assert report(os.environ, "daily", "-z", "UTC")["totals"] == before["totals"]


def test_m08_the_account_with_most_room_is_named(home: Path, daemon: Daemon) -> None:
    """M08: of two tools whose limits are known the freer one is said, on the page and as JSON."""
    (home / ".claude" / "projects").mkdir(parents=True)
    sessions = home / ".codex" / "sessions" / "2026" / "03" / "01"
    sessions.mkdir(parents=True)
    now = time.time()
    used = {"used_percent": 12.0, "window_minutes": 10080, "resets_at": int(now) + 86_400}
    info = {"total_token_usage": {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}}
    rows = (
        ("session_meta", {"id": "0199a000-0000-4000-8000-00000000aaaa", "cwd": "/w/shop"}),
        (
            "event_msg",
            {"type": "token_count", "info": info, "rate_limits": {"secondary": used}},
        ),
    )
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now))
    (
        sessions / "rollout-2026-03-01T10-00-00-0199a000-0000-4000-8000-00000000aaaa.jsonl"
    ).write_text(
        "".join(
            json.dumps({"timestamp": stamp, "type": kind, "payload": body}) + "\n"
            for kind, body in rows
        )
    )
    daemon.start()
    limits = {"five_hour": {"used_percentage": 77, "resets_at": now + 7200}}
    payload = {"session_id": "x", "rate_limits": limits}
    daemon.call("ingest_turn", source="claude_code", payload=payload)
    wait_until(lambda: answer("overview")["most_room"] == "codex-cli", 20.0, "both limits")
    page = run_client(os.environ, "overview").stdout
    assert "Most room left: Codex (7d 12% used, resets " in page


LISTS = (
    (("accounts",), "accounts"),
    (("accounts", "list"), "accounts"),
    (("alerts",), "alerts"),
    (("budget",), "budget"),
    (("detect",), "detect"),
    (("doctor",), "doctor"),
    (("explain", "total"), "explain"),
    (("integrations", "list"), "integrations"),
    (("overview",), ""),
    (("pricing", "--unpriced"), "pricing"),
    (("pricing", "gpt-5.1"), "pricing"),
    (("privacy",), "privacy"),
    (("providers",), "providers"),
    (("reconcile",), "reconcile"),
    (("status",), "status"),
    (("tmux",), ""),
    (("tmux", "presets"), "tmux-presets"),
    (("tmux", "variables"), "tmux-variables"),
    (("version",), "version"),
    *(((kind,), "report") for kind in ("daily", "weekly", "monthly", "session", "blocks")),
    *(((kind,), "report") for kind in ("models", "projects", "branches")),
)


def test_m13_every_list_command_prints_json(home: Path, daemon: Daemon) -> None:
    """M13: whatever is listed for people is one JSON value for programs, as its schema says."""
    (home / ".claude" / "projects").mkdir(parents=True)
    daemon.start()
    ingest(daemon, 1, "2026-03-01T10:00:00Z")
    for words, name in LISTS:
        done = run_client(os.environ, *words, "--json", check=words != ("doctor",))
        document = json.loads(done.stdout)
        assert isinstance(document, dict | list), words
        assert not name or problems(name, document) == [], words
    exported = run_client(os.environ, "export", "--format", "json")
    assert problems("export", json.loads(exported.stdout)) == []


def checks(**env: str) -> dict[str, dict[str, str]]:
    """Findings of the doctor by name; of several the worst."""
    done = run_client({**os.environ, **env}, "doctor", "--json", check=False)
    found: dict[str, dict[str, str]] = {}
    rank = ("ok", "warning", "failed")
    for check in json.loads(done.stdout)["checks"]:
        known = found.get(check["name"])
        if known is None or rank.index(check["state"]) > rank.index(known["state"]):
            found[check["name"]] = check
    failed = any(check["state"] == "failed" for check in found.values())
    assert done.returncode == (1 if failed else 0)
    return found


def test_m14_doctor_finds_each_induced_fault_and_says_its_fix(home: Path, daemon: Daemon) -> None:
    """M14: a healthy machine has no failure; each fault is found, with words on how to end it."""
    daemon.start()
    path = f"{REPOSITORY / 'bin'}:{os.environ['PATH']}"
    healthy = checks(LC_ALL="C.UTF-8", PATH=path)
    assert {check["state"] for check in healthy.values()} <= {"ok", "warning"}
    assert healthy["daemon"]["state"] == healthy["settings"]["state"] == "ok"

    settings = Path(locations.settings_path())
    good = settings.read_text()
    settings.write_text("{broken")
    os.chmod(locations.database_path(), 0o644)
    os.chmod(locations.config_dir(), 0o755)
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(
        '{"statusLine": {"type": "command", "command": "theirs"}}'
    )
    ill = checks(LC_ALL="C", PATH="/usr/bin:/bin")
    for name in ("settings", "database", "terminal", "path"):
        assert ill[name]["state"] in ("warning", "failed"), ill[name]
        assert ill[name]["fix"], name
    assert "theirs" in ill["statusline"]["found"]

    settings.write_text(good)
    daemon.stop()
    down = checks()
    assert down["daemon"]["fix"] or down["socket"]["fix"]
    page = run_client(os.environ, "doctor", check=False).stdout
    assert page.splitlines()[-1].endswith("need attention")
    assert stat.S_IMODE(os.stat(locations.database_path()).st_mode) == 0o644  # it only looks
    wait_until(lambda: not os.path.exists(locations.socket_path()), 5.0, "the socket's end")
