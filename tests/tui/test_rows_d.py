"""The detail view, row by row of the list of what users see (D01 to D15)."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from openusage_client.preferences import Preferences, parse
from openusage_client.tui import actions, keymap
from openusage_client.tui.detail import asking
from openusage_client.tui.effects import Size
from openusage_client.tui.layout import plain
from openusage_client.tui.views import detail, screens
from openusage_proto.messages import Metric, Totals, Usage
from tests.support import detail_samples as details
from tests.support import screen_samples as samples

WIDE = Size(120, 40)
ALL = Size(100, 400)


def press(state, keys, size=WIDE):
    """The state after these keys."""
    for key in keys:
        state, _ = actions.perform(keymap.lookup(state.context, key), state, size)
    return state


def text(state, size=ALL):
    """The screen as text."""
    return "\n".join(
        plain(line).rstrip() for line in screens.render(state, size.width, size.height)
    )


def card(state, title, size=ALL):
    """The lines of one card."""
    lines = text(state, size).split("\n")
    start = next(at for at, line in enumerate(lines) if line.startswith(f" {title}"))
    end = next((at for at in range(start + 1, len(lines)) if not lines[at].strip()), len(lines))
    return lines[start:end]


def test_d01_open_and_close_return_to_the_same_selection_and_scroll():
    """Enter and Esc or Backspace: the overview is as it was left."""
    for leave in ("Esc", "Backspace"):
        state = samples.state(samples.accounts(40), selected="codex-9", scroll={"main": 31})
        before = press(state, ["Down", "Up"], Size(80, 24))
        after = press(before, ["Enter", "PgDn", leave], Size(80, 24))
        assert (after.screens, after.selected) == (("main",), before.selected)
        assert after.scroll["main"] == before.scroll["main"]


def test_d02_cards_come_in_the_configured_order_and_can_be_switched_off():
    """`dashboard.detail_sections` decides; what it does not name follows."""
    wishes = parse({"dashboard": {"detail_sections": [
        {"id": "tools"}, {"id": "models", "enabled": False}, {"id": "timers"},
    ]}})  # fmt: skip
    state = details.detail(preferences=wishes)
    titles = [one.id for one, _ in detail.page(state, 100).cards]
    assert titles[:2] == ["tools", "timers"]
    assert "models" not in titles
    assert "usage" in titles
    assert detail.sections(details.detail()) == list(detail.ORDER)


def test_d03_tab_and_arrows_jump_to_the_next_cards_top():
    """The next card's first line is the first that scrolls."""
    size = Size(80, 24)
    state = press(details.detail(), ["Tab"] * 4, size)
    page = detail.page(state, 80)
    tops = {top: one.title for one, top in page.cards}
    assert tops[state.scroll["detail"]] == "Forecast"
    assert plain(screens.render(state, 80, 24)[3]).startswith(" Forecast")
    back = press(state, ["BackTab"], size)
    assert tops[back.scroll["detail"]] == "Spending"
    assert (
        press(press(details.detail(), ["Tab"], size), ["Right"], size).scroll
        == press(details.detail(), ["Tab", "Tab"], size).scroll
    )


def test_d04_usage_card_has_every_gauge_with_its_projection():
    """All limits, reset in local time, and where each will be at its reset."""
    lines = card(details.detail(), "Limits")
    assert len([line for line in lines if "% used" in line]) == 3
    assert "resets 14:00 (in 2h 10m)" in lines[1]
    forecast = "\n".join(card(details.detail(), "Forecast"))
    assert "5-hour limit" in forecast
    assert "about 87% used at the reset Sat 16:50" in forecast


def test_d04_a_limit_has_one_future_on_a_page():
    """Where habits tell it, the limit's own line does not say that the pace leads elsewhere."""
    state = details.detail()
    first = state.model.accounts[0]
    fuller = [
        dataclasses.replace(metric, used=69.0) if metric.key == "usage_seven_day" else metric
        for metric in first.metrics
    ]
    account = dataclasses.replace(first, metrics=fuller)
    model = dataclasses.replace(state.model, accounts=[account, *state.model.accounts[1:]])
    state = dataclasses.replace(state, model=model)
    # without habits the pace is all that is known
    alone = dataclasses.replace(state, answers={})
    assert any("at this pace full in" in line for line in card(alone, "Limits"))
    lines = card(state, "Limits")
    assert "about 74% by then" in lines[1]
    assert not any("pace" in line for line in lines)
    assert any("about 98% used at the reset Sat" in line for line in card(state, "Forecast"))


