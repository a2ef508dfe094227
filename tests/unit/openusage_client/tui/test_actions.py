"""What each key does to the state."""

from __future__ import annotations

import dataclasses

import pytest

from openusage_client.tui import actions, keymap
from openusage_client.tui.layout import plain
from openusage_client.tui.state import Link
from openusage_client.tui.views import screens
from tests.support import screen_samples as samples

WIDE = actions.Size(120, 30)
LOW = actions.Size(80, 24)


def press(state, keys, size=WIDE):
    """The state after keys and all their effects, as the application does it."""
    effects = []
    for key in keys:
        command = keymap.lookup(state.screen, key)
        if command:
            state, more = actions.perform(command, state, size)
            effects += more
    return state, effects


def at(state):
    """Index of the selected account."""
    return state.selected_index


@pytest.mark.parametrize(
    ("keys", "index"),
    [
        ([], 0),
        (["Right"], 1),
        (["l", "h"], 0),
        (["Down"], 2),
        (["j", "k"], 0),
        (["Up"], 0),
        (["Left"], 0),
        (["G"], 6),
        (["G", "g"], 0),
        (["End", "Right"], 6),
        (["Right", "Down", "Down", "Down"], 6),
        (["G", "Down"], 6),
    ],
)
def test_arrows_move_on_the_grid(keys, index):
    """Two columns, seven accounts: rows, columns, ends, and the short last row."""
    state, effects = press(samples.state(samples.accounts(7)), keys)
    assert (at(state), effects) == (index, [])


def test_moving_brings_the_selected_tile_into_view():
    """Whatever is selected can be seen."""
    state = samples.state(samples.accounts(40))
    for _ in range(39):
        state, _ = press(state, ["j"], LOW)
        text = "\n".join(plain(line) for line in screens.render(state, LOW.width, LOW.height))
        assert "┏━" in text
    assert at(state) == 39


def test_pages_move_by_a_screenful_and_stop_at_the_ends():
    """PgDn reaches the last account in a few steps, PgUp returns."""
    state = samples.state(samples.accounts(40))
    seen = []
    while not seen or seen[-1] != at(state):
        seen.append(at(state))
        state, _ = press(state, ["PgDn"], LOW)
    assert seen[-1] == 39
    assert 8 < len(seen) < 25
    state, _ = press(state, ["PgUp"] * len(seen), LOW)
    assert at(state) == 0


def test_detail_opens_and_closes_on_the_selected_account():
    """Enter goes in, Esc comes back to the same place."""
    state, _ = press(samples.state(samples.accounts(3)), ["Right", "Enter"])
    assert state.screens == ("main", "detail")
    assert state.account.title == "Codex"
    state, _ = press(state, ["Esc"])
    assert (state.screens, at(state)) == (("main",), 1)


def test_detail_of_nothing_does_not_open():
    """Without accounts there is nothing to show, and no key fails."""
    for key in [key for row in keymap.rows("main") for key in row.keys]:
        state, _ = press(samples.state([]), [key])
        assert state.screen != "detail"
    gone = samples.state([], screens=("main", "detail"))
    for key in [key for row in keymap.rows("detail") for key in row.keys]:
        press(gone, [key])


def test_back_on_the_first_screen_stays():
    """There is nothing behind the overview."""
    state = samples.state(samples.accounts(1))
    assert actions.perform("back", state, WIDE) == (state, ())


def test_detail_walks_through_the_accounts():
    """Brackets turn the pages, round the ends, each from its top and with nothing in focus."""
    state, _ = press(samples.state(samples.accounts(3)), ["Enter", "Down", "PgDn", "]"])
    assert (at(state), state.scroll["detail"], state.detail.focus) == (1, 0, ())
    state, _ = press(state, ["[", "["])
    assert at(state) == 2


def test_pages_scroll_and_stop_at_their_ends():
    """A long page moves by lines and screens, never past its end."""
    state, _ = press(samples.state(samples.accounts(1)), ["Enter", "Up"], LOW)
    assert state.scroll.get("detail", 0) == 0
    state, _ = press(state, ["Down", "Down", "PgDn"], LOW)
    assert state.scroll["detail"] == 2 + screens.content_height(24) - 2
    state, _ = press(state, ["G"], LOW)
    last = screens.last_scroll(state, LOW.width, LOW.height)
    assert state.scroll["detail"] == last > 0
    state, _ = press(state, ["Down"], LOW)
    assert state.scroll["detail"] == last
    state, _ = press(state, ["g"], LOW)
    assert state.scroll["detail"] == 0


def test_help_opens_from_anywhere_and_returns():
    """The same key that opens help closes it."""
    state, _ = press(samples.state(samples.accounts(1)), ["Enter", "?"])
    assert state.screens == ("main", "detail", "help")
    state, _ = press(state, ["?"])
    assert state.screen == "detail"


def test_window_keys_go_round_and_ask_for_figures():
    """w goes to longer windows and starts over, W goes back."""
    state = samples.state([], window="30d")
    state, effects = press(state, ["w", "w", "W"])
    assert (state.window, effects) == ("all", ["window"] * 3)


@pytest.mark.parametrize("phase", ["connecting", "live", "lost"])
def test_refresh_says_what_happens_and_asks_the_poller(phase):
    """The key is never silent, whatever the connection; the next key takes the words away."""
    state = samples.state([], link=Link(phase=phase, since=samples.NOW))
    state, effects = press(state, ["r"])
    assert state.notice
    assert effects == ["refresh"]
    state, _ = press(state, ["g"])
    assert state.notice == ""


def test_quit_and_redraw_are_left_to_the_application():
    """These change no state."""
    state = samples.state([])
    assert press(state, ["q", "^L"]) == (state, ["quit", "redraw"])


def test_scroll_offsets_shrink_with_the_page():
    """After a resize that fits the whole page, one key up does not jump about."""
    state = samples.state(samples.accounts(1), screens=("main", "help"), scroll={"help": 999})
    state, _ = press(state, ["Up"], LOW)
    assert state.scroll["help"] == screens.last_scroll(state, 80, 24) - 1
    assert dataclasses.replace(state, scroll={}).scroll == {}
