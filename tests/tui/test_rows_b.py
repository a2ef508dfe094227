"""Rows B01-B23 of the feature table: header, views, selection, filter, costs; one test per row."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from openusage_client.preferences import HIDDEN, VIEWS, Preferences, parse
from openusage_client.tui import actions, inputs, keymap
from openusage_client.tui.changes import SaveSettings
from openusage_client.tui.layout import TILE_MIN_WIDTH, arrange, line_width, plain
from openusage_client.tui.state import Update, receive
from openusage_client.tui.views import overview, screens, sections, wording
from openusage_proto import methods
from tests.support import screen_samples as samples
from tests.support.daemon import running_daemon
from tests.support.scripted_peer import ModelPeer
from tests.support.terminal import Terminal, dashboard
from tests.support.waiting import wait_until

SIZE = actions.Size(120, 40)
MODEL = samples.model(samples.accounts(6))


def drawn(state, width=120, height=40):
    """A screen as text."""
    return "\n".join(plain(line) for line in screens.render(state, width, height))


def press(state, keys, size=SIZE):
    """The state and the effects after keys."""
    effects = []
    for key in keys:
        state, more = inputs.on_key(state, key, size)
        effects += more
    return state, effects


def known(rows, **changes):
    """A state that has got these accounts from a daemon."""
    return receive(samples.state(None, **changes), Update(model=samples.model(rows)))


def settings_file(home, **values):
    """The user's settings file."""
    path = Path(home) / ".config" / "openusage" / "settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_b01_counts_by_state_equal_the_visible_tiles(width):
    """Every state is counted, signed-out and unasked accounts too; what is filtered out is not."""
    for state in (
        samples.state(samples.accounts(6)),
        samples.state(samples.accounts(6), filters={"main": "codex"}),
    ):
        head = plain(screens.render(state, width, 40)[1])
        found = dict(re.findall(r"([●◐◌✗◈◇]) (\d+)", head))
        icons = [wording.status_words(account)[0][:1] for account in state.accounts]
        if found or width >= 80:
            assert found == {icon: str(icons.count(icon)) for icon in icons}


def test_b02_unmapped_notice_equals_the_list():
    """The header counts what no account owns, and the notes below the tiles name it."""
    rows = samples.accounts(2)
    text = drawn(samples.state(rows, model=samples.model(rows, unmapped=[samples.UNMAPPED])))
    assert "! 1 unmapped" in text
    assert "no account owns proxy" in text
    assert "unmapped" not in drawn(samples.state(rows))


@pytest.mark.parametrize("width", range(60, 220, 7))
def test_b03_grid_has_equal_boxes_at_any_width(width):
    """Columns of one width, each wide enough for a gauge, and no line wider than the terminal."""
    plan = arrange(width, 6)
    assert plan.columns == 1 or plan.tile_width >= TILE_MIN_WIDTH - 1
    assert plan.columns * plan.tile_width + plan.gap * (plan.columns - 1) <= width
    lines = screens.render(samples.state(samples.accounts(6)), width, 60)
    assert all(line_width(line) == width for line in lines)
    tops = [plain(line) for line in lines if plain(line).startswith(("┏", "╭"))]
    assert {top.count("╮") + top.count("┓") for top in tops} <= {plan.columns, 6 % plan.columns}


def test_b04_stacked_view_scrolls_full_tiles():
    """One tile per row over the whole width, with every section, scrolled as one page."""
    state = samples.state(samples.accounts(3), view="stacked")
    lines = drawn(state, 140, 40).splitlines()
    assert lines[2].startswith("┏━ Claude Code")
    assert lines[2].endswith("┓")
    state, _ = press(state, ["Down"], actions.Size(140, 20))
    assert "┏━ Codex" in drawn(state, 140, 20)


@pytest.mark.parametrize("width", [60, 80, 131, 132])
def test_b05_tabs_view_at_every_width(width):
    """The strip shows the active account, however many there are, and one tile fills the rest."""
    state = samples.state(samples.accounts(40), view="tabs")
    for _ in range(39):
        state, _ = press(state, ["Right"], actions.Size(width, 24))
        lines = screens.render(state, width, 24)
        active = [text for text, role in lines[2] if role == "tab.on"]
        assert len(active) == 1
        assert state.account.title in active[0]
    assert state.selected_index == 39


