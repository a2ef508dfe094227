"""Rows C01-C25 of the feature table: what a tile says; one test per row."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta

import pytest

from openusage_client.tui.layout import plain
from openusage_client.tui.limits import Thresholds, used_percent
from openusage_client.tui.state import Link
from openusage_client.tui.text import cell_width
from openusage_client.tui.views import account_rows, screens, wording
from openusage_client.tui.views.model_section import render_models, trend_question
from openusage_client.tui.watching import Answer
from openusage_proto.messages import Metric, NamedCount, ProviderInfo, Report, ReportRow, Widget
from tests.support import screen_samples as samples

KEYED = ProviderInfo(
    id="claude_code", title="Claude Code", kind="api", auth="api_key", description="",
    capabilities=[], dashboard_widget=Widget(), detail_widget=Widget(), variables=["EXAMPLE_KEY"],
)  # fmt: skip


def tile(account, width=90, height=80, **changes):
    """One account, with every section, as text."""
    return "\n".join(plain(line) for line in lines(account, width, height, **changes))


def lines(account, width=90, height=80, **changes):
    """One account, with every section, as lines of spans."""
    return screens.render(samples.state([account], view="tabs", **changes), width, height)


def roles_of(rendered, text):
    """The roles in which a text is drawn."""
    return {role for line in rendered for piece, role in line if text in piece}


def metric(**changes):
    """A limit of 5 hours that is half used."""
    base = Metric(key="m", unit="%", label="Limit", window="5h", used=50.0, limit=100.0)
    return dataclasses.replace(base, **changes)


def with_metrics(*metrics, **changes):
    """An account with these figures."""
    return samples.claude(metrics=list(metrics), **changes)


def used(**changes):
    """An account whose usage differs."""
    account = samples.claude()
    return dataclasses.replace(account, usage=dataclasses.replace(account.usage, **changes))


def test_c01_identity_line():
    """The name and the state in words on the frame, the window in the header."""
    rendered = tile(samples.codex())
    top = next(line for line in rendered.splitlines() if line.startswith("┏"))
    assert "Codex" in top
    assert "◐ near limit" in top
    assert "[30d]" in rendered.splitlines()[0]


def test_c02_the_billing_cycle_is_in_local_time():
    """Midnight in Berlin is the day before in UTC; the tile says the local day."""
    cycle = {
        "billing_cycle_start": "2026-02-28T23:00:00Z",
        "billing_cycle_end": "2026-03-31T22:00:00Z",
    }
    text = tile(samples.claude(attributes=cycle))
    assert "Billing cycle" in text
    assert "Mar 1 → Apr 1" in text
    assert "ends in 19d" in text
    assert "Billing" not in tile(samples.claude(attributes={"billing_cycle_end": "soon"}))


def test_c03_each_reset_is_said_once_and_counts_down():
    """One countdown per limit; a minute later it says a minute less; a near one stands out."""
    account = with_metrics(metric(resets_at=samples.iso(timedelta(minutes=31))))
    text = tile(account)
    assert text.count("resets") == 1
    assert "in 31m" in text
    assert "in 30m" in tile(account, now=samples.NOW + timedelta(minutes=1))
    for minutes, role in ((45, "muted"), (29, "accent"), (9, "ok")):
        near = with_metrics(metric(resets_at=samples.iso(timedelta(minutes=minutes))))
        assert roles_of(lines(near), f"in {minutes}m") == {role}


@pytest.mark.parametrize(
    ("used_share", "role"), [(49.0, "ok"), (50.0, "warn"), (69.0, "warn"), (70.0, "crit")]
)
def test_c04_gauges_agree_with_the_vendor_and_the_thresholds(used_share, role):
    """The number is the vendor's, the colour follows the settings, the bar has the same share."""
    wishes = dataclasses.replace(samples.state([]).preferences, thresholds=Thresholds(50.0, 70.0))
    rendered = lines(with_metrics(metric(used=used_share)), preferences=wishes)
    assert role in roles_of(rendered, f"{used_share:.0f}%")
    bar = next(line for line in rendered if any(name.startswith("bar.") for _, name in line))
    cells = "".join(piece for piece, name in bar if name.startswith("bar.") or name == "track")
    filled = sum(cells.count(char) for char in "█▉▊▋▌▍▎▏")
    assert filled / len(cells) == pytest.approx(used_share / 100, abs=1.1 / len(cells))