def test_d05_spending_names_the_window_and_leaves_out_what_is_nothing():
    """Only amounts there are, each with its period, and what kind of money it is."""
    lines = card(details.detail(), "Spending")
    assert lines[0].strip() == "Spending by list price"
    assert [line.split("  ")[1].strip() for line in lines[1:]] == [
        "Today", "Since Fri Mar 6", "30 days", "Per active day (22)",
    ]  # fmt: skip
    idle = samples.claude(usage=Usage(totals=Totals(), today=Totals()))
    assert " Spending" not in text(samples.state([idle], screens=("main", "detail")))
    codex = samples.state(samples.accounts(3), selected="codex-1", screens=("main", "detail"))
    assert any("$12.40 left (billed)" in line for line in card(codex, "Spending"))


def test_d06_all_models_are_there_with_what_went_in_and_came_out():
    """One row and one pair of bars for each of the five."""
    shown = text(details.detail())
    for row in samples.usage().models:
        assert sum(row.name in line for line in shown.split("\n")) >= 2
    assert sum("  in " in line and "  out " in line for line in shown.split("\n")) == 5


def test_d07_trends_are_charts_by_day_and_up_to_four_lines_by_name():
    """A chart per series, and of five projects four lines and a word on the fifth."""
    shown = text(details.detail())
    for title in ("Tokens per day", "Tokens by model per day", "Tokens by project per day",
                  "Calls by MCP server per day"):  # fmt: skip
        assert title in shown
    lines = card(details.detail(), "Tokens by project per day")
    assert sum(line.count("■") for line in lines) == 4
    assert lines[-1].strip() == "1 more without a line"
    assert any("⠤" in line or "⣀" in line for line in lines)


def test_d08_cost_and_requests_have_a_readable_scale_each():
    """Two charts, two axes: dollars do not vanish beside request counts."""
    cost, requests = card(details.detail(), "Cost per day"), card(details.detail(), "Requests per")
    assert "$1.14┤" in cost[2]
    assert "38┤" in requests[2]
    assert sum("█" in line for line in cost) >= 4
    assert sum("█" in line for line in requests) >= 4


def test_d09_heat_map_has_weeks_and_days_with_totals_beside():
    """Seven rows of weekdays, steps that differ without colours, and what it adds up to."""
    lines = card(details.detail(), "Days of the week")
    rows = {line.strip()[:3]: line for line in lines[2:9]}
    assert list(rows) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert "█" in rows["Wed"]
    assert set(rows["Sat"][6:].replace(" ", "")) == {"·"}
    assert "22 of 30 days active · 643k on one of them · peak 760k on Feb 13" in lines[9]
    hours = card(details.detail(), "Hours of the week")
    assert "local time" in hours[0]
    assert hours[-1].strip().startswith("peak Mon 09:00")


def test_d10_forecast_goes_by_working_hours_and_says_how():
    """Five dollars a week: none over the weekend, not one dollar an hour all night long."""
    shown = " ".join(line.strip() for line in card(details.detail(), "Forecast"))
    assert "Next 7 days     ≈$5.00" in shown
    assert "Next 24 hours   ≈$1.00" in shown
    assert "From the mean of each weekday's hours over 28 days since Feb 13" in shown
    assert "mostly Mon–Fri, 9–18 h" in shown
    young = dataclasses.replace(details.activity(), history_since="2026-03-10")
    state = details.detail()
    state = details.answered(state, asking.activity_question(state), young)
    told = " ".join(line.strip() for line in card(state, "Forecast"))
    assert "Too little is known for a usual week" in told
    assert "Next 7 days" not in told


def test_d11_balance_runs_out_by_measured_points():
    """Rate and date of a balance, with how many points they are from."""
    shown = " ".join(line.strip() for line in card(details.detail(), "Forecast"))
    assert "used up Mar 27 11:00 (in 14d 23h)" in shown
    assert "$9.60 went in 10d (11 measured points), $0.96 a day" in shown


def test_d12_timers_are_local_and_soonest_first():
    """Every reset once, in the order of time, in the zone of the screen."""
    lines = card(details.detail(), "Resets")
    assert lines[0].strip() == "Resets in CET time"
    assert [line.strip()[:18] for line in lines[1:]] == ["● Thu Mar 12 14:00", "● Sat Mar 14 16:50"]
    assert "Weekly limit, Weekly, large" in lines[2]
    tokyo = dataclasses.replace(
        details.detail(), now=samples.NOW.astimezone(ZoneInfo("Asia/Tokyo"))
    )
    assert "● Thu Mar 12 22:00" in card(tokyo, "Resets")[1]
    over = samples.claude(metrics=[
        Metric(key="a", unit="%", used=1.0, limit=100.0, resets_at=samples.iso(timedelta(minutes=5))),
        Metric(key="b", unit="%", used=1.0, limit=100.0, resets_at=samples.iso(-timedelta(hours=1))),
    ])  # fmt: skip
    words = card(samples.state([over], screens=("main", "detail")), "Resets")
    assert "due" in words[1]
    assert "in 5m" in words[2]


