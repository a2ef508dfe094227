"""
Edges: when a condition that holds is news.

Pure: from what is remembered of a condition and how it is now to what is remembered next, and
whether somebody is to be told.  A crossing is told once; the memory ends with the limit's window or
the period, or when the figure has clearly gone back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from openusage_proto.alert_messages import AlertFacts
from openusaged.storage.store import AlertState

JITTER_MS: Final = 10 * 60_000
"""Vendors give the same reset a few seconds, or rolling ones some minutes, later each time."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """
    How one rule's condition is now for one subject.

    `clear`: surely over, hysteresis included.  `window_ms` is the end of the limit's window or of
    the period (0: none).  Of those of a `group` that become news at once only the one with the
    highest `rank` is told: who is at 96 % need not hear of 80.
    """

    rule: str
    subject: str
    part: str = ""
    """The account it is about; empty for amounts."""
    holds: bool
    clear: bool
    window_ms: int = 0
    group: str = ""
    rank: float = 0.0
    due_ms: int = 0
    """When time alone may change it (0: never)."""
    is_reset: bool = False
    """The news is the end of the window in which the condition held."""
    facts: Callable[[], AlertFacts]


class Edge(NamedTuple):
    """What is remembered next, whether it is news, and whether it was told only just before."""

    state: AlertState
    is_news: bool
    is_repeated: bool = False


def step(known: AlertState | None, finding: Finding, now_ms: int, cooldown_ms: int) -> Edge:
    """The next memory of a condition; the caller notes when it was told."""
    state = known or AlertState(rule=finding.rule, subject=finding.subject)
    if finding.is_reset:
        return _reset(state, finding, now_ms)
    over = 0 < state.window_ms <= now_ms and finding.window_ms - state.window_ms > JITTER_MS
    was = state.active and not over
    active = finding.holds or (was and not finding.clear)
    is_news = active and not was
    window_ms = finding.window_ms if is_news else state.window_ms if active else 0
    repeated = is_news and not over and now_ms - state.fired_ms < cooldown_ms
    return Edge(
        msgspec.structs.replace(state, active=active, window_ms=window_ms), is_news, repeated
    )


def _reset(state: AlertState, finding: Finding, now_ms: int) -> Edge:
    moved = abs(finding.window_ms - state.window_ms) > JITTER_MS
    passed = 0 < state.window_ms <= now_ms and (moved or not finding.holds)
    # A vendor may start a window anew before its time.
    early = not finding.holds and finding.window_ms > state.window_ms + JITTER_MS
    is_news = state.active and (passed or early)
    window_ms = finding.window_ms if finding.holds and (is_news or moved) else state.window_ms
    active = finding.holds or (state.active and not is_news)
    return Edge(
        msgspec.structs.replace(state, active=active, window_ms=window_ms if active else 0),
        is_news,
    )
