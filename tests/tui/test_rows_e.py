"""Rows E01 to E14 of the feature table: the analytics screen; and the sessions screens."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from openusage_client.preferences import Preferences
from openusage_client.tui import actions, inputs, keymap
from openusage_client.tui.analytics.figures import figures, ranked, relative, summed
from openusage_client.tui.analytics.model import SORTS
from openusage_client.tui.effects import Size
from openusage_client.tui.layout import plain
from openusage_client.tui.sessions.model import SORTS as SESSION_SORTS
from openusage_client.tui.text import cell_width
from openusage_client.tui.views import screens
from openusage_client.tui.views.analytics import render_analytics
from openusage_client.tui.wanted import wanted
from openusage_proto import methods
from openusage_proto.messages import Totals
from tests.support import overall_samples as overall
from tests.support import screen_samples as samples
from tests.support.scripted_peer import ModelPeer
from tests.support.terminal import Terminal, dashboard
from tests.support.waiting import wait_until

SIZE = Size(120, 40)
ROWS = samples.accounts(3)
WIDE = Size(200, 100)


def text(state, size=WIDE) -> str:
    return "\n".join(plain(line) for line in screens.render(state, size.width, size.height))


def press(state, *keys):
    """The state after keys, each as a user strikes it."""
    for key in keys:
        state, _ = inputs.on_key(state, key, SIZE)
    return state


def section(shown: str, heading: str) -> list[str]:
    """Lines of a panel in one column, without its heading."""
    lines = shown.splitlines()
    at = next(index for index, line in enumerate(lines) if line.strip().startswith(heading))
    found = []
    for line in lines[at + 1 :]:
        if not line.strip():
            break
        found.append(line)
    return found


def test_e01_analytics_is_there_without_a_setting():
    """Tab and a reach it from the overview, and nothing is asked for before that."""
    state = samples.state(ROWS)
    assert methods.ANALYTICS not in {one.method for one in wanted(state)}
    for key in ("a", "Tab"):
        opened = press(state, key)
        assert opened.screen == "analytics"
        assert [one.method for one in wanted(opened)] == [methods.ANALYTICS]
        assert press(opened, "Esc").screen == "main"
    assert press(state, "Tab", "Tab").screen == "sessions"
    assert press(state, "Tab", "Tab", "Tab").screen == "main"
    assert press(state, "BackTab").screen == "sessions"


def test_e02_spend_tokens_and_average_are_those_of_the_window():
    """The sums are those of the tiles; the average is over days on which something was used."""
    state = overall.analytics_state(ROWS)
    shown = figures(state, state.answers["analytics"].value)
    tiles = [account.usage.totals for account in ROWS if account.usage]
    assert shown.total.total_tokens == sum(one.total_tokens for one in tiles)
    assert shown.total.cost_usd == pytest.approx(sum(one.cost_usd for one in tiles))
    assert shown.active_days == 22
    page = text(state)
    assert "≈$92.35+?" in page
    assert "65.6M" in page
    assert "22 of 30" in page


def test_e03_trend_compares_with_the_period_before():
    """The change is of a loaded period, and where there is none a dash says why."""
    assert "-36% spend" in text(overall.analytics_state(ROWS, overall.analytics(ROWS, before=1.1)))
    late = overall.analytics(ROWS, previous_complete=False)
    page = text(overall.analytics_state(ROWS, late))
    assert "nothing to compare with: history begins on Jan 2" in page
    assert "What changed" not in page
    whole = text(overall.analytics_state(ROWS, overall.analytics(ROWS, before=None)))
    assert "there is nothing before all time" in whole


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (0, 0, "same"),
        (5, 0, "new"),
        (0, 5, "gone"),
        (118, 100, "+18%"),
        (96, 100, "-4%"),
        (100.1, 100, "same"),
        (5000, 100, "x50"),
    ],
)
def test_e03_a_change_is_never_infinite(now, before, words):
    """From nothing to something is new, not plus infinity."""
    assert relative(now, before) == words


def test_e04_cost_over_time_marks_its_estimates():
    """The heading says what is estimated, and so does a mark below each day that has some."""
    state = overall.analytics_state(ROWS)
    page = text(state)
    heading = next(line for line in page.splitlines() if "Cost per day" in line)
    assert "estimated at list price, $8.25 recorded" in heading
    assert any(re.fullmatch(r"\s*(≈\s+)+≈?", line.rstrip()) for line in page.splitlines())
    recorded = text(overall.analytics_state([samples.opencode()]))
    assert "Cost per day as recorded" in recorded
    assert "≈" not in "".join(section(recorded, "Cost per day"))


def test_e05_leaders_and_what_changed():
    """Accounts and models by cost with their share, and the largest differences first."""
    page = text(overall.analytics_state(ROWS), Size(80, 120))
    models = section(page, "Models by cost")
    assert [line.split()[0] for line in models[:2]] == ["orchid-large-4-5", "orchid-small-4-5"]
    assert re.search(r"41% 25\.1M +≈\$38\.06", models[0])
    accounts = section(page, "Accounts by cost")
    assert accounts[0].strip().startswith("Claude Code")
    changed = section(page, "What changed in cost")
    amounts = [float(re.search(r"[+-]\$([\d.]+)", line)[1]) for line in changed]
    assert amounts == sorted(amounts, reverse=True)


def test_e06_pressure_lists_what_is_nearest_its_limit():
    """The fullest limit of all accounts is on top, in words that say it is used."""
    lines = section(text(overall.analytics_state(ROWS), Size(80, 120)), "Nearest their limit")
    assert "Codex · 5-hour limit" in lines[0]
    assert "88% used" in lines[0]
    percents = [int(re.search(r"(\d+)% used", line)[1]) for line in lines if "% used" in line]
    assert percents == sorted(percents, reverse=True)


def test_e07_efficiency_is_cheapest_first_and_only_of_known_prices():
    """A model without a price is not the cheapest one."""
    lines = section(text(overall.analytics_state(ROWS), Size(80, 120)), "Efficiency")
    rates = [float(re.search(r"\$([\d.]+) / 1K", line)[1]) for line in lines if "/ 1K" in line]
    assert rates == sorted(rates)
    assert not any("preview-0311" in line for line in lines)


def test_e08_hotspots_of_tools_projects_and_servers():
    """Each with its days as a sparkline."""
    page = text(overall.analytics_state(ROWS), Size(100, 120))
    for heading, name in (("Projects", "harbour"), ("Tools", "claude_code"), ("MCP", "github")):
        at = page.index(f" {heading} ")
        line = next(one for one in page[at:].splitlines() if f" {name} " in one)
        assert re.search("[▁▂▃▄▅▆▇█]{5,}", line), line


def test_e09_matrix_scales_each_model_by_itself():
    """The busiest day of every row is the darkest cell, however small the model."""
    page = text(overall.analytics_state(ROWS))
    rows = [line for line in section(page, "Models over time") if "orchid" in line]
    assert len(rows) == 5
    assert all("█" in line for line in rows)


def test_e10_peak_day_and_hour():
    """The busiest hour is the one with most tokens over all days."""
    page = text(overall.analytics_state(ROWS))
    assert re.search(r"busiest day +Fri Feb 20", page)
    assert re.search(r"busiest hour +15:00-16:00", page)


def test_e11_sort_changes_the_order_and_is_named():
    """s steps through the orders; the screen names the one that is on, and the lists follow it."""
    state = overall.analytics_state(ROWS)
    seen = []
    for name in SORTS:
        assert state.analytics.sort == name
        page = text(state, Size(120, 120))
        assert f"[{name}]" in page
        assert f"Models by {name}" in page
        shown = figures(state, state.answers["analytics"].value)
        seen.append([item.name for item in ranked(shown.models, name, "cost")])
        state = press(state, "s")
    assert state.analytics.sort == SORTS[0]
    assert seen[-1] == sorted(seen[-1])
    assert seen[0] != seen[-1]


def test_e12_filter_window_and_scroll():
    """/ narrows to accounts, Esc shows all again, w asks for another window, j k g G scroll."""
    state = overall.analytics_state(ROWS)
    typed = press(state, "/", *"opencode", "Enter")
    assert typed.filters == {"analytics": "opencode"}
    page = text(typed)
    assert "/opencode 1 of 3" in page
    assert "orchid" not in page.split("Nearest")[0]
    cleared = press(typed, "Esc")
    assert (cleared.screen, dict(cleared.filters)) == ("analytics", {})
    assert press(cleared, "Esc").screen == "main"
    state, effects = inputs.on_key(state, "w", SIZE)
    assert effects == ("window",)
    assert dict(wanted(state)[0].params)["window"] == "all"
    down = press(state, "j", "j")
    assert down.scroll["analytics"] == 2
    assert press(down, "k").scroll["analytics"] == 1
    last = press(down, "G").scroll["analytics"]
    assert press(down, "PgDn").scroll["analytics"] > 2
    assert last > 2
    assert press(down, "G", "g").scroll["analytics"] == 0


def test_e13_currencies_are_never_added():
    """Euros and credits stand beside dollars, in sums as in rows, and are in no bar."""
    one = Totals(requests=1, total_tokens=5, cost_usd=2.0, other_costs={"EUR": 1.0})
    two = Totals(requests=1, total_tokens=5, cost_usd=3.0, other_costs={"EUR": 2.0, "credits": 7.0})
    both = summed([one, two])
    assert both.cost_usd == 5.0
    assert both.other_costs == {"EUR": 3.0, "credits": 7.0}
    usage = dataclasses.replace(samples.usage(), totals=dataclasses.replace(
        samples.usage().totals, other_costs={"EUR": 12.5}))  # fmt: skip
    page = text(overall.analytics_state([samples.claude(usage=usage)]))
    assert "≈$62.40 + 12.50 EUR" in page
    assert "not in the chart: 12.50 EUR recorded" in page


def test_e13_bases_are_kept_apart():
    """An estimate and a bill make a mixed sum; what has no price makes it incomplete."""
    estimate = Totals(requests=1, total_tokens=1, cost_usd=1.0)
    billed = Totals(requests=1, total_tokens=1, cost_usd=1.0, cost_basis="recorded")
    unpriced = Totals(requests=4, total_tokens=1, cost_basis="unpriced")
    assert summed([estimate, billed]).cost_basis == "mixed"
    assert summed([billed, billed]).cost_basis == "recorded"
    assert summed([unpriced]).cost_basis == "unpriced"
    assert summed([billed, unpriced]).unpriced_requests == 4
    assert summed([]).cost_basis == "estimate"


def test_e14_hidden_costs_stay_hidden():
    """No amount is on the screen when costs are hidden; of one account, only its own are gone."""
    wishes = Preferences(hide_costs=True)
    shown = wishes.applied(samples.model(ROWS))
    page = text(overall.analytics_state(ROWS, preferences=wishes, model=shown))
    assert "$" not in page.split("Nearest")[0]
    assert "Tokens per day" in page
    some = Preferences(costs_of={"claude-1": True})
    state = overall.analytics_state(ROWS, preferences=some, model=some.applied(samples.model(ROWS)))
    figured = figures(state, state.answers["analytics"].value)
    assert figured.total.cost_usd == pytest.approx(21.7 + 8.25)
    assert figured.total.total_tokens == 65_600_000
    page = text(state, Size(80, 120))
    assert "without 1 account (costs hidden)" in page
    assert "$" not in section(page, "Accounts by cost")[-1]


# -------------------------------------------------------------------- sessions


LISTED = [overall.session(number) for number in range(8)]


def test_sessions_list_chooses_sorts_and_filters():
    """Arrows choose, s and o change what is asked for and what the screen says, / filters."""
    state = overall.sessions_state(ROWS, LISTED)
    down = press(state, "j", "j")
    assert down.sessions.selected == ("claude_code", LISTED[2].session_id)
    assert "▸ 09:50" in text(down)
    assert press(down, "G").sessions.selected[1] == LISTED[-1].session_id
    assert press(down, "PgDn", "PgUp", "k").sessions.selected[1] == LISTED[0].session_id
    for name in (*SESSION_SORTS[1:], SESSION_SORTS[0]):
        state = press(state, "s")
        assert dict(wanted(state)[0].params)["sort"] == name
    assert dict(wanted(press(state, "o"))[0].params)["order"] == "asc"
    assert "by last activity ▲" in text(press(state, "o"))
    typed = press(state, "/", *"harbour é", "Enter")
    assert dict(wanted(typed)[0].params)["text"] == "harbour é"
    assert "/harbour é" in text(typed)
    assert press(typed, "Esc").filters == {}


def test_a_session_opens_with_its_turns_and_leads_to_its_neighbours():
    """Enter asks for the turns of the chosen one; ] and [ go on, the ends say so."""
    state = press(overall.sessions_state(ROWS, LISTED), "j", "Enter")
    assert state.screen == "session"
    assert dict(wanted(state)[0].params)["session"] == LISTED[1].session_id
    assert "reading …" in text(state)
    assert press(state, "]").sessions.opened[1] == LISTED[2].session_id
    first = press(state, "[", "[")
    assert first.sessions.opened[1] == LISTED[0].session_id
    assert first.notice == "this is the first one"
    assert press(state, "Esc").screen == "sessions"
    page = text(overall.session_state(ROWS, LISTED[2]))
    for words in ("tide-tables", "54m", "14, 6 tool calls", "Bash 19, 2 failed", "1.50 EUR",
                  "(explorer)", "earlier turns are only kept as sums"):  # fmt: skip
        assert words in page


def test_sessions_respect_hidden_costs():
    """Neither list nor page shows an amount of an account whose costs are hidden."""
    wishes = Preferences(costs_of={"claude-1": True})
    model = wishes.applied(samples.model(ROWS))
    state = overall.sessions_state(ROWS, LISTED, preferences=wishes, model=model)
    assert "$" not in "\n".join(text(state).splitlines()[2:])
    state = overall.session_state(ROWS, LISTED[1], preferences=wishes, model=model)
    assert not re.search(r"\$|EUR", "\n".join(text(state).splitlines()[2:]))


def test_nothing_to_choose_is_no_error():
    """Every key of the screens does no harm on an empty list."""
    for screen in ("analytics", "sessions", "session"):
        for row in keymap.rows(screen):
            state = samples.state([], screens=("main", screen))
            after, _ = actions.perform(row.command, state, SIZE)
            assert screens.render(after, 80, 24)


# -------------------------------------------------------- on a real terminal


def analytics_of(_params: dict[str, Any]) -> Any:
    return overall.analytics(ROWS)


def sessions_of(params: dict[str, Any]) -> Any:
    from openusage_proto.session_messages import Sessions

    if params.get("session"):
        (row,) = [one for one in LISTED if one.session_id == params["session"]]
        return Sessions(seq=7, timezone="Europe/Berlin", total=1, sessions=[row],
                        turns=overall.TURNS, turns_kept=4, tools=overall.TOOLS)  # fmt: skip
    listed = [row for row in LISTED if params.get("text", "") in row.project]
    return Sessions(seq=7, timezone="Europe/Berlin", total=len(listed), sessions=listed)


def asked(server):
    """The windows whose analytics were asked for, in order."""
    return [one["window"] for one in server.params_of(methods.ANALYTICS)]


@pytest.mark.pty
def test_analytics_and_sessions_on_a_terminal(socket_path):
    """Tab, s, w, /, Enter and Esc as a user would press them, against a real socket."""
    answers = {methods.ANALYTICS: analytics_of, methods.SESSIONS: sessions_of}
    with (
        ModelPeer(socket_path, samples.model(ROWS), **answers) as server,
        Terminal(dashboard(), 120, 40) as terminal,
    ):
        terminal.wait_for("Claude Code")
        terminal.send("\t")
        terminal.wait_for("Cost per day")
        terminal.send("s")
        terminal.wait_for("Models by tokens")
        terminal.send("w")
        terminal.wait_for("[all]")
        wait_until(lambda: asked(server) == ["30d", "all"], 10, "the figures of the new window")
        terminal.send("\t")
        terminal.wait_for("8 sessions")
        terminal.send("/lighthouse\r")
        terminal.wait_for("3 sessions")
        terminal.send("\r")
        terminal.wait_for("Bash 19, 2 failed")
        terminal.resize(60, 20)
        terminal.wait_for("lighthouse")
        terminal.send("q")
        assert terminal.wait_exit() == 0
        assert asked(server) == ["30d", "all"]


@pytest.mark.parametrize("width", range(40, 100, 3))
def test_e02_the_sums_are_told_whole_at_any_width(width):
    """What does not fit on a line goes on below it; no figure and no word is cut."""
    rows = samples.accounts(6)
    lines = [plain(line) for line in render_analytics(overall.analytics_state(rows), width)]
    end = next(at for at, text in enumerate(lines) if text.strip().startswith("Cost per day"))
    sums = " ".join(" ".join(lines[1:end]).split())
    assert "…" not in sums
    assert re.search(r"Tokens \S+ .* in, .* from cache, .* out Active days", sums)
    assert re.search(r"Trend .* before \(.*\) Used by", sums)
    assert all(cell_width(text) <= width for text in lines)
