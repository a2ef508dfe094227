"""The page of `openusage reconcile`: goldens, marks, what is hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from openusage_client.preferences import Preferences
from openusage_client.reconcile_table import comparison_lines
from openusage_client.terminal import Style
from openusage_proto.report_messages import ReconcileSide
from tests.support import wire_samples

PLAIN = Style(color=False, unicode=True)


def page(
    width: int | None = 120,
    shown: Preferences | None = None,
    *,
    models: bool = True,
    **more: object,
) -> str:
    answer = replace(wire_samples.reconciliation(), **more)  # type: ignore[arg-type]
    lines = comparison_lines(
        answer, shown or Preferences(), models=models, width=width, style=PLAIN
    )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_page_golden(width: int, check_screen: Callable[[str, str, int], None]) -> None:
    """The comparison fits 60, 80 and 120 columns and looks as reviewed."""
    check_screen("reconcile", page(width), width)


def test_models_are_shown_on_request() -> None:
    """A day's models are listed only when asked for."""
    assert "claude-opus-4-5" in page()
    assert "claude-opus-4-5" not in page(models=False)


def test_hidden_costs_stay_hidden() -> None:
    """Who hides costs sees tokens and verdicts only."""
    text = page(None, Preferences(hide_costs=True))
    assert "$" not in text
    assert "+500,000" in text
    assert "more here" in text


def test_nothing_to_compare_is_said() -> None:
    """Without a vendor that reports anything there is a sentence, and no empty table."""
    text = page(rows=[])
    assert "No account has a vendor that reports usage." in text
    assert "Without figures of their vendor: claude_code, codex." in text


def test_foreign_money_is_no_dollars() -> None:
    """Credits and unpriced amounts are not shown as dollars."""
    (row, *_) = wire_samples.reconciliation().rows
    in_credits = ReconcileSide(cost=40.0, currency="credits")
    unpriced = ReconcileSide(total_tokens=5, cost_basis="unpriced")
    text = page(rows=[replace(row, vendor=in_credits, local=unpriced)])
    assert "40.00 credits" in text
    assert " ? " in text
