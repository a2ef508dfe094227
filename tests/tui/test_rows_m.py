"""Rows M of the feature table that live in the dashboard, on a real terminal and a real daemon."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from openusage_client.tui import theme
from openusage_client.tui.theme_files import find
from openusage_client.tui.views import gauge
from openusage_proto import locations
from tests.support.daemon import running_daemon
from tests.support.noon import zone_where_it_is_noon
from tests.support.terminal import Terminal, dashboard
from tests.support.waiting import wait_until

ZONE = zone_where_it_is_noon()
pytestmark = [pytest.mark.pty, pytest.mark.e2e]

SONNET = "claude-sonnet-4-5"
AA = 4.5
"""WCAG's least contrast of text on its background."""


def turn(number: int, days_ago: float, session: str, tokens: int) -> dict[str, Any]:
    """One message."""
    return {
        "occurred_at": (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(),
        "provider": "anthropic",
        "model": SONNET,
        "session_id": session,
        "message_id": f"msg_{number}",
        "cwd": f"/w/{session}",
        "input_tokens": tokens,
        "output_tokens": 0,
    }


@pytest.fixture
def machine(isolated_home):
    """Claude Code with three sessions and limits, Codex without anything."""
    home = Path(isolated_home)
    (home / ".claude" / "projects").mkdir(parents=True)
    (home / ".codex" / "sessions").mkdir(parents=True)
    settings = Path(locations.settings_path())
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"telemetry": {"poll": False}}))
    with running_daemon({"TZ": ZONE}) as daemon:
        for number, (days_ago, session, tokens) in enumerate(
            [(0, "harbour", 41_000), (2, "lighthouse", 12_000), (3, "lighthouse", 3000)]
        ):
            daemon.call(
                "ingest_turn",
                source="claude_code",
                account_id="claude-code",
                turn=turn(number, days_ago, session, tokens),
            )
        limits = {
            "five_hour": {"used_percentage": 42, "resets_at": time.time() + 7230},
            "seven_day": {"used_percentage": 12, "resets_at": time.time() + 259_200},
        }
        daemon.call("statusline", payload={"session_id": "x", "rate_limits": limits})
        daemon.call(
            "ingest_turn", source="claude_code", payload={"session_id": "x", "rate_limits": limits}
        )
        yield daemon


def test_m03_a_light_theme_is_readable_to_the_last_letter(machine):
    """M03: every letter on the screen has the contrast that reading needs, on a light ground."""
    assert theme.luminance(find("openusage-light", {}).colours["base"]) > 0.5
    with Terminal(dashboard("--theme", "openusage-light"), 100, 30) as terminal:
        terminal.wait_for("Claude Code")
        terminal.wait_until(lambda _text: terminal.screen.buffer[29][99].bg == "ffffff")
        poor = set()
        for row in terminal.screen.buffer.values():
            for cell in row.values():
                front, back = (cell.bg, cell.fg) if cell.reverse else (cell.fg, cell.bg)
                if cell.data.isalnum() and "default" not in (front, back):
                    found = theme.contrast(f"#{front}", f"#{back}")
                    if found < AA:
                        poor.add((cell.data, front, back, round(found, 2)))
        assert not poor
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_m05_a_chart_is_read_out_and_a_number_followed_down(machine):
    """M05: the cursor of a chart says the day and its values; a model opens day, session, turn."""
    today = datetime.now(ZoneInfo(ZONE))
    with Terminal(dashboard("-z", ZONE, "--window", "7d"), 100, 60) as terminal:
        terminal.wait_for("56.0k tokens")
        terminal.send("\r")
        terminal.wait_for("Tokens per day")
        newest = f"{today:%a %b} {today.day}: 41.0k tokens"
        for _ in range(12):
            top = terminal.text()
            if newest in top:
                break
            terminal.send("\t")
            terminal.wait_until(lambda text, top=top: text != top)
        terminal.wait_for(newest)
        terminal.send("\x1bOD\x1bOD")
        before = today - timedelta(days=2)
        terminal.wait_for(f"{before:%a %b} {before.day}: 12.0k tokens")
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_m09_sessions_are_listed_filtered_and_opened(machine):
    """M09: the sessions of the window, newest first; one opens with its turns."""
    with Terminal(dashboard("-z", ZONE), 110, 30) as terminal:
        terminal.wait_for("Claude Code")
        terminal.send("s")
        text = terminal.wait_for("2 sessions")
        assert text.index("harbour") < text.index("lighthouse")
        terminal.send("/light\r")
        terminal.wait_for("1 session")
        terminal.wait_until(lambda text: "harbour" not in text)
        terminal.send("\r")
        text = terminal.wait_for("12.0k ")
        assert "  3.0k" in text
        terminal.send("q")
        assert terminal.wait_exit() == 0


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_m15_compact_is_one_line_per_account(machine, columns):
    """M15: name, tightest window with "used" and its reset, and usage, in one line each."""
    machine.call("settings_update", changes={"dashboard": {"view": "compact"}})
    with Terminal(dashboard("-z", ZONE), columns, 16) as terminal:
        figures = {40: "42% used", 60: "42% used", 80: r"42% used .*41\.0k +56\.0k +56\.0k"}
        line = re.compile(f"Claude.*{figures[columns]}")
        text = terminal.wait_until(lambda text: line.search(text) is not None, what=line.pattern)
        assert len([row for row in text.splitlines() if "Claude" in row]) == 1
        assert len([row for row in text.splitlines() if "Codex" in row]) == 1
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_m06_limits_say_what_is_left_at_a_key(machine):
    """M06: one key turns every limit from used to left, bar and words, and it stays so."""

    def kept(value: bool) -> None:
        def stored() -> bool:
            settings = machine.call("settings_get")["settings"]
            return settings["dashboard"].get("show_remaining", False) is value

        wait_until(stored, 10.0, "the setting")

    with Terminal(dashboard("-z", ZONE), 100, 40) as terminal:
        terminal.wait_for("42% used")
        terminal.send("u")
        text = terminal.wait_for("58% left")
        assert "88% left" in text
        assert "% used" not in text
        assert "limits show what is left" in text
        kept(True)
        terminal.send("\r")
        terminal.wait_for("Limits left")
        terminal.send("u")
        text = terminal.wait_for("Limits used so far")
        assert "42% used" in text
        kept(False)
        terminal.send("u")
        terminal.wait_for("Limits left")
        kept(True)
        terminal.send("q")
        assert terminal.wait_exit() == 0
    for view, words in (("compact", "58% left"), ("split", "58% left"), ("grid", "58% left")):
        machine.call("settings_update", changes={"dashboard": {"view": view}})
        with Terminal(dashboard("-z", ZONE), 100, 40) as terminal:
            assert "42% used" not in terminal.wait_for(words)
            terminal.send("q")
            assert terminal.wait_exit() == 0


@pytest.mark.parametrize(
    ("percent", "used", "left"),
    [
        (0.0, "0% used", "100% left"),
        (42.7, "42% used", "57% left"),
        (130.0, "130% used", "0% left"),
    ],
)
def test_m06_words_of_a_share(percent, used, left):
    """M06: both ways are rounded down, and nothing is left of what is used up."""
    assert gauge.share_words(percent, left=False) == used
    assert gauge.share_words(percent, left=True) == left
