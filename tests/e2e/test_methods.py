"""Every method of the wire on a real daemon with a real home."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openusage_proto import locations
from openusage_proto.errors import RpcError
from openusage_proto.methods import ALL
from openusaged.storage.database import BUSY_TIMEOUT_S
from tests.support.claude_line import line
from tests.support.daemon import Daemon, forbid_polling, running_daemon
from tests.support.isolation import home_of_a_module, move_into
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


def write_one_session(home: str) -> None:
    """One transcript of Claude Code with one message."""
    projects = Path(home) / ".claude" / "projects" / "p"
    projects.mkdir(parents=True)
    (projects / "s.jsonl").write_text(line(1))
    forbid_polling()


@pytest.fixture
def daemon(isolated_home: str) -> Iterator[Daemon]:
    """A daemon that has read one message."""
    write_one_session(isolated_home)
    with running_daemon() as daemon:
        daemon.wait_idle()
        yield daemon


@pytest.fixture(scope="module")
def daemon_of_the_module() -> Iterator[Daemon]:
    """The same for tests that only read."""
    with home_of_a_module() as home:
        write_one_session(home)
        with running_daemon() as daemon:
            daemon.wait_idle()
            yield daemon


@pytest.fixture
def read_only(daemon_of_the_module: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The module's daemon, at home in this test."""
    move_into(daemon_of_the_module.env, monkeypatch)
    return daemon_of_the_module


def test_discover_lists_every_method(read_only: Daemon) -> None:
    """rpc.discover names exactly the methods of the protocol."""
    document = read_only.call("rpc.discover")
    assert {method["name"] for method in document["methods"]} == set(ALL)


def test_catalogue(read_only: Daemon) -> None:
    """Providers, accounts and settings say what there is and where it comes from."""
    providers = {item["id"]: item for item in read_only.call("providers")["providers"]}
    known = ["quota", "spend", "tokens", "history", "hooks"]
    assert providers["claude_code"]["capabilities"] == known
    assert providers["claude_code"]["dashboard_widget"]["gauges"]
    (account,) = read_only.call("accounts")["accounts"]
    assert account["account_id"] == "claude-code"
    assert account["enabled"] is True
    settings = read_only.call("settings_get")
    assert settings["path"] == locations.settings_path()
    assert settings["settings"]["telemetry"]["poll"] is False
    assert settings["warnings"] == []


def test_refresh_reads_what_is_new(daemon: Daemon, isolated_home: str) -> None:
    """A waiting refresh answers after everything new has been committed."""
    extra = Path(isolated_home) / ".claude" / "projects" / "p" / "t.jsonl"
    extra.write_text(line(2) + line(3))
    answer = daemon.call("refresh", wait=True, accounts=["claude-code", "nobody"])
    assert answer["accounts"] == ["claude-code"]
    model = daemon.call("read_model", window="all")
    assert model["totals"]["requests"] == 3


def test_if_seq_spares_the_answer(daemon: Daemon) -> None:
    """An unchanged store answers in a few bytes; an event makes it speak again."""
    first = daemon.call("read_model", window="7d", tz="UTC")
    again = daemon.call("read_model", window="7d", tz="UTC", if_seq=first["seq"])
    assert again["unchanged"] is True
    assert again["accounts"] == []
    turn = {"message_id": "m", "input_tokens": 5}
    daemon.call("ingest_turn", source="claude_code", turn=turn)
    changed = daemon.call("read_model", window="7d", tz="UTC", if_seq=first["seq"])
    assert changed["unchanged"] is False
    assert changed["seq"] > first["seq"]


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("read_model", {"tz": "Mars/Base"}, "Mars/Base"),
        ("read_model", {"window": "2d"}, "$.window"),
        ("read_model", {"since": "soon"}, "since"),
        ("report", {"kind": "daily", "until": "x"}, "until"),
        ("report", {"kind": "yearly"}, "$.kind"),
        ("sessions", {"limit": 0}, "limit"),
        ("sessions", {"offset": -1}, "offset"),
        ("ingest_turn", {"source": "x"}, "either turn or payload"),
        ("ingest_turn", {"source": "x", "turn": {}, "payload": {}}, "either turn or payload"),
        ("ingest_turn", {"source": "x", "turn": {"input_tokens": -1}}, "input"),
        ("ingest_turn", {"source": "nobody", "payload": {}}, "claude_code"),
        ("nothing", {}, "nothing"),
    ],
)
def test_bad_requests_are_told_what_and_where(
    read_only: Daemon, method: str, params: dict, words: str
) -> None:
    """Whatever is wrong with a request, the error names it."""
    with pytest.raises(RpcError) as caught:
        read_only.call(method, **params)
    assert words in caught.value.detail


def test_sessions(read_only: Daemon) -> None:
    """Sessions come with totals, models and times."""
    answer = read_only.call("sessions", tz="UTC")
    assert answer["total"] == 1
    (session,) = answer["sessions"]
    assert session["session_id"] == "s1"
    assert session["models"] == ["claude-sonnet-4-5"]
    assert session["totals"]["total_tokens"] == 11
    assert session["last_activity"] == "2026-11-01T10:00:00Z"
    assert read_only.call("sessions", since="2026-11-02", tz="UTC")["total"] == 0


