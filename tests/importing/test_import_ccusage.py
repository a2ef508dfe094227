"""`openusaged import-ccusage` against a real daemon, and its reader alone."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from openusaged import cli
from openusaged.core.errors import ConfigError
from openusaged.importing import ccusage
from tests.support.daemon import Daemon

DATA = Path(__file__).resolve().parents[1] / "data" / "import"
CLAUDE, CODEX = os.fspath(DATA / "ccusage-claude.json"), os.fspath(DATA / "ccusage-codex.json")


def days(daemon: Daemon, zone: str = "UTC") -> dict[str, dict[str, Any]]:
    report = daemon.call("report", kind="daily", tz=zone, breakdown=True, breakdown_by="client")
    return {
        f"{row['key']} {child['key']}": child
        for row in report["rows"]
        for child in row["breakdown"]
    }


def test_only_days_without_logs_are_filled(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    """Imported days are marked and whole; the day of the log keeps the log's numbers."""
    assert cli.main(["import-ccusage", CLAUDE, "-z", "UTC"]) == 0
    said = capsys.readouterr().out
    assert "2 imported, 0 were there already" in said
    assert "1 left out: of days or sessions that are covered already" in said
    assert "3 left out" in said
    found = days(daemon)
    assert set(found) == {"2026-09-10 claude_code-ccusage", "2026-11-01 claude_code"}
    filled = found["2026-09-10 claude_code-ccusage"]
    assert (filled["input_tokens"], filled["output_tokens"]) == (500_000, 900)
    assert (filled["cache_read_tokens"], filled["cache_creation_tokens"]) == (1000, 40)


def test_a_sum_is_not_one_large_prompt(daemon: Daemon) -> None:
    """Half a million tokens of a day are priced as the small requests they were."""
    assert cli.main(["import-ccusage", CLAUDE, "-z", "UTC"]) == 0
    report = daemon.call("report", kind="models", tz="UTC", until="2026-09-30")
    cost = {row["key"]: row["cost_usd"] for row in report["rows"]}
    # 499,990 in at $3, 895 out at $15, 40 written at $3.75, 1,000 read at $0.30 per million
    assert cost["claude-sonnet-4-5-20250929"] == pytest.approx(1.513845)


def test_twice_is_once_and_a_longer_report_adds(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    """Importing again changes nothing; another tool's report comes beside."""
    assert cli.main(["import-ccusage", CLAUDE, "-z", "UTC"]) == 0
    once = days(daemon)
    assert cli.main(["import-ccusage", CLAUDE, "-z", "UTC"]) == 0
    assert days(daemon) == once
    assert cli.main(["import-ccusage", CODEX, "-z", "UTC"]) == 0
    codex = days(daemon)["2026-09-11 codex-ccusage"]
    # 2,000 with 1,500 from the cache; the output holds the reasoning
    assert (codex["input_tokens"], codex["cache_read_tokens"]) == (500, 1500)
    assert (codex["output_tokens"], codex["reasoning_tokens"]) == (100, 60)


def test_days_of_the_other_import_are_left_out(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A day from a Go database and the same day from ccusage are one, whichever came first."""
    path = tmp_path / "telemetry.db"
    connection = sqlite3.connect(path)
    connection.executescript((DATA / "go-schema.sql").read_text())
    connection.execute(
        "INSERT INTO usage_events (event_id, occurred_at, session_id, message_id, agent_name,"
        " event_type, status, input_tokens, dedup_key, raw_event_id, normalization_version)"
        " VALUES ('e', '2026-09-10T09:00:00Z', 's', 'msg_77', 'claude_code', 'message_usage', 'ok',"
        " 5, 'k', 'r', 'v1')"
    )
    connection.commit()
    connection.close()
    assert cli.main(["import-ccusage", CLAUDE, "-z", "UTC"]) == 0
    once = days(daemon)
    capsys.readouterr()
    assert cli.main(["import-go", os.fspath(path)]) == 0
    assert "0 imported" in capsys.readouterr().out
    assert days(daemon) == once


def test_days_are_those_of_the_zone(daemon: Daemon) -> None:
    """A day of ccusage's zone is the same day in a report of that zone, far from UTC as well."""
    zone = "Pacific/Kiritimati"
    assert cli.main(["import-ccusage", CODEX, "-z", zone]) == 0
    assert "2026-09-11 codex-ccusage" in days(daemon, zone)


def test_what_cannot_be_read(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every refusal is one sentence and no change."""
    text, other = tmp_path / "t.json", tmp_path / "o.json"
    text.write_text("{")
    other.write_text('{"weekly": []}')
    for arguments, words in (
        ([os.fspath(tmp_path / "none")], "No such file"),
        ([os.fspath(text)], "is no JSON"),
        ([os.fspath(other)], "ccusage daily --json"),
        ([CLAUDE, "-z", "Mars/Base"], "no time zone"),
    ):
        assert cli.main(["import-ccusage", *arguments]) == 1
        assert words in capsys.readouterr().err
    assert list(days(daemon)) == ["2026-11-01 claude_code"]


class TestReader:
    """The report's shapes, without a daemon."""

    def test_projects_of_a_day_are_added_up(self) -> None:
        """`--instances` lists a day once per project; a model's parts become one sum."""
        part = {"date": "2026-01-02", "modelBreakdowns": [{"modelName": "m", "outputTokens": 3}]}
        document = {"projects": {"a": [part], "b": [part, "odd"], "c": None}}
        (day,) = ccusage.day_sums(document, UTC)
        assert isinstance(day, ccusage.DaySum)
        assert (day.day, day.turn["output_tokens"]) == ("2026-01-02", 6)

    def test_odd_figures(self) -> None:
        """Negative, boolean and textual figures are no figures."""
        row = {"modelName": "m", "inputTokens": -5, "outputTokens": True, "cacheReadTokens": "9"}
        document = {"daily": [{"date": "2026-01-02", "modelBreakdowns": [row, 7]}]}
        assert list(ccusage.day_sums(document, UTC)) == ["a model without tokens"]

    def test_no_report_at_all(self) -> None:
        """A list or a number is told from a report."""
        for document in ([], 7, {"daily": 7}):
            with pytest.raises(ConfigError):
                list(ccusage.day_sums(document, UTC))

    def test_noon_of_a_day_is_inside_it(self) -> None:
        """A day with a clock change is still that day."""
        document = {"daily": [{"date": "2026-03-29", "modelBreakdowns": [{"outputTokens": 1}]}]}
        (day,) = ccusage.day_sums(document, ZoneInfo("Europe/Berlin"))
        assert isinstance(day, ccusage.DaySum)
        assert day.turn["occurred_at"] == 1_774_778_400_000