def test_d13_info_shows_attributes_diagnostics_and_raw_values_without_secrets():
    """Readable, times as times, and nothing that looks like a key or an address of mail."""
    account = samples.claude(
        stale_reason="vendor unreachable",
        attributes={
            "plan": "max", "org_name": "me@example.org", "token": "sk-ant-REDACTED-0001",
            "period_end": "1773327000", "balance_error": "403 for this key",
            "odd": "\x1b[31mred\x07",
        },
    )  # fmt: skip
    state = samples.state([account], screens=("main", "detail"))
    about = "\n".join(card(state, "About"))
    assert "plan" in about
    assert "me@example.org" not in about
    assert "REDACTED" not in about
    assert "2026-03-12 15:50" in about
    assert "no balance" in about
    assert "limits are old" in about
    assert "used 42, limit 100 % per 5h" in about
    assert "\x1b" not in about


def test_d14_a_charts_cursor_reads_out_the_day_and_its_values():
    """The day under the cursor with tokens, cost and requests; the cursor is marked in the chart."""
    state = details.detail("chart/cost", cursor=1)
    lines = card(state, "▸ Cost per day")
    assert lines[1].strip() == "Wed Mar 11: 640k tokens · ≈$0.96 · 32 requests"
    moved = press(state, ["Left"], ALL)
    assert card(moved, "▸ Cost per day")[1].strip().startswith("Tue Mar 10: 580k tokens")
    weekend = card(details.detail("chart/cost", cursor=4), "▸ Cost per day")
    assert any("│" in line[12:] for line in weekend[2:])
    by_model = card(details.detail("chart/models", cursor=1), "▸ Tokens by model")
    assert by_model[1].strip() == "Wed Mar 11:"
    assert "orchid-large-4-5 384k" in by_model[-1] or "orchid-large-4-5 384k" in by_model[-2]


def test_d15_a_model_leads_to_its_days_sessions_and_turns():
    """From a row down to single turns, and `e` says where each number comes from."""
    state = press(details.detail(f"models/{details.LARGE}"), ["Enter"])
    state = details.answered(state, asking.drill_question(state), details.activity())
    days = text(state, Size(100, 40))
    assert "Thu Mar 12" in days
    assert "days" in days.split("\n")[2]
    state = press(state, ["Down", "Enter"])
    state = details.answered(state, asking.drill_question(state), details.explanation())
    assert "0198c1d2-6f1" in text(state, Size(100, 40))
    state = press(state, ["Down", "Enter"])
    state = details.answered(state, asking.drill_question(state), details.explanation(events="two"))
    turns = text(state, Size(100, 40))
    assert "in 12" in turns
    assert "read 88.0k" in turns
    asked = press(state, ["e"])
    assert asked.detail.figure.asks("session") == "0198c1d2-6f1c-7bd4"
    told = text(details.answered(asked, asking.explain_question(asked), details.explanation()), ALL)
    for words in ("Total tokens        1,240,000", "hook of the tool, 38 of them completed",
                  "claude_code, log 17 new 38 completed 3 repeated", "Query on the database file", "x $3.00/M"):  # fmt: skip
        assert words in " ".join(told.split()) or words in told


def test_costs_that_are_hidden_are_hidden_on_every_detail_screen():
    """No amount of money in cards, charts, forecasts, the way down or explanations."""
    shown = Preferences(hide_costs=True)
    state = details.detail(preferences=shown)
    state = dataclasses.replace(state, model=shown.applied(state.model))
    for money in ("$", "Spending", "Cost"):
        assert money not in text(state)
    down = press(dataclasses.replace(state, detail=state.detail.with_focus("detail", "day/2026-03-12")),
                 ["Enter"], ALL)  # fmt: skip
    down = details.answered(down, asking.drill_question(down), details.explanation())
    assert "$" not in text(down)
    asked = press(down, ["e"], ALL)
    asked = details.answered(
        asked, asking.explain_question(asked), details.explanation(events="two")
    )
    told = text(asked)
    assert "$" not in told
    assert "EUR" not in told


def test_now_is_the_screens_own():
    """The samples stand on a Thursday: what is asserted above depends on it."""
    assert datetime.fromisoformat("2026-03-12").weekday() == samples.NOW.weekday() == 3