def test_c04_amounts_stand_beside_the_share():
    """A limit in money says how much of how much, in its own currency."""
    budget = metric(key="budget", unit="EUR", used=8.4, limit=20.0, money_kind="billed")
    assert "8.40 EUR of 20.00 EUR" in tile(with_metrics(budget))


def test_c05_pace():
    """The share at the reset, the time to 100 %, or nothing where it cannot be known."""
    slow = with_metrics(metric(used=20.0, resets_at=samples.iso(timedelta(hours=2, minutes=30))))
    assert "about 40% by then" in tile(slow, 96)
    fast = with_metrics(metric(used=80.0, resets_at=samples.iso(timedelta(hours=2, minutes=30))))
    assert "full in 37m" in tile(fast)
    for unknown in (metric(), metric(window="", resets_at=samples.iso(timedelta(hours=1)))):
        text = tile(with_metrics(unknown))
        assert "by then" not in text
        assert "full in" not in text


@pytest.mark.parametrize("width", range(40, 100))
def test_c05_the_warning_of_a_pace_is_never_cut(width):
    """Its longest form that fits; the time at which the limit is full is in every one."""
    fast = with_metrics(metric(used=80.0, resets_at=samples.iso(timedelta(hours=2, minutes=30))))
    (line,) = (text for text in tile(fast, width).splitlines() if "full in" in text)
    assert "full in 37m" in line
    assert "…" not in line


def test_c06_the_teams_gauge_has_its_parts():
    """Own and others' spend as shares of the limit; together they are what is used."""
    team = [
        Metric(key="spend_limit", unit="USD", label="Team spend", used=100.0, limit=200.0),
        Metric(key="individual_spend", unit="USD", label="Own part", used=25.0),
        Metric(key="team_budget_others", unit="USD", label="Others", used=75.0),
    ]
    rendered = lines(with_metrics(*team))
    text = "\n".join(plain(line) for line in rendered)
    assert "50% used" in text
    assert "you $25.00" in text
    assert "others $75.00 of $200.00" in text
    bar = next(line for line in rendered if "Own and others" in plain(line))
    cells = {role: len(piece) for piece, role in bar if piece.strip("█░") == "" and piece}
    whole = cells["series.2"] + cells["series.1"] + cells["track"]
    assert cells["series.2"] / whole == pytest.approx(0.125, abs=0.03)
    assert cells["series.1"] / whole == pytest.approx(0.375, abs=0.03)


def test_c07_the_summary_states_its_direction():
    """221k of 258k used is 86 % used and never 14 %; the idle limit is never the tightest."""
    state = samples.state([])
    account = with_metrics(
        metric(key="a", label="A", unit="tokens", used=221.4, limit=258.4),
        metric(key="b", label="B", used=3.0),
        metric(key="c", label="C", unit="requests", used=None, limit=100.0, remaining=90.0),
    )
    assert plain(account_rows.summary(state, account)) == "85% used A"
    balance = with_metrics(Metric(key="credit", unit="USD", remaining=12.4, money_kind="billed"))
    assert plain(account_rows.summary(state, balance)) == "$12.40 left (billed)"
    for row in (account, balance):
        assert re.search(r"\b(used|left)\b", plain(account_rows.summary(state, row)))


