"""
The dashboard's whole state as one immutable value, and how news from the poller change it.

Everything a view draws is in here, the time included, so that a screen is a function of a state
and a size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from openusage_client.preferences import DEFAULT_VIEW, DEFAULT_WINDOW, DEFAULTS, Preferences
from openusage_client.tui.analytics.model import AnalyticsState
from openusage_client.tui.detail.model import DetailState
from openusage_client.tui.matching import matching
from openusage_client.tui.sessions.model import SessionsState
from openusage_client.tui.settings.model import SettingsState
from openusage_proto.messages import (
    AccountSnapshot,
    ImportProgress,
    ProviderInfo,
    ReadModel,
    Window,
)
from openusage_proto.values import dataclass

if TYPE_CHECKING:
    from openusage_client.tui.asking import Reply
    from openusage_client.tui.dialog import Dialog
    from openusage_client.tui.watching import Answer

WINDOW_TITLES: Final[Mapping[str, str]] = {
    "1d": "today",
    "3d": "3 days",
    "7d": "7 days",
    "30d": "30 days",
    "all": "all time",
}

Phase = Literal["connecting", "live", "failing", "lost"]
"""`failing`: the daemon is there and answers with an error; `lost`: there is no connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The connection to the daemon: its phase, since when, and words when it is not live."""

    phase: Phase
    since: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    A line of text being typed: `kind` is the context of its keys, `before` what Esc brings back.

    `choice` is the highlighted row where the text chooses among some.
    """

    kind: str
    text: str = ""
    before: str = ""
    choice: int = 0


