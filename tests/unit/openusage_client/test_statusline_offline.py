"""The line from stdin alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage_client.statusline_offline import line

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def draw(host: Any, *, color: bool = False, ascii_only: bool = False) -> str:
    return line(json.dumps(host).encode(), color=color, ascii_only=ascii_only)


def test_everything_known() -> None:
    """Model, session cost, both windows and context appear, worded as the daemon words them."""
    host = {
        "model": {"display_name": "Opus X"},
        "cost": {"total_cost_usd": 0.404},
        "rate_limits": {
            "five_hour": {"used_percentage": 42.9},
            "seven_day": {"used_percentage": 81},
        },
        "context_window": {"used_percentage": 55.5},
    }
    parts = ["Opus X", "≈$0.40 session", "5h 42% used", "week 81% used", "context 55%"]
    assert draw(host) == " │ ".join(parts)
    assert draw(host, ascii_only=True) == " | ".join(parts).replace("≈", "~")
    painted = draw(host, color=True)
    assert "\x1b[32m5h 42% used\x1b[0m" in painted
    assert "\x1b[33mcontext 55%\x1b[0m" in painted
    assert "\x1b[31mweek 81% used\x1b[0m" in painted


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ({}, "claude"),
        ({"model": {"id": "claude-x"}}, "claude-x"),
        ({"model": {"display_name": " ", "id": 5}}, "claude"),
        ({"model": {"display_name": "a\x1b[2Jb"}}, "a�[2Jb"),
        ({"rate_limits": None, "context_window": 7, "cost": []}, "claude"),
        ({"rate_limits": {"five_hour": {"used_percentage": None}}}, "claude"),
        ({"rate_limits": {"five_hour": {"used_percentage": True}}}, "claude"),
        ({"rate_limits": {"five_hour": {"used_percentage": 1e300}}}, "claude"),
        ({"rate_limits": {"five_hour": {"used_percentage": 99.99}}}, "claude │ 5h 99% used"),
        ({"rate_limits": {"seven_day": {"used_percentage": -3}}}, "claude │ week 0% used"),
        ({"cost": {"total_cost_usd": 0}}, "claude"),
    ],
)
def test_missing_null_and_odd_parts_are_left_out(host: Any, text: str) -> None:
    """What is not known is not shown; nothing of the host can move the cursor."""
    assert draw(host) == text


@given(st.dictionaries(st.sampled_from(["model", "cost", "rate_limits", "context_window"]), JSON))
def test_any_json_gives_one_printable_line(host: Any) -> None:
    """No value in any place breaks the line."""
    assert "\n" not in draw(host)


def test_nan_is_no_number() -> None:
    """The host's JSON may hold NaN; it is unknown."""
    data = b'{"context_window":{"used_percentage":NaN}}'
    assert line(data, color=False, ascii_only=False) == "claude"


@pytest.mark.parametrize("data", [b"", b"  ", b"{", b"[" * 100_000, b"\xff"])
def test_no_json_at_all(data: bytes) -> None:
    """Without any JSON there is still a line."""
    assert line(data, color=False, ascii_only=False) == "claude"