def test_c07_what_is_no_limit_is_never_the_tightest():
    """How far the billing cycle has come and how much the cache helped stop nobody."""
    account = with_metrics(
        metric(key="billing_cycle_progress", used=99.0),
        metric(key="cache_hit_ratio", used=97.0),
        metric(key="real", label="Real", used=12.0),
    )
    assert account_rows.tightest(samples.state([]), account).label == "Real"
    rendered = lines(account)
    assert roles_of(rendered, "99%") | roles_of(rendered, "97%") == {"muted"}


def test_c08_window_activity_line():
    """Tokens, cost and requests of the window and of today."""
    text = tile(samples.claude())
    assert "30 days       41.2M tokens · ≈$62.40 · 1,889 requests" in text
    assert "Today         1.2M tokens" in text


def test_c09_models_are_sorted_by_the_share_that_is_shown():
    """Rank, bar and share have one basis; the costliest model is first, whatever its tokens."""
    rows = [
        samples.NamedTotals(name="many-tokens", totals=samples.totals(90_000_000, 1.0, 10)),
        samples.NamedTotals(name="costly", totals=samples.totals(1_000_000, 99.0, 10)),
    ]
    text = tile(used(models=rows))
    assert "Models by cost" in text
    assert text.index("  costly") < text.index("  many-tokens")
    shares = [int(share) for share in re.findall(r"(?:costly|many-tokens) +\S+ +(\d+)%", text)]
    assert shares == [99, 1]


@pytest.mark.parametrize("size", [7, 999, 123_456, 98_765_432, 10**12, 10**15])
def test_c10_the_token_table_lines_up_at_any_magnitude(size):
    """Every row of the table is as wide as its head, and the kinds add up."""
    rows = [
        samples.NamedTotals(name="a", totals=samples.totals(size, 1.0, 1)),
        samples.NamedTotals(name="b", totals=samples.totals(3, 1.0, 1)),
    ]
    table = tile(used(models=rows, totals=samples.totals(size + 3, 2.0, 2))).splitlines()
    start = next(at for at, line in enumerate(table) if "cache r" in line)
    ends = {len(line[1:-1].rstrip()) for line in table[start : start + 4]}
    assert len(ends) == 1


def test_c11_cache_hits_are_good():
    """Read over input, read and written; much of it is drawn as good and never as an alarm."""
    rendered = lines(samples.claude())
    totals = samples.claude().usage.totals
    prompt = totals.input_tokens + totals.cache_read_tokens + totals.cache_creation_tokens
    share = int(totals.cache_read_tokens / prompt * 100)
    assert roles_of(rendered, f"{share}% from cache") == {"ok"}


def test_c12_model_trends_have_the_order_of_the_rows():
    """Fourteen days per model, asked for only while they are seen, below the rows they belong to."""
    state = samples.state([samples.claude()], view="tabs")
    (question,) = trend_question(state)
    day = samples.NOW.date().isoformat()
    rows = [ReportRow(key=name, label=name, total_tokens=count) for name, count in
            (("orchid-small-4-5", 10), ("orchid-large-4-5", 2_000_000))]  # fmt: skip
    row = ReportRow(key=day, label=day, model_breakdown=rows)
    report = Report(
        schema_version=1, kind="daily", timezone="", currency="USD", cost_basis="", seq=1,
        generated_at="", rows=[row], totals=row,
    )  # fmt: skip
    state = dataclasses.replace(state, answers={question.name: Answer(question, report)})
    text = "\n".join(plain(line) for line in screens.render(state, 90, 80))
    trend = text[text.index("tokens per day, 14 days") :]
    assert trend.index("orchid-large-4-5") < trend.index("orchid-small-4-5")
    assert "▁▁▁▁▁▁▁▁▁▁▁▁▁█  2.0M today" in trend
    assert trend_question(dataclasses.replace(state, model=samples.model([]))) == ()


