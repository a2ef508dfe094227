"""`openusaged import-go` against a real daemon and a database with the Go OpenUsage's schema."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from openusaged import cli
from openusaged.core.errors import LifecycleError
from openusaged.importing import go_database
from openusaged.importing.sending import Sender, Tally
from tests.support.claude_line import line
from tests.support.daemon import Daemon
from tests.support.go_rows import add, new_database
from tests.support.hook_socket import HookSocket, close_at_once
from tests.support.waiting import wait_until


@pytest.fixture
def go_file(tmp_path: Path) -> Path:
    """A history with every kind of row that matters."""
    path = tmp_path / "telemetry.db"
    with new_database(path) as connection:
        fill(connection)
    return path


def fill(connection: sqlite3.Connection) -> None:
    """Every kind of row that matters."""
    claude = {
        "provider_id": "anthropic",
        "account_id": "claude-code",
        "model_raw": "claude-sonnet-4-5",
    }
    # Held: the log of this machine has it (10 and 1 tokens); the copy of a fork has another key.
    for session in ("s1", "fork"):
        add(connection, "claude_code", "2026-11-01T10:00:00Z", **claude, session_id=session,
            message_id="msg_1", turn_id="req_1", input_tokens=10, output_tokens=1)  # fmt: skip
    # Gone from the logs; its cost is the Go program's own estimate.
    add(connection, "claude_code", "2026-10-01T10:00:00.123456789Z", **claude, session_id="s0",
        message_id="msg_9", turn_id="req_9", input_tokens=100, cache_read_tokens=50,
        cache_write_tokens=20, output_tokens=5, total_tokens=175, cost_usd=99.0)  # fmt: skip
    add(connection, "claude_code", "2026-10-01T10:00:00Z", **claude, session_id="s0",
        event_type="tool_usage", tool_call_id="req_9|tool|toolu_9", tool_name="mcp__git__log",
        requests=1)  # fmt: skip
    # Without an id of the vendor: only for days that are not held.
    for at in ("2026-11-01T11:00:00Z", "2026-09-01T11:00:00Z"):
        add(connection, "claude_code", at, **claude, session_id="s1", message_id=f"s1:{at}",
            input_tokens=7, output_tokens=1)  # fmt: skip
    # The Go program shows these two as one.
    for workspace in ("shop", "shop-copy"):
        add(connection, "codex", "2026-09-02T10:00:00Z", provider_id="codex", session_id="c1",
            account_id="codex-cli", workspace_id=workspace, turn_id="t1", message_id="t1",
            model_raw="gpt-5", input_tokens=1000, cache_read_tokens=400, output_tokens=50,
            reasoning_tokens=20)  # fmt: skip
    add(connection, "opencode", "2026-09-03T10:00:00Z", provider_id="openrouter", session_id="o1",
        message_id="msg_oc", model_raw="x/y", input_tokens=10, output_tokens=10,
        reasoning_tokens=5, cost_usd=0.25)  # fmt: skip
    # Says nothing that could be counted.
    add(connection, "claude_code", "2026-09-03T10:00:00Z", **claude, message_id="msg_0",
        input_tokens=0)  # fmt: skip
    add(connection, "cursor", "soon", message_id="cursor-bubble:1", input_tokens=5)
    add(connection, "cursor", "0001-01-01T00:00:00Z", message_id="cursor-bubble:2", input_tokens=5)
    add(connection, "provider_poller", "2026-09-03T10:00:00Z", event_type="limit_snapshot",
        turn_id="snapshot:x")  # fmt: skip


def days(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """Totals by day and client."""
    report = daemon.call("report", kind="daily", tz="UTC", breakdown=True, breakdown_by="client")
    return {
        f"{row['key']} {child['key']}": child
        for row in report["rows"]
        for child in row["breakdown"]
    }


def four(row: dict[str, Any]) -> tuple[int, int, int, int]:
    return (
        row["input_tokens"],
        row["cache_read_tokens"],
        row["cache_creation_tokens"],
        row["output_tokens"],
    )


def test_import_go_counts_what_is_gone_and_nothing_twice(
    daemon: Daemon, go_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Days whose logs are gone come back in our buckets; what a log holds stays as it was."""
    before = go_file.read_bytes()
    assert cli.main(["import-go", str(go_file)]) == 0
    said = capsys.readouterr().out
    # msg_9, toolu_9, the row of September without an id, one of codex, one of opencode
    assert "5 imported, 3 were there already" in said
    assert "1 left out: of days or sessions" in said
    assert "3 left out: without tokens" in said
    found = days(daemon)
    assert {name: four(row) for name, row in found.items()} == {
        "2026-09-01 claude_code-go": (7, 0, 0, 1),
        "2026-09-02 codex-go": (600, 400, 0, 50),
        "2026-09-03 opencode-go": (10, 0, 0, 15),
        "2026-10-01 claude_code-go": (100, 50, 20, 5),
        "2026-11-01 claude_code": (20, 0, 0, 3),
    }
    recorded = daemon.call("report", kind="daily", tz="UTC", mode="display")
    costs = {row["key"]: row["cost_usd"] for row in recorded["rows"]}
    assert costs["2026-09-03"] == pytest.approx(0.25)
    assert costs["2026-10-01"] == 0
    assert go_file.read_bytes() == before


