"""From JSON to typed parameters: what is refused, and that the path is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from openusage_proto.messages import IngestParams, ReadModelParams, StatusParams, Turn
from openusaged.rpc.params import ParamsDecoder, ParamsError


def refused(kind: type[Any], raw: dict[str, Any]) -> str:
    with pytest.raises(ParamsError) as caught:
        ParamsDecoder(kind).decode(raw)
    return str(caught.value)


class TestDecoding:
    def test_nested_objects_and_defaults(self) -> None:
        """Objects get the fields of their dataclass; what is left out has its default."""
        params = ParamsDecoder(IngestParams).decode(
            {"source": "x", "turn": {"model": "m", "input_tokens": 5}}
        )
        expected = IngestParams(source="x", turn=Turn(model="m", input_tokens=5))
        assert msgspec.to_builtins(params) == msgspec.to_builtins(expected)

    def test_parameters_cannot_be_changed(self) -> None:
        """Like the dataclass they stand for they are frozen; equal ones are equal and hash so."""
        decoder = ParamsDecoder(ReadModelParams)
        one, other = decoder.decode({"window": "7d"}), decoder.decode({"window": "7d"})
        assert one == other
        with pytest.raises(AttributeError):
            one.window = "30d"  # type: ignore[misc]

    def test_default_factories(self) -> None:
        """A default that must not be shared is made anew."""

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Listing:
            names: list[str] = field(default_factory=list)

        decoder = ParamsDecoder(Listing)
        first = decoder.decode({})
        first.names.append("x")
        assert decoder.decode({}).names == []

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
        assert msgspec.to_builtins(ParamsDecoder(StatusParams).decode({})) == {}
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
