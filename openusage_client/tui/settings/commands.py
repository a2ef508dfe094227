"""
What the keys of the settings screen do: move in a tab, switch, put in order, ask.

Every change goes to the daemon at once; the screen shows the settings as the daemon has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from openusage_client.preferences import VIEWS, WINDOWS
from openusage_client.tui.asking import Ask
from openusage_client.tui.changes import Change, SaveSettings, set_costs, set_view
from openusage_client.tui.effects import Command, CycleTheme, KeepTheme, OpenSite, Outcome, Size
from openusage_client.tui.settings import answers, edits, model, options, questions, rows
from openusage_client.tui.state import AppState
from openusage_client.tui.theme_files import Catalogue
from openusage_client.tui.views import frame, settings_screen
from openusage_proto import methods

SCREEN: Final = "settings"
_PAGE: Final = 10


def _open(state: AppState, _size: Size) -> Outcome:
    opened = replace(
        state,
        screens=(*state.screens, SCREEN),
        settings=replace(state.settings, busy="", failures={}),
    )
    return _to_tab(opened, state.settings.tab), ("themes", *_LOOK)


_LOOK: Final = (
    Ask(topic=answers.SETTINGS, method=methods.SETTINGS_GET),
    questions.ACCOUNTS_AGAIN,
    questions.INTEGRATIONS_AGAIN,
)


def _refresh(state: AppState, _size: Size) -> Outcome:
    return replace(state, notice="looking again"), ("themes", *_LOOK)


def _to_tab(state: AppState, tab: str) -> AppState:
    settings = replace(state.settings, tab=tab, preview_scroll=0)
    if tab == model.THEME and settings.catalogue is not None:
        current = settings.catalogue.index(state.preferences.theme)
        settings = replace(settings, cursors={**settings.cursors, tab: max(0, current)})
    return replace(state, settings=settings, theme_preview="")


def with_catalogue(state: AppState, catalogue: Catalogue) -> AppState:
    """The state with the themes there are now; the cursor starts on the one in use."""
    settings = replace(state.settings, catalogue=catalogue)
    if model.THEME not in settings.cursors:
        current = max(0, catalogue.index(state.preferences.theme))
        settings = replace(settings, cursors={**settings.cursors, model.THEME: current})
    return replace(state, settings=settings)


def _tab(tab: str) -> Command:
    return lambda state, _size: (_to_tab(state, tab), ())


def _next_tab(step: int) -> Command:
    def command(state: AppState, _size: Size) -> Outcome:
        tabs = list(model.TABS)
        return _to_tab(state, tabs[(tabs.index(state.settings.tab) + step) % len(tabs)]), ()

    return command


# ------------------------------------------------------------------- moving


def pointed(state: AppState, row: int, size: Size) -> AppState:
    """The state with the cursor on a row of the open tab; a theme that is passed is shown."""
    row = max(0, min(row, rows.count(state) - 1))
    settings = replace(state.settings, cursors={**state.settings.cursors, state.settings.tab: row})
    preview = state.theme_preview
    if settings.tab == model.THEME and settings.catalogue is not None:
        preview = settings.catalogue.entries[row].theme.name
    state = replace(state, settings=settings, theme_preview=preview)
    return settings_screen.kept_in_view(state, size.width, frame.content_height(size.height))


def _step(delta: int) -> Command:
    return lambda state, size: (pointed(state, max(0, rows.cursor(state)) + delta, size), ())


def _end(*, last: bool) -> Command:
    return lambda state, size: (pointed(state, 10**6 if last else 0, size), ())


def _preview(delta: int) -> Command:
    def command(state: AppState, _size: Size) -> Outcome:
        scroll = max(0, state.settings.preview_scroll + delta)
        return replace(state, settings=replace(state.settings, preview_scroll=scroll)), ()

    return command


# ---------------------------------------------------------------- switching


def _act(state: AppState, size: Size) -> Outcome:
    at = rows.cursor(state)
    return _ACTS[state.settings.tab](state, at, size) if at >= 0 else (state, ())


def _save(state: AppState, change: Change, words: str) -> Outcome:
    return state, (SaveSettings(change, words),)


def _switch_account(state: AppState, at: int, _size: Size) -> Outcome:
    listed = rows.account_rows(state)
    row = listed[at]
    change = edits.switch_account(
        row.account_id, on=not row.on, known=[item.account_id for item in listed]
    )
    words = f"saved: {row.account_id} is {'on' if not row.on else 'off'}"
    state, effects = _save(state, change, words)
    if not row.on and _off_by_itself(state, row.account_id):
        # Its own record in the file switches it off, which the list of tiles cannot outvote.
        record = {"id": row.account_id, "enabled": True}
        effects = (
            *effects,
            Ask(
                topic="switched",
                method=methods.SETTINGS_UPDATE,
                params={"put_accounts": [record]},
                then=(questions.ACCOUNTS_AGAIN,),
            ),
        )
    return state, effects


def _off_by_itself(state: AppState, account_id: str) -> bool:
    listed = dict(
        edits.ordered(state.preferences.document, edits.PROVIDERS, "account_id", [account_id])
    )
    return listed.get(account_id, True)


def _switch_section(state: AppState, at: int, _size: Size) -> Outcome:
    name, on = rows.section_rows(state)[at]
    change = edits.switch_section(rows.section_path(state), name, list(rows.section_names(state)))
    title = rows.section_names(state)[name]
    return _save(state, change, f"saved: {title} {'off' if on else 'on'}")


def _choose_theme(state: AppState, at: int, _size: Size) -> Outcome:
    if state.settings.catalogue is None:
        return state, ()
    name = state.settings.catalogue.entries[at].theme.name
    return state, (KeepTheme(name),)


def _choose_view(state: AppState, at: int, _size: Size) -> Outcome:
    view = VIEWS[at]
    return _save(state, set_view(view), f"saved: view {view}")


def _edit_key(state: AppState, at: int, size: Size) -> Outcome:
    row = rows.key_rows(state)[at]
    if row.by == "browser":
        return _connect(state, size)
    return questions.asked(state, questions.key(row))


def _telemetry(state: AppState, at: int, _size: Size) -> Outcome:
    if at < len(WINDOWS):
        window = WINDOWS[at]
        chosen = replace(state, window=window, window_chosen=True)
        change = edits.set_value(("data", "time_window"), window)
        return chosen, ("window", SaveSettings(change, f"saved: opens with {window}"))
    row = rows.source_rows(state)[at - len(WINDOWS)]
    dialog = questions.link(state, row)
    if not dialog.choices:
        return replace(state, notice="no service has an account it could belong to"), ()
    return questions.asked(state, dialog)


def _integrate(state: AppState, at: int, _size: Size) -> Outcome:
    return questions.plan(state, (state.settings.integrations or ())[at], uninstall=False)


def _edit_option(state: AppState, at: int, _size: Size) -> Outcome:
    option = rows.option_rows(state)[at]
    value = options.value_of(state.preferences.document, option.path)
    if option.kind == "file":
        where = state.settings.path or "settings.json"
        return replace(state, notice=f"{option.name} is edited in {where}"), ()
    if option.kind == "flag":
        change = edits.set_value(option.path, value is not True)
        return _save(state, change, f"saved: {option.label} {'off' if value is True else 'on'}")
    return questions.asked(state, questions.option(state, option, value))


_ACTS: Final[Mapping[str, Callable[[AppState, int, Size], Outcome]]] = {
    model.ACCOUNTS: _switch_account,
    model.SECTIONS: _switch_section,
    model.THEME: _choose_theme,
    model.VIEW: _choose_view,
    model.KEYS: _edit_key,
    model.TELEMETRY: _telemetry,
    model.INTEGRATIONS: _integrate,
    model.OPTIONS: _edit_option,
}


def _costs(state: AppState, _size: Size) -> Outcome:
    at = rows.cursor(state)
    if at < 0:
        return state, ()
    name = rows.account_rows(state)[at].account_id
    own = state.preferences.costs_of.get(name)
    hidden, word = {None: (True, "hidden"), True: (False, "shown"), False: (None, "by plan")}[own]
    return _save(state, set_costs(name, hidden=hidden), f"saved: costs of {name} {word}")


def _move(step: int) -> Command:
    def command(state: AppState, size: Size) -> Outcome:
        at = rows.cursor(state)
        if at < 0 or not 0 <= at + step < rows.count(state):
            return state, ()
        if state.settings.tab == model.ACCOUNTS:
            known = [row.account_id for row in rows.account_rows(state)]
            change = edits.move_account(known[at], step, known)
            words = f"saved: {known[at]} is number {at + step + 1}"
        else:
            names = rows.section_names(state)
            name = rows.section_rows(state)[at][0]
            change = edits.move_section(rows.section_path(state), name, step, list(names))
            words = f"saved: {names[name]} is number {at + step + 1}"
        return _save(pointed(state, at + step, size), change, words)

    return command


def _hide_empty(state: AppState, _size: Size) -> Outcome:
    hidden = not state.preferences.hide_empty
    change = edits.set_value(("dashboard", "hide_sections_with_no_data"), hidden)
    return _save(state, change, f"saved: empty sections are {'hidden' if hidden else 'shown'}")


def _half(state: AppState, size: Size) -> Outcome:
    settings = replace(
        state.settings, detail_sections=not state.settings.detail_sections, preview_scroll=0
    )
    return pointed(replace(state, settings=settings), 0, size), ()


# ------------------------------------------------------- keys, links, hooks


def _forget(state: AppState, _size: Size) -> Outcome:
    at = rows.cursor(state)
    row = rows.key_rows(state)[at] if at >= 0 else None
    if row is None:
        return state, ()
    if not row.stored:
        words = "nothing is stored here for it"
        if row.state == "ENV":
            words = "that key is in your environment; OpenUsage only reads it"
        return replace(state, notice=words), ()
    return questions.asked(state, questions.forget(row))


def _connect(state: AppState, _size: Size) -> Outcome:
    at = rows.cursor(state)
    row = rows.key_rows(state)[at] if at >= 0 else None
    if row is None or row.by != "browser":
        return replace(state, notice="this one signs in with a key, not through a browser"), ()
    return questions.asked(state, questions.browser(state, row))


def _site(state: AppState, _size: Size) -> Outcome:
    at = rows.cursor(state)
    row = rows.key_rows(state)[at] if at >= 0 else None
    if row is None or not row.domain:
        return replace(state, notice="this one has no site to sign in"), ()
    return state, (OpenSite(f"https://{row.domain}"),)


def _unlink(state: AppState, _size: Size) -> Outcome:
    at = rows.cursor(state) - len(WINDOWS)
    row = rows.source_rows(state)[at] if at >= 0 else None
    if row is None or not row.link:
        return replace(state, notice="there is no mapping to take away"), ()
    change = edits.set_link(row.source, None, rows.BUILT_IN_LINKS)
    return _save(state, change, f"{row.source} is not mapped any more")


def _unintegrate(state: AppState, _size: Size) -> Outcome:
    at = rows.cursor(state)
    if at < 0:
        return state, ()
    return questions.plan(state, (state.settings.integrations or ())[at], uninstall=True)


def _default(state: AppState, _size: Size) -> Outcome:
    at = rows.cursor(state)
    if at < 0:
        return state, ()
    option = rows.option_rows(state)[at]
    path = (*option.path[:-1], option.written or option.path[-1])
    return _save(state, edits.set_value(path, None), f"saved: {option.label} as it comes")


COMMANDS: Final[Mapping[str, Command]] = {
    "settings.open": _open,
    "settings.refresh": _refresh,
    "settings.tab.next": _next_tab(1),
    "settings.tab.previous": _next_tab(-1),
    **{f"settings.tab.{tab}": _tab(tab) for tab in model.TABS},
    "settings.up": _step(-1),
    "settings.down": _step(1),
    "settings.page.up": _step(-_PAGE),
    "settings.page.down": _step(_PAGE),
    "settings.first": _end(last=False),
    "settings.last": _end(last=True),
    "settings.preview.up": _preview(-_PAGE),
    "settings.preview.down": _preview(_PAGE),
    "settings.act": _act,
    "settings.costs": _costs,
    "settings.move.up": _move(-1),
    "settings.move.down": _move(1),
    "settings.hide_empty": _hide_empty,
    "settings.half": _half,
    "settings.forget": _forget,
    "settings.connect": _connect,
    "settings.site": _site,
    "settings.unlink": _unlink,
    "settings.uninstall": _unintegrate,
    "settings.default": _default,
    "theme.next": lambda state, _size: (state, (CycleTheme(1),)),
    "theme.previous": lambda state, _size: (state, (CycleTheme(-1),)),
}
