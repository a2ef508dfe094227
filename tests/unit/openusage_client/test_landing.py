"""What `openusage` alone opens."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from openusage_client import demo, landing, terminal
from tests.support import wire_samples
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dashboard(monkeypatch: pytest.MonkeyPatch) -> list[argparse.Namespace]:
    """A terminal, and a dashboard whose opening is recorded (curses needs a real screen)."""
    opened: list[argparse.Namespace] = []
    module = ModuleType("openusage_client.tui.app")
    module.run = lambda options: opened.append(options) or 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "openusage_client.tui.app", module)
    monkeypatch.setattr(terminal, "is_interactive", lambda: True)
    return opened


def test_terminal_opens_the_dashboard(run: Run, dashboard: list[argparse.Namespace]) -> None:
    """In a terminal the dashboard opens with the general flags; it connects by itself."""
    flags = ("--no-color", "-z", "UTC", "--theme", "High Contrast", "--window", "7d")
    assert run(*flags) == (0, "", "")
    (options,) = dashboard
    assert (options.no_color, options.timezone, options.no_autostart) == (True, "UTC", False)
    assert (options.theme, options.window) == ("High Contrast", "7d")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--theme", "Gruvbox"], "no theme 'Gruvbox'; there are: cinder, "),
        (["--window", "2d"], "choose from '1d'"),
        (["--theme"], "expected one argument"),
    ],
)
def test_what_cannot_be_opened_is_said(
    run: Run, dashboard: list[argparse.Namespace], flags: list[str], words: str
) -> None:
    """A wrong theme or window is a usage error that lists what there is."""
    code, _, err = run(*flags)
    assert code == 2
    assert words in err
    assert not dashboard


def test_or_demo_with_tools_opens_the_dashboard(
    run: Run, dashboard: list[argparse.Namespace], peer: ScriptedPeer
) -> None:
    """A machine with tools gets its own numbers."""
    assert run("--or-demo")[0] == 0
    assert len(dashboard) == 1


def test_or_demo_without_tools_shows_the_demo(
    run: Run, monkeypatch: pytest.MonkeyPatch, peer: ScriptedPeer
) -> None:
    """A machine without any tool or history gets the labelled demo."""
    shown: list[tuple[str, str | None]] = []
    monkeypatch.setattr(demo, "run", lambda given, keep: shown.append((given.window, keep)) or 0)
    events = wire_samples.status().events
    fresh = wire_samples.status(events=type(events)(stored=0))
    peer.answers |= {"status": fresh, "accounts": {"accounts": []}}
    code, out, _ = run("--or-demo", "--window", "7d")
    assert code == 0
    assert "generated sample data" in out
    assert shown == [("7d", None)]


@pytest.mark.parametrize(("stored", "accounts"), [(5, []), (0, [{"account_id": "a"}])])
def test_any_account_or_event_is_no_empty_machine(
    peer: ScriptedPeer, stored: int, accounts: list[dict[str, str]]
) -> None:
    """History without a tool, or a tool without history, is real."""
    events = type(wire_samples.status().events)(stored=stored)
    peer.answers |= {
        "status": wire_samples.status(events=events),
        "accounts": {"accounts": accounts},
    }
    assert not landing._machine_is_empty(argparse.Namespace(no_autostart=True))
