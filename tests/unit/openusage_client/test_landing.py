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
    assert run("--no-color", "-z", "UTC") == (0, "", "")
    (options,) = dashboard
    assert (options.no_color, options.timezone, options.no_autostart) == (True, "UTC", False)


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
    shown: list[dict[str, object]] = []
    monkeypatch.setattr(demo, "run", lambda **options: shown.append(options) or 0)
    events = wire_samples.status().events
    fresh = wire_samples.status(events=type(events)(stored=0))
    peer.answers |= {"status": fresh, "accounts": {"accounts": []}}
    code, out, _ = run("--or-demo")
    assert code == 0
    assert "generated sample data" in out
    assert shown == [{"keep": None, "no_color": False, "timezone": None}]


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
