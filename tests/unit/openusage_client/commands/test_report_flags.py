"""Flags of the reports beyond the plain ones: filters, breakdowns, orders, CSV, plans."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from openusage_client.commands.report import write_json
from tests.support import wire_samples
from tests.support.scripted_peer import ScriptedPeer
from tests.support.wire_json import plain

Run = Callable[..., tuple[int, str, str]]


def test_arrangement_reaches_the_daemon(run: Run, peer: ScriptedPeer) -> None:
    """Each flag is the parameter of the same meaning; the rest is left to the daemon."""
    run(
        *shlex.split(
            "branches --model opus --branch main --by account --top-models 3 --top 5 --sort tokens"
            " --order asc -z UTC --json"
        )
    )
    assert peer.params_of("report") == [
        {
            "kind": "branches",
            "tz": "UTC",
            "model": "opus",
            "branch": "main",
            "mode": "calculate",
            "breakdown": True,
            "breakdown_by": "account",
            "top_models": 3,
            "top": 5,
            "sort": "tokens",
            "order": "asc",
        }
    ]


def test_all_rows_can_be_asked_for(run: Run, peer: ScriptedPeer) -> None:
    """`--top 0` is sent: it means all, and is not the default of sessions."""
    run("session", "--top", "0", "--json")
    assert peer.params_of("report")[0]["top"] == 0


def test_project_paths_are_made_absolute(
    run: Run, peer: ScriptedPeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon does not stand where the user does; a name stays a name."""
    monkeypatch.chdir(tmp_path)
    for given in (".", "./src", "api"):
        run("daily", "--project", given, "--json")
    assert [params["project"] for params in peer.params_of("report")] == [
        str(tmp_path),
        str(tmp_path / "src"),
        "api",
    ]


def test_pull_request_outside_a_repository(
    run: Run, peer: ScriptedPeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a repository there is no branch to find: exit 2, nothing is asked."""
    monkeypatch.chdir(tmp_path)
    code, _, err = run("branches", "--pr", "#12")
    assert code == 2
    assert "git repository" in err
    assert peer.params_of("report") == []


def test_csv_is_pure(run: Run, peer: ScriptedPeer) -> None:
    """CSV has a line per row and child and nothing else."""
    code, out, err = run("daily", "--csv", "-b")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 3 + 2
    assert sum(int(row["total_tokens"]) for row in rows if not row["child"]) == (
        wire_samples.daily().totals.total_tokens
    )


def test_h13_offline_is_marked(run: Run, peer: ScriptedPeer) -> None:
    """H13: the result says that it was made without a network, in JSON and on the page."""
    document = json.loads(run("daily", "--offline", "--json")[1])
    assert document["offline"] is True
    assert "offline" in document["note"]
    assert "note: offline" in run("daily", "--offline")[1]
    assert "offline" not in json.loads(run("daily", "--json")[1])


def test_m17_plan_value(run: Run, peer: ScriptedPeer) -> None:
    """M17: what a plan costs against what its use would have cost."""
    out = run("monthly", "--plan", "$2")[1]
    assert "VALUE" in out
    assert "VALUE is the cost by list prices over the plan's $2.00." in out


def test_many_rows_are_one_line_each() -> None:
    """A large report is the same JSON, written a row a line."""
    rows = [wire_samples.row(f"s{number}", number) for number in range(300)]
    document = plain(wire_samples.report("session", rows))
    out = io.StringIO()
    write_json(document, out)
    assert json.loads(out.getvalue()) == document
    assert 300 <= len(out.getvalue().splitlines()) < 340


@pytest.mark.parametrize("kind", ["models", "projects", "branches"])
def test_new_kinds_print(run: Run, peer: ScriptedPeer, kind: str) -> None:
    """Each kind has a table with its own heading."""
    code, out, _ = run(kind)
    assert code == 0
    assert out.startswith(kind.capitalize())


def test_page_is_written_privately(run: Run, peer: ScriptedPeer, tmp_path: Path) -> None:
    """`report --html` asks once for each list and writes a file for the user only."""
    target = tmp_path / "usage.html"
    assert run("report", "--html", str(target), "--since", "2026-03-01") == (0, "", "")
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_text("utf-8").startswith("<!doctype html>")
    kinds = [params["kind"] for params in peer.params_of("report")]
    assert kinds == ["daily", "models", "projects", "session"]
    assert {params["since"] for params in peer.params_of("report")} == {"2026-03-01"}


def test_page_on_stdout_can_be_redacted(run: Run, peer: ScriptedPeer) -> None:
    """`--redact` leaves no account's or project's name on the page."""
    out = run("report", "--html", "-")[1]
    assert "Claude Code" in out
    redacted = run("report", "--html", "-", "--redact")[1]
    assert "Claude Code" not in redacted
    assert "api · main" not in redacted
    assert "names redacted" in redacted
    only = run("report", "--html", "-", "--account", "claude_code", "--provider", "claude_code")
    assert only[0] == 0
    assert peer.params_of("read_model")[-1]["accounts"] == ["claude_code"]


def test_page_needs_a_file(run: Run, peer: ScriptedPeer) -> None:
    """Without --html there is nothing to do: exit 2 with the flag's name."""
    code, _, err = run("report")
    assert code == 2
    assert "--html" in err