@pytest.mark.parametrize("width", range(20, 80))
def test_c12_a_trend_is_drawn_whole_or_not_at_all(width):
    """Where it is narrow the name gives way, then the figure behind the line, then the trend."""
    usage = samples.usage()
    series = {row.name: [1.0] * 13 + [716_000.0] for row in usage.models}
    lines = render_models(usage, width, 0, table=True, series=series)
    texts = [plain(line) for line in lines]
    heads = [at for at, text in enumerate(texts) if "tokens per day" in text]
    for text in texts[heads[0] + 1 :] if heads else ():
        assert re.search(r"\S +[▁-█]{14}(  716k today)?$", text)
        assert cell_width(text) <= width
    assert bool(heads) == (width >= 26)


def test_c13_clients():
    """Which tool the requests came from, by share."""
    text = tile(samples.claude())
    assert "Clients by cost" in text
    assert re.search(r"claude_code +█+\S* +90%", text)


def test_c14_projects_with_todays_part():
    """Requests per project in the window, and which were worked on today."""
    text = tile(samples.claude())
    assert "Projects by cost · today harbour 41, buoy 16" in text
    assert re.search(r"harbour .*686 req", text)


def test_c15_tools_with_their_success():
    """Calls per tool, failures named, the share that worked, and nothing that is no tool."""
    text = tile(samples.claude())
    assert "Tools 98% ok  Bash 412 (17 failed) · Read 380 · Edit 201 · Grep 96" in text
    account = used(tools=[NamedCount(name="Bash", calls=4)])
    assert "% ok" not in tile(account)


def test_c16_mcp_servers_and_functions():
    """Calls per server; with all rows the functions of each."""
    rows = [NamedCount(name="github/search", calls=9), NamedCount(name="github/get", calls=3),
            NamedCount(name="docs", calls=2)]  # fmt: skip
    account = used(mcp=rows)
    assert "MCP  github 12 · docs 2" in tile(account)
    opened = tile(account, expanded=frozenset({account.account_id}))
    assert "MCP servers 14 calls" in opened
    assert "github 12 · search 9 · get 3" in opened


def test_c17_languages():
    """Edits per language."""
    assert "Languages  Python 140 · TypeScript 61" in tile(samples.claude())


def test_c18_code_statistics():
    """Lines added and removed as a bar, and what the vendor knows of commits and AI's share."""
    account = dataclasses.replace(
        samples.claude(),
        metrics=[
            Metric(key="scored_commits", unit="commits", label="Commits", used=31.0),
            Metric(key="ai_code_percentage", unit="%", label="AI share of commits", used=62.0),
        ],
    )
    rendered = lines(account)
    text = "\n".join(plain(line) for line in rendered)
    assert "Code  +5,210 -1,893 lines" in text
    assert "Commits  31 commits" in text
    assert "62%" in text
    bar = next(line for line in rendered if "+5,210" in plain(line))
    green, red = (sum(len(p) for p, r in bar if r == role and "█" in p)
                  for role in ("bar.ok", "bar.crit"))  # fmt: skip
    assert green / (green + red) == pytest.approx(5210 / 7103, abs=0.05)


def test_c19_daily_sparklines_with_their_last_value():
    """Tokens, cost and requests of the last days, today's beside each."""
    text = tile(samples.claude())
    assert re.search(r"14 days  [▁-█]{14}  \S+ tokens today", text)
    assert re.search(r"[▁-█]{14}  ≈\$\S+ today", text)
    assert re.search(r"[▁-█]{14}  \d+ requests today", text)


def test_c20_who_is_billed_behind_a_router():
    """Several providers behind one account are listed by share."""
    providers = samples.shares(10_000_000, 5.0, [("anthropic", 0.7), ("deepseek", 0.3)])
    text = tile(used(providers=providers))
    assert "Billed through by cost" in text
    assert "deepseek" in text


def test_c20_upstream_hosts_of_a_router():
    """Who really answered, by the vendor's own report, said as that."""
    hosts = samples.shares(9_000_000, 3.0, [("host-a", 0.8), ("host-b", 0.2)])
    text = tile(samples.claude(upstream=hosts))
    assert "Upstream by cost" in text
    assert text.index("host-a") < text.index("host-b")
    assert "as the vendor reports it" in text


