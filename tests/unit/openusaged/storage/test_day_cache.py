"""Which days a reader may take from memory."""

from __future__ import annotations

import pytest

from openusaged.storage.day_cache import MAX_OFFSETS, DayCache

ROWS = [(1, 2)]


@pytest.fixture
def cache() -> DayCache:
    return DayCache(max_rows=10)


def test_get_settled_day_is_served(cache) -> None:
    """A day nobody wrote to is served to any later reader of its offset only."""
    cache.put(0, 5, cache.token(0), ROWS)
    assert cache.get(0, 5, cache.token(0)) == ROWS
    assert cache.get(0, 6, cache.token(0)) is None
    assert cache.get(4, 5, cache.token(4)) is None
    assert cache.get(9, 5, 100) is None


def test_put_from_before_a_write_is_refused(cache) -> None:
    """Rows of a snapshot that a commit has overtaken never get in."""
    old = cache.token(0)
    cache.begin_write([5 * 96])
    cache.put(0, 5, old, ROWS)
    during = cache.token(0)
    cache.put(0, 5, during, ROWS)
    assert cache.get(0, 5, during) is None
    cache.end_write([5 * 96])
    cache.put(0, 5, during, ROWS)
    assert cache.get(0, 5, cache.token(0)) is None
    cache.put(0, 5, cache.token(0), ROWS)
    assert cache.get(0, 5, cache.token(0)) == ROWS
    # that reader's snapshot is older than the rows
    assert cache.get(0, 5, old) is None


def test_write_drops_the_days_of_every_offset(cache) -> None:
    """One quarter lies in different days of different zones."""
    for offset, day in ((0, 5), (0, 6), (4, 5), (4, 6)):
        cache.put(offset, day, cache.token(offset), ROWS)
    cache.begin_write([6 * 96 - 2])
    cache.end_write([6 * 96 - 2])
    assert cache.get(0, 5, cache.token(0)) is None
    assert cache.get(0, 6, cache.token(0)) == ROWS
    assert cache.get(4, 5, cache.token(4)) == ROWS
    assert cache.get(4, 6, cache.token(4)) is None


def test_put_beyond_the_bound_drops_the_least_used(cache) -> None:
    """Memory is bounded by rows; a day that was just read stays."""
    token = cache.token(0)
    for day in range(5):
        cache.put(0, day, token, ROWS)
    assert cache.get(0, 0, token) == ROWS
    cache.put(0, 9, token, ROWS)
    kept = [day for day in range(10) if cache.get(0, day, token) is not None]
    assert kept == [0, 2, 3, 4, 9]


def test_token_more_offsets_than_kept_start_anew(cache) -> None:
    """A client that walks through the zones of the world cannot fill the memory."""
    old = cache.token(0)
    cache.put(0, 5, old, ROWS)
    for offset in range(1, MAX_OFFSETS + 1):
        cache.token(offset)
    assert cache.get(0, 5, old) is None
    cache.put(0, 5, old, ROWS)
    assert cache.get(0, 5, cache.token(0)) is None
