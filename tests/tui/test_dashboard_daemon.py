"""The dashboard against the real daemon."""

from __future__ import annotations

import pytest

from tests.support.daemon import running_daemon
from tests.support.terminal import Terminal, dashboard

pytestmark = [pytest.mark.pty, pytest.mark.e2e]


def turn(ident, tokens):
    """One response of some tool that no account owns."""
    return {
        "event_type": "message_usage",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "session_id": "s1",
        "message_id": ident,
        "input_tokens": tokens,
        "output_tokens": 0,
        "requests": 1,
    }


def test_a_turn_is_on_the_screen_and_survives_kill_9_of_the_daemon():
    """Ingest, see it, kill the daemon, see the loss, restart it, see it again with one more."""
    with running_daemon() as daemon, Terminal(dashboard(), 100, 30) as terminal:
        terminal.wait_for("● live")
        daemon.call("ingest_turn", source="mytool", turn=turn("m1", 70_000))
        terminal.wait_for("70.0k tokens")
        daemon.kill()
        text = terminal.wait_for("daemon lost at")
        assert "70.0k tokens" in text
        daemon.start()
        daemon.call("ingest_turn", source="mytool", turn=turn("m2", 30_000))
        text = terminal.wait_for("100k tokens", 20)
        assert "● live" in text
        terminal.send("q")
        assert terminal.wait_exit() == 0