CONNECTED_AGAIN: Final = "connected to the daemon again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """
    News from the poller; a field that is None has not changed.

    `model` is as the daemon sent it and belongs to the window it names: an answer for a window that
    is no longer wanted is dropped.  `window` is the settings' first window, which gives way to
    one the user has asked for.  `importing` is the first import's progress, with `active` False
    once it is over.  `question` is asked unless the user is in the middle of something.
    """

    link: Link | None = None
    model: ReadModel | None = None
    providers: tuple[ProviderInfo, ...] | None = None
    importing: ImportProgress | None = None
    notice: str | None = None
    preferences: Preferences | None = None
    window: Window | None = None
    reply: Reply | None = None
    answer: Answer | None = None
    question: Dialog | None = None
    saved: bool = False
    """True in the answer to a change of the settings, whether it was made or refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppState:
    """
    What is known and what is looked at.

    `screens` is the stack of screen names, the visible one last; `scroll` holds the first visible
    line of each screen; `selected` is an account id, empty for the first one.  `model` is `raw`,
    the daemon's answer, as the preferences want it.
    """

    now: datetime
    link: Link
    window: Window = DEFAULT_WINDOW
    window_chosen: bool = False
    """True once the user has asked for a window, by a flag or a key."""
    preferences: Preferences = DEFAULTS
    raw: ReadModel | None = None
    model: ReadModel | None = None
    view: str = DEFAULT_VIEW
    """How the main screen arranges the accounts."""
    entry: Entry | None = None
    """The line of text that is being typed; while there is one, it gets the keys."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """By screen: only what contains this text is listed."""
    expanded: frozenset[str] = frozenset()
    """Accounts whose breakdowns list every row."""
    compared: str = ""
    """Account on the right of the compare view; empty for the one after the selected."""
    right_side: bool = False
    """True when the keys of the compare view go to its right side."""
    providers: Mapping[str, ProviderInfo] = field(default_factory=dict)
    importing: ImportProgress | None = None
    notice: str = ""
    screens: tuple[str, ...] = ("main",)
    selected: str = ""
    scroll: Mapping[str, int] = field(default_factory=dict)
    settings: SettingsState = field(default_factory=SettingsState)
    """The settings screen."""
    dialog: Dialog | None = None
    """The question in front of the screen."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    """The latest answer in each place, see `watching`; it may be to an earlier question."""
    detail: DetailState = field(default_factory=DetailState)
    """What the detail screens look at."""
    analytics: AnalyticsState = field(default_factory=AnalyticsState)
    sessions: SessionsState = field(default_factory=SessionsState)
    unsaved: int = 0
    """Changes of the settings that have not been answered yet."""
    theme_preview: str = ""
    """The theme that is looked at without having been chosen."""

    @property
    def screen(self) -> str:
        """The visible screen."""
        return self.screens[-1]

    @property
    def context(self) -> str:
        """Whose keys count: the line that is typed, else the visible screen or its tab."""
        if self.entry:
            return self.entry.kind
        return self.settings.context if self.screen == "settings" else self.screen

    @property
    def filter(self) -> str:
        """The filter of the accounts."""
        return self.filters.get("main", "")

    @property
    def accounts(self) -> list[AccountSnapshot]:
        """The accounts of the last read model that pass the filter, in its order."""
        if self.model is None:
            return []
        if not self.filter:
            return self.model.accounts
        return matching(self.model.accounts, self.providers, self.filter)

    @property
    def selected_index(self) -> int:
        """Place of the selected account; 0 when it has gone or nothing was selected yet."""
        for index, account in enumerate(self.accounts):
            if account.account_id == self.selected:
                return index
        return 0

    @property
    def account(self) -> AccountSnapshot | None:
        """The selected account."""
        accounts = self.accounts
        return accounts[self.selected_index] if accounts else None

    @property
    def window_pending(self) -> bool:
        """True while the figures on screen are those of another window than the one asked for."""
        return self.model is not None and self.model.window != self.window


def receive(state: AppState, update: Update) -> AppState:
    """The state after one piece of news."""
    changes: dict[str, object] = {}
    if update.link is not None:
        # Every attempt to connect again says so; since when it is so does not change by that.
        same = update.link.phase == state.link.phase
        if state.link.phase == "lost" and update.link.phase == "live" and state.raw is not None:
            changes["notice"] = CONNECTED_AGAIN
        elif update.link.phase != "live" and state.notice == CONNECTED_AGAIN:
            changes["notice"] = ""
        changes["link"] = replace(update.link, since=state.link.since) if same else update.link
    if update.providers is not None:
        changes["providers"] = {info.id: info for info in update.providers}
    if update.importing is not None:
        changes["importing"] = update.importing if update.importing.active else None
    if update.notice is not None:
        changes["notice"] = update.notice
    wishes = update.preferences or state.preferences
    unsaved = max(0, state.unsaved - update.saved)
    if update.saved:
        changes["unsaved"] = unsaved
    if update.preferences is not None:
        changes["preferences"] = wishes
        # An answer to an earlier key does not take back what a later one has chosen.
        if not unsaved and (wishes.view != state.preferences.view or state.raw is None):
            changes["view"] = wishes.view
        if state.raw is not None:
            changes["model"] = wishes.applied(state.raw)
    if update.reply is not None:
        changes |= _replied(state, update.reply)
    if update.question is not None and state.dialog is None and state.entry is None:
        changes["dialog"] = update.question
    if update.answer is not None:
        changes["answers"] = {**state.answers, update.answer.question.name: update.answer}
    if update.window is not None and not state.window_chosen:
        changes["window"] = update.window
    if update.model is not None and update.model.window == changes.get("window", state.window):
        changes["raw"] = update.model
        changes["model"] = wishes.applied(update.model)
        if not update.model.importing:
            changes["importing"] = None
    return replace(state, **changes) if changes else state  # type: ignore[arg-type]


def _replied(state: AppState, reply: Reply) -> dict[str, object]:
    """What the answer to a question of the settings screen changes."""
    from openusage_client.tui.settings import answers

    settings, notice = answers.receive(state.settings, reply, state.notice)
    changes: dict[str, object] = {"settings": settings, "notice": notice}
    question = answers.question(reply)
    if question is not None and state.dialog is None and state.screen == "settings":
        changes["dialog"] = question
    return changes


def scrolled(state: AppState, screen: str, offset: int) -> AppState:
    """The state with one screen scrolled to `offset` lines; views cap it to what they have."""
    offset = max(0, offset)
    if state.scroll.get(screen, 0) == offset:
        return state
    return replace(state, scroll={**state.scroll, screen: offset})
