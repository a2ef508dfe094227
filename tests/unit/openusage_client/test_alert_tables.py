"""The pages of `openusage alerts` and `openusage budget`: goldens, and what must be said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from openusage_client.alert_tables import alert_lines, budget_lines, history_lines
from openusage_client.terminal import Style
from openusage_proto.alert_messages import AlertChannel
from tests.support import alert_samples

PLAIN = Style(color=False, unicode=True)
NOW = datetime(2026, 3, 7, 15, 15, tzinfo=ZoneInfo("Asia/Kathmandu"))
WIDTHS = pytest.mark.parametrize("width", [60, 80, 120])
Check = Callable[[str, str, int], None]


def text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


@WIDTHS
def test_alerts_golden(width: int, check_screen: Check) -> None:
    """Rules, what holds and the ways fit 60, 80 and 120 columns and look as reviewed."""
    lines = alert_lines(alert_samples.alerts(), now=NOW, width=width, style=PLAIN)
    check_screen("alerts", text(lines), width)


@WIDTHS
def test_history_golden(width: int, check_screen: Check) -> None:
    """Each alert says what happened and what became of it."""
    entries = alert_samples.alerts().history
    check_screen(
        "alerts-history", text(history_lines(entries, now=NOW, width=width, style=PLAIN)), width
    )


@WIDTHS
def test_budgets_golden(width: int, check_screen: Check) -> None:
    """Budgets of every state, with the doubts about their amounts."""
    budgets = alert_samples.budgets().budgets
    check_screen("budgets", text(budget_lines(budgets, now=NOW, width=width, style=PLAIN)), width)


def test_alerts_that_are_off_say_how_to_switch_them_on() -> None:
    """Who finds no alerts learns why, and what is missing for them to reach anybody."""
    off = replace(alert_samples.alerts(), enabled=False, channels=[])
    page = text(alert_lines(off, now=NOW, width=None, style=PLAIN))
    assert page.startswith("Alerts are off")
    assert "openusage alerts on" in page
    assert "none of desktop, tmux, command and webhook is set" in page


def test_all_muted_and_quiet_are_said() -> None:
    """Silence has its reason on the page."""
    quiet = replace(
        alert_samples.alerts(),
        quiet=True,
        muted_until="2026-03-07T12:15:00Z",
        channels=[AlertChannel(name="tmux", target="every attached client")],
    )
    page = text(alert_lines(quiet, now=NOW, width=None, style=PLAIN))
    assert "all muted until 18:00" in page
    assert "quiet 22:00-07:00 (now)" in page
    assert "tmux: every attached client\n" in page


def test_nothing_is_said_in_words() -> None:
    """No history and no budgets are sentences, not empty tables."""
    assert "Nothing has been told yet." in text(history_lines([], now=NOW, width=None, style=PLAIN))
    assert "openusage budget set" in text(budget_lines([], now=NOW, width=None, style=PLAIN))


def test_unlike_currencies_stay_apart() -> None:
    """A budget's amount is in its own currency; what there is in others is a note."""
    page = text(budget_lines(alert_samples.budgets().budgets, now=NOW, width=None, style=PLAIN))
    assert "131.40 CNY" in page
    assert "cn: $2.00 in other currencies are not in it." in page
    assert "≥≈$16.02" in page
    assert "api: 3 requests without a price are not in it" in page
