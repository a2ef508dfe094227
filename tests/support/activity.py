"""
Plans what people did with their agents: sessions, turns, model calls and tools, with UTC times.

The plan knows nothing of files.  Its times gather around what breaks day arithmetic: midnights of
several zones, changes of daylight-saving time, quarter hours.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

ZONES = (
    "UTC",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Europe/Berlin",
    "Australia/Lord_Howe",
)
DST_CHANGES = (
    "2025-09-27T14:00:00+00:00",  # Chatham and New Zealand: forward
    "2025-10-04T15:30:00+00:00",  # Lord Howe: forward by half an hour
    "2025-10-26T01:00:00+00:00",  # Europe: back
    "2025-11-02T06:00:00+00:00",  # New York: back
)
DEFAULT_END = "2025-11-10T00:00:00+00:00"
DAY_MS = 86_400_000
BRANCHES = ("main", "feature/receipts", "fix-rounding")


def ms_of(text: str) -> int:
    """UTC milliseconds of an ISO instant."""
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


def iso(ts_ms: int) -> str:
    """The agents' own form: `2025-11-10T00:00:00.000Z`."""
    seconds, ms = divmod(ts_ms, 1000)
    stamp = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


@dataclass(slots=True)
class Usage:
    """Tokens of one response in disjoint buckets; output includes reasoning."""

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int = 0


@dataclass(slots=True)
class Step:
    """One model call: when it answered, with which model, and which tools it asked for."""

    ts_ms: int
    model: str
    usage: Usage
    tools: list[str] = field(default_factory=list)
    duration_ms: int = 800


@dataclass(slots=True)
class Turn:
    """A prompt and the calls until the agent stopped."""

    ts_ms: int
    steps: list[Step]
    cwd: str


@dataclass(slots=True)
class Session:
    """One conversation."""

    id: str
    start_ms: int
    turns: list[Turn]
    cwd: str
    branch: str

    @property
    def end_ms(self) -> int:
        """When its last call answered."""
        return self.turns[-1].steps[-1].ts_ms


class Planner:
    """Draws sessions from a seeded generator: the same seed gives the same history."""

    def __init__(self, rng: random.Random, *, end_ms: int, days: int) -> None:
        self.rng = rng
        self._end_ms = end_ms
        self._start_ms = end_ms - days * DAY_MS
        self._days = days
        self._projects = [f"/home/dev/{name}" for name in ("shop", "api", "docs", "game", "infra")]

    def uuid(self) -> str:
        """A random version 4 id."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def uuid7(self, ts_ms: int) -> str:
        """An id that sorts by time, as Codex makes them."""
        value = (ts_ms & ((1 << 48) - 1)) << 80 | self.rng.getrandbits(80)
        value = value & ~(0xF << 76) | (7 << 76)
        value = value & ~(0x3 << 62) | (0x2 << 62)
        return str(uuid.UUID(int=value))

    def cwd(self) -> str:
        """One of a handful of project directories."""
        return self.rng.choice(self._projects)

    def start(self) -> int:
        """When a session begins, with a taste for awkward moments; always in the window."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.35:
            when = self._near_midnight()
        elif kind < 0.5:
            when = ms_of(rng.choice(DST_CHANGES)) + rng.randint(-5_400_000, 5_400_000)
        else:
            when = rng.randint(self._start_ms, self._end_ms)
        # the last two days are left to what a session goes on to do
        return min(max(when, self._start_ms), self._end_ms - 2 * DAY_MS)

    def _near_midnight(self) -> int:
        rng = self.rng
        day = dt.datetime.fromtimestamp(
            (self._start_ms + rng.randrange(self._days) * DAY_MS) / 1000, dt.UTC
        ).date()
        midnight = dt.datetime.combine(day, dt.time(), ZoneInfo(rng.choice(ZONES)))
        return round(midnight.timestamp() * 1000) + rng.randint(-1_200_000, 300_000)

    def usage(self, *, reasoning: bool, write_1h: bool) -> Usage:
        """Tokens of one response: mostly cache reads, sometimes nothing cached at all."""
        rng = self.rng
        output = int(rng.lognormvariate(5.2, 1.1)) + 2
        write = rng.choice((0, 0, rng.randint(50, 9_000)))
        return Usage(
            input=rng.choice((rng.randint(1, 40), rng.randint(1, 6_000))),
            cache_read=rng.choice((0, rng.randint(1_000, 150_000), rng.randint(1_000, 150_000))),
            cache_write_5m=0 if write_1h else write,
            cache_write_1h=write if write_1h else 0,
            output=output,
            reasoning=rng.randint(0, output) if reasoning and rng.random() < 0.6 else 0,
        )

    def session(
        self,
        models: tuple[str, ...],
        tools: tuple[str, ...],
        *,
        turns: int | None = None,
        start_ms: int | None = None,
        cwd: str | None = None,
        reasoning: bool = False,
        write_1h: bool = False,
        uuid7: bool = False,
    ) -> Session:
        """A session of one to six turns with one to seven model calls each."""
        rng = self.rng
        start = self.start() if start_ms is None else start_ms
        home = cwd or self.cwd()
        now = start
        out: list[Turn] = []
        model = rng.choice(models)
        for _ in range(turns or rng.choice((1, 2, 2, 3, 4, 6))):
            now += rng.randint(1_000, 240_000)
            asked = now
            if rng.random() < 0.15:
                model = rng.choice(models)
            steps: list[Step] = []
            count = rng.choice((1, 2, 3, 3, 5, 7))
            for index in range(count):
                duration = rng.randint(150, 30_000)
                now += duration + rng.randint(1, 5_000)
                wanted = rng.choices(tools, k=rng.choice((1, 1, 1, 2))) if index < count - 1 else []
                steps.append(
                    Step(
                        ts_ms=now,
                        model=model,
                        usage=self.usage(reasoning=reasoning, write_1h=write_1h),
                        tools=wanted,
                        duration_ms=duration,
                    )
                )
            where = home if rng.random() < 0.9 else f"{home}/packages/core"
            out.append(Turn(ts_ms=asked, steps=steps, cwd=where))
        return Session(
            id=self.uuid7(start) if uuid7 else self.uuid(),
            start_ms=start,
            turns=out,
            cwd=home,
            branch=rng.choice(BRANCHES),
        )
