"""
`import-go` beside the tools' own records: each response once, whichever of both has it.

The databases are what the Go OpenUsage makes of recorded homes of Codex and OpenCode: ids, times and
counts by its own rules.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openusaged import cli
from tests.support import codex_log
from tests.support.daemon import Daemon, running_daemon
from tests.support.go_rows import add, new_database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.measured

OPENCODE = (
    Path(__file__).resolve().parents[1]
    / "data/providers/opencode/captures/run-1.18.33/home/.local/share/opencode/opencode.db"
)
OTHER = "0199a000-0000-4000-8000-00000000cccc"
GONE = "0199a000-0000-4000-8000-00000000dddd"


def sums(daemon: Daemon) -> dict[str, tuple[int, ...]]:
    """Requests, input, cache read, cache written and output per model, imported or not."""
    return {
        row["key"]: (
            row["requests"],
            row["input_tokens"],
            row["cache_read_tokens"],
            row["cache_creation_tokens"],
            row["output_tokens"],
        )
        for row in daemon.call("report", kind="models", tz="UTC")["rows"]
    }


@pytest.fixture
def go_file(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.db"


class TestCodex:
    """Messages have no id of their own: the session decides.  Calls of tools have theirs."""

    @pytest.fixture
    def daemon(self, isolated_home: str) -> Iterator[Daemon]:
        """A daemon that holds a thread, its sub-agent, and one of a session it lost."""
        home = Path(isolated_home) / ".codex"
        counted = codex_log.usage(1000, 400, 50)
        call = codex_log.item(
            2, "function_call", name="exec_command", call_id="call_abcdefghijkl0001", arguments="{}"
        )
        output = codex_log.item(
            2.5, "function_call_output", call_id="call_abcdefghijkl0001", output="Exit code: 0"
        )
        codex_log.write(
            codex_log.rollout_path(home),
            [codex_log.meta(), codex_log.context(1), call, output,
             codex_log.record(3, counted, counted, "resp_1")],
        )  # fmt: skip
        spawned = {"subagent": {"thread_spawn": {"parent_thread_id": GONE, "depth": 1}}}
        codex_log.write(
            codex_log.rollout_path(home, codex_log.CHILD),
            [codex_log.meta(thread=codex_log.CHILD, session_id=GONE, source=spawned,
                            parent_thread_id=GONE, thread_source="subagent"),
             codex_log.context(1),
             codex_log.record(3, counted, counted, "resp_2", codex_log.CHILD)],
        )  # fmt: skip
        with running_daemon() as running:
            wait_until(lambda: sum(row[0] for row in sums(running).values()) == 2)
            yield running

    def row(self, connection: sqlite3.Connection, session: str, turn: str, **columns: Any) -> None:
        columns = {"turn_id": turn, "message_id": turn, "model_raw": "gpt-5.3-codex",
                   "input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 50,
                   **columns}  # fmt: skip
        at = "2026-06-01T10:00:03Z"
        add(connection, "codex", at, provider_id="codex", session_id=session, **columns)

    def test_a_held_session_is_left_out_and_another_of_its_day_is_taken(
        self, daemon: Daemon, go_file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """By header, by the rollout's name, and by the session of a sub-agent whose log is there."""
        before = sums(daemon)
        with new_database(go_file) as connection:
            self.row(connection, codex_log.PARENT, "t1")
            self.row(connection, f"rollout-2026-06-01T10-00-00-{codex_log.PARENT}", "t2")
            self.row(connection, GONE, "t3")
            self.row(connection, OTHER, "t4", input_tokens=7, cache_read_tokens=0, output_tokens=1)
        assert cli.main(["import-go", os.fspath(go_file)]) == 0
        said = capsys.readouterr().out
        assert "1 imported, 0 were there already" in said
        assert "3 left out: of days or sessions that are covered already" in said
        (model,) = before
        requests, *tokens = before[model]
        after = sums(daemon)[model]
        assert after == (requests + 1, tokens[0] + 7, tokens[1], tokens[2], tokens[3] + 1)
        assert cli.main(["import-go", os.fspath(go_file)]) == 0
        assert "0 imported, 1 were there already" in capsys.readouterr().out
        assert sums(daemon)[model] == after

    def test_calls_of_tools_meet_one_by_one(
        self, daemon: Daemon, go_file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A call that the log has is known, one of the same day that it has not is taken."""
        with new_database(go_file) as connection:
            for call in ("call_abcdefghijkl0001", "call_abcdefghijkl0002"):
                self.row(connection, codex_log.PARENT, "t1", event_type="tool_usage",
                         tool_call_id=call, message_id=call, tool_name="exec_command")  # fmt: skip
        assert cli.main(["import-go", os.fspath(go_file)]) == 0
        assert "1 imported, 1 were there already" in capsys.readouterr().out

    def test_a_session_that_only_a_hook_has_named_is_not_held(
        self, daemon: Daemon, go_file: Path
    ) -> None:
        """A turn without tokens says that there was a session, not that its usage is known."""
        payload = {"hook_event_name": "Stop", "session_id": OTHER, "turn_id": "t9", "cwd": "/w"}
        daemon.call("ingest_turn", source="codex", payload=payload)
        before = sums(daemon)
        with new_database(go_file) as connection:
            self.row(connection, OTHER, "t4")
        assert cli.main(["import-go", os.fspath(go_file)]) == 0
        (model,) = before
        assert sums(daemon)[model][0] == before[model][0] + 1


def as_go_would(source: Path, target: Path, *, by_hook: bool) -> None:
    """
    Rows of a database of OpenCode as the Go program stores them, copies of forks included.

    Its reader takes a message's first step and the time of that part, its hook the whole message and
    the time of its completion.  The recorded model was a mock that answered at once: what it really
    said is a second later here, as no model is quicker.
    """
    opened = sqlite3.connect(f"file:{source}?mode=ro&immutable=1", uri=True)
    query = (
        "SELECT m.id, m.session_id, m.data, s.time_created FROM message m"
        " JOIN session s ON s.id = m.session_id ORDER BY m.id"
    )
    steps = "SELECT data, time_created FROM part WHERE message_id = ? ORDER BY time_updated, id"
    with new_database(target) as connection:
        for ident, session, text, began in opened.execute(query).fetchall():
            message = json.loads(text)
            if message["role"] != "assistant":
                continue
            counted, at = message, message["time"].get("completed") or message["time"]["created"]
            for part, created in opened.execute(steps, (ident,)).fetchall():
                decoded = json.loads(part)
                if decoded["type"] == "step-finish" and not by_hook:
                    counted, at = decoded, created
                    break
            if message["time"]["created"] >= began:
                at += 1000
            tokens = counted["tokens"]
            add(connection, "opencode", iso(at), channel="hook" if by_hook else "sqlite",
                provider_id=message["providerID"], session_id=session, message_id=ident,
                turn_id=message["parentID"], model_raw=message["modelID"], requests=1,
                input_tokens=tokens["input"], output_tokens=tokens["output"],
                reasoning_tokens=tokens["reasoning"], cache_read_tokens=tokens["cache"]["read"],
                cache_write_tokens=tokens["cache"]["write"],
                cost_usd=counted.get("cost"))  # fmt: skip
    opened.close()


def iso(at_ms: int) -> str:
    """RFC 3339 with a fraction, as the Go program writes it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize("by_hook", [False, True], ids=["its-reader", "its-hook"])
class TestOpenCode:
    """A real home with a fork of two turns, a sub-agent, three providers and failed requests."""

    @pytest.fixture
    def home(self, isolated_home: str) -> Path:
        """OpenCode's data directory."""
        path = Path(isolated_home) / ".local/share/opencode"
        path.mkdir(parents=True)
        return path

    def test_beside_its_database_nothing_is_added(
        self, home: Path, go_file: Path, by_hook: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Each row is known by its id, or is a copy that a fork made."""
        shutil.copy(OPENCODE, home / "opencode.db")
        as_go_would(OPENCODE, go_file, by_hook=by_hook)
        with running_daemon() as daemon:
            daemon.wait_idle()
            before = sums(daemon)
            assert sum(row[0] for row in before.values()) >= 12
            assert cli.main(["import-go", os.fspath(go_file)]) == 0
            said = capsys.readouterr().out
            assert "0 imported" in said
            assert "4 left out: copies that forks made" in said
            assert sums(daemon) == before

    def test_without_its_database_nothing_is_missing(
        self, home: Path, go_file: Path, by_hook: bool
    ) -> None:
        """The import alone comes to what the tool's own records come to, also when both follow."""
        as_go_would(OPENCODE, go_file, by_hook=by_hook)
        with running_daemon() as daemon:
            daemon.wait_idle()
            assert cli.main(["import-go", os.fspath(go_file)]) == 0
            imported = sums(daemon)
            assert imported
            # found again later, each message meets what was imported of it
            shutil.copy(OPENCODE, home / "opencode.db")
            daemon.call("refresh", wait=True)
            wait_until(lambda: any(one["units"] for one in daemon.call("status")["sources"]), 20.0)
            daemon.call("refresh", wait=True)
            # a failed request without tokens is a request to OpenCode's reader only
            tokens = {model: row[1:] for model, row in sums(daemon).items()}
            assert tokens == {model: row[1:] for model, row in imported.items()}
