"""Row H22: names that only the daemon can know are refused by every command that takes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openusage_client import command_docs
from tests.support.client import run_client
from tests.support.daemon import Daemon

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

NAMING = (
    *("--provider", "--account", "--project", "--model", "--branch", "--client"),
    *("--preset", "--segment", "--strategy", "--theme"),
)
LEAD = {
    "explain": ["total"],
    "report": ["--html", "-"],
    "tmux": ["--raw", "--no-cache", "--max-runtime", "20s"],
    "bar": ["--format", "waybar", "--max-runtime", "20s"],
    "demo": [],
}
FREE = {
    # whoever may bill for a model; a price is looked up by the maker's list then, and says so
    ("pricing", "--provider"),
    # what a new account, or a budget for what is yet to come, is called
    *(("accounts", flag) for flag in NAMING),
    *(("budget", flag) for flag in NAMING),
    # of a rule, too; `openusage alerts` says behind it when there is no such thing yet
    *(("alerts", flag) for flag in NAMING),
}
KEYS = (
    ["explain", "session", "nopx"],
    ["explain", "projects", "nopx"],
    ["explain", "models", "nopx"],
    ["explain", "branches", "nopx"],
    ["accounts", "enable", "nopx"],
    ["integrations", "install", "nopx", "--yes"],
    ["tmux", "presets", "--show", "nopx"],
)
HELP = ("known:", "did you mean", "found:", "there are:", "none of", "there is no", "lists them")


def test_h22_unknown_names_are_refused_with_those_there_are(home: Path, daemon: Daemon) -> None:
    """H22: exit 2 and a sentence with what there is, on every command and flag that names one."""
    (home / ".claude" / "projects").mkdir(parents=True)
    daemon.start()
    turn = {
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "message_id": "msg_1",
        "session_id": "one",
        "cwd": "/w/shop",
        "branch": "main",
        "input_tokens": 5,
        "output_tokens": 1,
    }
    daemon.call("ingest_turn", source="claude_code", account_id="claude-code", turn=turn)
    lines = [
        [doc.name, *LEAD.get(doc.name, []), f"{flag}=nopx"]
        for doc in command_docs.commands()
        for names in doc.flags
        for flag in names.names
        if doc.name and flag in NAMING and (doc.name, flag) not in FREE and not names.choices
    ]
    assert len(lines) > 50
    for line in (*lines, *KEYS):
        done = run_client(os.environ, *line, check=False)
        assert (done.returncode, done.stdout) == (2, ""), (line, done.stderr)
        assert any(words in done.stderr for words in HELP), (line, done.stderr)
        assert "nopx" in done.stderr or "of this name" in done.stderr, (line, done.stderr)
