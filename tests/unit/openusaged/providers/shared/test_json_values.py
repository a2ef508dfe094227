"""Leaves of foreign JSON: what is no such value is unknown, and never costs the record."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.core.models import JSONL, MESSAGE_USAGE, UsageEvent
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_list,
    as_nano,
    as_number,
    as_object,
    as_text,
    count_or_zero,
    first_count,
    first_epoch_ms,
)

NOON_MS = 1_772_366_400_000
"""2026-03-01 12:00 UTC."""
NO_NUMBERS = (None, True, "", "x", [], {}, math.nan, math.inf, "nan", "inf")
TOO_LARGE = (1 << 63, 10**400, 1e300, "1e300", "9" * 400)


@pytest.mark.parametrize("value", [None, True, 7, "x", [1]])
def test_what_is_no_object_is_an_empty_one(value):
    """A field that became a list or a number has no members."""
    assert as_object(value) == {}
    assert as_object({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("value", [None, True, 7, "x", {"a": 1}])
def test_what_is_no_list_is_an_empty_one(value):
    """A field that became an object or a text has no elements, not its letters."""
    assert list(as_list(value)) == []
    assert list(as_list([1, 2])) == [1, 2]


@pytest.mark.parametrize(
    ("value", "expected"), [(" a b ", "a b"), (7, ""), (None, ""), (["x"], "")]
)
def test_texts_come_without_blanks_around_them(value, expected):
    """Two spellings of a name are one name; what is no text is none."""
    assert as_text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3.0), (-2.5, -2.5), ("1,234.5", 1234.5), ("1e3", 1000.0)]
)
def test_numbers_may_be_quoted(value, expected):
    """Vendors write amounts as text, with or without separators."""
    assert as_number(value) == expected


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_unknown(value):
    """Truth values, words and infinities are no figures."""
    assert as_number(value) is None
    assert as_count(value) is None
    assert count_or_zero(value) == 0
    assert as_nano(value) is None
    assert as_epoch_ms(value) is None


@pytest.mark.parametrize("value", TOO_LARGE)
def test_figure_that_no_column_holds_is_unknown(value):
    """A damaged field with hundreds of digits costs itself only, wherever it stands."""
    assert as_count(value) is None
    assert as_nano(value) is None
    assert as_epoch_ms(value) is None
    event = UsageEvent(
        source="p",
        channel=JSONL,
        event_type=MESSAGE_USAGE,
        ts_ms=NOON_MS,
        message_id="m",
        input=as_count(value),
        cost_nano=as_nano(value),
    )
    assert Emitted().is_news("m", event)


def test_decoded_number_of_many_digits_is_unknown():
    """JSON knows no largest integer, and the decoder hands over what fits no float."""
    assert as_number(msgspec.json.decode(b"1" + b"0" * 400)) is None
    assert as_number(msgspec.json.decode(b"-1" + b"0" * 400)) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (12, 12), (12.9, 12), ("12", 12), (-1, None), (-0.5, None)]
)
def test_counts_are_whole_and_not_negative(value, expected):
    """Tokens and requests have no parts; less than none is a mistake."""
    assert as_count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5), (-1, 0), ("7", 7), ("7.9", 7), (2.9, 2), ("x", 0), (None, 0), ("nan", 0), ("inf", 0)],
)
def test_unknown_counts_may_be_zero(value, expected):
    """Where sums are formed, what is no count adds nothing."""
    assert count_or_zero(value) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"a": 0, "b": 5}, 5), ({"a": 3, "b": 5}, 3), ({"a": 0}, 0), ({"a": "x"}, None), ({}, None)],
)
def test_first_count_that_says_something_is_taken(values, expected):
    """A zero under one name does not hide the figure under another."""
    assert first_count(values, ("a", "b")) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.1, 100_000_000), ("2.5", 2_500_000_000), (0, 0), (-1, None)]
)
def test_money_is_kept_in_billionths(value, expected):
    """A tenth of a dollar is exact; a negative amount is none."""
    assert as_nano(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00",
        "2026-03-01T13:00:00+01:00",
        " 2026-03-01 12:00:00 ",
        NOON_MS // 1000,
        NOON_MS,
        NOON_MS * 1000,
        str(NOON_MS),
        f"{NOON_MS // 1000}.0",
    ],
)
def test_moments_are_known_by_their_size(value):
    """Text with or without a zone, seconds, milliseconds and microseconds mean the same."""
    assert as_epoch_ms(value) == NOON_MS


@pytest.mark.parametrize(
    "value",
    [
        "2026-06-01T10:00:00.250Z",
        1_780_308_000.25,
        "1780308000.25",
        1_780_308_000_250,
        1_780_308_000_250_000,
        1_780_308_000_249_700,
    ],
)
def test_moments_are_rounded_to_milliseconds(value):
    """Fractions of a second are kept, finer ones go to the nearest millisecond."""
    assert as_epoch_ms(value) == 1_780_308_000_250


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary()))
def test_no_value_fails_to_be_a_moment_or_none(value):
    """No value makes the reader fail."""
    assert as_epoch_ms(value) is None or isinstance(as_epoch_ms(value), int)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2026-13-01",
        0,
        -5,
        1e300,
        True,
        None,
        [],
        math.nan,
        "nan",
        "0001-01-01T00:00:00Z",
    ],
)
def test_what_is_no_moment_is_unknown(value):
    """Words, impossible dates and zero, which means "never", are no time."""
    assert as_epoch_ms(value) is None


def test_first_moment_is_taken():
    """Of several fields that may hold the time the first that does counts."""
    assert first_epoch_ms(None, "x", NOON_MS, 1) == NOON_MS
    assert first_epoch_ms(None, "") is None


def test_last_moment_of_the_calendar_is_one():
    """The farthest time that can be written is read, whatever its zone."""
    assert as_epoch_ms("9999-12-31T23:59:59-23:59") == 253_402_387_139_000
