"""Results as dataclasses: tolerant of more, strict about other types."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from openusage_client.decode import decode
from openusage_client.errors import ProtocolError
from openusage_proto.messages import ReadModel, Report, ReportRow, Status, Totals, Turn
from tests.support import wire_samples


@pytest.mark.parametrize(
    "value",
    [wire_samples.daily(), wire_samples.read_model(), wire_samples.status(), wire_samples.blocks()],
    ids=["report", "read_model", "status", "blocks"],
)
def test_round_trip_equal(value: Any) -> None:
    """What the dataclass says comes back as the same value."""
    assert decode(asdict(value), type(value)) == value


def test_unknown_fields_ignored() -> None:
    """A field of a newer daemon is no trouble."""
    assert decode({"requests": 2, "new_field": {"a": 1}}, Totals) == Totals(requests=2)


def test_null_gets_the_default() -> None:
    """A null where no null is allowed is the field's default."""
    assert decode({"other_costs": None, "requests": None}, Totals) == Totals()


def test_whole_numbers_convert_both_ways() -> None:
    """JSON has one kind of number."""
    got = decode({"cost_usd": 3, "requests": 4.0, "other_costs": {"EUR": 1}}, Totals)
    assert (got.cost_usd, got.requests, got.other_costs) == (3.0, 4, {"EUR": 1.0})
    assert isinstance(got.cost_usd, float)
    assert isinstance(got.requests, int)


def test_new_literal_word_kept() -> None:
    """A word added to an enumeration is shown as it is."""
    assert decode({"event_type": "later_word"}, Turn).event_type == "later_word"


def test_union_takes_either_type() -> None:
    """A field of two types takes both."""
    assert decode({"occurred_at": 5}, Turn).occurred_at == 5
    assert decode({"occurred_at": "2026"}, Turn).occurred_at == "2026"


def test_nested_rows_of_their_own_type() -> None:
    """A row may hold rows."""
    value = {"key": "a", "label": "a", "model_breakdown": [{"key": "b", "label": "b"}]}
    assert decode(value, ReportRow).model_breakdown == [ReportRow(key="b", label="b")]


@pytest.mark.parametrize(
    ("value", "kind", "path"),
    [
        ({}, ReadModel, "$.seq"),
        ({"seq": "3"}, ReadModel, "$.seq"),
        ({"seq": True}, ReadModel, "$.seq"),
        ({"seq": 1.5}, ReadModel, "$.seq"),
        ({"seq": 1, "accounts": {}}, ReadModel, "$.accounts"),
        ({"seq": 1, "accounts": [3]}, ReadModel, "$.accounts[0]"),
        ({"other_costs": []}, Totals, "$.other_costs"),
        ({"occurred_at": []}, Turn, "$.occurred_at"),
        ([], Report, "$"),
        ({"version": None}, Status, "$.version"),
    ],
)
def test_wrong_shape_names_its_path(value: Any, kind: type, path: str) -> None:
    """A wrong or missing field is refused with its path, never shown as a number."""
    with pytest.raises(ProtocolError) as caught:
        decode(value, kind)
    assert path in str(caught.value)
