"""The settings' theme and window are what the dashboard opens with."""

from __future__ import annotations

import pytest

from openusage_client.tui.preferences import Preferences, ask, parse
from openusage_client.tui.theme import DEFAULT_THEME


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (None, Preferences()),
        ({}, Preferences()),
        ({"theme": 5, "data": 7}, Preferences()),
        ({"theme": "No Such", "data": {"time_window": "2d"}}, Preferences()),
        (
            {"theme": "High Contrast", "data": {"time_window": "7d"}},
            Preferences("high-contrast", "7d"),
        ),
    ],
)
def test_settings_are_taken_where_they_make_sense(settings: object, expected: Preferences) -> None:
    """Known themes and windows count; everything else leaves the default."""
    assert parse(settings) == expected


def test_without_a_daemon_defaults_are_used(isolated_home: str) -> None:
    """Nobody answers: the dashboard opens all the same."""
    assert ask(f"{isolated_home}/none.sock") == Preferences(DEFAULT_THEME, "30d")
