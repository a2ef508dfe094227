"""
Lines of text typed on the canvas: the filter of a screen and the query of the command palette.

Text is taken as it comes, in any script, typed or pasted; only control characters are left out.
"""

from __future__ import annotations

from dataclasses import replace

from openusage_client.tui.keymap import FILTER
from openusage_client.tui.state import AppState, Entry, scrolled

MAX_CHARS = 200
"""Nobody types more, and a paste by mistake does no harm."""


def text_of_key(key: str) -> str:
    """What a key writes; empty for one that writes nothing."""
    if key == "Space":
        return " "
    return key if len(key) == 1 and key.isprintable() else ""


def insert(state: AppState, text: str) -> AppState:
    """The state with text added to the line that is being typed."""
    if state.entry is None:
        return state
    written = "".join(char if char.isprintable() else " " for char in text)
    return edited(state, (state.entry.text + written)[:MAX_CHARS])


def delete(state: AppState) -> AppState:
    """Without the last character; a line that is empty is closed by it."""
    entry = state.entry
    if entry is not None and not entry.text:
        return replace(state, entry=None)
    return edited(state, entry.text[:-1]) if entry else state


def delete_word(state: AppState) -> AppState:
    """Without the last word."""
    text = state.entry.text.rstrip() if state.entry else ""
    return edited(state, text[: text.rfind(" ") + 1])


def edited(state: AppState, text: str) -> AppState:
    """The state with another text in the line; a filter acts while it is typed."""
    if state.entry is None or text == state.entry.text:
        return state
    state = replace(state, entry=replace(state.entry, text=text, choice=0))
    return filtered(state, text) if state.entry and state.entry.kind == FILTER else state


def filtered(state: AppState, text: str) -> AppState:
    """The state with the visible screen's filter set, shown from its start."""
    filters = {**state.filters, state.screen: text}
    if not text:
        del filters[state.screen]
    return scrolled(replace(state, filters=filters), state.screen, 0)


def open_filter(state: AppState) -> AppState:
    """Begin to type the visible screen's filter, at the end of what is there."""
    text = state.filters.get(state.screen, "")
    return replace(state, entry=Entry(kind=FILTER, text=text, before=text))


def cancel_filter(state: AppState) -> AppState:
    """Stop typing; the filter is as it was before."""
    before = state.entry.before if state.entry else ""
    return replace(filtered(state, before), entry=None)
