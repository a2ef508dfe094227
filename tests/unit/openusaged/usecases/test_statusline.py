"""The status line says what is known, in one line, and leaves out what is not."""

from __future__ import annotations

import pytest

from openusaged.usecases.statusline import Costs, render

NOTHING = Costs(session=None, today=None)
FULL = {
    "model": {"id": "claude-opus-5", "display_name": "Opus 5"},
    "cost": {"total_cost_usd": 0.5},
    "rate_limits": {
        "five_hour": {"used_percentage": 23.5, "resets_at": 1},
        "seven_day": {"used_percentage": 81, "resets_at": 2},
    },
    "context_window": {"used_percentage": 8},
}


def test_everything_known() -> None:
    """Model, costs, both windows and the context stand in one line."""
    text = render(FULL, Costs(session=0.4, today=3.1), color=False, ascii_only=False)
    assert text == (
        "Opus 5 │ ≈$0.40 session / ≈$3.10 today │ 5h 23% used │ week 81% used │ context 8%"
    )


def test_host_cost_stands_in_for_an_unknown_session() -> None:
    """Before our reader has seen the session, the host's own figure is shown."""
    assert "≈$0.50 session" in render(FULL, NOTHING, color=False, ascii_only=False)


@pytest.mark.parametrize(
    ("percent", "shown"), [(99.6, 99), (100, 100), (28.9999999999, 29), (0, 0)]
)
def test_percentages_are_rounded_down(percent: float, shown: int) -> None:
    """Nothing is called used up before it is, and a binary fraction costs no per cent."""
    payload = {"context_window": {"used_percentage": percent}}
    assert render(payload, NOTHING, color=False, ascii_only=True) == f"context {shown}%"


def test_ascii() -> None:
    """Without Unicode every character is plain."""
    text = render(FULL, Costs(session=1, today=2), color=False, ascii_only=True)
    assert text.isascii()
    assert "~$1.00 session" in text


@pytest.mark.parametrize(("percent", "code"), [(10, "32"), (50, "33"), (80, "31")])
def test_colours_follow_the_thresholds(percent: float, code: str) -> None:
    """Green, yellow from 50, red from 80 percent used."""
    payload = {"context_window": {"used_percentage": percent}}
    text = render(payload, NOTHING, color=True, ascii_only=True)
    assert text == f"\x1b[{code}mcontext {percent}%\x1b[0m"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"model": None, "rate_limits": None, "context_window": {"used_percentage": None}},
        {"model": "x", "cost": 5, "rate_limits": {"five_hour": "x"}},
        {"model": {"display_name": 5}, "context_window": {"used_percentage": True}},
    ],
)
def test_absent_and_odd_fields_are_left_out(payload: dict[str, object]) -> None:
    """Fields that are missing, null or of another type are no reason to fail."""
    assert render(payload, NOTHING, color=True, ascii_only=False) == ""


def test_names_cannot_carry_control_sequences() -> None:
    """A model's name is printed without control characters and not endlessly."""
    payload = {"model": {"display_name": "\x1b[31mred\n" + "x" * 100}}
    text = render(payload, NOTHING, color=False, ascii_only=True)
    assert "\x1b" not in text
    assert "\n" not in text
    assert len(text) == 40
