"""What the keys of the detail screens do: move between rows and cards, go down, explain."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from openusage_client.tui.analytics.keys import ANALYTICS
from openusage_client.tui.detail.keys import DETAIL, DRILL, EXPLAIN
from openusage_client.tui.detail.model import EVENTS, Figure
from openusage_client.tui.effects import Command, Outcome, Size
from openusage_client.tui.sessions import asking as sessions_asking
from openusage_client.tui.sessions.keys import SESSION, SESSIONS
from openusage_client.tui.state import AppState, scrolled
from openusage_client.tui.views import detail, drill, frame, wording
from openusage_client.tui.views.detail_page import Page, Spot

_CARD: Final = "card/"
"""Focus of a card that has no rows: its place among the cards."""


def _page(state: AppState, width: int) -> Page:
    if state.screen == DETAIL:
        return detail.page(state, width)
    return drill.page(state, width) if state.screen == DRILL else Page()


def _room(state: AppState, height: int) -> int:
    """Lines that scroll; the strip of the cards stays."""
    return max(1, frame.content_height(height) - (1 if state.screen == DETAIL else 0))


def focused_spot(state: AppState, width: int) -> Spot | None:
    """The row in focus on the visible screen."""
    place = _page(state, width).place(state.detail.focused(state.screen))
    return place.spot if place else None


def _row(step: int) -> Command:
    def command(state: AppState, size: Size) -> Outcome:
        page, room = _page(state, size.width), _room(state, size.height)
        last = max(0, len(page.lines) - room)
        offset = min(state.scroll.get(state.screen, 0), last)
        places = page.places
        at = next(
            (
                index
                for index, place in enumerate(places)
                if place.spot
                and place.spot.id == state.detail.focused(state.screen)
                and offset <= place.line < offset + room
            ),
            None,
        )
        if at is None:
            # Nothing that is seen is in focus: the first row that is, or the last one.
            seen = [place for place in places if offset <= place.line < offset + room]
            target = seen[0 if step > 0 else -1] if seen else None
        else:
            target = places[at + step] if 0 <= at + step < len(places) else None
        beyond = target is not None and (
            target.line >= offset + room if step > 0 else target.line < offset
        )
        if target is None or target.spot is None or beyond:
            # What lies between two rows is read, not skipped.
            moved = scrolled(state, state.screen, max(0, min(offset + step, last)))
            if target is None or not beyond or target.spot is None:
                return moved, ()
            offset = moved.scroll.get(state.screen, 0)
            if not offset <= target.line < offset + room:
                return moved, ()
            state = moved
        return _focus(state, target.spot.id, target.line, room, last), ()

    return command


def _focus(state: AppState, spot: str, line: int, room: int, last: int) -> AppState:
    """The state with a row in focus and in view."""
    offset = min(state.scroll.get(state.screen, 0), last)
    offset = min(max(offset, line - room + 1), line)
    state = replace(state, detail=state.detail.with_focus(state.screen, spot))
    return scrolled(state, state.screen, max(0, min(offset, last)))


def _card(step: int) -> Command:
    def command(state: AppState, size: Size) -> Outcome:
        page, room = _page(state, size.width), _room(state, size.height)
        if not page.cards:
            return state, ()
        last = max(0, len(page.lines) - room)
        target = (_current(state, page) + step) % len(page.cards)
        return _to_card(state, page, target, last), ()

    return command


def clicked(state: AppState, size: Size, x: int, line: int) -> tuple[AppState, str]:
    """A row gets the focus, one that has it is opened; a name in the strip leads to its card."""
    page, room = _page(state, size.width), _room(state, size.height)
    last = max(0, len(page.lines) - room)
    if state.screen == DETAIL:
        if line == 0:
            card = detail.card_at(state, size.width, x)
            return (state, "") if card is None else (_to_card(state, page, card, last), "")
        line -= 1
    spot = page.spot_at(x, line + min(state.scroll.get(state.screen, 0), last))
    if spot is None:
        return state, ""
    if spot.id == state.detail.focused(state.screen):
        return state, "drill.open"
    return replace(state, detail=state.detail.with_focus(state.screen, spot.id)), ""


def _to_card(state: AppState, page: Page, place: int, last: int) -> AppState:
    """The state with the top of a card at the top edge and its first row in focus."""
    card, top = page.cards[place]
    spot = card.spots[0].id if card.spots else f"{_CARD}{place}"
    state = replace(state, detail=state.detail.with_focus(state.screen, spot))
    return scrolled(state, state.screen, min(top, last))


def _current(state: AppState, page: Page) -> int:
    """Place of the card in focus among the cards; -1 before the first."""
    focus = state.detail.focused(state.screen)
    if focus.startswith(_CARD):
        return min(int(focus.removeprefix(_CARD)), len(page.cards) - 1)
    for index, (card, _) in enumerate(page.cards):
        if any(spot.id == focus for spot in card.spots):
            return index
    return -1


def _sideways(step: int) -> Command:
    """On a chart the cursor moves by a day; elsewhere it is the next card."""
    to_card = _card(step)

    def command(state: AppState, size: Size) -> Outcome:
        spot = focused_spot(state, size.width)
        if spot is None or not spot.days:
            return to_card(state, size)
        cursor = max(0, min(state.detail.cursor - step, spot.days - 1))
        return replace(state, detail=replace(state.detail, cursor=cursor)), ()

    return command


def _open(state: AppState, size: Size) -> Outcome:
    """Go down from the row in focus: to its days, sessions or turns."""
    spot = focused_spot(state, size.width)
    if spot is None or spot.opens is None:
        hint = "choose a row with ↑ ↓ first" if spot is None else "there is nothing below this row"
        return replace(state, notice=hint), ()
    trail = state.detail.trail if state.screen == DRILL else ()
    if trail and trail[-1].level == EVENTS:
        return state, ()
    below = replace(state.detail.with_focus(DRILL, ""), trail=(*trail, spot.opens))
    opened = replace(state, detail=below)
    if state.screen != DRILL:
        opened = replace(opened, screens=(*state.screens, DRILL))
    return scrolled(opened, DRILL, 0), ()


def step_up(state: AppState) -> AppState:
    """One step up; from the first one to the screen it began on, where nothing has moved."""
    trail = state.detail.trail[:-1]
    left = state.detail.trail[-1] if state.detail.trail else Figure()
    above = replace(state, detail=replace(state.detail, trail=trail))
    if not trail:
        return replace(above, screens=state.screens[:-1] or state.screens)
    row = f"session/{left.asks('session')}" if left.level == EVENTS else f"day/{left.since}"
    above = replace(above, detail=above.detail.with_focus(DRILL, row))
    return scrolled(above, DRILL, 0)


def _explain(state: AppState, size: Size) -> Outcome:
    """Where the number in focus comes from; without a focus, what the screen is about."""
    figure = _figure(state, size)
    if figure is None:
        return replace(state, notice="there is no number to explain yet"), ()
    asked = replace(state.detail, figure=figure)
    opened = replace(state, detail=asked, screens=(*state.screens, EXPLAIN))
    return scrolled(opened, EXPLAIN, 0), ()


def _figure(state: AppState, size: Size) -> Figure | None:
    if state.screen == ANALYTICS:
        return Figure(title="All accounts")
    if state.screen in (SESSIONS, SESSION):
        return _session_figure(state)
    account = state.account
    if account is None:
        return None
    spot = focused_spot(state, size.width)
    if spot is not None and spot.figure is not None:
        return spot.figure
    if state.screen == DRILL and state.detail.trail:
        return state.detail.trail[-1]
    return Figure(account=account.account_id, title=wording.title(account))


def _session_figure(state: AppState) -> Figure | None:
    """The whole of the session that is chosen or open."""
    if state.screen == SESSIONS:
        rows = sessions_asking.rows(state)
        row = rows[sessions_asking.selected_index(state)] if rows else None
    else:
        row = sessions_asking.opened_row(state)
    if row is None:
        return None
    # An id alone may be that of two tools.
    filters = (("provider", row.source), ("session", row.session_id))
    return Figure(owner=row.account_id, title=f"Session {row.session_id}", filters=filters)


COMMANDS: Final[dict[str, Command]] = {
    "row.next": _row(1),
    "row.previous": _row(-1),
    "card.next": _card(1),
    "card.previous": _card(-1),
    "cursor.right": _sideways(1),
    "cursor.left": _sideways(-1),
    "drill.open": _open,
    "explain.open": _explain,
}
