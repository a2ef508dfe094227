"""Reports as pages: the goldens, the marks and the notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from openusage_client.formatting import parse_iso
from openusage_client.preferences import HIDDEN, Preferences
from openusage_client.report_tables import (
    report_lines,
    short_models,
    with_shown_costs,
    zone_of,
)
from openusage_client.terminal import Style
from openusage_proto.messages import Report, ReportSource
from tests.support import wire_samples

PLAIN = Style(color=False, unicode=True)
ASCII = Style(color=False, unicode=False)
REPORTS = {
    "daily": replace(wire_samples.daily(), since="2026-03-01", until="2026-03-07"),
    "session": wire_samples.session(),
    "blocks": wire_samples.blocks(),
    "models": wire_samples.models(),
    "branches": wire_samples.branches(),
    "blocks-vendor": wire_samples.vendor_blocks(),
    "weekly-empty": wire_samples.report("weekly", []),
}


def page(report: Report, width: int | None = 100, style: Style = PLAIN, **more: Any) -> str:
    now = parse_iso(report.generated_at).astimezone(zone_of(report.timezone))
    return "\n".join(report_lines(report, now=now, width=width, style=style, **more)) + "\n"


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_page_golden(name: str, width: int, check_screen: Callable[[str, str, int], None]) -> None:
    """Each report fits 60, 80 and 120 columns and looks as reviewed."""
    check_screen(name, page(REPORTS[name], width), width)


@pytest.mark.parametrize(
    "name", ["daily", "session", "blocks", "models", "branches", "blocks-vendor"]
)
def test_hidden_costs_are_in_no_column_and_no_note(name: str) -> None:
    """With all costs hidden no amount, heading, legend or missing price is left."""
    shown = with_shown_costs(REPORTS[name], Preferences(hide_costs=True), None)
    text = page(shown, None)
    assert "$" not in text
    assert "COST" not in text
    assert "BURN" not in text
    assert "mystery-1 " not in text.splitlines()[-1]
    assert f"{REPORTS[name].totals.total_tokens:,}" in text


def test_costs_follow_the_account_a_row_or_the_report_is_about() -> None:
    """An account's own word decides its rows; a sum over several follows the common setting."""
    rows = [wire_samples.row("a", 5000, account="work"), wire_samples.row("b", 6000)]
    report = wire_samples.report("session", rows)
    shown = with_shown_costs(report, Preferences(costs_of={"work": True}), None)
    assert [row.cost_basis for row in shown.rows] == [HIDDEN, "estimate"]
    assert shown.totals == report.totals
    only = with_shown_costs(report, Preferences(costs_of={"work": True}), "work")
    assert only.totals.cost_basis == HIDDEN
    assert with_shown_costs(report, Preferences(), None) == report


def test_unpriced_total_is_marked_and_named() -> None:
    """A model without a price is never $0: the amount is marked and the model named."""
    text = page(wire_samples.daily())
    assert "≈$12.50+?" in text
    assert "+? no price is known for: mystery-1." in text


def test_wholly_unpriced_row_has_no_amount() -> None:
    """Nothing is known about the cost of a row whose every request lacks a price."""
    row = wire_samples.row(
        "2026-03-01", 10, cost_usd=0.0, cost_basis="unpriced", unpriced_requests=5
    )
    assert page(wire_samples.report("daily", [row])).splitlines()[3].endswith(" ?")


def test_recorded_amounts_are_no_estimates() -> None:
    """What a tool or vendor logged carries no estimate mark and needs no legend."""
    row = wire_samples.row("2026-03-01", 5000, cost_basis="recorded")
    report = wire_samples.report("daily", [row])
    text = page(replace(report, totals=replace(report.totals, cost_basis="recorded")))
    assert "$5.00" in text
    assert "≈" not in text


def test_other_currencies_are_listed_not_added() -> None:
    """Unlike currencies stand below the table, sorted, outside the total."""
    report = wire_samples.daily()
    totals = replace(report.totals, other_costs={"EUR": 2.5, "credits": 10.0})
    text = page(replace(report, totals=totals))
    assert "Recorded in other currencies and not in the total: 2.50 EUR, 10.00 credits." in text