@pytest.mark.parametrize("width", [60, 80, 131, 132])
def test_b06_split_view_pages_the_pane(width):
    """PgDn scrolls what is at the right and leaves the selection; Enter opens the details."""
    size = actions.Size(width, 20)
    state = samples.state(samples.accounts(6), view="split")
    before = drawn(state, width, 20)
    paged, _ = press(state, ["PgDn"], size)
    assert paged.account == state.account
    assert drawn(paged, width, 20) != before
    moved, _ = press(paged, ["Down"], size)
    assert moved.selected_index == 1
    opened, _ = press(moved, ["Enter"], size)
    assert (opened.screen, opened.account.title) == ("detail", "Codex")


def test_b07_compare_view_has_both_sides_to_choose():
    """Right changes sides, down shows another account there; both stay what was chosen."""
    state = samples.state(samples.accounts(6), view="compare")
    state, _ = press(state, ["Right", "Down", "Down"])
    chosen = state.account.title
    text = drawn(state)
    assert f"┏━ {chosen}" in text
    assert "╭─ Claude Code " in text
    assert text.index("╭─ Claude Code ") < text.index(f"┏━ {chosen}")
    state, _ = press(state, ["Left", "Down"])
    assert f"╭─ {chosen}" in drawn(state)
    assert state.account.title != "Claude Code"


@pytest.mark.pty
@pytest.mark.e2e
def test_b08_the_view_is_there_again_after_a_restart():
    """v is kept in the settings; the next dashboard opens with it."""
    with running_daemon() as daemon:
        daemon.call(methods.INGEST_TURN, source="claude_code", turn={"message_id": "m"})
        with Terminal(dashboard(), 100, 30) as terminal:
            terminal.wait_for("● live", 20)
            terminal.send("vv")
            wait_until(lambda: view_of(daemon) == "tabs")
            terminal.send("q")
            assert terminal.wait_exit() == 0
        with Terminal(dashboard(), 100, 30) as terminal:
            terminal.wait_for("  tabs ", 20)


def view_of(daemon):
    """The view in the daemon's settings."""
    return daemon.call(methods.SETTINGS_GET)["settings"]["dashboard"]["view"]


@pytest.mark.parametrize(("view", "instead"), [("split", "compact"), ("compare", "tabs")])
def test_b09_a_forced_view_is_announced(view, instead):
    """Where there is no room for two things beside each other, the header says what is shown."""
    state = samples.state(samples.accounts(6), view=view)
    for width in (40, 50, 59):
        assert f"{instead} (auto)" in drawn(state, width, 20).splitlines()[0]
    assert view in drawn(state, 60, 20).splitlines()[0]


@pytest.mark.parametrize("view", VIEWS)
def test_b10_the_selection_stays_on_its_account(view):
    """Arrows stop at the ends, and a refresh that reorders the accounts takes nothing away."""
    state = known(samples.accounts(6), view=view)
    state, _ = press(state, ["Up", "Left", "Up"])
    assert state.selected_index == 0
    state, _ = press(state, ["Down"])
    name = state.account.account_id
    turned = receive(state, Update(model=samples.model(samples.accounts(6)[::-1])))
    assert turned.account.account_id == name


@pytest.mark.parametrize("view", ["tabs", "split", "compare"])
def test_b11_a_tall_tile_scrolls_with_marks_and_a_bar(view):
    """The frame says which lines are seen; the bar in it moves from its top to its bottom."""
    state = samples.state(samples.accounts(6), view=view)
    size = actions.Size(100, 20)
    first = drawn(state, 100, 20)
    assert re.search(r"1–\d+ of \d+▼", first)
    for _ in range(9):
        state, _ = press(state, ["PgDn"], size)
    last = drawn(state, 100, 20)
    assert re.search(r"▲\d+–(\d+) of \1 ", last)
    edge = 48 if view == "compare" else 99
    assert [screen.splitlines()[-3][edge] == "█" for screen in (first, last)] == [False, True]


