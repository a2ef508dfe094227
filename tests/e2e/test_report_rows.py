"""Rows H and M of the feature table that concern reports and exports, as a user runs them."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from tests.support.daemon import Daemon, forbid_polling, running_daemon
from tests.support.isolation import home_of_a_module, move_into

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SCRIPT = Path(__file__).resolve().parents[2] / "bin" / "openusage"
SONNET = "claude-sonnet-4-5"
CODEX = "gpt-5.1-codex"


def openusage(
    *arguments: str, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the client as a user does, with the daemon that the test started."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env={**os.environ, **env},
    )


def answer(*arguments: str, **more: Any) -> dict[str, Any]:
    done = openusage(*arguments, "--json", "--no-autostart", **more)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def turn(number: int, when: str, **more: Any) -> dict[str, Any]:
    """One message of 1,000 + 100 tokens."""
    return {
        "occurred_at": when,
        "provider": "anthropic",
        "model": SONNET,
        "session_id": "session-one",
        "message_id": f"msg_{number}",
        "input_tokens": 1000,
        "output_tokens": 100,
        **more,
    }


@pytest.fixture(scope="module")
def filled_home() -> Iterator[Daemon]:
    """A daemon with five messages, for tests that only read."""
    with home_of_a_module() as home:
        forbid_polling()
        with running_daemon() as daemon:
            fill(daemon, Path(home))
            yield daemon


@pytest.fixture
def filled(filled_home: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The module's daemon, at home in this test."""
    move_into(filled_home.env, monkeypatch)
    return filled_home


@pytest.fixture
def growing(daemon: Daemon, home: Path) -> Daemon:
    """The same messages in a daemon that the test may send more."""
    daemon.start()
    fill(daemon, home)
    return daemon


def fill(daemon: Daemon, home: Path) -> None:
    """Five messages of two tools on both sides of a local midnight, a year's end and a week's."""
    repository = home / "shop"
    (repository / ".git" / "worktrees" / "wt").mkdir(parents=True)
    (home / "shop-wt").mkdir()
    (home / "shop-wt" / ".git").write_text(f"gitdir: {repository}/.git/worktrees/wt\n")
    (home / ".claude" / "projects").mkdir(parents=True)
    (home / ".codex" / "sessions").mkdir(parents=True)
    shop = {"cwd": str(repository), "branch": "main"}
    for number, (source, fields) in enumerate(
        [
            ("claude_code", {"when": "2025-12-31T18:10:00Z", **shop}),
            ("claude_code", {"when": "2025-12-31T18:20:00Z", **shop}),
            (
                "claude_code",
                {
                    "when": "2026-03-01T10:00:00Z",
                    "cwd": str(home / "shop-wt"),
                    "branch": "feature/login",
                    "session_id": "session-two",
                    "model": "claude-opus-4-5",
                    "cost": 2.0,
                },
            ),
            (
                "codex",
                {
                    "when": "2026-03-02T10:00:00Z",
                    "provider": "openai",
                    "model": CODEX,
                    "session_id": "thread-one",
                    "input_tokens": 50_000,
                },
            ),
            ("claude_code", {"when": "2026-03-03T10:00:00Z", "model": "mystery-1"}),
        ]
    ):
        values = dict(fields)
        when = str(values.pop("when"))
        account = {"claude_code": "claude-code", "codex": "codex-cli"}[source]
        daemon.call(
            "ingest_turn", source=source, account_id=account, turn=turn(number, when, **values)
        )


ALL = 4 * 1100 + 50_100


def test_h01_version() -> None:
    """H01: both spellings print the version, without a daemon and without starting one."""
    for arguments in (["version", "--no-autostart"], ["--version"]):
        done = openusage(*arguments)
        assert done.returncode == 0
        assert "openusage" in done.stdout
    assert not os.path.exists(locations.socket_path())


def test_h04_daily_rows_are_local_days(filled: Daemon) -> None:
    """H04, M04: ten minutes apart, two messages fall on two days of a zone with 45 minutes."""
    days = {
        row["key"]: row["total_tokens"] for row in answer("daily", "-z", "Asia/Kathmandu")["rows"]
    }
    assert days["2025-12-31"] == days["2026-01-01"] == 1100
    in_utc = {row["key"]: row["total_tokens"] for row in answer("daily", "-z", "UTC")["rows"]}
    assert in_utc["2025-12-31"] == 2200
    assert sum(days.values()) == sum(in_utc.values()) == ALL


