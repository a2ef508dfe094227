"""One account in full: its cards in the order of the settings, and the places of their rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from openusage_client.tui.detail import asking
from openusage_client.tui.layout import Line, clip_line, column_width, span_at
from openusage_client.tui.state import AppState
from openusage_client.tui.text import clean, wrap
from openusage_client.tui.views import detail_charts, detail_time, wording
from openusage_client.tui.views.detail_cards import (
    Given,
    breakdown_card,
    code_card,
    counts_card,
    models_card,
    spending_card,
    usage_card,
    used_card,
)
from openusage_client.tui.views.detail_forecast import forecast_card
from openusage_client.tui.views.detail_info import info_card
from openusage_client.tui.views.detail_page import Card, Page, compose, marked, strip
from openusage_proto.activity_messages import Activity, Series
from openusage_proto.messages import AccountSnapshot

_TWO_COLUMNS_FROM: Final = 110
_THREE_COLUMNS_FROM: Final = 190
ORDER: Final = (
    "usage",
    "spending",
    "forecast",
    "timers",
    "models",
    "projects",
    "clients",
    "trends",
    "cost_requests",
    "activity_heatmap",
    "tools",
    "mcp",
    "languages",
    "code_stats",
    "upstream",
    "provider_burn",
    "other_data",
    "info",
)
"""Sections as they come where the settings say nothing: what may stop a user first."""

Cards = Sequence[Card | None]


def _named(given: Given, section: str) -> Cards:
    usage = given.account.usage
    if usage is None:
        return ()
    rows = {
        "projects": ("Projects", usage.projects, "project"),
        "clients": ("Clients", usage.clients, "client"),
        "provider_burn": ("Billed through", usage.providers, "billed_by"),
        "other_data": ("Agents", usage.agents, "agent"),
    }
    title, listed, name = rows[section]
    return (breakdown_card(given, section, title, listed, name),)


def _counted(given: Given, section: str) -> Cards:
    usage = given.account.usage
    if usage is None:
        return ()
    rows = {
        "tools": ("Tools", usage.tools),
        "mcp": ("MCP", usage.mcp),
        "languages": ("Languages", usage.languages),
    }
    return (counts_card(given, section, *rows[section]),)


_SECTIONS: Final[Mapping[str, Callable[[Given, str], Cards]]] = {
    "usage": lambda given, _name: (usage_card(given), used_card(given)),
    "spending": lambda given, _name: (spending_card(given),),
    "forecast": lambda given, _name: (forecast_card(given),),
    "timers": lambda given, _name: (detail_time.timers_card(given),),
    "models": lambda given, _name: (models_card(given),),
    "projects": _named,
    "clients": _named,
    "trends": lambda given, _name: (
        *detail_charts.trend_cards(given),
        detail_time.days_card(given),
    ),
    "cost_requests": lambda given, _name: detail_charts.cost_cards(given),
    "activity_heatmap": lambda given, _name: detail_time.heat_cards(given),
    "tools": _counted,
    "mcp": _counted,
    "languages": _counted,
    "code_stats": lambda given, _name: (code_card(given),),
    "provider_burn": _named,
    "other_data": _named,
    "info": lambda given, _name: (info_card(given),),
}


def page(state: AppState, width: int) -> Page:
    """The selected account's page for a width; an empty one when there is no account."""
    account = state.account
    if account is None:
        return Page()
    outer = max(1, width - 2)
    columns = 1 + (width >= _TWO_COLUMNS_FROM) + (width >= _THREE_COLUMNS_FROM)
    cards = _cards(state, account, column_width(outer, columns))
    return compose([*_title(state, account, outer), []], cards, columns, outer)


def render_detail(state: AppState, width: int) -> list[Line]:
    """
    All lines of the selected account's page; the first is the strip of its cards, which stays.

    Empty when there is no account.
    """
    made = page(state, width)
    if not made.lines:
        return []
    focus = made.place(state.detail.focused("detail"))
    cards = tuple({card.id: card for card, _ in reversed(made.cards)}.values())
    cards = tuple(reversed(cards))
    current = focus.card if focus else _card_at(made, state.scroll.get("detail", 0))
    return [strip(_first_of_each(cards), current, width), *made.lines]