def test_b12_the_filter_is_live_and_says_no_match():
    """Typing narrows at once, case does not matter; nothing found is said as that."""
    state, _ = press(samples.state(samples.accounts(6)), ["/", *"CODEX"])
    assert {account.provider_id for account in state.accounts} == {"codex"}
    state, _ = press(state, [*"zzz"])
    text = drawn(state)
    assert "No match" in text
    assert "loading" not in text.lower()
    back, _ = press(state, ["Esc"])
    assert len(back.accounts) == 6
    kept, _ = press(samples.state(samples.accounts(6)), ["/", *"codex", "Enter"])
    assert "/codex 2 of 6" in drawn(kept)
    assert len(press(kept, ["Esc"])[0].accounts) == 6


@pytest.mark.pty
def test_b13_every_window_is_asked_for(socket_path):
    """w goes through all five, each with its label, and the figures are asked for anew."""
    with ModelPeer(socket_path, MODEL) as server, Terminal(dashboard()) as terminal:
        terminal.wait_for("[30d]")
        for window in ("all", "1d", "3d", "7d", "30d"):
            terminal.send("w")
            terminal.wait_for(f"[{window}]")
            wait_until(lambda: server.params_of(methods.READ_MODEL)[-1]["window"] == window)  # noqa: B023


@pytest.mark.pty
def test_b14_refresh_makes_the_daemon_look(socket_path):
    """r is no mere second look at what is stored."""
    with ModelPeer(socket_path, MODEL) as server, Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        terminal.send("r")
        terminal.wait_for("refreshing 1 account")
        assert len(server.params_of(methods.REFRESH)) == 1


@pytest.mark.pty
def test_b15_new_figures_appear_by_themselves(socket_path):
    """A push is on the screen without a key."""
    with ModelPeer(socket_path, MODEL) as server, Terminal(dashboard()) as terminal:
        terminal.wait_for("Claude Code")
        rows = [samples.claude(title="Fresh figures"), *MODEL.accounts[1:]]
        server.publish(dataclasses.replace(MODEL, seq=8, accounts=rows))
        terminal.wait_for("Fresh figures", 5)


def test_b16_cost_visibility_per_account():
    """c goes auto, hidden, shown; hidden means every amount everywhere, the header included."""
    rows = [samples.claude(), samples.codex()]
    state, effects = press(known(rows), ["c"])
    assert state.notice == "costs of Claude Code: hidden"
    assert isinstance(effects[0], SaveSettings)
    hidden = drawn(state)
    tile = hidden[hidden.index("┏━ Claude Code") :].splitlines()
    assert not any("$" in line.split("╭")[0].split("│")[0] for line in tile[:12])
    assert "≈$21.70" in hidden.splitlines()[1]
    again, _ = press(state, ["c"])
    assert again.notice == "costs of Claude Code: shown"
    assert "≈$62.40" in drawn(again)
    back, _ = press(again, ["c"])
    assert back.preferences.costs_of == {}


def test_b16_the_word_of_an_account_survives_a_reordered_list():
    """What is saved names the account and keeps every other entry of the list."""
    _, effects = press(known([samples.claude(), samples.codex()]), ["c"])
    listed = [{"account_id": "x", "enabled": False}, {"account_id": "claude-1", "enabled": True}]
    patch = effects[0].change({"dashboard": {"providers": listed}})
    assert patch["dashboard"]["providers"] == [
        {"account_id": "x", "enabled": False},
        {"account_id": "claude-1", "enabled": True, "hide_costs": True},
    ]


@pytest.mark.parametrize(
    ("provider", "attributes", "flat"),
    [
        ("claude_code", {"plan": "Max"}, True),
        ("claude_code", {"subscription": "active"}, True),
        ("claude_code", {"plan": "Free"}, False),
        ("claude_code", {}, False),
        ("codex", {"plan_type": "Plus"}, True),
        ("codex", {"plan_type": "free"}, False),
        ("copilot", {"copilot_plan": "business"}, True),
        ("zai", {"plan_type": "glm_coding_plan_global"}, True),
        ("openrouter", {"plan": "pro"}, False),
    ],
)
def test_b17_flat_rates_show_no_dollars_by_default(provider, attributes, flat):
    """On a known plan the API price is no bill and not shown, unless somebody asks for it."""
    account = samples.claude(provider_id=provider, attributes=attributes)
    model = samples.model([account])
    basis = Preferences().applied(model).accounts[0].usage.totals.cost_basis
    assert (basis == HIDDEN) is flat
    for wish in (Preferences(hide_costs=False), Preferences(costs_of={"claude-1": False})):
        assert wish.applied(model).accounts[0].usage.totals.cost_basis != HIDDEN


