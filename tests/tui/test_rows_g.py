"""Rows G01 and G10-G12 of the feature table: help, mouse, typed and pasted text."""

from __future__ import annotations

import dataclasses

import pytest

from openusage_client.tui import actions, inputs, keymap
from openusage_client.tui.keymap import key_text
from openusage_client.tui.layout import plain
from openusage_client.tui.sessions import asking as sessions_asking
from openusage_client.tui.settings import model
from openusage_client.tui.settings import rows as settings_rows
from openusage_client.tui.state import Entry
from openusage_client.tui.views import command_list, screens
from openusage_client.tui.watching import Answer
from openusage_proto.session_messages import Sessions
from tests.support import detail_samples as details
from tests.support import overall_samples as overall
from tests.support import screen_samples as samples
from tests.support import settings_samples
from tests.support.scripted_peer import ModelPeer
from tests.support.terminal import Terminal, dashboard

SIZE = actions.Size(120, 40)
MODEL = samples.model(samples.accounts(6))


def drawn(state, width=120, height=40):
    """A screen as text."""
    return "\n".join(plain(line) for line in screens.render(state, width, height))


def wheel(x, y, *, up=False):
    """What a terminal sends for a turn of the wheel over a cell."""
    return f"\x1b[<{64 if up else 65};{x + 1};{y + 1}M"


def click(x, y):
    """What a terminal sends for a press and release of the left button."""
    return f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m"


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 20), (200, 60)])
def test_g01_help_has_every_key_and_scrolls(width, height):
    """Each row of the keymap is on the page, and scrolling reaches the last one."""
    size = actions.Size(width, height)
    state = samples.state(samples.accounts(1), screens=("main", "help"))
    seen = ""
    for _ in range(60):
        seen += drawn(state, width, height)
        after, _effects = inputs.on_key(state, "PgDn", size)
        if after.scroll == state.scroll:
            break
        state = after
    for row in keymap.KEYS:
        assert key_text(row) in seen
        assert row.help[:20] in seen


def states_of(context, key):
    """States of a screen that between them give every key something to do."""
    if context.startswith(model.PREFIX):
        tab = context.removeprefix(model.PREFIX)
        links = {"telemetry": {"provider_links": {"mytool": "codex"}}}
        base = settings_samples.state(tab, document=settings_samples.document(**links))
        scrolled = dataclasses.replace(base.settings, preview_scroll=5)
        rows = [
            dataclasses.replace(base, settings=dataclasses.replace(scrolled, cursors={tab: row}))
            for row in range(settings_rows.count(base))
        ]
        # The number of the open tab leads to it from another one.
        if key.isdigit() and list(model.TABS)[int(key) - 1] == tab:
            return [settings_samples.state(next(name for name in model.TABS if name != tab))]
        return rows
    return [
        dataclasses.replace(state, scroll={**state.scroll, state.screen: scroll})
        for state in _STATES[context]()
        for scroll in (0, 5)
    ]


def typed(kind, text, **changes):
    """The overview while a line is typed."""
    entry = Entry(kind=kind, text=text, before="", choice=1)
    return samples.state(samples.accounts(6), entry=entry, filters={"main": text}, **changes)


def main_states():
    """Few and many accounts, one in the middle selected, with and without a filter."""
    for rows, changes in (
        (samples.accounts(6), {"selected": "codex-1"}),
        (samples.accounts(40), {"selected": "codex-7", "filters": {"main": "co"}}),
        (samples.accounts(40), {"selected": "codex-7"}),
    ):
        yield samples.state(rows, raw=samples.model(rows), **changes)


def session_states():
    """A session between two others, opened."""
    listed = [overall.session(number) for number in range(3)]
    state = overall.session_state(samples.accounts(6), listed[1])
    (question,) = sessions_asking.list_questions(state)
    page = Sessions(seq=7, timezone="Europe/Berlin", total=3, sessions=listed)
    state = dataclasses.replace(
        state,
        answers={**state.answers, "sessions": Answer(question, page)},
        sessions=dataclasses.replace(state.sessions, selected=state.sessions.opened),
    )
    yield state


def sessions_states():
    """The first and a middle one of many, filtered and not."""
    listed = [overall.session(number) for number in range(60)]
    for selected in (0, 30):
        state = overall.sessions_state(samples.accounts(6), listed)
        key = (listed[selected].source, listed[selected].session_id)
        yield dataclasses.replace(state, sessions=dataclasses.replace(state.sessions, selected=key))


