"""Keys, mouse and pastes as the next state, without a terminal."""

from __future__ import annotations

from openusage_client.tui import inputs
from openusage_client.tui.effects import Size
from openusage_client.tui.layout import plain
from openusage_client.tui.views import screens
from tests.support import screen_samples as samples

SIZE = Size(120, 40)


def press(state, keys):
    """The state after keys."""
    for key in keys:
        state, _ = inputs.on_key(state, key, SIZE)
    return state


def test_a_click_selects_and_the_next_one_opens():
    """The clicked account is selected; clicked again, its page is shown."""
    state = samples.state(samples.accounts(6))
    state, _ = inputs.on_mouse(state, "click", 80, 5, SIZE)
    assert (state.screen, state.account.title) == ("main", "Codex")
    state, _ = inputs.on_mouse(state, "click", 80, 5, SIZE)
    assert (state.screen, state.account.title) == ("detail", "Codex")


def test_a_click_in_the_compare_view_activates_the_side():
    """The accounts stay where they are; the other side gets the keys."""
    state = samples.state(samples.accounts(6), view="compare")
    turned, _ = inputs.on_mouse(state, "click", 100, 10, SIZE)
    assert (turned.account.title, turned.right_side) == ("Codex", True)
    lines = [plain(line) for line in screens.render(turned, 120, 40)]
    assert lines[2].index("Claude Code") < lines[2].index("Codex")


def test_a_click_on_a_tab_selects_it():
    """The strip of the tabs view is a row of buttons."""
    state = samples.state(samples.accounts(6), view="tabs")
    strip = plain(screens.render(state, 120, 40)[2])
    turned, _ = inputs.on_mouse(state, "click", strip.index("OpenCode"), 2, SIZE)
    assert turned.account.title == "OpenCode"


def test_a_click_on_a_window_asks_for_it():
    """The windows of the header are buttons, too."""
    state = samples.state(samples.accounts(2))
    x = plain(screens.render(state, 120, 40)[0]).index(" 7d ") + 1
    turned, effects = inputs.on_mouse(state, "click", x, 0, SIZE)
    assert (turned.window, effects) == ("7d", ("window",))


def test_the_wheel_chooses_in_the_list_of_commands():
    """One turn, one row; the highlighted command is drawn as such and carried out by Enter."""
    state = press(samples.state(samples.accounts(2)), [":"])
    state, _ = inputs.on_mouse(state, "wheel.down", 5, 10, SIZE)
    assert state.entry.choice == 1
    rows = [plain(line) for line in screens.render(state, 120, 40)]
    assert sum(row.startswith(" > ") for row in rows) == 1
    assert press(state, ["Up", "Up"]).entry.choice == 0


def test_a_command_of_another_screen_is_refused_with_a_reason():
    """What means nothing here is listed and says so, and does nothing."""
    state = press(samples.state(samples.accounts(2)), [":", *"next card", "Enter"])
    assert state.entry is None
    assert state.screen == "main"
    assert "not on this screen" in state.notice or "no command" in state.notice


def test_a_paste_outside_a_line_is_nothing():
    """It must not run commands."""
    state = samples.state(samples.accounts(2))
    assert inputs.on_paste(state, "qqq") == state


def test_the_filter_comes_back_as_it_was():
    """Esc while typing undoes what was typed since the line was opened."""
    state = press(samples.state(samples.accounts(6)), ["/", *"codex", "Enter", "/", *"zzz", "Esc"])
    assert state.filter == "codex"
