"""The rows of the settings tabs as lines: one function per tab, the cursor added by the screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Final

from openusage_client.formatting import format_tokens
from openusage_client.preferences import VIEWS, WINDOWS
from openusage_client.tui.layout import Line, line_width
from openusage_client.tui.settings import answers, model, options, rows
from openusage_client.tui.settings.option_table import Option
from openusage_client.tui.state import WINDOW_TITLES, AppState
from openusage_client.tui.text import cell_width, clean, pad, wrap
from openusage_client.tui.theme_files import BUILT_IN, key
from openusage_client.tui.views import wording
from openusage_proto.integration_messages import IntegrationInfo
from openusage_proto.values import dataclass

MAX_NAME: Final = 34
_KEY_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "OK": ("ok", "is used"),
    "ENV": ("ok", "from the environment"),
    "FILE": ("ok", "from a file"),
    "MISSING": ("muted", "no key"),
    "STALE": ("warn", "expired, sign in again"),
    "NEW": ("muted", "not connected"),
}
_INTEGRATION_ROLES: Final[Mapping[str, str]] = {
    "ready": "ok",
    "outdated": "warn",
    "partial": "warn",
    "missing": "muted",
    "broken": "crit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """
    A tab's content: lines with the row each belongs to (-1: a heading), and words for the cursor.

    `empty` says why there are no rows.
    """

    lines: list[tuple[int, Line]]
    about: list[str] = field(default_factory=list)
    empty: str = ""


def listed(state: AppState, width: int) -> Listed:
    """The open tab."""
    return _TABS[state.settings.tab](state, width)


def _wrong(sentences: Sequence[str], width: int) -> list[tuple[int, Line]]:
    """What is wrong with files, in full: the end of a sentence names the key."""
    return [
        (-1, [("! " if number == 0 else "  ", "warn"), (part, "warn")])
        for sentence in sentences
        for number, part in enumerate(wrap(clean(sentence), max(8, width - 4)))
    ]


def _switch(*, on: bool) -> Line:
    return [("[x] ", "ok") if on else ("[ ] ", "muted")]


def _column(names: Sequence[str], most: int) -> int:
    return min(most, max((cell_width(name) for name in names), default=0))


def _accounts(state: AppState, width: int) -> Listed:
    found = rows.account_rows(state)
    names = _column([clean(row.account_id) for row in found], max(12, width // 3))
    providers = _column([clean(row.provider) for row in found], max(8, width // 4))
    lines: list[tuple[int, Line]] = []
    for at, row in enumerate(found):
        line: Line = [
            (f"{at + 1:>2} ", "muted"),
            *_switch(on=row.on),
            (pad(clean(row.account_id), names), "text" if row.on else "muted"),
            ("  ", "text"),
            (pad(clean(row.provider), providers), "label"),
            ("  ", "text"),
            (f"costs {row.costs}", "muted"),
        ]
        if row.origin:
            line.append((f"  {clean(row.origin)}", "muted"))
        lines.append((at, line))
    return Listed(
        lines=lines,
        about=["An account that is off is neither read nor asked nor shown."],
        empty=_waiting(state, answers.ACCOUNT_LIST, "no account is known yet"),
    )


def _waiting(state: AppState, topic: str, otherwise: str) -> str:
    """Why a list is empty."""
    failure = state.settings.failures.get(topic)
    if failure:
        return f"not known: {clean(failure)}"
    if state.link.phase in ("lost", "connecting"):
        return "not known while there is no daemon"
    return otherwise


def _sections(state: AppState, _width: int) -> Listed:
    names = rows.section_names(state)
    detail = state.settings.detail_sections
    titles = [("Tiles", not detail), ("Detail screen", detail)]
    head: Line = []
    for title, chosen in titles:
        head += [(f"[{title}]" if chosen else f" {title} ", "tab.on" if chosen else "tab")]
    hidden = "hidden" if state.preferences.hide_empty else "shown"
    head += [("   empty ones ", "muted"), (hidden, "text")]
    lines: list[tuple[int, Line]] = [(-1, head)]
    for at, (name, on) in enumerate(rows.section_rows(state)):
        lines.append(
            (at, [(f"{at + 1:>2} ", "muted"), *_switch(on=on),
                  (names[name], "text" if on else "muted")])
        )  # fmt: skip
    return Listed(lines=lines, about=["The order and choice hold for all accounts."])


def _themes(state: AppState, width: int) -> Listed:
    catalogue = state.settings.catalogue
    if catalogue is None:
        return Listed(lines=[], empty="looking for themes …")
    current = key(state.preferences.theme or "openusage-dark")
    lines: list[tuple[int, Line]] = []
    for at, entry in enumerate(catalogue.entries):
        chosen = key(entry.theme.name) == current
        line: Line = [
            ("● " if chosen else "  ", "ok"),
            (pad(clean(entry.theme.icon), 2), "accent"),
            (f" {clean(entry.theme.name)}", "text"),
        ]
        if entry.origin != BUILT_IN:
            line.append((f"  {clean(entry.origin)}", "muted"))
        lines.append((at, line))
    lines += _wrong(catalogue.problems, width)
    about = ["Moving shows a theme, Enter keeps it, leaving the tab brings the old one back."]
    return Listed(lines=lines, about=about)


def _views(state: AppState, _width: int) -> Listed:
    lines: list[tuple[int, Line]] = []
    for at, view in enumerate(VIEWS):
        line: Line = [
            ("● " if state.preferences.view == view else "  ", "ok"),
            (pad(view, 9), "text"),
            (rows.VIEW_WORDS[view], "muted"),
        ]
        lines.append((at, line))
    return Listed(lines=lines, about=["How the first screen shows the accounts; `v` changes it."])


def _keys(state: AppState, width: int) -> Listed:
    found = rows.key_rows(state)
    names = _column([clean(row.account_id) for row in found], max(12, width // 4))
    lines: list[tuple[int, Line]] = []
    for at, row in enumerate(found):
        role, words = _KEY_STATES[row.state]
        line: Line = [
            (pad(row.state, 8), role),
            (pad(clean(row.account_id), names), "text"),
            ("  ", "text"),
            (pad("browser" if row.by == "browser" else "key", 8), "label"),
            (clean(row.detail) or words, "muted"),
        ]
        lines.append((at, line))
    at = rows.cursor(state)
    about = ["Keys are checked with the vendor before they are kept, and shown masked."]
    if 0 <= at < len(found):
        row = found[at]
        cut = line_width(lines[at][1]) + 2 > width
        named = f" ({clean(row.detail)})" if cut and row.detail else ""
        about = [f"{clean(row.title)}: {_KEY_STATES[row.state][1]}{named}", *about]
    empty = _waiting(state, answers.ACCOUNT_LIST, "no service here signs in with a key")
    return Listed(lines=lines, about=about, empty=empty)


def _telemetry(state: AppState, width: int) -> Listed:
    lines: list[tuple[int, Line]] = [(-1, [("Time window", "heading")])]
    for at, window in enumerate(WINDOWS):
        mark = "● " if window == state.window else "  "
        lines.append(
            (at, [(mark, "ok"), (pad(window, 5), "text"), (WINDOW_TITLES[window], "muted")])
        )
    found = rows.source_rows(state)
    lines += [(-1, []), (-1, [("Usage without an account", "heading")])]
    names = _column([clean(row.source) for row in found], max(12, width // 3))
    for at, row in enumerate(found, len(WINDOWS)):
        role = "muted" if row.unmapped is None else "warn"
        line: Line = [
            ("● " if row.unmapped is None else "○ ", role),
            (pad(clean(row.source), names), "text"),
            (f"  {clean(row.words)}", role),
        ]
        if row.unmapped is not None:
            count = row.unmapped.totals.total_tokens
            line.append((f"  {format_tokens(count)} tokens", "muted"))
        lines.append((at, line))
    if not found:
        lines.append((-1, [("  everything belongs to an account", "muted")]))
    about = ["The window is that of the first screen, and the one it opens with."]
    if rows.cursor(state) >= len(WINDOWS):
        about = ["Enter says whose usage it is; x takes that back."]
    return Listed(lines=lines, about=about)


def _integrations(state: AppState, width: int) -> Listed:
    found = state.settings.integrations
    lines: list[tuple[int, Line]] = []
    names = _column([clean(info.title) for info in found or ()], max(12, width // 3))
    for at, info in enumerate(found or ()):
        version = f"version {info.version}" if info.version is not None else "not installed"
        line: Line = [
            (pad(info.state.upper(), 9), _INTEGRATION_ROLES.get(info.state, "text")),
            (pad(clean(info.title), names), "text"),
            (f"  {version}", "muted"),
            (f"  {_delivery(state, info)}", "muted"),
        ]
        lines.append((at, line))
    about = ["Enter installs or brings up to date, u takes out; what changes is shown first."]
    at = rows.cursor(state)
    if found and 0 <= at < len(found):
        about = [*_about_integration(found[at]), *about]
    otherwise = "asking the daemon …" if found is None else "the daemon knows no integrations"
    return Listed(
        lines=lines, about=about, empty=_waiting(state, answers.INTEGRATION_LIST, otherwise)
    )


def _delivery(state: AppState, info: IntegrationInfo) -> str:
    if info.last_event_at:
        return f"last event {wording.ago(info.last_event_at, state.now)}"
    if info.delivery == "never":
        return "no event yet"
    return "" if info.detected else "not on this machine"


def _about_integration(info: IntegrationInfo) -> list[str]:
    lines = [clean(reason) for reason in info.reasons]
    if info.delivery_reason:
        lines.append(clean(info.delivery_reason))
    for place in info.places:
        reasons = "; ".join(clean(reason) for reason in place.reasons)
        lines.append(f"{clean(place.config)}: {place.state}{f' – {reasons}' if reasons else ''}")  # noqa: RUF001
    return lines


def _options(state: AppState, width: int) -> Listed:
    document = state.preferences.document
    # What is wrong with the file comes first: below a hundred options nobody would see it.
    lines = _wrong(state.settings.warnings, width)
    shown: list[Option] = []
    names = min(MAX_NAME, max(18, width // 2))
    for group in rows.option_groups(state):
        if lines:
            lines.append((-1, []))
        lines.append((-1, [(group.title, "heading")]))
        for option in group.options:
            value = options.shown(option, options.value_of(document, option.path))
            role = "muted" if option.kind == "file" else "text"
            lines.append(
                (len(shown), [(pad(clean(option.label), names), "label"), ("  ", "text"),
                              (clean(value), role)])
            )  # fmt: skip
            shown.append(option)
    about = []
    at = rows.cursor(state)
    if 0 <= at < len(shown):
        about = [f"{clean(shown[at].name)}: {shown[at].help}"]
    if not document:
        return Listed(lines=[], empty=_waiting(state, answers.SETTINGS, "asking the daemon …"))
    return Listed(lines=lines, about=about)


_TABS: Final[Mapping[str, Callable[[AppState, int], Listed]]] = {
    model.ACCOUNTS: _accounts,
    model.SECTIONS: _sections,
    model.THEME: _themes,
    model.VIEW: _views,
    model.KEYS: _keys,
    model.TELEMETRY: _telemetry,
    model.INTEGRATIONS: _integrations,
    model.OPTIONS: _options,
}
