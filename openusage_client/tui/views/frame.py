"""Header and footer around every screen: window, totals, connection, clock and keys."""

from __future__ import annotations

from typing import Final

from openusage_client.formatting import format_percent
from openusage_client.preferences import WINDOWS
from openusage_client.tui import keymap
from openusage_client.tui.layout import Line, fit_line, line_width, pick, span_at, spread
from openusage_client.tui.state import WINDOW_TITLES, AppState, Entry
from openusage_client.tui.text import cell_width, clean, clip
from openusage_client.tui.views import budgets, wording
from openusage_client.tui.views.view_choice import view_labels
from openusage_client.tui.views.wording import period_title
from openusage_proto.messages import ImportProgress

TALL_HEADER_FROM: Final = 12
_TABS: Final = frozenset({"tab", "tab.on"})
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
    views = _views(state, width)
    forms = [brand + tabs, short_brand + tabs, short_brand + current]
    candidates = [form + view for form in forms for view in views[:1]]
    candidates += [form + view for form in forms for view in views[1:]]
    # A view that the width has chosen is said, whatever else has to go.
    candidates += [current + view for view in views[1:]]
    left = pick([*candidates, *forms[1:], short_brand], width - line_width(right) - 1)
    lines = [spread(left, right, width)]
    if tall:
        lines.append(_totals(state, width))
    return lines


def render_footer(state: AppState, width: int, position: str = "") -> Line:
    """The keys of the visible screen, or the answer to the last key, and where the view is."""
    right: Line = [(f"{position} ", "muted")] if position else []
    if state.entry is not None:
        return _typed(state, state.entry, width)
    if state.notice:
        return spread([(f" {clean(state.notice)}", "accent")], right, width)
    rows = [row for row in keymap.rows(state.context) if row.hint]
    candidates = []
    # Keys to leave and to get help stay the longest.
    for kept in range(len(rows), 0, -1):
        line: Line = []
        for row in rows[len(rows) - kept :]:
            line += [(" ", "text"), (keymap.first_key(row), "key"), (f" {row.hint} ", "muted")]
        candidates.append(line)
    return spread(pick(candidates, max(1, width - line_width(right) - 1)), right, width)


def _typed(state: AppState, entry: Entry, width: int) -> Line:
    """The line that is typed, with its keys; the end of a long text is what one sees."""
    keys: Line = []
    for row in keymap.rows(entry.kind):
        if row.hint:
            keys += [(keymap.first_key(row), "key"), (f" {row.hint}  ", "muted")]
    if entry.kind != keymap.FILTER:
        return spread([(" ", "text"), *keys], [], width)
    found = f"{len(state.accounts)} found   " if state.screen == keymap.MAIN else ""
    text = clean(entry.text)
    room = max(1, width - line_width(keys) - len(found) - 6)
    while cell_width(text) > room:
        text = text[1:]
    line: Line = [(" / ", "key"), (text, "value"), ("▏", "accent")]
    return spread(line, [(found, "muted"), *keys], width)


def command_at(state: AppState, width: int, height: int, x: int, y: int) -> str:
    """The command or window (`window:7d`) that header and footer have at a place."""
    if y == 0:
        text, role = span_at(render_header(state, width, height)[0], x) or ("", "")
        name = text.strip(" []")
        return f"window:{name}" if role in _TABS and name in WINDOWS else ""
    if y == height - 1 and state.entry is None and not state.notice:
        line = render_footer(state, width)
        for place, (text, role) in enumerate(line):
            start = line_width(line[:place])
            hint = line[place + 1][0] if place + 1 < len(line) else ""
            if role == "key" and start <= x < start + line_width([(text, role), (hint, role)]):
                return next(
                    (
                        row.command
                        for row in keymap.rows(state.context)
                        if row.hint == hint.strip() and keymap.first_key(row) == text
                    ),
                    "",
                )
    return ""


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


def _views(state: AppState, width: int) -> list[Line]:
    """The main screen's view in words, the longest first; a forced one in the warning's role."""
    if state.screen != keymap.MAIN or state.model is None:
        return [[]]
    return [
        [(f"  {label}", "tab" if label == state.view else "warn")]
        for label in view_labels(state, width)
    ]


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
    if state.link.phase == "lost":
        left.append((f"  as of {state.link.since.astimezone(state.now.tzinfo):%H:%M}", "warn"))
    right = pick(_state_counts(state), max(0, width - line_width(left) - 1))
    return spread(left, right, width)


def _state_counts(state: AppState) -> list[Line]:
    """How many accounts are in which state, from the longest words to none; the filter before."""
    model = state.model
    if model is None:
        return [[]]
    counts: dict[str, int] = {}
    words: dict[str, tuple[str, str]] = {}
    for account in state.accounts:
        word, role = wording.status_words(account)
        icon = word[:1]
        counts[icon] = counts.get(icon, 0) + 1
        other = words.get(icon, (word[2:], role))[0] != word[2:]
        words[icon] = ("not asked" if other else word[2:], role)
    shown = sorted(counts, key="●◐◌✗◈◇".find)
    long: Line = []
    short: Line = []
    for icon in shown:
        word, role = words[icon]
        long += [(f"{icon} {counts[icon]}", role), (f" {word}   ", "muted")]
        short += [(f"{icon} {counts[icon]}  ", role)]
    note: Line = []
    if model.unmapped:
        note = [(f"! {len(model.unmapped)} unmapped   ", "warn")]
    sieve: Line = []
    if state.filter:
        found = f"{len(state.accounts)} of {len(model.accounts)}"
        sieve = [(f"/{clip(clean(state.filter), 24)} {found}   ", "accent")]
    legend: Line = []
    if model.unpriced_models:
        legend = [(f"{wording.UNPRICED_MARK} some without price   ", "muted")]
    budget, brief = budgets.note(state)
    return [
        [*sieve, *note, *legend, *budget, *long],
        [*sieve, *note, *budget, *long],
        [*sieve, *note, *brief, *long],
        [*sieve, *note, *brief, *short],
        [*sieve, *note, *short],
        [*sieve, *short],
        sieve or short,
        [],
    ]
