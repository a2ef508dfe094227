"""Reading OpenRouter's activity rows."""

from __future__ import annotations

import pytest

from openusaged.core.errors import UpstreamChanged
from openusaged.providers.openrouter.activity import parse_activity


def row(**fields) -> dict:
    return {"date": "2026-06-01", "model": "a/b", "usage": 0.1, "requests": 1, **fields}


@pytest.mark.parametrize("body", [None, [], {"data": None}, {"data": {"data": 7}}, {"rows": []}])
def test_answer_without_rows_is_refused(body):
    """Another shape is reported, never an account without activity."""
    with pytest.raises(UpstreamChanged):
        parse_activity(body)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("OpenAI", "OpenAI"),
        ("Open Router", ""),
        ("open-router/eu", ""),
        ("openusage", ""),
        ("Unknown", ""),
        (None, ""),
    ],
)
def test_router_is_no_upstream_provider(name, expected):
    """The router's own name in any spelling is not taken for the host of a model."""
    (parsed,) = parse_activity({"data": [row(provider_name=name)]}).rows
    assert parsed.provider == expected


def test_parts_never_exceed_what_holds_them():
    """Cached tokens are at most the prompt, reasoning at most the completion."""
    (parsed,) = parse_activity(
        {"data": [row(prompt_tokens=10, cached_tokens=15, completion_tokens=4, reasoning_tokens=9)]}
    ).rows
    assert parsed.amounts["input_tokens"] == 0
    assert parsed.amounts["cached_tokens"] == 10
    assert parsed.amounts["reasoning_tokens"] == 4
    assert parsed.amounts["tokens"] == 14


def test_week_begins_after_its_midnight():
    """Only days after the date given are summed."""
    activity = parse_activity({"data": [row(), row(date="2026-06-02", usage=0.2)]})
    assert activity.sums("2026-06-01") == {"cost": 0.2, "requests": 1}
    assert activity.sums("")["cost"] == 0.3


def test_names_and_dates_of_other_spellings():
    """Blanks, backslashes and slashes are normalised; an unknown date form keeps its first ten."""
    activity = parse_activity(
        {"data": [row(date="2026-06-01 next", model=" OpenAI\\GPT 4 / ".strip()), row(model=None)]}
    )
    assert [(one.date, one.model) for one in activity.rows] == [
        ("2026-06-01", "openai/gpt-4"),
        ("2026-06-01", "unknown"),
    ]
    assert activity.span() == {
        "activity_min_date": "2026-06-01",
        "activity_max_date": "2026-06-01",
    }
