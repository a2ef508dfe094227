"""From JSON to typed parameters: what is refused, and that the path is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from openusage_proto.messages import IngestParams, ReadModelParams, StatusParams, Turn
from openusaged.rpc.params import ParamsDecoder, ParamsError


def refused(kind: type[Any], raw: dict[str, Any]) -> str:
    with pytest.raises(ParamsError) as caught:
        ParamsDecoder(kind).decode(raw)
    return str(caught.value)


class TestDecoding:
    def test_nested_dataclasses_and_defaults(self) -> None:
        """Objects become dataclasses; what is left out has its default."""
        params = ParamsDecoder(IngestParams).decode(
            {"source": "x", "turn": {"model": "m", "input_tokens": 5}}
        )
        assert params == IngestParams(source="x", turn=Turn(model="m", input_tokens=5))

    def test_free_form_objects_pass_through(self) -> None:
        """An object without a type of its own keeps everything in it."""
        payload = {"a": {"b": [1, None, "c"]}, "n": 2**70}
        assert (
            ParamsDecoder(IngestParams).decode({"source": "x", "payload": payload}).payload
            == payload
        )

    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            ({"source": "x", "turn": {"input_tokens": "a"}}, "`$.turn.input_tokens`: expected int"),
            ({"source": "x", "turn": {"input_tokens": 1.5}}, "`$.turn.input_tokens`: expected int"),
            (
                {"source": "x", "turn": {"input_tokens": True}},
                "`$.turn.input_tokens`: expected int",
            ),
            ({"source": 5}, "`$.source`: expected str, got int"),
            ({}, "`$.source`: required"),
            ({"source": "x", "turn": []}, "`$.turn`: expected object"),
            (
                {"source": "x", "turn": {"event_type": "no"}},
                "`$.turn.event_type`: invalid enum value",
            ),
            ({"source": "x", "sorce": 1}, "`$.sorce`: unknown parameter; known: account_id"),
            ({"source": "x", "turn": {"in_tokens": 1}}, "`$.turn.in_tokens`: unknown parameter"),
            ({"source": "x", "\x1b[31m": 1}, "`$.?[31m`: unknown parameter"),
            (
                {"source": "x", "turn": {"input_tokens": 2**63}},
                "`$.turn.input_tokens`: integer does",
            ),
            (
                {"source": "x", "turn": {"requests": -(2**64)}},
                "`$.turn.requests`: integer does not",
            ),
        ],
    )
    def test_refusals_name_the_path(self, raw: dict[str, Any], message: str) -> None:
        """A wrong, missing or unknown parameter is named by its path."""
        assert refused(IngestParams, raw).startswith(message)

    def test_methods_without_parameters_take_none(self) -> None:
        """An empty object is fine, anything in it is not."""
        assert ParamsDecoder(StatusParams).decode({}) == StatusParams()
        assert refused(StatusParams, {"x": 1}) == "`$.x`: unknown parameter; known: none"

    def test_big_integer_of_a_top_level_parameter(self) -> None:
        """The range holds for every integer, nested or not."""
        assert "64 bits" in refused(ReadModelParams, {"if_seq": 2**100})
        assert ParamsDecoder(ReadModelParams).decode({"if_seq": 2**63 - 1}).if_seq == 2**63 - 1

    def test_message_without_a_path_is_given_one(self) -> None:
        """msgspec leaves the path out at the top; we do not."""

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Needs:
            needed: int

        assert refused(Needs, {}) == "`$.needed`: required"
