"""What the detail screens look at: the number in focus, the chart's cursor, the way down."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Final

from openusage_proto.values import dataclass

TURNS: Final = 200
"""Turns and sessions that the drill-down lists."""

DAYS: Final = "days"
SESSIONS: Final = "sessions"
EVENTS: Final = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """
    A number on the screen: what `explain` is asked for it, or the key of a limit.

    `filters` are parameters of `explain` besides the range; `since` and `until` are local days, and
    empty for the window of the screen.  `owner` is the account whose word on costs counts where
    no account is asked for.
    """

    account: str = ""
    owner: str = ""
    title: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    since: str = ""
    until: str = ""
    metric: str = ""

    def at_day(self, day: str, words: str) -> Figure:
        """The same number on one day."""
        return replace(self, since=day, until=day, title=f"{self.title} · {words}")

    def with_filter(self, name: str, value: str, words: str = "") -> Figure:
        """The part of the number that has this, too."""
        kept = tuple(item for item in self.filters if item[0] != name)
        title = f"{self.title} · {words or value}" if self.title else words or value
        return replace(self, filters=(*kept, (name, value)), title=title)

    def asks(self, name: str) -> str:
        """The value of a filter, empty when it is not among them."""
        return dict(self.filters).get(name, "")

    @property
    def level(self) -> str:
        """What lies below it: its days, the sessions of a day, or the turns of a session."""
        if self.asks("session"):
            return EVENTS
        if self.since or not {name for name, _ in self.filters} <= {"model", "project"}:
            # Days are only known by model and project; everything else goes to sessions at once.
            return SESSIONS
        return DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailState:
    """
    `focus` is the id of the row in focus, by screen; `cursor` counts days back from the last one.

    `figure` is the number that is being explained, `trail` the way down that the drill screen has
    come.
    """

    focus: tuple[tuple[str, str], ...] = ()
    cursor: int = 0
    figure: Figure | None = None
    trail: tuple[Figure, ...] = field(default=())

    def focused(self, screen: str) -> str:
        """The row in focus on a screen; empty for none."""
        return dict(self.focus).get(screen, "")

    def with_focus(self, screen: str, spot: str) -> DetailState:
        """The state with this row in focus."""
        kept = tuple(item for item in self.focus if item[0] != screen)
        return replace(self, focus=(*kept, (screen, spot)))
