"""The line of tmux and desktop bars in one process: what is asked, what stands in, what is told."""

from __future__ import annotations

import json
import os
import time

import pytest

from openusage_client import bar_line, quick
from openusage_proto import methods
from tests.support.scripted_peer import Refusal, ScriptedPeer, Silence

DRAWN = {methods.LINE: {"text": "✳ 42%"}}


@pytest.fixture(autouse=True)
def in_tmux(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tmux runs it."""
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize(
    ("command", "arguments", "asked"),
    [
        ("tmux", [], {"target": "tmux"}),
        ("tmux", ["--json"], {"target": "json"}),
        ("tmux", ["--no-truecolor", "--raw"], {"target": "tmux", "color_mode": "256"}),
        ("tmux", ["--preset", "limits", "--no-color"],
         {"target": "tmux", "preset": "limits", "color_mode": "none"}),
        ("tmux", ["--pane-command=claude", "--pane-path", "/p q"],
         {"target": "tmux", "pane_command": "claude", "pane_path": "/p q"}),
        ("bar", [], {"target": "waybar"}),
        ("bar", ["--format", "plain", "--template", "{tool}", "--no-autostart"],
         {"target": "plain", "format": "{tool}"}),
    ],
)  # fmt: skip
def test_flags_become_one_request(
    capfd: pytest.CaptureFixture[str], command: str, arguments: list[str], asked: dict[str, str]
) -> None:
    """Each flag arrives under its name; the answer is printed as it is."""
    with ScriptedPeer(DRAWN) as peer:
        assert bar_line.fast(command, arguments) == 0
        assert peer.params_of(methods.LINE) == [asked]
    assert capfd.readouterr() == ("✳ 42%\n", "")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("tmux", ["install"]),
        ("tmux", ["--help"]),
        ("tmux", ["--preset", "a", "--segment", "b"]),
        ("tmux", ["--max-runtime", "soon"]),
        ("tmux", ["--color-mode", "256,ansi"]),
        ("bar", ["--format", "i3"]),
        ("bar", ["--pane-path", "/p"]),
    ],
)
def test_what_is_unusual_takes_the_other_way(command: str, arguments: list[str]) -> None:
    """Actions, help and mistakes are left to the parser; nothing is asked."""
    assert bar_line.fast(command, arguments) is None


def test_a_person_gets_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bare on a terminal outside tmux it is no bar that asks."""
    monkeypatch.delenv("TMUX")
    monkeypatch.setattr(os, "isatty", lambda _fd: True)
    assert bar_line.fast("tmux", []) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, 0.3), ("1s", 1.0), ("2", 2.0), ("500ms", 0.5), ("1ms", 0.05), ("", None), ("x", None)],
)
def test_times(text: str | None, seconds: float | None) -> None:
    """A bound is seconds or milliseconds, and never too short for an answer."""
    assert bar_line.runtime_of(text) == seconds


@pytest.mark.parametrize("target", ["waybar", "sketchybar", "json", "polybar", "plain"])
def test_nobody_answers(capfd: pytest.CaptureFixture[str], target: str) -> None:
    """Without daemon and last line it is `?`, as JSON where the bar wants JSON."""
    assert bar_line.fast("bar", ["--format", target]) == 0
    out, err = capfd.readouterr()
    if target in ("polybar", "plain"):
        assert out == "?\n"
    else:
        assert "?" in json.loads(out).values()
    assert "`openusaged start` starts it" in err


@pytest.mark.parametrize("answer", [Silence(), b"\xff\n", {"text": 1}])
def test_the_last_good_line_stands_in(capfd: pytest.CaptureFixture[str], answer: object) -> None:
    """A late or senseless answer costs nothing but the news; the reason is on stderr."""
    flags = ["--preset", "limits", "--max-runtime", "200ms"]
    with ScriptedPeer(DRAWN):
        bar_line.fast("bar", flags)
    with ScriptedPeer({methods.LINE: answer}):
        assert bar_line.fast("bar", flags) == 0
    out, _ = capfd.readouterr()
    assert out.splitlines()[0] == "✳ 42%"
    (path,) = [quick.kept_path("bar", *flags)]
    old = time.time() - 3600
    os.utime(path, (old, old))
    assert bar_line.fast("bar", [*flags]) == 0
    assert capfd.readouterr().out == '{"text": "?", "class": "unknown"}\n'


def test_a_wrong_name_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """What the daemon does not know is exit 2 with its words."""
    refusal = Refusal(-32602, "invalid_params", {"detail": "preset: no preset 'x'"})
    with ScriptedPeer({methods.LINE: refusal}):
        assert bar_line.fast("bar", ["--preset", "x"]) == 2
    assert capfd.readouterr() == ("", "openusage: preset: no preset 'x'\n")


def test_nothing_to_show_is_an_empty_piece(capfd: pytest.CaptureFixture[str]) -> None:
    """An empty line is printed, and not replaced by an older one."""
    with ScriptedPeer({methods.LINE: {"text": ""}}):
        assert bar_line.fast("tmux", ["--no-cache"]) == 0
    assert capfd.readouterr() == ("\n", "")
