"""Whole screens: goldens, width and height in every state, and the promises of each view."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage_client.preferences import HIDDEN, WINDOWS, Preferences
from openusage_client.tui.layout import line_width, plain
from openusage_client.tui.limits import Thresholds
from openusage_client.tui.state import Entry, Link
from openusage_client.tui.theme import ROLES
from openusage_client.tui.views import screens, wording
from openusage_proto.messages import Metric, NamedCount, Totals, Usage
from tests.support import screen_samples as samples
from tests.support.screens import SIZES, check_golden, drawn, page_of

# Read at import: the tests' own environment has none of our variables.


def lost(**changes):
    """The daemon has gone twelve minutes ago."""
    return samples.state(
        samples.accounts(3),
        link=Link(phase="lost", since=samples.NOW - timedelta(minutes=12), detail="hung up"),
        **changes,
    )


FAILING = Link(
    phase="failing", since=samples.NOW - timedelta(minutes=2),
    detail="the database is locked by another program (incident 5f3a)",
)  # fmt: skip


def hidden(**changes):
    """The settings hide all costs but those of one account, which they put first."""
    shown = Preferences(hide_costs=True, costs_of={"opencode-1": False}, order=("opencode-1",))
    rows = samples.accounts(3)
    return samples.state(
        rows,
        preferences=shown,
        model=shown.applied(samples.model(rows, unmapped=[samples.UNMAPPED])),
        **changes,
    )


def typed(kind, text, choice=0):
    """A line is being typed; a filter acts at once."""
    return samples.state(
        samples.accounts(6),
        entry=Entry(kind=kind, text=text, choice=choice),
        filters={"main": text} if kind == "filter" else {},
    )


def importing(rows):
    """A first import that is 42 % done."""
    return samples.state(
        rows, model=samples.model(rows, importing=True), importing=samples.IMPORTING
    )


CASES = {
    "splash-connecting": lambda: samples.state(
        None, link=Link(phase="connecting", since=samples.NOW)
    ),
    "splash-lost": lambda: samples.state(
        None,
        link=Link(
            phase="lost", since=samples.NOW,
            detail="no daemon answers on /run/openusage/telemetry.sock; start it with "
                   "`openusaged start` or leave out --no-autostart",
        ),
    ),
    "splash-failing": lambda: samples.state(None, link=FAILING),
    "splash-nothing": lambda: samples.state([]),
    "splash-importing": lambda: importing([]),
    "grid-1": lambda: samples.state(samples.accounts(1)),
    "grid-6": lambda: samples.state(samples.accounts(6)),
    "grid-40": lambda: samples.state(
        samples.accounts(40), selected="codex-7", scroll={"main": 30}
    ),
    "grid-errors": lambda: samples.state(
        [samples.signed_out(), samples.stale(), samples.unknown_figures()]
    ),
    "grid-names": lambda: samples.state([samples.odd_names(), samples.codex()]),
    "grid-stale": lambda: samples.state([samples.stale(), samples.codex()]),
    "grid-lost": lost,
    "grid-failing": lambda: samples.state(samples.accounts(3), link=FAILING),
    "grid-hidden": hidden,
    "grid-notes": lambda: samples.state(
        samples.accounts(2),
        window="7d",
        notice="refreshing 2 accounts",
        model=samples.model(samples.accounts(2), demo=True, unmapped=[samples.UNMAPPED]),
    ),
    "detail": lambda: samples.state(samples.accounts(6), screens=("main", "detail")),
    "detail-codex": lambda: samples.state(
        samples.accounts(6), screens=("main", "detail"), selected="codex-1"
    ),
    "detail-hidden": lambda: hidden(screens=("main", "detail"), selected="codex-1"),
    "detail-stale": lambda: samples.state([samples.stale()], screens=("main", "detail")),
    "detail-names": lambda: samples.state([samples.odd_names()], screens=("main", "detail")),
    "help": lambda: samples.state(samples.accounts(1), screens=("main", "help")),
    "filter": lambda: typed("filter", "codex"),
    "filter-names": lambda: typed("filter", "北京 Ünïcödé"),
    "palette": lambda: typed("palette", "", choice=9),
    "palette-found": lambda: typed("palette", "account"),
    "palette-nothing": lambda: typed("palette", "zzz"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_golden(name, width, height):
    """The screen looks as reviewed (rewritten by `make golden`)."""
    lines = drawn(CASES[name](), width, height)
    check_golden(f"tui/{name}-{width}x{height}", page_of(lines))


NAMES = st.text(alphabet=st.characters(), max_size=30)
NUMBERS = st.one_of(st.none(), st.floats(-1e3, 1e12, allow_nan=False))
TOTALS = st.builds(
    Totals,
    requests=st.integers(0, 10**9),
    total_tokens=st.integers(0, 10**15),
    cost_usd=st.floats(0, 1e9),
    cost_basis=st.sampled_from(["estimate", "recorded", "mixed", "unpriced", HIDDEN]),
    unpriced_requests=st.integers(0, 5),
    other_costs=st.dictionaries(st.sampled_from(["EUR", "credits"]), st.floats(0, 1e6), max_size=2),
)
ROWS = st.lists(st.builds(samples.NamedTotals, name=NAMES, totals=TOTALS, label=NAMES), max_size=5)
COUNTS = st.lists(
    st.builds(NamedCount, name=NAMES, calls=st.integers(0, 10**7), errors=st.integers(0, 9),
              lines_added=st.integers(0, 10**6)),
    max_size=4,
)  # fmt: skip
TIMES = st.one_of(
    st.none(),
    st.just("soon"),
    st.integers(-(10**6), 10**6).map(lambda s: samples.iso(timedelta(seconds=s))),
)
METRICS = st.lists(
    st.builds(Metric, key=st.text(min_size=1, max_size=9), unit=st.sampled_from(["%", "USD", "tokens", "x"]),
              label=NAMES, window=st.sampled_from(["5h", "7d", "month", ""]), used=NUMBERS,
              limit=NUMBERS, remaining=NUMBERS, resets_at=TIMES),
    max_size=5,
)  # fmt: skip
ACCOUNTS = st.lists(
    st.builds(
        samples.AccountSnapshot,
        account_id=NAMES,
        provider_id=st.sampled_from(["claude_code", "codex", "x"]),
        title=NAMES,
        status=st.sampled_from([*wording.STATUS, "NEW_WORD"]),
        message=NAMES,
        fetched_at=TIMES,
        stale_since=TIMES,
        stale_reason=NAMES,
        metrics=METRICS,
        attributes=st.dictionaries(NAMES, NAMES, max_size=2),
        usage=st.one_of(
            st.none(),
            st.builds(Usage, totals=TOTALS, today=TOTALS, last_event_at=TIMES, models=ROWS,
                      projects=ROWS, clients=ROWS, agents=ROWS, tools=COUNTS, mcp=COUNTS,
                      days=st.just(samples.days(10**7, 3.0))),
        ),
    ),
    max_size=4,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    rows=ACCOUNTS,
    width=st.integers(1, 250),
    height=st.integers(1, 70),
    screen=st.sampled_from(screens.SCREENS),
    phase=st.sampled_from(["connecting", "live", "failing", "lost"]),
    notice=NAMES,
    window=st.sampled_from(WINDOWS),
    scroll=st.integers(0, 200),
)
def test_any_state_fits_any_terminal(rows, width, height, screen, phase, notice, window, scroll):
    """Exactly the height, never wider than the width, only known roles, nothing unprintable."""
    state = samples.state(
        rows,
        screens=("main", screen) if screen != "main" else ("main",),
        link=Link(phase=phase, since=samples.NOW, detail=notice),
        notice=notice,
        window=window,
        scroll={screen: scroll},
    )
    lines = screens.render(state, width, height)
    assert len(lines) == height
    for line in lines:
        assert line_width(line) <= width
        assert {role for _, role in line} <= set(ROLES)
        assert all(char.isprintable() or char == " " for char in plain(line))


@pytest.mark.parametrize(("width", "height"), [(39, 24), (80, 7), (1, 1), (3, 40)])
def test_a_terminal_that_is_too_small_gets_a_hint(width, height):
    """One line, cut to what there is."""
    lines = drawn(samples.state(samples.accounts(3)), width, height)
    assert len(lines) == height
    assert lines[0].strip()
    assert not "".join(lines[1:]).strip()


def test_nothing_is_drawn_without_cells():
    """A terminal of no size is no error."""
    assert screens.render(samples.state([]), 0, 0) == []


def test_the_smallest_terminal_still_works():
    """40 by 8 shows header, a tile and keys."""
    lines = drawn(samples.state(samples.accounts(3)), 40, 8)
    assert "OpenUsage" in lines[0]
    assert "Claude Code" in lines[1]
    assert "quit" in lines[-1]


def test_rendering_is_pure():
    """The same state gives the same lines; nothing remembers an earlier screen."""
    state = samples.state(samples.accounts(6))
    first = screens.render(state, 100, 30)
    screens.render(samples.state(samples.accounts(40)), 60, 12)
    assert screens.render(state, 100, 30) == first


def test_used_is_said_with_every_percentage_of_a_limit():
    """A bare percentage could be read as what is left."""
    for line in drawn(samples.state(samples.accounts(6)), 120, 60):
        if "limit " in line and "%" in line and "price" not in line:
            assert "% used" in line


def test_the_near_limit_is_never_hidden():
    """At the lowest level of detail a third limit at 91 % still shows."""
    account = samples.claude()
    hot = dataclasses.replace(account.metrics[2], used=91.0)
    rows = [samples.claude(n, metrics=[*account.metrics[:2], hot]) for n in range(1, 9)]
    text = "\n".join(drawn(samples.state(rows), 80, 24))
    assert "91% used" in text


def test_unknown_is_not_zero():
    """A limit without figures shows a dash."""
    text = "\n".join(drawn(samples.state([samples.unknown_figures()]), 80, 24))
    assert "— used" in text
    assert "0% used" not in text


def test_a_lost_daemon_is_said_with_the_figures_still_there():
    """The time of the loss is in the header, the last figures stay."""
    lines = drawn(lost(), 100, 30)
    assert "daemon lost at 11:38" in lines[0]
    assert any("42% used" in line for line in lines)


@pytest.mark.parametrize(("width", "height"), [(40, 8), (80, 11), (60, 20), (120, 40)])
def test_an_error_of_the_daemon_is_said_with_the_figures_still_there(width, height):
    """Its words are in the header and the figures stay; nothing claims that it is lost."""
    lines = drawn(samples.state(samples.accounts(3), link=FAILING), width, height)
    head = "\n".join(lines[:2])
    assert "daemon error" in head
    assert "the database is" in head
    assert "lost" not in head
    assert "Claude Code" in "\n".join(lines)


def test_hidden_costs_leave_no_amount_on_any_screen():
    """No dollar sign is left but those of the account that shows its costs."""
    for screen, account in (("main", ""), ("detail", "claude-1"), ("detail", "codex-1")):
        state = hidden(screens=("main", screen), selected=account)
        model = dataclasses.replace(
            state.model,
            accounts=[a for a in state.model.accounts if a.account_id != "opencode-1"],
        )
        text = "\n".join(drawn(dataclasses.replace(state, model=model), 120, 90))
        assert "tokens" in text
        assert "$" not in text
        assert "Cost" not in text
        assert "+?" not in text
    assert "$8.25" in "\n".join(drawn(hidden(), 120, 60))


def test_thresholds_of_the_settings_are_used_and_explained():
    """Colours and the help page follow what the settings say."""
    shown = Preferences(thresholds=Thresholds(50.0, 62.5))
    state = samples.state(samples.accounts(1), preferences=shown)
    used = {}
    for line in screens.render(state, 80, 24):
        for text, role in line:
            if role in {"ok", "warn", "crit"} and text.strip().endswith("%"):
                used[text.strip()] = role
    assert used == {"42%": "ok", "61%": "warn", "12%": "ok"}
    text = "\n".join(drawn(dataclasses.replace(state, screens=("main", "help")), 80, 250))
    assert "below 50% used" in text
    assert "from 62%" in text


def test_colours_follow_the_thresholds():
    """79 % is calm, 80 % warns, 95 % alarms."""
    for used, role in ((79.0, "bar.ok"), (80.0, "bar.warn"), (95.0, "bar.crit")):
        metric = Metric(key="m", unit="%", label="L", used=used, limit=100.0)
        lines = screens.render(samples.state([samples.claude(metrics=[metric])]), 80, 24)
        bars = {r for line in lines for text, r in line if r.startswith("bar.") and text}
        assert bars == {role}


def test_a_clock_tick_alone_changes_only_times():
    """A minute later the same figures are drawn: what moves is clock, ages and countdowns."""
    before = samples.state([samples.opencode()])
    after = dataclasses.replace(before, now=before.now + timedelta(seconds=20))
    assert screens.render(before, 80, 24) == screens.render(after, 80, 24)


def test_more_room_shows_more():
    """The level of detail follows the height."""
    state = samples.state(samples.accounts(1))
    low = "\n".join(drawn(state, 80, 12))
    high = "\n".join(drawn(state, 80, 40))
    assert "Models" not in low
    assert "Models" in high
    assert "Projects" in high
    assert "Tools" in high


def test_what_a_table_cuts_off_is_summed():
    """Three rows and a sum of the rest: the shares still make a whole."""
    text = drawn(samples.state([samples.claude()]), 80, 40)
    row = next(line for line in text if "2 more" in line)
    assert "1.6M" in row
    assert "≈$2.50" in row


def test_detail_lists_every_model_and_limit():
    """Nothing of an account is missing from its own page."""
    state = samples.state(samples.accounts(1), screens=("main", "detail"))
    text = "\n".join(drawn(state, 120, 200))
    account = state.account
    for row in [*account.usage.models, *account.usage.projects, *account.usage.tools]:
        assert row.name in text
    for metric in account.metrics:
        assert metric.label in text


def test_today_window_has_one_line_of_totals():
    """With the window 1d the window is today, and it is not said twice."""
    model = samples.model([samples.claude()], window="1d")
    text = "\n".join(drawn(samples.state([], model=model, window="1d"), 80, 24))
    assert text.count("Today ") == 2
    assert "30 days" not in text
