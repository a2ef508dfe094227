"""
What a choice in the settings looks like: an invented account, or every role of a theme.

The account is invented so that every section has something to show and nobody's figures do.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from openusage_client.tui import limits
from openusage_client.tui.layout import Line, clip_line
from openusage_client.tui.settings import model
from openusage_client.tui.state import AppState
from openusage_client.tui.text import pad, sparkline
from openusage_client.tui.views import tile, wording
from openusage_client.tui.views.detail import render_detail
from openusage_client.tui.views.gauge import bar_spans
from openusage_proto.messages import (
    AccountSnapshot,
    DayTotals,
    Metric,
    NamedCount,
    NamedTotals,
    ReadModel,
    Totals,
    Usage,
)

SAMPLE_ID: Final = "sample"
_DAYS: Final = (3, 7, 5, 9, 4, 1, 0, 6, 8, 10, 2, 5, 1, 3)
_SERIES: Final = ("models", "clients", "projects", "tools", "hosts", "others")


def preview(state: AppState, width: int) -> list[Line]:
    """Lines of the open tab's preview; none where there is nothing to look at."""
    if state.settings.tab == model.THEME:
        return [clip_line(line, width) for line in _theme(state)]
    if state.settings.tab != model.SECTIONS:
        return []
    sample = _with_sample(state)
    account = sample.account
    if account is None:
        return []
    if state.settings.detail_sections:
        return render_detail(sample, width)
    return tile.render_tile(sample, account, width, tile.MAX_LEVEL)


def _with_sample(state: AppState) -> AppState:
    """The state as it would be with nothing but the invented account."""
    today = state.now.date()
    account = _account(today.isoformat(), state.now.isoformat())
    found = ReadModel(
        seq=0,
        generated_at=state.now.isoformat(),
        timezone=state.model.timezone if state.model else "",
        window="30d",
        since=(state.now - timedelta(days=30)).isoformat(),
        until=state.now.isoformat(),
        accounts=[account],
        totals=account.usage.totals if account.usage else None,
    )
    return replace(
        state, model=found, selected=SAMPLE_ID, filters={}, expanded=frozenset(), window="30d"
    )


@functools.lru_cache(maxsize=2)
def _account(day: str, now: str) -> AccountSnapshot:
    today, moment = date.fromisoformat(day), limits.moment(now)
    shares = ((0.6, "harbour"), (0.3, "lighthouse"), (0.1, "buoy"))
    whole = _totals(48_000_000, 61.5)

    def rows(names: Sequence[str]) -> list[NamedTotals]:
        return [
            NamedTotals(name=name, totals=_totals(int(48_000_000 * share), 61.5 * share))
            for (share, _), name in zip(shares, names, strict=False)
        ]

    total = sum(_DAYS)
    return AccountSnapshot(
        account_id=SAMPLE_ID,
        provider_id="claude_code",
        title="Sample account",
        status="OK",
        fetched_at=now,
        metrics=[
            Metric(key="usage_five_hour", unit="%", label="5-hour limit", window="5h", used=42.0,
                   limit=100.0, resets_at=(moment + timedelta(hours=2)).isoformat()),
            Metric(key="usage_seven_day", unit="%", label="Weekly limit", window="7d", used=83.0,
                   limit=100.0, resets_at=(moment + timedelta(days=3)).isoformat()),
        ],
        usage=Usage(
            totals=whole,
            today=_totals(2_100_000, 2.9),
            sessions=31,
            turns=204,
            models=rows(("large-model", "small-model", "mini-model")),
            clients=rows(("terminal", "editor")),
            projects=rows([name for _, name in shares]),
            agents=rows(("main", "helper")),
            providers=rows(("anthropic", "bedrock")),
            tools=[NamedCount(name="Edit", calls=210, lines_added=4100, lines_removed=900),
                   NamedCount(name="Bash", calls=160, errors=9)],
            mcp=[NamedCount(name="tickets", calls=12)],
            languages=[NamedCount(name="Python", calls=150, lines_added=3300, lines_removed=700)],
            days=[
                DayTotals(date=(today - timedelta(days=len(_DAYS) - 1 - at)).isoformat(),
                          totals=_totals(48_000_000 * part // total, 61.5 * part / total))
                for at, part in enumerate(_DAYS)
            ],
        ),
    )  # fmt: skip


def _totals(tokens: int, cost: float) -> Totals:
    reads, output, given = tokens * 82 // 100, tokens * 3 // 100, tokens * 5 // 100
    return Totals(
        requests=max(1, tokens // 30_000),
        input_tokens=given,
        output_tokens=output,
        cache_read_tokens=reads,
        cache_creation_tokens=tokens - reads - output - given,
        total_tokens=tokens,
        cost_usd=cost,
    )


def _theme(state: AppState) -> list[Line]:
    """Every role a screen is made of, with the word it stands for."""
    thresholds = state.preferences.thresholds
    lines: list[Line] = [[(" OpenUsage ", "brand"), (" ", "text"), (" DEMO ", "demo"),
                          ("  [30d]", "tab.on"), ("  7d ", "tab")], []]  # fmt: skip
    for name, used in (("5-hour limit", 42.0), ("Weekly limit", 83.0), ("Credits", 97.0)):
        role = (
            "crit" if used >= thresholds.critical else "warn" if used >= thresholds.warn else "ok"
        )
        lines.append(
            [(pad(name, 14), "label"), *bar_spans(used / 100, 16, role, 0.6),
             (f" {used:.0f}% used", "value")]
        )  # fmt: skip
    lines.append([])
    for word, role in wording.STATUS.values():
        lines.append([(pad(word, 20), role), ("what to do about it", "muted")])
    lines += [[], [("Models", "heading"), ("  ", "text"), ("≈$61.50", "cost"),
                   ("  ", "text"), (sparkline(_DAYS), "spark")]]  # fmt: skip
    for at, name in enumerate(_SERIES):
        lines.append([("■ ", f"series.{at}"), (pad(name, 10), "text"), ("48.0M", "muted")])
    lines += [[], [("▸ ", "accent"), ("the selected row", "row.on"), (" ", "text"),
                   ("typed text", "field"), ("k", "key"), (" a key", "muted")]]  # fmt: skip
    return lines
