"""`openusage status`: a readable page and the plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from openusage_client.commands.status import status_lines
from openusage_client.formatting import parse_iso
from openusage_client.terminal import Style
from openusage_proto.alert_messages import AlertStatus
from openusage_proto.messages import ImportProgress, Status
from tests.support import wire_samples
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]
PLAIN = Style(color=False, unicode=True)


def page(status: Status, width: int | None = 100) -> str:
    now = parse_iso(wire_samples.NOW)
    return "\n".join(status_lines(status, now=now, width=width, style=PLAIN)) + "\n"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_page_golden(width: int, check_screen: Callable[[str, str, int], None]) -> None:
    """The page fits every width and looks as reviewed."""
    check_screen("status", page(wire_samples.status(), width), width)


def test_json_is_the_answer(run: Run, peer: ScriptedPeer) -> None:
    """The JSON is what the daemon said."""
    code, out, _ = run("status", "--json")
    assert code == 0
    assert json.loads(out) == asdict(wire_samples.status())


def test_page_is_printed(run: Run, peer: ScriptedPeer) -> None:
    """The command prints the page."""
    assert "12,345 stored" in run("status")[1]


@pytest.mark.parametrize(
    ("progress", "says"),
    [
        (ImportProgress(active=False), "none yet"),
        (ImportProgress(active=True), "running: 0% of 0 B"),
        (ImportProgress(active=True, total_bytes=200, done_bytes=50, events=3), "running: 25%"),
    ],
)
def test_import_states(progress: ImportProgress, says: str) -> None:
    """An import that has not begun, runs, or is done is told apart."""
    assert says in page(wire_samples.status(importing=progress))


def test_failed_alerts_are_shown() -> None:
    """Alerts that are on have a line, with the reason that one did not get through."""
    alerts = AlertStatus(enabled=True, rules=4, active=1, waiting=2, fired=3, failed=1)
    text = page(wire_samples.status(alerts=alerts))
    assert "4 rules, 1 active; since the start 3 fired, 2 waiting, 1 failed" in text
    assert "(tmux: gone)" in page(
        wire_samples.status(alerts=replace(alerts, last_error="tmux: gone")), None
    )
    assert "alerts" not in page(wire_samples.status())


def test_healthy_daemon_has_no_empty_sections() -> None:
    """Nothing is said about what there is nothing to say about."""
    quiet = replace(
        wire_samples.status(demo=True),
        sources=[],
        warnings=[],
        errors=[],
        integrations={},
        queues={"commit": 0},
    )
    text = page(quiet)
    assert "DEMO DATA" in text
    assert "queues    empty" in text
    assert not any(word in text for word in ("SOURCE", "Warnings", "errors", "hooks"))


def test_single_error_is_not_counted() -> None:
    """Only a repeated error has a count."""
    status = wire_samples.status()
    once = replace(status, errors=[replace(status.errors[0], count=1)])
    assert "times" not in page(once)
    assert "(3 times)" in page(status)