def test_history_start_only_for_the_whole_history() -> None:
    """A filtered or bounded report does not claim to know where history starts."""
    report = wire_samples.daily()
    assert "History starts on 2026-03-04." in page(report)
    assert "History starts" not in page(replace(report, since="2026-03-01"))
    assert "History starts" not in page(report, filtered=True)


def test_history_start_is_what_the_daemon_says() -> None:
    """The daemon's day wins over the first row; a range that begins before it is told so."""
    report = replace(wire_samples.daily(), history_starts="2026-02-01")
    assert "History starts on 2026-02-01." in page(report)
    early = page(replace(report, since="2026-01-15"))
    assert "History starts on 2026-02-01; nothing earlier is known." in early
    assert "History" not in page(replace(report, since="2026-02-15"))
    assert "History" not in page(replace(report, until="2026-03-05"))
    assert "History" not in page(replace(wire_samples.blocks(), history_starts="2026-02-01"))


def test_value_of_a_plan() -> None:
    """M17: each month says how many times its use would have paid for the plan."""
    rows = [wire_samples.row("2026-02", 500_000), wire_samples.row("2026-03", 50_000)]
    text = page(wire_samples.report("monthly", rows), plan=200.0)
    assert "VALUE" in text
    lines = text.splitlines()
    assert lines[3].endswith("2.5x")
    assert lines[4].endswith("0.2x")
    assert not lines[6].endswith("x")
    assert "over the plan's $200.00" in text
    unpriced = wire_samples.row("2026-02", 5, cost_basis="unpriced", unpriced_requests=5)
    assert "x\n" not in page(wire_samples.report("monthly", [unpriced]), plan=200.0)


def test_guessed_prices_are_named() -> None:
    """A model priced by a guess is named below the table."""
    report = replace(wire_samples.daily(), approximate_models=["gpt-9"])
    assert "A guessed price was used for: gpt-9; see `openusage pricing`." in page(report)


def test_empty_reports_say_why() -> None:
    """Nothing stored and nothing matching are different sentences."""
    empty = wire_samples.report("daily", [])
    assert "No usage yet." in page(empty)
    assert "No usage matches." in page(empty, filtered=True)
    assert "No usage matches." in page(replace(empty, until="2026-03-01"))
    blocks = replace(empty, kind="blocks")
    assert "No usage yet." in page(blocks)
    assert "No usage matches." in page(replace(blocks, note="blocks of the last 30 days"))


def test_demo_label_source_trouble_and_note_are_shown() -> None:
    """Sample data says so; trouble of a source and the daemon's note stand below."""
    source = ReportSource(account="codex", provider="codex", status="error", note="locked")
    report = replace(
        wire_samples.daily(), sources=[source], note="import running", until="2026-03-07"
    )
    text = page(report, demo=True)
    assert "until 2026-03-07" in text
    assert "DEMO DATA" in text
    assert "codex: locked." in text
    assert "note: import running" in text


def test_ascii_terminal_gets_ascii_only() -> None:
    """Where the encoding has no Unicode, our own marks are ASCII."""
    report = wire_samples.daily()
    assert page(report, 60, ASCII).isascii()


def test_pipe_gets_every_column_and_digit() -> None:
    """Without a terminal nothing is dropped or shortened."""
    assert "4,543,190" in page(wire_samples.daily(), None)


def test_unknown_kind_still_prints() -> None:
    """A report of a newer daemon is shown as a periodic table."""
    assert "yearly" in page(wire_samples.report("yearly", [wire_samples.row("2026", 5)]))


def test_active_block_without_remaining_time() -> None:
    """An active block whose end is unknown is still called active."""
    row = wire_samples.row("x", 5, active=True)
    assert "ACTIVE" in page(wire_samples.report("blocks", [row]))


@pytest.mark.parametrize(
    ("models", "text"),
    [
        ([], "-"),
        (["anthropic/claude-opus-4-5-20251101"], "claude-opus-4-5"),
        (["a", "b", "c", "d"], "a, b, +2"),
        (["gpt-5.1-codex"], "gpt-5.1-codex"),
    ],
)
def test_short_models(models: list[str], text: str) -> None:
    """Vendor prefix and release date go; the rest is counted."""
    assert short_models(models) == text


def test_zone_of_unknown_name_is_local() -> None:
    """A zone this machine lacks does not stop the page."""
    assert zone_of("Mars/Olympus") is None
    assert zone_of("") is None
