"""The arithmetic of cumulative counters."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.providers.codex.counters import (
    Usage,
    after_reset,
    counts_of,
    growth,
    is_empty,
    plus,
)

numbers = st.integers(0, 10**12)
odd = st.one_of(st.none(), st.text(max_size=5), st.floats(), st.integers(), st.booleans())
names = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)


def test_aliases_of_other_writers_are_known():
    """Saved output of other tools names the same counts differently."""
    used = {"prompt_tokens": 120, "cached_tokens": "20", "completion_tokens": 30}
    assert counts_of(used | {"reasoning_tokens": 4}) == (120, 20, 0, 30, 4)


@pytest.mark.parametrize("value", [None, "x", 5, [1]])
def test_no_object_is_unknown(value):
    """Only an object says anything about usage."""
    assert counts_of(value) is None


@given(st.dictionaries(st.sampled_from(names), odd))
def test_parts_are_contained_in_their_wholes(used):
    """Whatever a log says, the disjoint buckets are never negative."""
    tokens_in, cached, written, tokens_out, reasoning = counts_of(used)
    assert min(cached, written, tokens_in - cached - written, tokens_out - reasoning) >= 0


@given(st.fixed_dictionaries({name: st.integers(-(10**9), 10**9) for name in names}))
def test_strict_and_lenient_reading_agree(used):
    """The fast path gives what the lenient one gives."""
    assert counts_of(msgspec.convert(used, Usage)) == counts_of(used)


@given(st.tuples(*[numbers] * 5), st.tuples(*[numbers] * 5))
def test_growth_undoes_addition(before, used):
    """A counter that only grew grew by exactly what was used."""
    assert growth(before, plus(before, used)) == used


def test_shrunken_part_is_a_reset():
    """One smaller part is enough: differences would be negative."""
    assert growth((10, 5, 0, 3, 1), (20, 4, 0, 6, 1)) is None


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ((4, 0, 0, 1, 0), (4, 0, 0, 1, 0)),
        ((40, 0, 0, 1, 0), (10, 0, 0, 2, 0)),
        ((0, 0, 0, 0, 0), (10, 0, 0, 2, 0)),
        (None, (10, 0, 0, 2, 0)),
    ],
)
def test_reset_counts_the_last_response_if_it_fits(last, expected):
    """The last response is believed when the new total can contain it."""
    assert after_reset((10, 0, 0, 2, 0), last) == expected


def test_empty_means_no_input_and_no_output():
    """Parts without a whole are nothing."""
    assert is_empty(None)
    assert is_empty((0, 3, 1, 0, 2))
    assert not is_empty((0, 0, 0, 1, 0))
