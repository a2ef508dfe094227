"""The HTML page: well formed, self-contained, the same numbers, readable by a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from openusage_client.formatting import parse_iso
from openusage_client.page import charts
from openusage_client.page.document import page
from openusage_client.page.figures import Figures, bars_of, series_of
from openusage_client.preferences import Preferences
from openusage_client.report_tables import with_shown_costs
from openusage_proto.messages import Report
from tests.support import wire_samples
from tests.support.wire_samples import row

BROWSER = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
VOID = {"meta", "input", "rect", "line"}


class Page(HTMLParser):
    """Reads the page as a browser would and notes what is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID or (tag == "rect" and self.get_starttag_text()[-2] != "/"):  # type: ignore[index]
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def daily(count: int = 3, start: date = date(2026, 3, 1), step: int = 1) -> Report:
    """Days with two models each, an unpriced one among them."""
    rows = []
    for number in range(count):
        day = date.fromordinal(start.toordinal() + number * step).isoformat()
        children = [row("opus", 100 + number), row("mystery", 50, cost_usd=0.0)]
        rows.append(row(day, 150 + number, model_breakdown=children))
    return wire_samples.report("daily", rows, history_starts=start.isoformat())


def figures(**more: object) -> Figures:
    given: dict[str, object] = {
        "model": wire_samples.read_model(),
        "daily": daily(),
        "models": wire_samples.models(),
        "projects": wire_samples.report("projects", wire_samples.branches().rows),
        "sessions": wire_samples.session(),
    }
    return Figures(**(given | more))  # type: ignore[arg-type]


def made(shown: Figures, *, redacted: bool = False) -> str:
    return page(shown, parse_iso(wire_samples.NOW), redacted=redacted)


def test_page_is_well_formed_and_complete() -> None:
    """Every section is there, every chart has a name, every table a head."""
    read = Page(made(figures()))
    headings = ["Spend per day", "Tokens per day", "Activity", "Limits", "Models", "Projects"]
    assert [words for words in headings if words not in read.words] == []
    assert "Sessions" in read.words
    for tag, attributes in read.tags:
        if tag == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden")
        if tag == "th":
            assert attributes["scope"] == "col"
    assert read.tags[0] == ("html", {"lang": "en"})


def test_page_loads_nothing_and_runs_nothing() -> None:
    """No script, no link, no address, and a policy that forbids them all."""
    text = made(figures())
    read = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "a", "use"} & {
        tag for tag, _ in read.tags
    }
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]
    policy = next(a for t, a in read.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy["content"])


def test_names_cannot_break_out() -> None:
    """A hostile project or model name is text, whatever it contains."""
    evil = "</title><script>alert(1)</script>\"'&"
    rows = [row("x", 5, label=evil, models=[evil], model_breakdown=[row(evil, 5)])]
    day = [replace(rows[0], key="2026-03-01", label="2026-03-01")]
    text = made(
        figures(
            daily=wire_samples.report("daily", day),
            sessions=wire_samples.report("session", rows),
            projects=wire_samples.report("projects", rows),
        )
    )
    read = Page(text)
    assert "script" not in {tag for tag, _ in read.tags}
    assert evil in read.text


def test_both_colour_schemes_define_the_same_colours() -> None:
    """Light and dark have every colour that a mark uses, and the reader can switch."""
    text = made(figures())
    assert "prefers-color-scheme:dark" in text
    assert text.count("--s6:") == text.count("--h4:") == 4
    ids = {attributes.get("id") for tag, attributes in Page(text).tags if tag == "input"}
    assert ids == {"auto", "light", "dark"}


def test_totals_are_those_of_the_report() -> None:
    """The figures on top are the daily report's totals, marked as they are there."""
    report = replace(daily(), unpriced_models=["mystery"])
    report = replace(report, totals=replace(report.totals, unpriced_requests=3, cost_usd=12.5))
    read = Page(made(figures(daily=report)))
    assert "≈$12.50+?" in read.words
    assert "no price is known for: mystery" in read.text
    assert "History starts on 2026-03-01." in read.words


def test_hidden_costs_are_not_on_the_page() -> None:
    """With costs hidden there is no amount, no chart of spend and no heading for one."""
    hide = Preferences(hide_costs=True)
    base = figures()
    shown = figures(
        **{
            name: with_shown_costs(getattr(base, name), hide, None)
            for name in ("daily", "models", "projects", "sessions")
        },
        model=replace(wire_samples.read_model(), accounts=[]),
    )
    text = made(shown)
    assert "$" not in text
    assert "Spend per" not in text
    assert "Tokens per day" in text


