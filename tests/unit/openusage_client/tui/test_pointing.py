"""Clicks and the wheel between header and footer, on every screen that has rows."""

from __future__ import annotations

import pytest

from openusage_client.tui import inputs
from openusage_client.tui.effects import Size
from openusage_client.tui.layout import plain
from openusage_client.tui.settings import model
from openusage_client.tui.views import screens
from tests.support import detail_samples as details
from tests.support import overall_samples as overall
from tests.support import screen_samples as samples
from tests.support import settings_samples

SIZES = (Size(60, 20), Size(80, 24), Size(120, 40), Size(200, 60))
MARKS = ("▸", ">")


def drawn(state, size):
    """The screen as lines of text."""
    return [plain(line) for line in screens.render(state, size.width, size.height)]


def click(state, size, x, y):
    """The state after a click, and its effects."""
    return inputs.on_mouse(state, "click", x, y, size)


def marked(state, size):
    """Lines with the mark of a chosen row, and where in the line it is."""
    return [
        (y, text.index(mark))
        for y, text in enumerate(drawn(state, size)[2:-1], 2)
        for mark in MARKS
        if f"{mark} " in text[:2] or f" {mark} " in text
    ]


def sessions(count=60, **changes):
    """The list of sessions."""
    listed = [overall.session(number) for number in range(count)]
    return overall.sessions_state(samples.accounts(6), listed, **changes)


@pytest.mark.parametrize("size", SIZES)
def test_a_click_on_a_session_chooses_it_and_the_next_one_opens_it(size):
    """Also in a list that is scrolled; on the headings nothing happens."""
    state = sessions()
    for _ in range(40):
        state, _ = inputs.on_key(state, "Down", size)
    for y in (5, size.height - 2, 8):
        state, _ = click(state, size, 20, y)
        assert [line for line, _ in marked(state, size)] == [y]
    chosen = state.sessions.selected
    opened, _ = click(state, size, 20, 8)
    assert (opened.screen, opened.sessions.opened) == ("session", chosen)
    for y in (2, 3):
        assert click(state, size, 20, y)[0] == state


def test_below_the_last_session_there_is_nothing_to_click():
    """An empty line chooses nothing."""
    state = sessions(3)
    assert click(state, SIZES[1], 20, 15)[0] == state


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tab", list(model.TABS))
def test_a_click_on_a_row_of_the_settings_moves_the_cursor_there(tab, size):
    """Every line of every tab: it gets the cursor, or it is no row and nothing happens."""
    state = settings_samples.state(tab)
    hit = 0
    for y in range(3, size.height - 1):
        turned, effects = click(state, size, 6, y)
        if turned == state or effects or turned.dialog is not None:
            # No row, or the one that has the cursor.
            continue
        assert (y, 0) in marked(turned, size)
        hit += 1
    assert hit >= min(2, len(drawn(state, size)))


@pytest.mark.parametrize("size", SIZES)
def test_a_click_on_the_row_with_the_cursor_is_enter(size):
    """The second click asks, switches or chooses, as the key does."""
    state = settings_samples.state(model.OPTIONS)
    (y, _), *_ = marked(state, size)
    assert click(state, size, 6, y) == inputs.on_key(state, "Enter", size)


@pytest.mark.parametrize("size", SIZES)
def test_a_click_on_a_settings_tab_opens_it(size):
    """By its title, short or long; where only numbers have room, by its number."""
    state = settings_samples.state(model.ACCOUNTS)
    for number, tab in enumerate(model.TABS, 1):
        text = drawn(state, size)[2]
        turned, _ = click(state, size, text.index(str(number)), 2)
        assert turned.settings.tab == tab
    assert click(state, size, size.width - 1, 2)[0].settings.tab == model.ACCOUNTS


@pytest.mark.parametrize("size", [SIZES[1], SIZES[2]])
def test_the_wheel_scrolls_the_preview_under_it_and_moves_the_cursor_elsewhere(size):
    """Beside the rows or below them; three rows a turn over the rows."""
    state = settings_samples.state(model.SECTIONS)
    x, y = (100, 20) if size.width >= 100 else (20, size.height - 4)
    turned, _ = inputs.on_mouse(state, "wheel.down", x, y, size)
    assert turned.settings.preview_scroll > 0
    assert turned.settings.cursor == state.settings.cursor
    back, _ = inputs.on_mouse(turned, "wheel.up", x, y, size)
    assert back.settings.preview_scroll == 0
    moved, _ = inputs.on_mouse(state, "wheel.down", 5, 5, size)
    assert moved.settings.cursor == state.settings.cursor + 3


@pytest.mark.parametrize("size", SIZES)
def test_a_click_on_a_row_of_the_detail_page_focuses_it_in_its_column(size):
    """Every cell that is drawn: the mark is on the clicked line, in the clicked column."""
    state = details.detail()
    focused = set()
    for y in range(3, size.height - 1):
        for x in range(2, size.width, max(20, size.width // 6)):
            turned, _ = click(state, size, x, y)
            if turned == state:
                continue
            assert turned.screen == "detail"
            spot = turned.detail.focused("detail")
            focused.add(spot)
            (line, mark) = next(found for found in marked(turned, size) if found[0] == y)
            assert line == y
            assert mark <= x
    assert len(focused) >= 3


def test_a_second_click_does_what_enter_does():
    """On whatever row has the focus."""
    size = SIZES[2]
    for y in range(3, size.height - 1):
        first, _ = click(details.detail(), size, 5, y)
        if first.detail.focused("detail"):
            assert click(first, size, 5, y) == inputs.on_key(first, "Enter", size)


@pytest.mark.parametrize("size", SIZES)
def test_a_click_on_a_name_in_the_strip_leads_to_that_card(size):
    """The card's first row gets the focus, and its heading is in view."""
    state = details.detail()
    strip = drawn(state, size)[2]
    for name in ("Models", "Forecast"):
        if f" {name} " not in strip:
            continue
        turned, _ = click(state, size, strip.index(f" {name} ") + 1, 2)
        lines = drawn(turned, size)
        assert f"[{name}]" in lines[2]
        assert any(name in line for line in lines[3:])
    assert click(state, size, size.width - 1, 2)[0].screen == "detail"


@pytest.mark.parametrize("size", SIZES)
def test_a_click_in_the_list_of_commands_runs_it(size):
    """The command under the mouse, not the highlighted one; the line above is no command."""
    state = samples.state(samples.accounts(2))
    for key in (":", *"page"):
        state, _ = inputs.on_key(state, key, size)
    for y, line in enumerate(drawn(state, size)[:-1]):
        if "this page" in line:
            assert click(state, size, 10, y)[0].screen == "help"
            break
    else:
        raise AssertionError("the command is not drawn")
    assert click(state, size, 10, 2)[0] == state


def test_pages_without_rows_ignore_clicks():
    """Help, analytics, an explanation and the turns of a session are read, not chosen from."""
    for screen in ("help", "analytics", "explain", "session"):
        state = samples.state(samples.accounts(2), screens=("main", screen))
        assert click(state, SIZES[1], 10, 10) == (state, ())
