"""
What really happened, as the generator planned it: the numbers every surface must show.

Separate from the generator's writers on purpose: this arithmetic comes from the plan of activity
and never reads a log, so that a mistake of a reader cannot hide in it.  Standard library only;
nothing of the product is imported.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

KINDS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One response of a model, with what it used: disjoint buckets, output includes reasoning."""

    source: str
    """`claude_code`, `codex` or `opencode`."""
    provider: str
    model: str
    ts_ms: int
    session: str
    cwd: str
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    agent: str = ""
    parent: str = ""
    """The session that started this one (a sub-agent's or a fork's origin), empty otherwise."""

    @property
    def total(self) -> int:
        """Tokens by the one definition of every surface."""
        return (
            self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h + self.output
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool and whether it failed."""

    source: str
    id: str
    name: str
    ts_ms: int
    session: str
    failed: bool = False


@dataclass(slots=True)
class Bucket:
    """Sums over calls."""

    requests: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    def add(self, call: Call) -> None:
        """Count one call."""
        self.requests += 1
        self.input += call.input
        self.cache_read += call.cache_read
        self.cache_write_5m += call.cache_write_5m
        self.cache_write_1h += call.cache_write_1h
        self.output += call.output
        self.reasoning += call.reasoning

    @property
    def cache_write(self) -> int:
        """Both kinds of cache writes."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def total(self) -> int:
        """Tokens by the one definition of every surface."""
        return self.input + self.cache_read + self.cache_write + self.output


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A row that is only half on disk: appending `rest` to `path` makes `calls` count."""

    path: str
    rest: bytes
    calls: tuple[Call, ...]


@dataclass(slots=True)
class Truth:
    """Everything a generated home holds."""

    calls: list[Call] = field(default_factory=list)
    tools: list[ToolCall] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    bytes_by_source: Counter[str] = field(default_factory=Counter)
    rows_with_usage: Counter[str] = field(default_factory=Counter)
    """Log rows that state usage, per source: how much duplication a reader has to see through."""
    traps: Counter[str] = field(default_factory=Counter)
    """How often each trap was written; a test asserts that none is missing."""
    canaries: tuple[str, ...] = ()
    """Strings planted in every text that must never be kept."""
    shared: set[str] = field(default_factory=set)
    """Sessions whose rows also lie under another session's id (forks): either may own them."""

    def merged(self, other: Truth) -> Truth:
        """The truth of both homes together, as if one machine held them."""
        return Truth(
            calls=self.calls + other.calls,
            tools=self.tools + other.tools,
            pending=self.pending + other.pending,
            bytes_by_source=self.bytes_by_source + other.bytes_by_source,
            rows_with_usage=self.rows_with_usage + other.rows_with_usage,
            traps=self.traps + other.traps,
            canaries=tuple(dict.fromkeys(self.canaries + other.canaries)),
            shared=self.shared | other.shared,
        )

    def completed(self) -> Truth:
        """The truth after the half-written rows have been finished."""
        extra = [call for item in self.pending for call in item.calls]
        return Truth(
            calls=self.calls + extra,
            tools=self.tools,
            bytes_by_source=self.bytes_by_source,
            rows_with_usage=self.rows_with_usage,
            traps=self.traps,
            canaries=self.canaries,
            shared=self.shared,
        )

    def total(self) -> Bucket:
        """Everything together."""
        return group(self.calls, lambda _call: "")[""]

    def daily(self, zone: str) -> dict[tuple[str, str], Bucket]:
        """Sums per (local day `YYYY-MM-DD` in `zone`, model)."""
        day = day_of(zone)
        return group(self.calls, lambda call: (day(call.ts_ms), call.model))

    def by_session(self) -> dict[tuple[str, str], Bucket]:
        """Sums per (source, session)."""
        return group(self.calls, lambda call: (call.source, call.session))

    def by_source(self) -> dict[str, Bucket]:
        """Sums per tool."""
        return group(self.calls, lambda call: call.source)

    def by_provider(self) -> dict[str, Bucket]:
        """Sums per vendor that bills."""
        return group(self.calls, lambda call: call.provider)


def group(calls: Iterable[Call], key: Callable[[Call], K]) -> dict[K, Bucket]:
    """Sums of `calls` per `key`."""
    out: defaultdict[K, Bucket] = defaultdict(Bucket)
    for call in calls:
        out[key(call)].add(call)
    return dict(out)


def day_of(zone: str) -> Callable[[int], str]:
    """A function from UTC milliseconds to the local day in `zone`."""
    info = ZoneInfo(zone)

    def day(ts_ms: int) -> str:
        return dt.datetime.fromtimestamp(ts_ms / 1000, info).date().isoformat()

    return day
