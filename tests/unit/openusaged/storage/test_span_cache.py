"""What a reader may take from memory."""

from __future__ import annotations

import pytest

from openusaged.storage.span_cache import FINE_DAYS, SpanCache

ROWS = [(1, 2)]
FIFTH = (5 * 96, 6 * 96)
"""A day in UTC."""
KATHMANDU = (5 * 96 - 23, 6 * 96 - 23)


@pytest.fixture
def cache() -> SpanCache:
    return SpanCache(max_rows=10)


def write(cache: SpanCache, *quarters: int) -> None:
    cache.begin_write(quarters)
    cache.end_write()


def test_get_settled_span_is_served(cache) -> None:
    """What nobody wrote to is served to any later reader of that span and those rows only."""
    cache.put("a", FIFTH, cache.token(), ROWS)
    assert cache.get("a", FIFTH, cache.token()) == ROWS
    assert cache.get("b", FIFTH, cache.token()) is None
    assert cache.get("a", KATHMANDU, cache.token()) is None


def test_put_from_before_a_write_is_refused(cache) -> None:
    """Rows of a snapshot that a commit has overtaken never get in."""
    old = cache.token()
    cache.begin_write([5 * 96])
    cache.put("a", FIFTH, old, ROWS)
    during = cache.token()
    cache.put("a", FIFTH, during, ROWS)
    assert cache.get("a", FIFTH, during) is None
    cache.end_write()
    cache.put("a", FIFTH, during, ROWS)
    assert cache.get("a", FIFTH, cache.token()) is None
    cache.put("a", FIFTH, cache.token(), ROWS)
    assert cache.get("a", FIFTH, cache.token()) == ROWS
    # that reader's snapshot is older than the rows
    assert cache.get("a", FIFTH, old) is None


def test_put_anew_after_a_write_replaces_what_was_kept(cache) -> None:
    """What was written to is read again once and then served again."""
    cache.put("a", FIFTH, cache.token(), ROWS)
    write(cache, 6 * 96 - 1)
    assert cache.get("a", FIFTH, cache.token()) is None
    cache.put("a", FIFTH, cache.token(), [(1, 3)])
    assert cache.get("a", FIFTH, cache.token()) == [(1, 3)]


@pytest.mark.parametrize(
    ("span", "quarter"),
    [
        (KATHMANDU, 5 * 96 - 23),
        (KATHMANDU, 6 * 96 - 24),
        ((4 * 96, 7 * 96), 5 * 96 + 95),
        ((6 * 96 - 1, 6 * 96 + 1), 5 * 96 + 95),
        ((6 * 96 - 1, 6 * 96 + 1), 6 * 96),
    ],
)
def test_write_is_seen_by_every_span_that_holds_it(cache, span, quarter) -> None:
    """One quarter lies in different days of different zones, and in longer stretches."""
    cache.put("a", span, cache.token(), ROWS)
    cache.put("a", (7 * 96, 8 * 96), cache.token(), ROWS)
    write(cache, quarter)
    assert cache.get("a", span, cache.token()) is None
    assert cache.get("a", (7 * 96, 8 * 96), cache.token()) == ROWS


@pytest.mark.parametrize("span", [(5 * 96, 5 * 96 + 40), (5 * 96 + 44, 6 * 96), KATHMANDU])
def test_write_leaves_other_hours_of_its_day_alone(cache, span) -> None:
    """An event changes the hour it is in: what is kept beside that goes on being served."""
    cache.put("a", FIFTH, cache.token(), ROWS)
    cache.put("a", span, cache.token(), ROWS)
    write(cache, 5 * 96 + 40, 6 * 96 - 24 + 6)
    cache.put("b", span, cache.token(), ROWS)
    write(cache, 5 * 96 + 43)
    kept = [cache.get("a", FIFTH, cache.token()), cache.get("b", span, cache.token())]
    assert kept == [None, None if span == KATHMANDU else ROWS]


def test_write_of_many_hours_is_one_of_their_days(cache) -> None:
    """After an import, everything of its days is read anew, whatever was known of their hours."""
    write(cache, 5 * 96)
    late = (5 * 96 + 90, 6 * 96)
    cache.put("a", late, cache.token(), ROWS)
    write(cache, *range(4 * 96, 5 * 96 + 1))
    assert cache.get("a", late, cache.token()) is None
    assert cache.cut(FIFTH) == [FIFTH]
    cache.put("a", late, cache.token(), ROWS)
    write(cache, 5 * 96)
    assert cache.get("a", late, cache.token()) == ROWS


def test_hours_are_told_apart_of_a_few_days_only(cache) -> None:
    """Of days that were written to long ago no more is known than that: never too little."""
    write(cache, 5 * 96)
    late = (5 * 96 + 90, 6 * 96)
    cache.put("a", late, cache.token(), ROWS)
    write(cache, 5 * 96)
    assert cache.get("a", late, cache.token()) == ROWS
    assert len(cache.cut(FIFTH)) == 2
    for day in range(6, 6 + FINE_DAYS):
        write(cache, day * 96)
    assert cache.cut(FIFTH) == [FIFTH]
    assert cache.get("a", late, cache.token()) is None


@pytest.mark.parametrize(
    ("span", "pieces"),
    [
        (FIFTH, [(480, 520), (520, 524), (524, 576)]),
        (KATHMANDU, [(457, 520), (520, 524), (524, 553)]),
        ((522, 576), [(522, 524), (524, 576)]),
        ((480, 521), [(480, 520), (520, 521)]),
        ((521, 523), [(521, 523)]),
        ((480, 520), [(480, 520)]),
        ((524, 576), [(524, 576)]),
        ((576, 672), [(576, 672)]),
    ],
)
def test_cut_is_around_the_hour_written_to_last(cache, span, pieces) -> None:
    """A stretch falls into the hour at work and what lies on either side of it."""
    write(cache, 483)
    write(cache, 523, 500)
    assert cache.cut(span) == pieces


def test_put_beyond_the_bound_drops_the_least_used(cache) -> None:
    """Memory is bounded by rows; what was just read stays."""
    token = cache.token()
    days = [(day * 96, day * 96 + 96) for day in range(10)]
    for day in days[:5]:
        cache.put("a", day, token, ROWS)
    assert cache.get("a", days[0], token) == ROWS
    cache.put("a", days[9], token, ROWS)
    kept = [at for at, day in enumerate(days) if cache.get("a", day, token) is not None]
    assert kept == [0, 2, 3, 4, 9]


def test_put_of_spare_rows_never_pushes_out_others(cache) -> None:
    """What others are made of is kept only while there is room."""
    token = cache.token()
    days = [(day * 96, day * 96 + 96) for day in range(5)]
    for day in days:
        cache.put("spare", day, token, ROWS, spare=True)
        cache.put("asked", day, token, ROWS)
    assert [cache.get("asked", day, token) for day in days] == [ROWS] * 5
    assert [cache.get("spare", day, token) for day in days] == [None] * 5
    cache = SpanCache(max_rows=20)
    cache.put("spare", days[0], token, ROWS, spare=True)
    assert cache.get("spare", days[0], token) == ROWS


def test_put_of_more_than_the_bound_keeps_what_there_is(cache) -> None:
    """One answer that is too large does not push out everything else."""
    cache.put("a", FIFTH, cache.token(), ROWS)
    cache.put("b", FIFTH, cache.token(), ROWS * 10)
    assert cache.get("b", FIFTH, cache.token()) is None
    assert cache.get("a", FIFTH, cache.token()) == ROWS