def drill_states():
    """Days of a model, sessions of a day."""
    for value, more in ((details.activity(), {}), (details.explanation(), {"since": "2026-03-10"})):
        for focus in ("", "day/2026-03-10", "session/none"):
            state = details.drill(("model", "orchid-large-4-5"), value=value, **more)
            yield dataclasses.replace(state, detail=state.detail.with_focus("drill", focus))


_STATES = {
    keymap.MAIN: main_states,
    keymap.DETAIL: lambda: (
        details.detail(focus, cursor=cursor, selected=selected, raw=MODEL)
        for focus in ("", "metric/usage_seven_day", "chart/tokens")
        for cursor in (0, 3)
        for selected in ("claude-1", "codex-1")
    ),
    keymap.DRILL: drill_states,
    keymap.EXPLAIN: lambda: [details.explain(details.explanation())],
    keymap.ANALYTICS: lambda: [overall.analytics_state(samples.accounts(6))],
    keymap.SESSIONS: sessions_states,
    keymap.SESSION: session_states,
    keymap.HELP: lambda: [samples.state(samples.accounts(1), screens=("main", "help"))],
    keymap.FILTER: lambda: [typed(keymap.FILTER, "co")],
    keymap.PALETTE: lambda: [typed(keymap.PALETTE, "a")],
}
LISTED = [(context, key) for row in keymap.KEYS for context in row.contexts for key in row.keys]


@pytest.mark.parametrize(("context", "key"), LISTED, ids=lambda part: str(part))
def test_g01_every_key_that_is_listed_acts(context, key):
    """Help lists no key that does nothing: each changes its screen or asks for something there."""
    size = actions.Size(80, 16)
    for state in states_of(context, key):
        after, effects = inputs.on_key(state, key, size)
        # Words that something is not possible are no deed.
        if effects or dataclasses.replace(after, notice="") != state:
            return
    raise AssertionError(f"{key} does nothing in {context}")


def test_g01_the_palette_lists_every_command_and_runs_it():
    """Found by its words or its key; a command of the overview works from a page, too."""
    listed = {row.command for row in command_list.commands("main")}
    hidden = {row.command for row in keymap.KEYS if set(row.contexts) <= set(keymap.TYPING)}
    assert listed >= {row.command for row in keymap.KEYS} - hidden - {"palette.open"}
    state = samples.state(samples.accounts(6), screens=("main", "help"))
    for key in (":", *"next view", "Enter"):
        state, effects = inputs.on_key(state, key, SIZE)
    assert (state.screen, state.view, state.entry) == ("main", "stacked", None)
    assert effects


def test_g01_the_palette_says_when_nothing_is_found():
    """And Esc closes it without having done anything."""
    before = samples.state(samples.accounts(1))
    state = before
    for key in (":", *"zzz"):
        state, _ = inputs.on_key(state, key, SIZE)
    assert "no command contains that" in drawn(state)
    state, effects = inputs.on_key(state, "Esc", SIZE)
    assert (state, effects) == (before, ())


@pytest.mark.pty
def test_g10_the_wheel_scrolls_what_is_under_it(socket_path):
    """Over the overview the page moves, over the help page that one."""
    with ModelPeer(socket_path, MODEL), Terminal(dashboard(), 80, 24) as terminal:
        terminal.wait_for("┏━ Claude Code")
        terminal.send(wheel(10, 10))
        terminal.wait_until(lambda text: "Claude Code ━" not in text.splitlines()[2])
        terminal.send(wheel(10, 10, up=True))
        terminal.wait_until(lambda text: "Claude Code ━" in text.splitlines()[2])
        terminal.send("?")
        terminal.wait_for("On the overview")
        terminal.send(wheel(10, 10))
        terminal.wait_until(lambda text: "On the overview" not in text)


@pytest.mark.parametrize("screen", [name for name in screens.SCREENS if name != "settings"])
def test_g10_the_wheel_means_arrow_keys_elsewhere(screen):
    """No screen ignores it: it does what the arrow keys do there."""
    state = samples.state(
        samples.accounts(6), screens=("main", screen) if screen != "main" else ("main",)
    )
    size = actions.Size(80, 12)
    turned, _ = inputs.on_mouse(state, "wheel.down", 5, 6, size)
    stepped = state
    for _ in range(3):
        stepped, _ = inputs.on_key(stepped, "Down", size)
    if screen != "main":
        assert turned == stepped
    else:
        assert turned.scroll["main"] == 3


