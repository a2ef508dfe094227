"""
The page itself: one HTML document without script, without a link, without anything to fetch.

A policy in the document forbids what the text does not contain anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape
from typing import Final

from openusage_client.formatting import (
    UNKNOWN,
    format_cost,
    format_count,
    format_local,
    format_percent,
    format_reset,
    format_tokens,
)
from openusage_client.page import charts
from openusage_client.page.figures import Figures, bars_of, days_of, series_of
from openusage_client.page.style import STYLE
from openusage_client.preferences import HIDDEN
from openusage_client.report_tables import cost_cell, report_notes
from openusage_client.terminal import Style
from openusage_proto.messages import AccountSnapshot, Metric, Report, ReportRow

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_PLAIN: Final = Style(color=False, unicode=True)
_LISTED: Final = 30

Cells = Sequence[tuple[str, bool]]
"""(HTML, is a number) of each cell."""


def page(figures: Figures, now: datetime, *, redacted: bool) -> str:
    """The whole document."""
    daily = figures.daily
    span = _span(daily)
    body = "".join(
        [
            _header(figures, now, span, redacted=redacted),
            _cards(figures),
            _money_chart(daily) if daily.totals.cost_basis != HIDDEN else "",
            _chart(
                daily,
                "Tokens",
                lambda row: float(row.total_tokens),
                lambda n: format_tokens(round(n)),
            ),
            _calendar(daily, now),
            _limits(figures, now),
            _table("Models", "Model", figures.models, now, _model_cells),
            _table("Projects", "Project", figures.projects, now, _place_cells),
            _table("Sessions", "Session", figures.sessions, now, _session_cells),
            _footer(figures),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>OpenUsage · {escape(span)}</title><style>{STYLE}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def _span(daily: Report) -> str:
    if not daily.rows:
        return "no usage yet"
    first, last = daily.since or daily.rows[0].key, daily.until or daily.rows[-1].key
    return f"{first} to {last}"


def _header(figures: Figures, now: datetime, span: str, *, redacted: bool) -> str:
    marks = [
        text
        for text, shown in (
            ("DEMO DATA", figures.model.demo),
            ("names redacted", redacted),
            ("first import running: not complete", figures.model.importing),
        )
        if shown
    ]
    badges = "".join(f' <span class="badge">{escape(mark)}</span>' for mark in marks)
    made = f"{now:%Y-%m-%d %H:%M} {figures.daily.timezone}"
    return (
        f"<header><h1>OpenUsage{badges}</h1>"
        '<fieldset aria-label="Colours">'
        '<label><input type="radio" name="theme" id="auto" checked> auto</label>'
        '<label><input type="radio" name="theme" id="light"> light</label>'
        '<label><input type="radio" name="theme" id="dark"> dark</label></fieldset></header>'
        f'<p class="dim">{escape(span)} · made {escape(made)}</p>'
    )


def _cards(figures: Figures) -> str:
    totals = figures.daily.totals
    days = len(figures.daily.rows)
    cards = [
        ("Cost", cost_cell(totals, _PLAIN)),
        ("Tokens", format_tokens(totals.total_tokens)),
        ("Requests", format_count(totals.requests)),
        ("Active days", format_count(days)),
        ("Per active day", _per_day(totals, days)),
        ("Cache reads", format_percent(_cache_share(totals))),
    ]
    return (
        '<section class="cards">'
        + "".join(
            f'<div class="card"><span class="dim">{name}</span><b>{escape(text)}</b></div>'
            for name, text in cards
            if text
        )
        + "</section>"
    )


def _per_day(totals: ReportRow, days: int) -> str:
    if totals.cost_basis in (HIDDEN, "unpriced") or not days:
        return ""
    return format_cost(totals.cost_usd / days, estimate=totals.cost_basis in ("estimate", "mixed"))


def _cache_share(totals: ReportRow) -> float | None:
    prompt = totals.input_tokens + totals.cache_read_tokens + totals.cache_creation_tokens
    return 100 * totals.cache_read_tokens / prompt if prompt else None


def _money_chart(daily: Report) -> str:
    return _chart(
        daily, "Spend", lambda row: row.cost_usd, lambda usd: format_cost(usd, estimate=False)
    )


def _token_chart(daily: Report) -> str:
    return _chart(daily, "Tokens", _tokens, _token_text)


def _tokens(row: ReportRow) -> float:
    return float(row.total_tokens)


def _token_text(tokens: float) -> str:
    return format_tokens(round(tokens))


def _chart(
    daily: Report, title: str, value: Callable[[ReportRow], float], text: charts.Format
) -> str:
    series = series_of(daily)
    if not series:
        return ""
    unit, bars = bars_of(daily, series, value)
    legend = "".join(
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="s{index}" width="10"'
        f' height="10"/></svg>{escape(name)}</li>'
        for index, name in enumerate(series)
    )
    drawn = charts.stacked_bars(f"{title} per {unit} by model", bars, series, text)
    return f'<h2>{title} per {unit}</h2>{drawn}<ul class="legend">{legend}</ul>'


def _calendar(daily: Report, now: datetime) -> str:
    if not daily.rows:
        return ""
    days = days_of(daily, _tokens)
    last = max(days) if daily.until else max(*days, now.date())
    drawn = charts.calendar("Tokens per day, one year", days, last, _token_text)
    return f"<h2>Activity</h2>{drawn}"


def _limits(figures: Figures, now: datetime) -> str:
    rows = [
        _limit_row(account, metric, now)
        for account in figures.model.accounts
        for metric in account.metrics
        if metric.used is not None and metric.limit
    ]
    if not rows:
        return ""
    return "<h2>Limits</h2>" + _html_table(
        ("Account", "Limit", "", "Used", "Resets"), (False, False, False, True, False), rows
    )


def _limit_row(account: AccountSnapshot, metric: Metric, now: datetime) -> Cells:
    used, limit = metric.used or 0.0, metric.limit or 1.0
    label = metric.label or metric.key.replace("_", " ")
    unit = "" if metric.unit == "%" else f" of {limit:,.10g} {metric.unit}"
    words = (format_percent(used) if metric.unit == "%" else f"{used:,.10g}") + unit
    stale = " (stale)" if account.stale_since else ""
    return (
        (escape(account.title), False),
        (escape(label), False),
        (charts.meter(used / limit, f"{label}: {words} used"), False),
        (escape(words + stale), True),
        (escape(format_reset(metric.resets_at, now) if metric.resets_at else UNKNOWN), False),
    )


def _table(
    title: str,
    first: str,
    report: Report,
    now: datetime,
    more: Callable[[ReportRow, datetime], Cells],
) -> str:
    rows = report.rows[:_LISTED]
    if not rows:
        return ""
    hidden = report.totals.cost_basis == HIDDEN
    whole = report.totals.total_tokens if hidden else report.totals.cost_usd
    lines = []
    for row in rows:
        part = row.total_tokens if hidden else row.cost_usd
        share = part / whole if whole else 0.0
        lines.append(
            (
                (escape(row.label), False),
                *more(row, now),
                (escape(format_count(row.requests)), True),
                (escape(format_tokens(row.total_tokens)), True),
                (escape(cost_cell(row, _PLAIN)), True),
                (charts.share_bar(share, f"{format_percent(100 * share)} of all"), False),
            )
        )
    extra = _EXTRA[title]
    heads = (first, *extra, "Requests", "Tokens", "" if hidden else "Cost", "")
    numbers = (False, *(False for _ in extra), True, True, True, False)
    return f"<h2>{title}</h2>" + _html_table(heads, numbers, lines)


_EXTRA: Final = {
    "Models": (),
    "Projects": ("Last activity",),
    "Sessions": ("Models", "Last activity"),
}


def _model_cells(_row: ReportRow, _now: datetime) -> Cells:
    return ()


def _place_cells(row: ReportRow, now: datetime) -> Cells:
    return ((escape(format_local(row.last_activity, now) if row.last_activity else ""), False),)


def _session_cells(row: ReportRow, now: datetime) -> Cells:
    return ((escape(", ".join(row.models)), False), *_place_cells(row, now))


def _html_table(heads: Sequence[str], numbers: Sequence[bool], rows: Sequence[Cells]) -> str:
    head = "".join(
        f'<th scope="col"{_RIGHT[number]}>{escape(text)}</th>'
        for text, number in zip(heads, numbers, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{_RIGHT[number]}>{cell}</td>" for cell, number in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


_RIGHT: Final = {True: ' class="n"', False: ""}
"""The attribute of a cell that holds a number."""


def _footer(figures: Figures) -> str:
    notes = report_notes(figures.daily, _PLAIN)
    if figures.daily.history_starts:
        notes.append(f"History starts on {figures.daily.history_starts}.")
    items = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f"<footer><h2>Notes</h2>{items}</footer>"
