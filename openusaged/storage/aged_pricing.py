"""
Re-pricing of sums whose events have gone, where that is exact; the others keep their cost.

A sum of tokens has one cost only when each token of a bucket costs the same whatever the tier, the
size of the prompt and the moment were, and nothing was rounded: then cost is linear in tokens.  And
a sum that mixes requests with and without a recorded cost cannot be taken apart any more.
(Every event with tokens stands for at least one request; sources that say otherwise contradict
themselves.)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec

from openusaged.core.models import QUARTER_MS
from openusaged.storage.events import QUARTER_SHIFT
from openusaged.storage.names import Names
from openusaged.storage.repricing import COST_SUMS
from openusaged.storage.rollups import MESSAGE_DIMENSIONS, MESSAGE_SUMS, USD

STEP_QUARTERS: Final = 4 * 96
STEP_SESSIONS: Final = 1000
_FAR_FUTURE: Final = 1 << 40
_KEY: Final = ("quarter", *MESSAGE_DIMENSIONS)
_PROVIDER: Final = _KEY.index("provider")
_MODEL: Final = _KEY.index("model")
_CURRENCY: Final = _KEY.index("currency")
_BUCKET_ROWS: Final = (
    f"SELECT {', '.join((*_KEY, *MESSAGE_SUMS))} FROM message_bucket"
    " WHERE quarter >= ? AND quarter < ?"
)
_SET: Final = ", ".join(f"{name} = ?" for name in COST_SUMS)
_SET_BUCKET: Final = f"UPDATE message_bucket SET {_SET} WHERE " + " AND ".join(
    f"{name} = ?" for name in _KEY
)
_SESSION_ROWS: Final = (
    "SELECT session, first_ms, last_ms, session_model.provider, model, currency, "
    + ", ".join(MESSAGE_SUMS)
    + " FROM session JOIN session_model ON session_model.session = session.id"
    " WHERE session.id >= ? AND session.id < ?"
)
_SET_SESSION: Final = (
    f"UPDATE session_model SET {_SET}"
    " WHERE session = ? AND provider = ? AND model = ? AND currency = ?"
)

FlatRates = tuple[int, int, int, int, int]
"""Whole nano-dollars per token: input, cache read, five-minute and one-hour write, output."""
FlatPrice = Callable[[str, str, int, int], FlatRates | None]
"""(provider, model, from, until) -> rates that held throughout, in every tier; else None."""


class Sum(msgspec.Struct, frozen=True):
    """The sums of one row, by the names of `MESSAGE_SUMS`."""

    requests: int
    errors: int
    turns: int
    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int
    calc_nano: int
    unpriced: int
    rec_nano: int
    rec_requests: int
    auto_nano: int
    auto_unpriced: int
    fallback_nano: int
    approx: int


class AgedStep(msgspec.Struct, frozen=True, kw_only=True):
    """What one step did; `next` is where to go on, None at the end."""

    next: int | None
    changed: int = 0
    """Requests that have got another cost."""
    left: int = 0
    """Requests whose cost stays because it cannot be worked out."""
    quarters: frozenset[int] = frozenset()


def reprice_buckets(
    connection: sqlite3.Connection, names: Names, start_q: int, price: FlatPrice
) -> AgedStep:
    """Re-price a few days of buckets from a quarter on, in the caller's transaction."""
    first_hot = _first_hot_quarter(connection)
    found = connection.execute(
        "SELECT MIN(quarter) FROM message_bucket WHERE quarter >= ?", (start_q,)
    ).fetchone()[0]
    if found is None or found > first_hot:
        return AgedStep(next=None)
    # The oldest quarter with events may have lost some of them: its rows count as aged, too.
    end_q = min(found + STEP_QUARTERS, first_hot + 1)
    text = names.text
    updates: list[tuple[Any, ...]] = []
    changed = left = 0
    width = len(_KEY)
    for row in connection.execute(_BUCKET_ROWS, (found, end_q)):
        key, old = row[:width], Sum(*row[width:])
        begin = key[0] * QUARTER_MS
        rates = price(text[key[_PROVIDER]], text[key[_MODEL]], begin, begin + QUARTER_MS)
        new = None if rates is None else costs(old, rates, text[key[_CURRENCY]])
        if new is None:
            left += _billed(old) if key[0] < first_hot else 0
        elif new != _of(old):
            updates.append((*new, *key))
            changed += _billed(old)
    connection.executemany(_SET_BUCKET, updates)
    return AgedStep(
        next=end_q if end_q <= first_hot else None,
        changed=changed,
        left=left,
        quarters=frozenset(update[len(COST_SUMS)] for update in updates),
    )


def reprice_sessions(
    connection: sqlite3.Connection, names: Names, since_ms: int, start: int, price: FlatPrice
) -> AgedStep:
    """The same for the totals of some sessions that began since then, from a row id on."""
    last = connection.execute("SELECT MAX(id) FROM session").fetchone()[0]
    if last is None or start > last:
        return AgedStep(next=None)
    end = start + STEP_SESSIONS
    cutoff_ms = (_first_hot_quarter(connection) + 1) * QUARTER_MS
    text = names.text
    updates: list[tuple[Any, ...]] = []
    quarters: set[int] = set()
    for session, first_ms, last_ms, provider, model, currency, *sums in connection.execute(
        _SESSION_ROWS, (start, end)
    ):
        if not since_ms <= first_ms < cutoff_ms:
            continue
        rates = price(text[provider], text[model], first_ms, last_ms + 1)
        old = Sum(*sums)
        new = None if rates is None else costs(old, rates, text[currency])
        if new is not None and new != _of(old):
            updates.append((*new, session, provider, model, currency))
            quarters.add(last_ms // QUARTER_MS)
    connection.executemany(_SET_SESSION, updates)
    return AgedStep(
        next=end if end <= last else None, changed=len(updates), quarters=frozenset(quarters)
    )


def costs(old: Sum, rates: FlatRates, currency: str) -> tuple[int, ...] | None:
    """The sums of `COST_SUMS` at these rates; None when they cannot be told from the old ones."""
    tokens = (old.input, old.cache_read, old.cache_write_5m, old.cache_write_1h, old.output)
    if not any(tokens):
        return _of(old)
    nano = sum(count * rate for count, rate in zip(tokens, rates, strict=True))
    if not old.rec_requests and not old.rec_nano:
        return nano, 0, nano, 0, 0, 0
    if old.rec_requests != old.requests:
        return None
    if currency != USD:
        return nano, 0, nano, 0, 0, 0
    # Each request has a recorded cost, which goes on standing for itself.  What of it stands in for
    # a missing estimate is known when no tokens are unpriced (then it is of requests without any)
    # or when all requests are (then nothing is left of it).
    if old.unpriced not in (0, old.requests):
        return None
    return nano, 0, old.auto_nano, 0, 0 if old.unpriced else old.fallback_nano, 0


def _of(old: Sum) -> tuple[int, ...]:
    return tuple(getattr(old, name) for name in COST_SUMS)


def _billed(old: Sum) -> int:
    return max(0, old.requests - old.errors)


def _first_hot_quarter(connection: sqlite3.Connection) -> int:
    first = connection.execute("SELECT MIN(id) FROM event").fetchone()[0]
    return _FAR_FUTURE if first is None else int(first) >> QUARTER_SHIFT