def test_b18_expand_and_collapse():
    """All rows, or the top ones with a sum of the others; the same key goes both ways."""
    state = samples.state(samples.accounts(1))
    assert "2 more" in drawn(state)
    opened, _ = press(state, ["^O"])
    assert "orchid-nano-3" in drawn(opened, 120, 80)
    assert "2 more" not in drawn(opened, 120, 80)
    assert drawn(press(opened, ["^O"])[0]) == drawn(state)


def test_b19_order_of_the_settings():
    """Listed accounts first in their order, new ones behind them."""
    listed = [{"account_id": "opencode-1"}, {"account_id": "codex-1"}]
    wishes = parse({"dashboard": {"providers": listed}})
    state = known(samples.accounts(3), preferences=wishes)
    assert [a.account_id for a in state.accounts] == ["opencode-1", "codex-1", "claude-1"]


@pytest.mark.e2e
def test_b20_a_switched_off_account_is_not_shown(isolated_home):
    """Neither in the read model nor among the accounts that are asked."""
    (Path(isolated_home) / ".claude" / "projects").mkdir(parents=True)
    off = [{"account_id": "claude-code", "enabled": False}]
    settings_file(isolated_home, dashboard={"providers": off})
    with running_daemon() as daemon:
        model = daemon.call(methods.READ_MODEL)
        assert "claude-code" not in {item["account_id"] for item in model["accounts"]}


def test_b21_section_order_and_switches():
    """The listed order, without what is off, for every tile; unlisted sections follow."""
    listed = [
        {"id": "project_breakdown"},
        {"id": "model_burn", "enabled": False},
        {"id": "top_usage_progress"},
    ]
    wishes = parse({"dashboard": {"widget_sections": listed}})
    shown = [section.id for section in sections.chosen_sections(wishes)]
    assert shown[:2] == ["project_breakdown", "top_usage_progress"]
    assert "model_burn" not in shown
    assert set(shown) | {"model_burn"} == {section.id for section in sections.SECTIONS}
    text = drawn(samples.state(samples.accounts(1), preferences=wishes, view="tabs"), 80, 60)
    assert "Models" not in text
    assert text.index("Projects") < text.index("5-hour limit")


def test_b22_empty_sections_are_hidden_unless_asked_for():
    """No line for what is not there; with the setting off, a sentence per section."""
    account = samples.opencode()
    plainly = drawn(samples.state([account], view="tabs"), 80, 60)
    assert "nothing in this window" not in plainly
    wishes = parse({"dashboard": {"hide_sections_with_no_data": False}})
    told = drawn(samples.state([account], view="tabs", preferences=wishes), 80, 60)
    assert "MCP  nothing in this window" in told


@pytest.mark.pty
def test_b23_an_idle_dashboard_writes_nothing(socket_path):
    """After the first screen not one byte goes to the terminal until something changes."""
    with ModelPeer(socket_path, MODEL) as server, Terminal(dashboard()) as terminal:
        terminal.wait_for("42% used")
        wait_until(lambda: server.params_of(methods.STATUS))
        # The same figures pushed three times: asked for, and not drawn.
        for seq in (8, 9, 10):
            server.publish(dataclasses.replace(MODEL, seq=seq))
            wait_until(lambda: server.params_of(methods.READ_MODEL)[-1].get("if_seq") == seq - 1)  # noqa: B023
        terminal.read()
        written = len(terminal.raw)
        server.publish(dataclasses.replace(MODEL, seq=11))
        wait_until(lambda: server.params_of(methods.READ_MODEL)[-1].get("if_seq") == 10)
        terminal.read()
        # At most the clock of one minute that began meanwhile.
        assert len(terminal.raw) - written < 200


def test_every_view_key_is_in_the_help():
    """The keys of these rows are the keymap's, and the help page has each of them."""
    help_page = samples.state([], screens=("main", "help"))
    text = drawn(help_page, 200, 400)
    for row in keymap.rows("main"):
        assert keymap.key_text(row) in text
        assert row.help in text
    assert overview.render(samples.state([]), 80, 24)[0]