def test_h05_weekly_week_start(filled: Daemon) -> None:
    """H05: Sunday the 1st of March is the last day of one week or the first of the next."""
    monday = [row["key"] for row in answer("weekly", "-z", "UTC")["rows"]]
    assert monday == ["2025-12-29", "2026-02-23", "2026-03-02"]
    sunday = [row["key"] for row in answer("weekly", "-z", "UTC", "--week-start", "sunday")["rows"]]
    assert sunday == ["2025-12-28", "2026-03-01"]
    refused = openusage("weekly", "--week-start", "tuesday")
    assert refused.returncode == 2
    assert "monday" in refused.stderr


def test_h06_monthly_is_local(filled: Daemon) -> None:
    """H06: the last quarter hour of a year in UTC is the next year in Nepal."""
    months = {row["key"] for row in answer("monthly", "-z", "Asia/Kathmandu")["rows"]}
    assert months == {"2025-12", "2026-01", "2026-03"}


def test_h07_sessions(filled: Daemon) -> None:
    """H07: one row per session, in the order of their last activity, adding up."""
    report = answer("session")
    assert [row["key"] for row in report["rows"]] == ["session-two", "thread-one", "session-one"]
    assert report["totals"]["total_tokens"] == ALL
    assert report["rows"][-1]["last_activity"] == "2026-03-03T10:00:00Z"


def test_h08_blocks_are_per_account_and_the_running_one_projects(growing: Daemon) -> None:
    """H08: a block of each tool; the one that runs says how long and what it will come to."""
    now = datetime.now(UTC)
    for number, minutes in enumerate((20, 10)):
        when = (now - timedelta(minutes=minutes)).isoformat()
        growing.call("ingest_turn", source="claude_code", account_id="claude-code",
                    turn=turn(100 + number, when))  # fmt: skip
    report = answer("blocks", "--since", "2025-01-01")
    running = [row for row in report["rows"] if row.get("active")]
    assert {row["account"] for row in running} == {"claude-code"}
    assert running[-1]["time_remaining_seconds"] > 0
    assert running[-1]["projected_cost_usd"] > running[-1]["cost_usd"]
    assert {row["account"] for row in report["rows"]} == {"claude-code", "codex-cli"}
    assert sum(row["total_tokens"] for row in report["rows"]) == ALL + 2200


def test_h09_range_is_inclusive(filled: Daemon) -> None:
    """H09: both ends are whole local days."""
    report = answer("daily", "-z", "UTC", "--since", "2026-03-01", "--until", "2026-03-02")
    assert [row["key"] for row in report["rows"]] == ["2026-03-01", "2026-03-02"]


def test_h10_filters_are_exact(filled: Daemon) -> None:
    """H10, M10: provider, project (worktrees folded in) and model; the totals follow."""
    home = Path(filled.env["HOME"])
    assert answer("daily", "--provider", "codex")["totals"]["total_tokens"] == 50_100
    assert answer("daily", "--project", "shop")["totals"]["total_tokens"] == 3300
    assert answer("daily", "--model", CODEX)["totals"]["total_tokens"] == 50_100
    here = answer("branches", "--project", ".", cwd=home / "shop-wt")
    assert {row["branch"]: row["total_tokens"] for row in here["rows"]} == {
        "main": 2200,
        "feature/login": 1100,
    }
    one = answer("branches", "--project", ".", "--branch", "feature/login", cwd=home / "shop")
    assert one["totals"]["cost_usd"] > 0
    wrong = openusage("daily", "--project", "shpo", "--no-autostart")
    assert wrong.returncode == 2
    assert "did you mean shop" in wrong.stderr


def test_h11_children_sum_to_their_parent(filled: Daemon) -> None:
    """H11: with and without a bound on their number."""
    for more in ([], ["--top-models", "1"]):
        (row,) = [row for row in answer("monthly", "-b", *more)["rows"] if row["key"] == "2026-03"]
        children = row["model_breakdown"]
        assert sum(child["total_tokens"] for child in children) == row["total_tokens"]
        assert sum(child["cost_usd"] for child in children) == pytest.approx(row["cost_usd"])
    assert [child["key"] for child in children] == [CODEX, "(others)"]


def test_h12_cost_modes_differ_as_defined(filled: Daemon) -> None:
    """H12: recomputed, as logged, logged else recomputed; another word is exit 2."""
    costs = {
        mode: answer("monthly", "--mode", mode, "--model", "claude-opus-4-5")["totals"]["cost_usd"]
        for mode in ("calculate", "display", "auto")
    }
    assert costs["display"] == costs["auto"] == 2.0
    assert costs["calculate"] == pytest.approx((1000 * 5 + 100 * 25) / 1e6)
    assert openusage("monthly", "--mode", "guess").returncode == 2


