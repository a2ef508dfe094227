"""Keys of the small screens, as terminals send them."""

from __future__ import annotations

import pytest

from openusage_client import row_screen
from openusage_client.tmux_configure import WRITE, Choices, lines


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"", ["quit"]),
        (b"\x1b", ["quit"]),
        (b"jjl", ["down", "down", "right"]),
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"]),
        (b"j\x1b[C\r", ["down", "right", "enter"]),
        (b"\x1b[Zz j", ["toggle", "down"]),
        ("ä".encode(), []),
    ],
)
def test_keys_of_one_reading(data: bytes, keys: list[str]) -> None:
    """Several keys in one piece are each taken; unknown ones are nothing."""
    assert list(row_screen.keys(data)) == keys


def test_rows_turn_in_both_directions() -> None:
    """The cursor and the values go round; only enter on the last row writes."""
    choices = Choices(presets=("compact", "minimal"))
    choices.press("left")
    assert choices.value("preset") == "minimal"
    choices.press("toggle")
    assert choices.value("preset") == "compact"
    choices.press("up")
    assert list(lines(choices, "the line"))[-1] == f"> {WRITE}"
    assert not choices.press("toggle")
    assert choices.press("enter")
    assert choices.key("pop-up key") == ""
