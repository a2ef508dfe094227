"""`openusage tmux watch`: messages when figures pass marks, seen when they are stored."""

from __future__ import annotations

import argparse
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from openusage_client import tmux_live
from openusage_client.commands import tmux as command
from openusage_client.errors import EXIT_FAILURE, ConnectionLost
from openusage_client.rpc import Connection
from openusage_proto import methods
from tests.support.scripted_peer import Hangup, ScriptedPeer
from tests.support.waiting import wait_until


def line(**values: float) -> dict[str, Any]:
    """The answer of `line` with these figures."""
    return {"text": json.dumps({"text": "", "values": {"tool": "Claude Code", **values}})}


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a tmux with one client is told, a line each."""
    told = tmp_path / "told"
    told.touch()
    program = tmp_path / "bin" / "tmux"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = list-clients ]; then echo {tmp_path}/tty; else echo "$*" >> {told}; fi\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return told


def options(*arguments: str) -> argparse.Namespace:
    """The flags as the command reads them."""
    parser = argparse.ArgumentParser()
    command.configure(parser, "tmux")
    return parser.parse_args(["watch", *arguments])


def scripted(*lines: Any, alerts: dict[str, Any] | None = None) -> dict[str, Any]:
    """A daemon's answers to a watcher."""
    return {
        methods.SETTINGS_GET: {"settings": {"tmux": {"alerts": alerts or {}}}},
        methods.SUBSCRIBE: {"seq": 1, "subscribed": True},
        methods.LINE: list(lines),
    }


class Watcher(threading.Thread):
    """`watch` on a thread of its own."""

    def __init__(self, *arguments: str) -> None:
        super().__init__(daemon=True)
        self.options = options(*arguments)
        self.code: int | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with Connection() as connection:
                self.code = tmux_live.watch(connection, self.options)
        except ConnectionLost as error:
            self.error = error


def test_news_are_seen_when_they_are_pushed(said: Path) -> None:
    """Ten minutes are the longest time between two looks, and a push ends it at once."""
    with ScriptedPeer(scripted(line(block_pct=20.0), line(block_pct=95.0))) as peer:
        watcher = Watcher("--interval", "600", "--rounds", "2")
        watcher.start()
        wait_until(lambda: len(peer.params_of(methods.LINE)) == 1, 10, "the first look")
        assert said.read_text() == ""
        peer.push(methods.READ_MODEL_CHANGED, seq=2)
        watcher.join(30)
        assert watcher.code == 0
    assert "95% of the 5-hour limit used" in said.read_text()
    assert [item["method"] for item in peer.requests][:3] == [
        methods.SETTINGS_GET,
        methods.SUBSCRIBE,
        methods.LINE,
    ]


def test_a_burst_of_pushes_is_one_look(said: Path) -> None:
    """A store that pushes ten times a second is not asked ten times a second."""
    assert said.read_text() == ""
    with ScriptedPeer(scripted(line(block_pct=20.0))) as peer:
        watcher = Watcher("--interval", "600")
        watcher.start()
        wait_until(lambda: len(peer.params_of(methods.LINE)) == 1, 10, "the first look")
        for seq in range(2, 12):
            peer.push(methods.READ_MODEL_CHANGED, seq=seq)
        wait_until(lambda: len(peer.params_of(methods.LINE)) == 2, 10, "the second look")
        peer.answers[methods.LINE] = Hangup()
        peer.push(methods.READ_MODEL_CHANGED, seq=12)
        watcher.join(30)
        assert len(peer.params_of(methods.LINE)) == 3
    assert isinstance(watcher.error, ConnectionLost)


def test_time_alone_is_a_reason_to_look(said: Path) -> None:
    """Minutes left in the block move although nothing is stored: the interval bounds the wait."""
    answers = scripted(line(block_remaining=960.0), line(block_remaining=900.0))
    with ScriptedPeer(answers) as peer:
        watcher = Watcher("--interval", "1", "--rounds", "2", "--minutes-left", "15")
        watcher.start()
        watcher.join(30)
        assert watcher.code == 0
        assert len(peer.params_of(methods.LINE)) == 2
    assert "15 min left in block" in said.read_text()


def test_settings_say_how_and_when(said: Path, tmp_path: Path) -> None:
    """`tmux.alerts` has the marks and the manner; a bell goes to every client's terminal."""
    terminal = tmp_path / "tty"
    terminal.touch()
    alerts = {"mode": "bell", "burn_rate_per_hour": 2.0}
    with ScriptedPeer(scripted(line(burn_rate=2.5), alerts=alerts)):
        watcher = Watcher("--rounds", "1")
        watcher.start()
        watcher.join(30)
    assert terminal.read_bytes() == b"\a"
    assert said.read_text() == ""


def test_a_mark_speaks_once_until_it_is_passed_anew() -> None:
    """Staying above says nothing; going below and above speaks again, after the rest time."""
    marks = tmux_live.Marks(burn_rate=5.0, cooldown_s=60.0)
    assert marks.news({"block_pct": 90.0, "burn_rate": 6.0}, 0.0) == [
        "AI tool: 90% of the 5-hour limit used",
        "AI tool: $6.00 per hour",
    ]
    assert marks.news({"block_pct": 99.0, "burn_rate": 6.0}, 1.0) == []
    assert marks.news({"block_pct": 1.0, "burn_rate": 1.0}, 2.0) == []
    assert marks.news({"block_pct": 95.0}, 30.0) == []
    assert marks.news({"block_pct": 1.0}, 31.0) == []
    assert marks.news({"block_pct": 95.0}, 61.0) == ["AI tool: 95% of the 5-hour limit used"]


def test_outside_tmux_it_says_where_it_belongs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a tmux to show messages in there is nothing to watch for."""
    monkeypatch.delenv("TMUX", raising=False)
    assert command.run(options()) == EXIT_FAILURE
    assert "inside tmux" in capsys.readouterr().err