def test_import_go_twice_is_once(
    daemon: Daemon, go_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run, after one that may have been interrupted, changes no number."""
    assert cli.main(["import-go", str(go_file)]) == 0
    once = days(daemon)
    capsys.readouterr()
    assert cli.main(["import-go", str(go_file)]) == 0
    assert "0 imported, 8 were there already" in capsys.readouterr().out
    assert days(daemon) == once


def test_a_log_that_comes_back_replaces_what_was_imported(
    daemon: Daemon, go_file: Path, isolated_home: str
) -> None:
    """The same response, found in a restored log, is not counted beside the import."""
    assert cli.main(["import-go", str(go_file)]) == 0
    before = sum(row["requests"] for row in days(daemon).values())
    restored = Path(isolated_home) / ".claude" / "projects" / "-w" / "s0.jsonl"
    restored.write_text(line(9).replace("2026-11-01", "2026-10-01"))
    day = "2026-10-01 claude_code-go"
    assert wait_until(lambda: days(daemon)[day]["output_tokens"] == 9, 20.0)
    found = days(daemon)
    assert found[day]["input_tokens"] == 10
    assert sum(row["requests"] for row in found.values()) == before


def test_files_that_are_none(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file, a text and another program's database are refused with a sentence each."""
    text, other = tmp_path / "text", tmp_path / "other.db"
    text.write_text("hello " * 300)
    sqlite3.connect(other).execute("CREATE TABLE t (x)").connection.close()
    for path, words in (
        (tmp_path / "none.db", "there is no file"),
        (text, "not a database"),
        (other, "is not a database of the Go OpenUsage"),
    ):
        assert cli.main(["import-go", os.fspath(path)]) == 1
        assert words in capsys.readouterr().err


def test_many_rows_and_one_that_the_daemon_refuses(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More than a batch arrives whole; what is refused is counted by its reason and stops nothing."""
    path = tmp_path / "telemetry.db"
    with new_database(path) as connection:
        for number in range(1203):
            add(connection, "claude_code", f"2026-08-01T10:{number // 60:02}:{number % 60:02}Z",
                message_id=f"msg_many{number}", output_tokens=1)  # fmt: skip
        add(connection, "claude_code", "2026-08-01T11:00:00Z", message_id="msg_absurd",
            output_tokens=1 << 60)  # fmt: skip
    assert cli.main(["import-go", os.fspath(path)]) == 0
    said = capsys.readouterr().out
    assert "1203 imported, 0 were there already" in said
    assert "1 refused: output: must not exceed" in said
    assert four(days(daemon)["2026-08-01 claude_code-go"]) == (0, 0, 0, 1203)


def test_a_daemon_that_goes_away_is_said(tmp_path: Path) -> None:
    """What has not been answered is not taken for done; a failure of our own sends nothing more."""
    path = str(tmp_path / "s.sock")
    with HookSocket(path, close_at_once) as listener:
        with (
            pytest.raises(LifecycleError, match="run the import again"),
            Sender(path, Tally()) as one,
        ):
            one.send("mine", "", {"message_id": "m"})
        sent = len(listener.lines)
        with pytest.raises(KeyError):
            send_and_fail(path)
        assert len(listener.lines) == sent


def send_and_fail(path: str) -> None:
    with Sender(path, Tally()) as one:
        one.send("mine", "", {"message_id": "m"})
        raise KeyError


class TestRows:
    """Single rows, without a daemon."""

    def row(self, **columns: Any) -> dict[str, Any]:
        names = go_database._QUERY.split("FROM")[0].replace("SELECT", "").split(",")
        blank = {name.split()[-1].rpartition(".")[2]: None for name in names}
        return {
            **blank,
            "source": "gemini_cli",
            "event_type": "message_usage",
            "occurred_at": "2026-01-05T10:00:00Z",
            "status": "ok",
            "dedup_key": "k",
            **columns,
        }

    def turn(self, **columns: Any) -> Any:
        item = go_database.imported(self.row(**columns))
        assert isinstance(item, go_database.Imported), item
        return item.turn

    def test_gemini_counts_its_cache_inside_and_its_thoughts_outside(self) -> None:
        """Input loses what came from the cache, output gains what was thought."""
        turn = self.turn(
            input_tokens=100, cache_read_tokens=30, output_tokens=5, reasoning_tokens=2
        )
        assert (turn["input_tokens"], turn["output_tokens"]) == (70, 7)
        assert (turn["provider"], turn["reasoning_tokens"]) == ("google", 2)

    def test_copilot_counts_cache_writes_inside_as_well(self) -> None:
        """All of it is disjoint afterwards, and never negative."""
        turn = self.turn(
            source="copilot", input_tokens=100, cache_read_tokens=30, cache_write_tokens=20,
            output_tokens=5, reasoning_tokens=2,
        )  # fmt: skip
        assert (turn["input_tokens"], turn["output_tokens"]) == (50, 5)
        assert self.turn(source="copilot", input_tokens=1, cache_read_tokens=3)["input_tokens"] == 0

    def test_unknown_stays_unknown(self) -> None:
        """A count that the row lacks is not zero; odd types are unknown, too."""
        turn = self.turn(output_tokens=5, input_tokens="many", cache_read_tokens=-4)
        assert turn["input_tokens"] is None
        assert turn["cache_read_tokens"] is None
        assert turn["reasoning_tokens"] is None

    def test_rows_without_any_id(self) -> None:
        """Their key in the Go database is what keeps them apart."""
        assert self.turn(source="cursor", output_tokens=1)["message_id"] == "cursor:k"

    def test_status_and_agent(self) -> None:
        """A word that we do not know is unknown; only sub-agents have a name."""
        turn = self.turn(output_tokens=1, status="weird", agent_name="gemini_cli")
        assert (turn["status"], turn["agent"]) == ("unknown", "")
        assert self.turn(output_tokens=1, agent_name="reviewer")["agent"] == "reviewer"
