"""
What a batch of events says about one session: when it was active, how much, and what it is called.

Apart from `sessions.py`, the writer's view of the stored ones, because scanners add it up, too.
"""

from __future__ import annotations

from typing import Final

import msgspec

NAMED_BY: Final = ("account", "client", "project", "branch")
ACTIVITY_COLUMNS: Final = (*NAMED_BY, "parent", "first_ms", "last_ms", "events", "calls")


class Activity(msgspec.Struct, gc=False):
    """
    Sums of one session, added up in the order of arrival; the fields are `ACTIVITY_COLUMNS`.

    Names are texts, the first known ones; times are epoch milliseconds and span every report (0
    before the first).
    """

    account: str = ""
    client: str = ""
    project: str = ""
    branch: str = ""
    parent: str = ""
    first_ms: int = 0
    last_ms: int = 0
    events: int = 0
    calls: int = 0

    def add(self, first_ms: int, last_ms: int, calls: int, parent: str) -> None:
        """One more event, reported from `first_ms` to `last_ms`, that stands for so many calls."""
        if not self.first_ms or first_ms < self.first_ms:
            self.first_ms = first_ms
        if last_ms > self.last_ms:  # noqa: PLR1730 - a call costs more than all of this
            self.last_ms = last_ms
        self.events += 1
        self.calls += calls
        if parent and not self.parent:
            self.parent = parent

    def name(self, account: str, client: str, project: str, branch: str) -> None:
        """Fill what is not known yet."""
        self.account = self.account or account
        self.client = self.client or client
        self.project = self.project or project
        self.branch = self.branch or branch
