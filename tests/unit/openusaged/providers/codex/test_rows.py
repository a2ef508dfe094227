"""Fields of rows, without believing their types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.providers.codex.rows import as_epoch_ms, as_object, as_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-06-01T10:00:00.250Z", 1_780_308_000_250),
        ("2026-06-01T12:00:00+02:00", 1_780_308_000_000),
        ("2026-06-01T10:00:00", 1_780_308_000_000),
        (1_780_308_000, 1_780_308_000_000),
        (1_780_308_000.25, 1_780_308_000_250),
        ("1780308000", 1_780_308_000_000),
        (1_780_308_000_250, 1_780_308_000_250),
        (1_780_308_000_250_000, 1_780_308_000_250),
        ("soon", None),
        (None, None),
        (True, None),
        (-5, None),
        (float("nan"), None),
        ("nan", None),
        (1e300, None),
        ([], None),
    ],
)
def test_time_stamps_of_every_kind(value, expected):
    """ISO texts and Unix numbers of any unit become epoch milliseconds, the rest is unknown."""
    assert as_epoch_ms(value) == expected


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary()))
def test_time_stamp_never_raises(value):
    """No value makes the reader fail."""
    assert as_epoch_ms(value) is None or isinstance(as_epoch_ms(value), int)


def test_text_and_objects_are_lenient():
    """Other types are an unknown name or an empty object."""
    assert [as_text(each) for each in ("a", 7, None, True, [])] == ["a", "7", "", "", ""]
    assert as_object({"a": 1}) == {"a": 1}
    assert as_object("x") == {}