def test_statusline_keeps_the_official_limits(daemon: Daemon) -> None:
    """The status line is rendered, and the limits in its input become the account's figures."""
    payload = {
        "session_id": "s1",
        "model": {"id": "claude-opus-5", "display_name": "Opus 5"},
        "context_window": {"used_percentage": 8},
        "rate_limits": {
            "five_hour": {"used_percentage": 23.5, "resets_at": 4_000_000_000},
            "seven_day": {"used_percentage": 41, "resets_at": 4_000_500_000},
        },
    }
    text = daemon.call("statusline", payload=payload, color=False)["text"]
    assert text.startswith("Opus 5")
    assert "week 41% used" in text

    def metrics() -> dict[str, float]:
        (account,) = daemon.call("read_model")["accounts"]
        return {metric["key"]: metric["used"] for metric in account["metrics"]}

    wait_until(lambda: metrics().get("usage_five_hour") == 23.5, 5, "the limits")
    # An idle session's older, lower figure of the same window changes nothing.
    payload["rate_limits"]["five_hour"]["used_percentage"] = 20
    daemon.call("statusline", payload=payload, color=False)
    payload["rate_limits"]["five_hour"]["used_percentage"] = 25
    daemon.call("statusline", payload=payload, color=False)
    wait_until(lambda: metrics().get("usage_five_hour") == 25, 5, "the newer limit")


def test_settings_are_reloaded(daemon: Daemon) -> None:
    """A changed settings file and SIGHUP take effect without a restart."""
    path = Path(locations.settings_path())
    document = {
        "telemetry": {"poll": False},
        "dashboard": {"providers": [{"account_id": "claude-code", "enabled": False}]},
    }
    path.write_text(json.dumps(document))

    def enabled() -> list[str]:
        accounts = daemon.call("accounts")["accounts"]
        return [item["account_id"] for item in accounts if item["enabled"]]

    wait_until(lambda: enabled() == [], 5, "the account to be switched off")
    path.write_text(json.dumps({"telemetry": {"poll": False}, "data": {"retention_days": "x"}}))
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until(lambda: enabled() == ["claude-code"], 5, "the account to return")
    assert "retention_days" in daemon.call("settings_get")["warnings"][0]
    assert any("retention_days" in text for text in daemon.call("status")["warnings"])


def test_status_describes_the_daemon(read_only: Daemon) -> None:
    """`status` reports everything its contract names with believable values."""
    status = read_only.call("status")
    assert status["pid"] == read_only.pid
    assert status["rss_bytes"] > 10_000_000
    assert status["cpu_s"] > 0
    assert status["database_bytes"] > 0
    assert status["events"]["stored"] == 1
    assert status["importing"]["finished_at"]
    (source,) = status["sources"]
    assert source["units"] == 1
    assert source["last_scan_at"]
    assert source["error"] == ""
    assert status["demo"] is False


def test_unmapped_source_is_listed(daemon: Daemon) -> None:
    """Another tool's turn is counted and listed, under nobody else's name."""
    turn = {"message_id": "m1", "provider": "anthropic", "model": "x-1", "input_tokens": 7}
    result = daemon.call("ingest_turn", source="my_tool", turn=turn)
    assert (result["accepted"], result["deduplicated"]) == (1, 0)
    result = daemon.call("ingest_turn", source="my_tool", turn=turn)
    assert (result["accepted"], result["deduplicated"]) == (0, 1)
    model = daemon.call("read_model", window="1d")
    (unmapped,) = model["unmapped"]
    assert unmapped["source"] == "my_tool"
    assert unmapped["suggestion"] == "claude_code"
    assert unmapped["totals"]["total_tokens"] == 7


def test_database_locked_by_another_program(daemon: Daemon) -> None:
    """While somebody else holds the write lock only the event waits; everything else is answered."""
    turn = {"message_id": "before", "input_tokens": 1, "model": "m"}
    assert daemon.call("ingest_turn", source="mine", turn=turn)["accepted"] == 1
    with (
        closing(sqlite3.connect(locations.database_path(), isolation_level=None)) as other,
        daemon.wire() as sender,
        daemon.wire(BUSY_TIMEOUT_S - 1) as asker,
    ):
        other.execute("BEGIN IMMEDIATE")
        request = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "ingest_turn",
            "params": {"source": "mine", "turn": {**turn, "message_id": "while locked"}},
        }
        sender.send(json.dumps(request).encode() + b"\n")
        # the writer waits for the lock, nobody waits for the writer
        wait_until(lambda: asker.call("status")["queues"]["commit"] == 1)
        assert asker.call("read_model")["seq"] > 0
        other.execute("ROLLBACK")
        assert sender.read_message()["result"]["accepted"] == 1
    assert daemon.call("ingest_turn", source="mine", turn=turn)["deduplicated"] == 1