def test_empty_store_and_marks() -> None:
    """Without usage the page says so; demo data, redaction and a running import are marked."""
    empty = wire_samples.report("daily", [])
    nothing = dict.fromkeys(("models", "projects", "sessions"), empty)
    model = replace(wire_samples.read_model(), demo=True, importing=True, accounts=[])
    read = Page(made(figures(daily=empty, model=model, **nothing), redacted=True))
    assert "no usage yet" in read.text
    for mark in ("DEMO DATA", "names redacted", "first import running: not complete"):
        assert mark in read.words


class TestPeriods:
    @pytest.mark.parametrize(
        ("count", "step", "unit", "bars"),
        [(92, 1, "day", 92), (93, 1, "week", 14), (3, 7, "day", 15), (40, 30, "month", 39)],
    )
    def test_long_histories_are_weeks_or_months(
        self, count: int, step: int, unit: str, bars: int
    ) -> None:
        """Bars stay readable, idle periods are bars, and nothing is lost."""
        report = daily(count, date(2023, 1, 2), step)
        series = series_of(report)
        found, drawn = bars_of(report, series, lambda item: float(item.total_tokens))
        assert (found, len(drawn)) == (unit, bars)
        total = sum(
            child.total_tokens for item in report.rows for child in item.model_breakdown or ()
        )
        assert sum(bar.total for bar in drawn) == total

    def test_many_models_share_the_last_colour(self) -> None:
        """The costliest models have a colour each, the rest one together."""
        children = [row(f"m{number}", 10 + number) for number in range(12)]
        day = row("2026-03-01", 100, model_breakdown=children)
        report = wire_samples.report("daily", [day])
        series = series_of(report)
        assert series == ["m11", "m10", "m9", "m8", "m7", "m6", "others"]
        _, (bar,) = bars_of(report, series, lambda item: float(item.total_tokens))
        assert bar.values["others"] == sum(46 * (10 + number) for number in range(6))

    def test_no_days(self) -> None:
        """No rows, no bars."""
        assert bars_of(wire_samples.report("daily", []), [], lambda _: 0.0) == ("day", [])


class TestCharts:
    @pytest.mark.parametrize(
        ("value", "ceiling"), [(0, 0), (1, 1), (1.1, 2), (2.2, 2.5), (430, 500), (0.07, 0.1)]
    )
    def test_axis_ends_on_a_round_number(self, value: float, ceiling: float) -> None:
        """The axis covers the value with a number that reads well."""
        assert charts.nice_ceiling(value) == pytest.approx(ceiling)

    def test_levels_split_the_active_days(self) -> None:
        """Nothing is level 0, the least used day 1, the most used 4."""
        bounds = charts.level_bounds([1, 2, 3, 4, 5, 6, 7, 8])
        assert charts.level_of(0, bounds) == 0
        assert charts.level_of(1, bounds) == 1
        assert charts.level_of(8, bounds) == 4
        assert charts.level_bounds([]) == []

    def test_meter_is_bounded_and_coloured(self) -> None:
        """Above the limit the bar is full and bad."""
        assert 'class="bad" width="100.0"' in charts.meter(1.4, "x")
        assert 'class="warn" width="80.0"' in charts.meter(0.8, "x")
        assert 'class="good" width="10.0"' in charts.meter(0.1, "x")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page is only parsed")
@pytest.mark.slow
def test_browser_draws_it_light_and_dark_without_a_network(tmp_path: Path) -> None:
    """Headless Chromium shows the page in both schemes, complains of nothing and fetches nothing."""
    assert BROWSER is not None
    file = tmp_path / "page.html"
    file.write_text(made(figures(daily=daily(40))), encoding="utf-8")
    shots = []
    for scheme in (0, 1):  # dark, light
        shot = tmp_path / f"{scheme}.png"
        done = subprocess.run(
            [
                BROWSER,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                f"--user-data-dir={tmp_path / 'profile'}",
                "--enable-logging=stderr",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--blink-settings=preferredColorScheme={scheme}",
                "--window-size=1000,1600",
                f"--screenshot={shot}",
                file.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        assert done.returncode == 0, done.stderr
        assert "CONSOLE" not in done.stderr
        shots.append(shot.read_bytes())
    assert all(len(shot) > 20_000 for shot in shots)
    assert shots[0] != shots[1]