def test_h14_totals_are_the_sum_of_the_rows_and_the_dashboard_s(filled: Daemon) -> None:
    """H14: of every kind, and equal to what the dashboard reads."""
    everything = filled.call("read_model", window="all")["totals"]
    for kind in ("daily", "weekly", "monthly", "models", "projects", "branches", "session"):
        report = answer(kind)
        for name in ("total_tokens", "requests", "unpriced_requests"):
            assert sum(row[name] for row in report["rows"]) == report["totals"][name]
            assert report["totals"][name] == everything[name], (kind, name)
        assert report["totals"]["cost_usd"] == pytest.approx(everything["cost_usd"])


def test_h15_incomplete_sources_are_named(daemon: Daemon, home: Path) -> None:
    """H15: what cannot be read is named below the table, with exit 0."""
    store = home / ".local" / "share" / "opencode"
    store.mkdir(parents=True)
    (store / "opencode.db").write_bytes(b"no database at all" * 100)
    daemon.start()
    daemon.wait_idle()
    done = openusage("daily", "--no-autostart")
    assert done.returncode == 0
    assert "opencode" in done.stdout
    (source,) = [item for item in answer("daily")["sources"] if item["account"] == "opencode"]
    assert source["status"] == "error"
    assert source["note"]


def test_h16_nothing_but_the_report_is_piped(filled: Daemon) -> None:
    """H16: a pipe gets no colour, no progress and nothing on stderr; a terminal gets colour."""
    done = openusage("daily", "--no-autostart", TERM="xterm-256color")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "\x1b[" in on_terminal("daily", "--no-autostart")
    assert "\x1b[" not in on_terminal("daily", "--no-autostart", NO_COLOR="1")


def on_terminal(*arguments: str, **env: str) -> str:
    parent, child = pty.openpty()
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
        env={**os.environ, "TERM": "xterm-256color", **env},
    ) as process:
        os.close(child)
        chunks = []
        while True:
            try:
                chunk = os.read(parent, 65536)
            except OSError:  # Linux says so when the other end is gone
                break
            if not chunk:
                break
            chunks.append(chunk)
        process.wait(30)
    os.close(parent)
    return b"".join(chunks).decode()


def test_h17_export_is_private_and_complete(filled: Daemon, tmp_path: Path) -> None:
    """H17: JSON and CSV in files for the user only, with the same accounts."""
    target = tmp_path / "out" / "usage.json"
    assert openusage("export", "-o", str(target), "--window", "all").returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    document = json.loads(target.read_text())
    tokens = sum(item["usage"]["totals"]["total_tokens"] for item in document["snapshots"])
    assert tokens == ALL
    assert openusage("export", "--format", "csv").stdout.count("claude-code") >= 1


def test_h22_exit_codes(home: Path) -> None:
    """H22: a usage error is 2, no daemon is 3; both say what to do, on stderr alone."""
    for arguments, code, says in (
        (["daily", "--since", "yesterday"], 2, "YYYY-MM-DD"),
        (["daily", "-z", "Europe/Berlyn"], 2, "Europe/Berlin"),
        (["daly"], 2, "daily"),
        (["branches", "--pr", "x"], 2, "whole number"),
        (["daily", "--no-autostart"], 3, "openusaged start"),
        (["reconcile", "--no-autostart"], 3, "openusaged start"),
        (["report", "--html", "-", "--no-autostart"], 3, "openusaged start"),
    ):
        done = openusage(*arguments)
        assert (done.returncode, done.stdout) == (code, ""), arguments
        assert says in done.stderr, arguments


def test_m13_every_list_has_json(filled: Daemon) -> None:
    """M13: every report and the comparison print one JSON object."""
    for kind in ("session", "blocks", "models", "projects", "branches", "reconcile"):
        assert answer(kind)["schema_version"] == 1


def test_m18_unpriced_models_are_named(filled: Daemon) -> None:
    """M18: a model without a price is never $0: it is named, the total is marked."""
    assert answer("daily")["unpriced_models"] == ["mystery-1"]
    out = openusage("models", "--no-autostart").stdout
    assert "+? no price is known for: mystery-1." in out
    assert (
        answer("daily", "--since", "2026-03-02", "--until", "2026-03-02")["unpriced_models"] == []
    )


def test_page_of_a_real_daemon(filled: Daemon, tmp_path: Path) -> None:
    """The page has the same totals as the reports and names no address to load from."""
    target = tmp_path / "usage.html"
    assert openusage("report", "--html", str(target), "--no-autostart").returncode == 0
    text = target.read_text("utf-8")
    assert "54.5k" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "shop" in text
    redacted = openusage("report", "--html", "-", "--redact", "--no-autostart").stdout
    assert "shop" not in redacted
