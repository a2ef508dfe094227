"""Header and footer around every screen: window, totals, connection, clock and keys."""

from __future__ import annotations

from typing import Final

from openusage_client.formatting import format_percent
from openusage_client.preferences import WINDOWS
from openusage_client.tui import keymap
from openusage_client.tui.layout import Line, fit_line, line_width, pick, spread
from openusage_client.tui.state import WINDOW_TITLES, AppState
from openusage_client.tui.text import clean, clip
from openusage_client.tui.views import wording
from openusage_client.tui.views.tile import period_title
from openusage_proto.messages import ImportProgress

TALL_HEADER_FROM: Final = 12
_ERROR_CELLS: Final = 48
"""What an error may take of the one line of a low terminal."""


def header_height(height: int) -> int:
    """Lines of the header: two, or one on a very low terminal."""
    return 2 if height >= TALL_HEADER_FROM else 1


def content_height(height: int) -> int:
    """Lines between header and footer."""
    return max(1, height - header_height(height) - 1)


def render_header(state: AppState, width: int, height: int) -> list[Line]:
    """One or two lines: brand, windows, connection and clock; totals and what needs attention."""
    tall = header_height(height) > 1
    right = _link(state, words=not tall)
    brand: Line = [(" OpenUsage ", "brand"), (" ", "text")]
    if state.model is not None and state.model.demo:
        brand += [(" DEMO ", "demo"), (" sample data ", "muted")]
    short_brand = [span for span in brand if span[0] != " sample data "]
    tabs = _windows(state)
    current: Line = [(f"[{state.window}]", "tab.on")]
    left = pick(
        [brand + tabs, short_brand + tabs, short_brand + current, short_brand],
        width - line_width(right) - 1,
    )
    lines = [spread(left, right, width)]
    if tall:
        lines.append(_totals(state, width))
    return lines


def render_footer(state: AppState, width: int, position: str = "") -> Line:
    """The keys of the visible screen, or the answer to the last key, and where the view is."""
    right: Line = [(f"{position} ", "muted")] if position else []
    if state.notice:
        return spread([(f" {clean(state.notice)}", "accent")], right, width)
    rows = [row for row in keymap.rows(state.screen) if row.hint]
    candidates = []
    # Keys to leave and to get help stay the longest.
    for kept in range(len(rows), 0, -1):
        line: Line = []
        for row in rows[len(rows) - kept :]:
            line += [(" ", "text"), (keymap.first_key(row), "key"), (f" {row.hint} ", "muted")]
        candidates.append(line)
    return spread(pick(candidates, max(1, width - line_width(right) - 1)), right, width)


def importing_words(progress: ImportProgress | None) -> str:
    """`first import 42%`, without a figure while the size is not known."""
    if progress is None or not progress.total_bytes:
        return "first import"
    share = min(100.0, progress.done_bytes / progress.total_bytes * 100)
    return f"first import {format_percent(share)}"


def _windows(state: AppState) -> Line:
    line: Line = []
    for window in WINDOWS:
        if window == state.window:
            line.append((f"[{window}]", "tab.on"))
        else:
            line.append((f" {window} ", "tab"))
    return line


def _link(state: AppState, *, words: bool) -> Line:
    """The connection's state and the clock; an error's words too where they have no other line."""
    clock: Line = [(f"  {state.now:%H:%M} ", "muted")]
    since = f"{state.link.since.astimezone(state.now.tzinfo):%H:%M}"
    if state.link.phase == "lost":
        return [(f"✗ daemon lost at {since}", "crit"), (" · r starts it", "muted"), *clock]
    if state.link.phase == "failing":
        what = f": {clean(state.link.detail)}" if words else f" since {since}"
        return [(clip(f"✗ daemon error{what}", _ERROR_CELLS), "crit"), *clock]
    if state.link.phase == "connecting":
        return [("◌ connecting", "warn"), *clock]
    if state.model is not None and state.model.importing:
        return [(f"◐ {importing_words(state.importing)}", "warn"), *clock]
    if state.window_pending:
        return [("◐ loading", "warn"), *clock]
    return [("● live", "ok"), *clock]


def _totals(state: AppState, width: int) -> Line:
    model = state.model
    if model is not None and state.link.phase == "failing":
        # The figures below are the last good ones; why there are no newer ones matters more here.
        words = f" {clean(state.link.detail)} · these are the last figures"
        return fit_line([(clip(words, width - 1), "crit")], width)
    if model is None or not (model.accounts or model.unmapped):
        return fit_line([], width)
    left: Line = [(f" {period_title(model.window)}  ", "label")]
    if model.totals is not None:
        left += wording.totals_line(model.totals)
    if state.window_pending:
        left.append((f"  loading {WINDOW_TITLES[state.window]} …", "warn"))
    count = len(model.accounts)
    words = f"{count} account{'' if count == 1 else 's'}"
    urgent = sum(account.status in wording.ATTENTION for account in model.accounts)
    right: Line = [(words, "muted")]
    if urgent:
        need = "needs" if urgent == 1 else "need"
        right += [(" · ", "muted"), (f"{urgent} {need} attention", "crit")]
    right.append((" ", "text"))
    legend: Line = [(f"{wording.UNPRICED_MARK} some without price", "muted"), ("   ", "text")]
    wide = legend + right if model.unpriced_models else right
    return spread(left, pick([wide, right, []], width - line_width(left) - 1), width)
