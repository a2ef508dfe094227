"""The detail screens on a real terminal: every key, and the whole way down against the daemon."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openusage_client.tui import keymap
from openusage_proto import methods
from tests.support import detail_samples as details
from tests.support import screen_samples as samples
from tests.support.daemon import running_daemon
from tests.support.scripted_peer import ModelPeer
from tests.support.terminal import Terminal, dashboard, key_bytes

pytestmark = pytest.mark.pty

# Through which keys each of the screens is reached from the overview.
OPENERS = {"detail": "\r", "drill": "\r" + "\x1bOB" * 5 + "\r", "explain": "e"}


@pytest.fixture
def server(socket_path):
    """A daemon with three accounts that can say more about the first."""
    answers = {
        methods.ACTIVITY: details.activity(),
        methods.SERIES: details.series(),
        methods.EXPLAIN: details.explanation(events="two"),
    }
    with ModelPeer(socket_path, samples.model(samples.accounts(3)), **answers) as running:
        yield running


@pytest.mark.parametrize("context", OPENERS)
def test_every_key_of_the_detail_screens_works(server, context):
    """Each key is taken without an error, and the program still answers."""
    with Terminal(dashboard(), 100, 30) as terminal:
        terminal.wait_for("● live")
        for row in keymap.rows(context):
            if row.command == "quit":
                continue
            for key in row.keys:
                terminal.send(OPENERS[context] + key_bytes(key))
                terminal.send("\x7f\x7f\x7f\x7f")
        terminal.send("gr")
        terminal.wait_for("refreshing 1 account")
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_charts_are_asked_for_only_while_the_page_is_open(server):
    """Nothing beside the read model on the overview; days and points on the page."""
    with Terminal(dashboard(), 100, 40) as terminal:
        terminal.wait_for("● live")
        terminal.send("\r")
        terminal.wait_for("Heat maps")
        (asked,) = server.params_of(methods.ACTIVITY)
        assert (asked["account"], asked["window"]) == ("claude-1", "30d")
        terminal.send("w")
        terminal.wait_until(lambda _text: len(server.params_of(methods.ACTIVITY)) == 2)
        terminal.send("\x1b")
        terminal.wait_until(lambda text: "Limits used" not in text)
        assert server.params_of(methods.EXPLAIN) == []
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_resizes_while_a_chart_is_in_focus(server):
    """A storm of sizes, tiny ones among them, and the cursor still moves."""
    with Terminal(dashboard(), 100, 40) as terminal:
        terminal.wait_for("● live")
        terminal.send("\r")
        terminal.wait_for("Heat maps")
        terminal.send("\t" * 9)
        for columns, lines in ((50, 12), (20, 5), (200, 60), (8, 2), (80, 24), (100, 40)):
            terminal.resize(columns, lines)
            terminal.send("\x1bOD")
        terminal.wait_for("▸")
        terminal.send("q")
        assert terminal.wait_exit() == 0


def _bare(text: str) -> str:
    """The screen without the spaces behind its lines."""
    return "".join(line.rstrip() + "\n" for line in text.split("\n"))


def message(number: int, at: datetime, model: str) -> str:
    """One line of a Claude Code log."""
    return json.dumps({
        "type": "assistant", "timestamp": at.isoformat().replace("+00:00", "Z"),
        "sessionId": "0198c1d2-6f1c-7bd4-a001", "requestId": f"req_{number}", "cwd": "/w/harbour",
        "message": {
            "id": f"msg_{number}", "model": model, "role": "assistant", "type": "message",
            "usage": {"input_tokens": 1000 * number, "output_tokens": 100},
        },
    })  # fmt: skip


@pytest.mark.e2e
def test_from_a_log_line_down_to_its_turn_against_the_daemon(isolated_home):
    """A model, its day, its session, its turns, and where the number comes from, with real sums."""
    folder = Path(isolated_home, ".claude", "projects", "-w-harbour")
    folder.mkdir(parents=True)
    now = datetime.now(UTC).replace(microsecond=0)
    lines = [message(n, now - timedelta(minutes=5 - n), "claude-sonnet-4-5") for n in (1, 2, 3)]
    (folder / "0198c1d2-6f1c-7bd4-a001.jsonl").write_text("\n".join(lines) + "\n")
    with running_daemon({"TZ": "UTC"}), Terminal(dashboard("-z", "UTC"), 100, 40) as terminal:
        terminal.wait_for("6.3k tokens")
        terminal.send("\r")
        terminal.wait_for("Resets" if "Resets" in terminal.text() else "About")
        terminal.send("\x1bOB")
        terminal.wait_for("▸")
        terminal.send("\r")
        terminal.wait_until(lambda text: "Claude Code  days" in text and " 3 req\n" in _bare(text))
        terminal.send("\x1bOB\r")
        terminal.wait_until(lambda text: "  sessions" in text and "0198c1d2-6f1" in text)
        terminal.send("\x1bOB\r")
        text = terminal.wait_for("3 turns")
        assert "in 3.0k" in text
        assert "in 1.0k" in text
        terminal.send("e")
        text = terminal.wait_for("Read from")
        assert "Total tokens" in text
        assert "x $3.00/M" in text
        assert "3 events from the log or database of the tool" in text
        terminal.send("q")
        assert terminal.wait_exit() == 0