def test_c21_every_remaining_figure_is_somewhere():
    """No metric and no attribute of the account is missing from its expanded tile."""
    figures = [Metric(key=f"figure_{n}", unit="things", used=float(n + 1)) for n in range(12)]
    facts = {f"fact_{n}": f"value {n}" for n in range(12)}
    account = samples.claude(metrics=[metric(label="Gauge"), *figures], attributes=facts)
    text = tile(account, height=120, expanded=frozenset({account.account_id}))
    for n in range(12):
        assert f"figure {n} " in text
        assert f"value {n}" in text
    assert "more (Ctrl+O)" in tile(account, height=120)


def test_c21_a_question_left_open_is_a_warning():
    """What the vendor did not answer is said as that, not left out."""
    account = samples.claude(attributes={"credits_error": "answered 503"})
    assert roles_of(lines(account), "credits not known: answered 503") == {"warn"}


def test_c22_staleness_is_seen():
    """Old figures say how old and why, in the warning's role; fresh ones do not."""
    old = samples.stale()
    assert roles_of(lines(old), "limits from 3h ago") == {"warn"}
    fresh = roles_of(lines(samples.claude()), "checked 2m ago")
    assert fresh == {"muted"}
    later = samples.NOW + timedelta(hours=1)
    assert "checked 1h 2m ago" in tile(samples.claude(), now=later)


def test_c23_a_new_account_shows_no_zeros():
    """Nobody has asked yet: that is said, and no number is invented."""
    new = samples.claude(status="UNKNOWN", metrics=[], usage=None, fetched_at=None, attributes={})
    text = tile(new)
    assert "Not asked yet" in text
    assert not re.search(r"\b0(%| tokens|\.00)", text)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_c24_errors_are_said_whole_with_what_to_do(width):
    """No reason is cut at fifty characters, and each ends in something to do."""
    reason = "the vendor's usage endpoint answered 503 Service Unavailable after three attempts"
    failed = samples.claude(status="ERROR", message=reason, metrics=[], usage=None, attributes={})
    text = " ".join(tile(failed, width).replace("┃", " ").split())
    assert reason in text
    assert "r tries now" in text


def test_c24_a_missing_key_names_its_variable():
    """What to set, and where it can be entered instead."""
    account = samples.claude(status="AUTH_REQUIRED", message="", metrics=[], usage=None)
    text = tile(account, providers={"claude_code": KEYED})
    assert "Set EXAMPLE_KEY" in text
    assert "settings" in text


def test_c25_unknown_is_a_dash_and_never_a_zero():
    """A limit of unknown use, a model of unknown price, a period of unknown use."""
    text = tile(samples.unknown_figures())
    assert "— used" in text
    assert "0% used" not in text
    assert used_percent(metric(used=None)) is None
    unpriced = samples.totals(10, 0.0, 1, cost_basis="unpriced", unpriced_requests=1)
    assert wording.cost(unpriced) == "—"
    compact = samples.state([samples.claude(usage=None)], view="compact")
    row = next(plain(x) for x in screens.render(compact, 80, 12) if "Claude" in plain(x))
    assert row.split()[-3:] == ["—", "—", "—"]


def test_names_from_logs_cannot_write_to_the_terminal():
    """No control character of a name, message or attribute reaches a line of the screen."""
    bad = "\x1b[31mred\x07\x9b2J"
    account = samples.claude(
        title=bad, message=bad, attributes={"k" + bad: bad, "x_error": bad}, status="ERROR"
    )
    link = Link(phase="failing", since=samples.NOW, detail=bad)
    for view in ("grid", "tabs", "split", "compare", "compact", "stacked"):
        state = samples.state([account], view=view, link=link, filters={"main": ""}, notice=bad)
        for line in screens.render(state, 100, 60):
            assert all(char.isprintable() for char in plain(line))
