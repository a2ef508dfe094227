"""The status line says what is known, in one line, and leaves out what is not."""

from __future__ import annotations

from typing import Any

import pytest

from openusage_proto.line_messages import STATUSLINE_SEGMENTS
from openusage_proto.messages import ReportRow
from openusaged.core.errors import InvalidParams
from openusaged.usecases.lines.figures import Window
from openusaged.usecases.statusline import (
    Costs,
    Drawing,
    Facts,
    compact,
    context_of,
    duration,
    instant,
    render,
)

NOTHING = Costs(session=None, today=None)
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
FULL = {
    "model": {"id": "claude-opus-5", "display_name": "Opus 5"},
    "cost": {"total_cost_usd": 0.5},
    "rate_limits": {
        "five_hour": {"used_percentage": 23.5, "resets_at": 1},
        "seven_day": {"used_percentage": 81, "resets_at": 2},
    },
    "context_window": {"used_percentage": 8},
}


def draw(payload: Any, costs: Costs = NOTHING, **how: Any) -> str:
    """The line without colours, from these facts and drawn so."""
    facts = {name: how.pop(name) for name in list(how) if name in Facts.__slots__}
    drawing = Drawing(**{"color": False, **how})
    return render(payload, Facts(costs=costs, **facts), drawing)


def test_everything_known() -> None:
    """Model, costs, both windows and the context stand in one line."""
    text = draw(FULL, Costs(session=0.4, today=3.1), color=False, ascii_only=False)
    assert text == (
        "Opus 5 │ ≈$0.40 session / ≈$3.10 today │ 5h 23% used │ week 81% used │ context 8%"
    )


def test_host_cost_stands_in_for_an_unknown_session() -> None:
    """Before our reader has seen the session, the host's own figure is shown."""
    assert "≈$0.50 session" in draw(FULL, NOTHING, color=False, ascii_only=False)


@pytest.mark.parametrize(
    ("percent", "shown"), [(99.6, 99), (100, 100), (28.9999999999, 29), (0, 0)]
)
def test_percentages_are_rounded_down(percent: float, shown: int) -> None:
    """Nothing is called used up before it is, and a binary fraction costs no per cent."""
    payload = {"context_window": {"used_percentage": percent}}
    assert draw(payload, NOTHING, color=False, ascii_only=True) == f"context {shown}%"


def test_ascii() -> None:
    """Without Unicode every character is plain."""
    text = draw(FULL, Costs(session=1, today=2), color=False, ascii_only=True)
    assert text.isascii()
    assert "~$1.00 session" in text


@pytest.mark.parametrize(("percent", "code"), [(10, "32"), (50, "33"), (80, "31")])
def test_colours_follow_the_thresholds(percent: float, code: str) -> None:
    """Green, yellow from 50, red from 80 percent used."""
    payload = {"context_window": {"used_percentage": percent}}
    text = draw(payload, NOTHING, color=True, ascii_only=True)
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
    assert draw(payload, NOTHING, color=True, ascii_only=False) == ""


def test_names_cannot_carry_control_sequences() -> None:
    """A model's name is printed without control characters and not endlessly."""
    payload = {"model": {"display_name": "\x1b[31mred\n" + "x" * 100}}
    text = draw(payload, NOTHING, color=False, ascii_only=True)
    assert "\x1b" not in text
    assert "\n" not in text
    assert len(text) == 40


BLOCK = ReportRow(
    key="b",
    label="b",
    cost_usd=1.05,
    requests=3,
    time_remaining_seconds=2 * 3600 + 41 * 60 + 59,
    burn_rate_usd_per_hour=1.2,
)
USED_UP = Window(used=40, resets_ms=NOW_MS + HOUR_MS, length_ms=5 * HOUR_MS)


def test_j02_only_the_chosen_segments_in_their_fixed_order() -> None:
    """J02: the line holds what was asked for, in one order however it was asked."""
    text = draw(FULL, Costs(session=0.4, today=3.1), segments=["context", "model", "today"])
    assert text == "Opus 5 │ ≈$3.10 today │ context 8%"


def test_j02_none_and_unknown_segments_are_refused() -> None:
    """J02: no segment at all is no line, and a mistyped one is named with those there are."""
    with pytest.raises(InvalidParams, match="nothing to show"):
        Drawing(segments=[]).check()
    with pytest.raises(InvalidParams, match="no segment 'modle'; known: model, session"):
        Drawing(segments=["modle"]).check()


@pytest.mark.parametrize("bad", [{"context_medium": 90}, {"context_medium": -1}, {"width": -1}])
def test_j06_thresholds_out_of_order_are_refused(bad: dict[str, Any]) -> None:
    """J06: a medium threshold above the high one would never show."""
    with pytest.raises(InvalidParams):
        Drawing(**bad).check()