@pytest.mark.pty
def test_g11_a_click_selects_and_a_second_one_opens(socket_path):
    """The frame of the clicked tile becomes heavy; clicking it again shows its details."""
    with ModelPeer(socket_path, MODEL), Terminal(dashboard(), 120, 40) as terminal:
        terminal.wait_for("┏━ Claude Code")
        terminal.send(click(80, 5))
        terminal.wait_for("┏━ Codex")
        terminal.send(click(80, 5))
        terminal.wait_for("Esc back")


@pytest.mark.pty
def test_g11_windows_and_keys_of_the_footer_can_be_clicked(socket_path):
    """What looks like a button is one."""
    with ModelPeer(socket_path, MODEL), Terminal(dashboard(), 120, 40) as terminal:
        lines = terminal.wait_for("[30d]").splitlines()
        terminal.send(click(lines[0].index(" 7d ") + 1, 0))
        terminal.wait_for("[7d]")
        terminal.send(click(lines[39].index("help"), 39))
        terminal.wait_for("On the overview")


def test_g11_a_click_on_nothing_does_nothing():
    """Between the tiles, and on a page without places to click."""
    state = samples.state(samples.accounts(6))
    assert inputs.on_mouse(state, "click", 119, 39, SIZE) == (state, ())
    assert inputs.on_mouse(state, "click", 119, 0, SIZE) == (state, ())
    page = samples.state(samples.accounts(6), screens=("main", "help"))
    assert inputs.on_mouse(page, "click", 5, 5, SIZE) == (page, ())


@pytest.mark.pty
@pytest.mark.parametrize("text", ["北京", "Ünïcödé", "Ответ"])
def test_g12_any_script_can_be_typed(socket_path, text):
    """What is typed stands in the line and finds what is named so."""
    rows = [samples.claude(title=f"Konto {text}"), samples.codex()]
    with ModelPeer(socket_path, samples.model(rows)), Terminal(dashboard(), 100, 30) as terminal:
        terminal.wait_for("Codex")
        terminal.send(f"/{text}".encode())
        shown = terminal.wait_for("1 found")
        assert "─ Codex" not in shown
        terminal.send("\r")
        terminal.wait_for("1 of 2")


@pytest.mark.pty
def test_g12_a_paste_is_text_and_never_a_command(socket_path):
    """Between the marks of a paste neither a line end nor a q means anything but itself."""
    with ModelPeer(socket_path, MODEL), Terminal(dashboard(), 100, 30) as terminal:
        terminal.wait_for("Claude Code")
        terminal.send("/")
        terminal.wait_for("6 found")
        terminal.wait_until(lambda _text: b"\x1b[?2004h" in terminal.raw)
        terminal.send("\x1b[200~codex\nq\x1b[201~")
        terminal.wait_for("/ codex q")
        terminal.send("\x1b")
        terminal.wait_for("q quit")
        assert b"\x1b[?2004l" in terminal.raw
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_g12_composed_and_decomposed_letters_are_the_same():
    """An accent typed in two characters finds one that is stored in one, whatever the case."""
    rows = [samples.claude(title="Café"), samples.codex()]
    state = samples.state(rows)
    for key in ("/", *"CAFE\u0301"):
        state, _ = inputs.on_key(state, key, SIZE)
    typed = inputs.on_paste(samples.state(rows, entry=state.entry), "")
    assert typed.entry.text.startswith("CAFE")
    assert [account.title for account in state.accounts] == ["Café"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ([*"abc", "Backspace"], "ab"),
        ([*"one", "Space", *"two", "^W"], "one "),
        ([*"abc", "^U"], ""),
        ([*"q?w:"], "q?w:"),
    ],
)
def test_g12_the_line_is_edited_as_in_a_shell(keys, text):
    """Character, word and line can be deleted; keys that are commands elsewhere are text here."""
    state = samples.state(samples.accounts(2))
    for key in ("/", *keys):
        state, _ = inputs.on_key(state, key, SIZE)
    assert state.entry.text == text


def test_g12_an_empty_line_is_closed_by_backspace():
    """As in an editor: nothing left to delete means leaving."""
    state, _ = inputs.on_key(samples.state(samples.accounts(2)), "/", SIZE)
    state, _ = inputs.on_key(state, "Backspace", SIZE)
    assert state.entry is None