def card_at(state: AppState, width: int, x: int) -> int | None:
    """The place among the page's cards of the name that the strip has at a cell."""
    lines = render_detail(state, width)
    span = span_at(lines[0], x) if lines else None
    title = span[0].strip(" []") if span and span[1] in ("tab", "tab.on") else ""
    cards = page(state, width).cards
    named = (
        index for index, (card, _) in enumerate(cards) if TITLES.get(card.id, card.title) == title
    )
    return next(named, None)


def _first_of_each(cards: Sequence[Card]) -> list[Card]:
    """One card for each section: the strip names sections, not every chart of one."""
    return [
        Card(id=card.id, title=TITLES.get(card.id, card.title), lines=card.lines) for card in cards
    ]


TITLES: Final = {
    "usage": "Limits",
    "trends": "Trends",
    "activity_heatmap": "Heat maps",
    "provider_burn": "Billing",
    "other_data": "Agents",
}


def _card_at(made: Page, scroll: int) -> str:
    """The first card that begins at or below a line."""
    below = [(top, index) for index, (_, top) in enumerate(made.cards) if top >= scroll]
    return made.cards[min(below)[1]][0].id if below else ""


def _title(state: AppState, account: AccountSnapshot, width: int) -> list[Line]:
    word, role = wording.status_words(account)
    provider = state.providers.get(account.provider_id)
    kind = clean(provider.title if provider else account.provider_id)
    name = wording.title(account)
    kind = f" · {kind}" if kind and kind not in name else ""
    lines: list[Line] = [[(name, "title"), (f"{kind}  ", "muted"), (word, role)]]
    lines += [[(part, role)] for part in wrap(wording.advice(account), width, 4)]
    note, note_role = wording.staleness(account, state.now)
    if note:
        lines += [[(part, note_role)] for part in wrap(note, width, 3)]
    return [clip_line(line, width) for line in lines]


def _cards(state: AppState, account: AccountSnapshot, width: int) -> list[Card]:
    activity_asked, series_asked = asking.detail_questions(state)
    answer = asking.answer_to(state, activity_asked)
    waiting = "reading the days …" if answer is None else clean(answer.error)
    given = Given(
        state=state,
        account=account,
        width=width,
        activity=asking.value_of(state, activity_asked, Activity),
        series=asking.value_of(state, series_asked, Series),
        waiting=waiting,
    )
    focus = state.detail.focused("detail")
    on_chart = focus if focus.startswith("chart/") else ""
    values = (given.window, state.now, on_chart, state.detail.cursor, given.waiting)
    objects = (account, given.activity, given.series, state.providers, state.preferences)
    cards: list[Card] = []
    for section in sections(state):
        made = _kept.get((section, width), values, objects, lambda: _made(given, section))  # noqa: B023
        cards += [marked(card, focus) for card in made]
    return cards


def _made(given: Given, section: str) -> list[Card]:
    make = _SECTIONS.get(section)
    return [card for card in (make(given, section) if make else ()) if card is not None]


class _Kept:
    """
    The cards of the last page per section and width.

    A key that moves the focus changes one line; charts and forecasts are not worked out again for
    it.  What they were made of is compared by identity, and kept with them.
    """

    def __init__(self) -> None:
        self._cards: dict[tuple[str, int], tuple[Any, tuple[Any, ...], list[Card]]] = {}

    def get(
        self,
        key: tuple[str, int],
        values: tuple[Any, ...],
        objects: tuple[Any, ...],
        make: Callable[[], list[Card]],
    ) -> list[Card]:
        """The cards made of these, from before or now."""
        known = self._cards.get(key)
        if (
            known is not None
            and known[0] == values
            and all(one is other for one, other in zip(known[1], objects, strict=True))
        ):
            return known[2]
        if len(self._cards) >= _MAX_KEPT:
            self._cards.clear()
        made = make()
        self._cards[key] = (values, objects, made)
        return made


_MAX_KEPT: Final = 64
_kept: Final = _Kept()


def sections(state: AppState) -> list[str]:
    """The sections in the order of the settings, without those that are switched off."""
    listed = dict(state.preferences.detail_sections)
    order = [name for name, _ in state.preferences.detail_sections if name in ORDER]
    order += [name for name in ORDER if name not in listed]
    return [name for name in order if listed.get(name, True)]