@pytest.mark.parametrize(("percent", "code"), [(59, "32"), (60, "33"), (70, "31")])
def test_j06_context_follows_its_own_thresholds(percent: float, code: str) -> None:
    """J06: the context's colours change where it was asked; the limits' do not."""
    payload = {
        "context_window": {"used_percentage": percent},
        "rate_limits": {"five_hour": {"used_percentage": 60}},
    }
    text = draw(payload, color=True, context_medium=60, context_high=70)
    assert f"\x1b[{code}mcontext {percent}%" in text
    assert "\x1b[33m5h 60% used" in text


def test_block_burn_reset_pace_and_lines() -> None:
    """The running block, its rate, the reset, the pace and changed lines say what is known."""
    payload = {
        "rate_limits": {
            "five_hour": {"used_percentage": 90, "resets_at": (NOW_MS + HOUR_MS) / 1000},
            "seven_day_opus": {"used_percentage": 12.4},
        },
        "cost": {"total_lines_added": 12, "total_lines_removed": 3},
    }
    segments = [
        "block",
        "burn",
        "window5h",
        "reset",
        "pace",
        "weekly",
        "lines",
        "project",
        "branch",
    ]
    text = draw(
        payload, block=BLOCK, now_ms=NOW_MS, segments=segments, project="api", branch="main"
    )
    assert text == (
        "≈$1.05 block (2h41m left) │ ≈$1.20/h │ 5h 90% used │ resets 1h00m │ pace +10%"
        " │ opus week 12% used │ api │ main │ +12 -3"
    )


def test_a_window_that_has_ended_is_empty() -> None:
    """The host repeats a figure of a window that is over: it is at zero again."""
    payload = {"rate_limits": {"five_hour": {"used_percentage": 97, "resets_at": NOW_MS / 1000}}}
    assert draw(payload, now_ms=NOW_MS) == "5h 0% used"


def test_j04_the_vendors_figure_stands_in_and_old_ones_are_marked() -> None:
    """J04: a host that states no limits gets the stored ones; old ones carry a mark."""
    assert draw({}, five_hour=USED_UP, now_ms=NOW_MS) == "5h 40% used"
    stale = Window(used=40, stale=True)
    assert draw({}, five_hour=stale, weekly=stale) == "5h ~40% used │ week ~40% used"


def test_hidden_costs_are_in_no_segment() -> None:
    """Whoever hides costs sees none here either."""
    text = draw(FULL, Costs(session=1, today=2), block=BLOCK, hide_costs=True)
    assert "$" not in text
    assert text.startswith("Opus 5 │ 5h")


def test_a_narrow_line_drops_from_the_right() -> None:
    """A width keeps what stands first, down to the model; colours take no room."""
    costs = Costs(session=0.4, today=3.1)
    assert draw(FULL, costs, color=True, width=60).endswith("\x1b[32m5h 23% used\x1b[0m")
    assert draw(FULL, costs, width=24) == "Opus 5 │ ≈$0.40 session"
    assert draw(FULL, costs, width=1) == "Opus 5"


@pytest.mark.parametrize(
    ("window", "model", "tokens", "percent"),
    [
        ({"used_percentage": 48.0, "context_window_size": 200_000}, "", None, 48.0),
        # the size is wrong: more is in it than it is said to hold
        (
            {
                "used_percentage": 100,
                "context_window_size": 200_000,
                "current_usage": {"input_tokens": 10_000, "cache_read_input_tokens": 240_000},
            },
            "",
            250_000,
            25.0,
        ),
        ({"current_usage": {"input_tokens": 96_000}}, "claude-x", 96_000, 48.0),
        ({"current_usage": {"input_tokens": 100_000}}, "claude-x[1m]", 100_000, 10.0),
        ({"current_usage": {"input_tokens": 0}}, "", 0, None),
        ({}, "", None, None),
    ],
)
def test_j05_context(
    window: dict[str, Any], model: str, tokens: int | None, percent: float | None
) -> None:
    """J05: the host's share is taken; a wrong size and a missing share are made good."""
    payload = {"model": {"id": model}, "context_window": window}
    assert context_of(payload) == (tokens, percent)


def test_every_segment_has_words() -> None:
    """There is no segment that cannot be drawn."""
    for name in STATUSLINE_SEGMENTS:
        draw(FULL, segments=[name])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0m"), (59, "0m"), (3600, "1h00m"), (90_000, "1d1h"), (-5, "0m")]
)
def test_durations(seconds: float, text: str) -> None:
    """Durations are short and never negative."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("tokens", "text"), [(999, "999"), (1000, "1k"), (96_400, "96k"), (999_600, "1.0M")]
)
def test_tokens(tokens: int, text: str) -> None:
    """Large counts are rounded, and never to a thousand thousands."""
    assert compact(tokens) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_800_000_000, NOW_MS),
        ("2027-01-15T08:00:00Z", NOW_MS),
        ("2027-01-15T08:00:00", NOW_MS),
        ("soon", None),
        (True, None),
        (None, None),
    ],
)
def test_resets_come_as_seconds_or_text(value: Any, expected: int | None) -> None:
    """Versions of the host differ in how they write a time."""
    assert instant(value) == expected
