"""Every example of the specification, replayed against a live daemon in four ways."""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openusage_proto import framing, methods
from openusage_proto.errors import CODES
from tests.support.daemon import Daemon, running_daemon
from tests.support.spec_examples import SPEC, Example, differences, examples

pytestmark = pytest.mark.measured

DATA = Path(__file__).resolve().parents[1] / "data" / "rpc"
EXAMPLES = list(examples())


@pytest.fixture
def daemon(isolated_home: str) -> Iterator[Daemon]:
    """A daemon in an empty home."""
    with running_daemon({"TZ": "Europe/Berlin"}) as running:
        yield running


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def line_by_line(data: bytes) -> Iterator[bytes]:
    yield from data.splitlines(keepends=True)


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    for byte in data:
        yield bytes([byte])


def random_chunks(data: bytes) -> Iterator[bytes]:
    dice = random.Random(7)
    at = 0
    while at < len(data):
        size = dice.randint(1, 200)
        yield data[at : at + size]
        at += size


@pytest.mark.parametrize("cut", [whole, line_by_line, byte_by_byte, random_chunks])
def test_examples_are_answered_as_shown(
    daemon: Daemon, cut: Callable[[bytes], Iterator[bytes]]
) -> None:
    """The same answers come however the bytes of the requests are cut."""
    data = b"".join(example.request + b"\n" for example in EXAMPLES)
    with daemon.wire() as wire:
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for piece in cut(data):
            wire.send(piece)
        problems = []
        for example in EXAMPLES:
            answer = wire.read_message()
            while isinstance(answer, dict) and "method" in answer:
                assert answer["method"] == methods.READ_MODEL_CHANGED
                answer = wire.read_message()
            problems += [
                f"spec/jsonrpc.md:{example.line}: {problem}"
                for problem in differences(example.response, answer)
            ]
    assert problems == []


def test_repeating_the_examples_stores_nothing_more(daemon: Daemon) -> None:
    """All ingests of the document sent twice are stored once."""
    ingests = [e for e in EXAMPLES if b'"ingest_turn"' in e.request and "result" in e.response]
    with daemon.wire() as wire:
        for example in ingests:
            wire.send(example.request + b"\n")
            wire.read_message()
        stored = wire.call("status")["events"]["stored"]
        for example in ingests:
            wire.send(example.request + b"\n")
            assert wire.read_message()["result"]["accepted"] == 0
        assert wire.call("status")["events"]["stored"] == stored > 0


class TestDocument:
    def test_every_method_has_a_section_and_an_example(self) -> None:
        """Names in the document and in the protocol agree, in both directions."""
        text = SPEC.read_text(encoding="utf-8")
        section = text[text.index("\n## Methods") : text.index("\n## Spool")]
        assert set(re.findall(r"^### (\S+)$", section, re.MULTILINE)) == set(methods.ALL)
        shown = {json.loads(e.request)["method"] for e in EXAMPLES if valid(e)}
        assert set(methods.ALL) <= shown

    def test_every_recorded_pair_is_an_example(self) -> None:
        """tests/data/rpc holds exactly the pairs of the document, one folder per method."""
        recorded = {}
        for path in DATA.glob("*/*.json"):
            case = json.loads(path.read_text())
            assert case["request"]["method"] == path.parent.name, path
            recorded[json.dumps(case["request"], sort_keys=True)] = case["response"]
        assert {path.name for path in DATA.iterdir()} == set(methods.ALL)
        shown = {
            json.dumps(json.loads(e.request), sort_keys=True): e.response
            for e in EXAMPLES
            if valid(e) and json.loads(e.request)["method"] in methods.ALL
        }
        assert {key: recorded.get(key) for key in recorded} == {
            key: shown.get(key) for key in recorded
        }

    def test_errors_table_is_complete(self) -> None:
        """Codes and names in the table are those of the code."""
        rows = re.findall(r"^\| (-?\d+) \| `(\w+)` \|", SPEC.read_text(), re.MULTILINE)
        assert {slug: int(code) for code, slug in rows} == CODES

    def test_limits_are_those_of_the_code(self) -> None:
        """Numbers in the text are the constants."""
        text = SPEC.read_text(encoding="utf-8")
        assert f"{framing.MAX_LINE_BYTES:,} bytes" in text
        assert f"1 to {framing.MAX_BATCH:,} elements" in text
        assert f"Version {methods.PROTOCOL_VERSION}." in text


def valid(example: Example) -> bool:
    """Whether the request is one JSON-RPC request object with an object of parameters."""
    try:
        message = json.loads(example.request)
    except ValueError:
        return False
    return isinstance(message, dict) and isinstance(message.get("params", {}), dict)


class TestShape:
    """The comparison itself can fail."""

    @pytest.mark.parametrize(
        ("shown", "actual"),
        [
            ({"id": 1, "result": {"a": 1}}, {"id": 1, "result": {}}),
            ({"id": 1, "result": {"a": 1}}, {"id": 1, "result": {"a": "1"}}),
            ({"id": 1, "result": {"a": True}}, {"id": 1, "result": {"a": 1}}),
            ({"id": 1, "result": {}}, {"id": 2, "result": {}}),
            ({"id": 1, "result": {"a": [{"b": 1}]}}, {"id": 1, "result": {"a": [{"c": 1}]}}),
            ({"id": 1, "error": {"code": 1}}, {"id": 1, "error": {"code": 2}}),
            ({"id": 1, "result": {"a": []}}, {"id": 1, "result": {"a": {}}}),
            ({"id": 1, "result": {"a": {}}}, {"id": 1, "result": {"a": []}}),
            ([{"id": 1}], []),
        ],
    )
    def test_difference_is_found(self, shown: object, actual: object) -> None:
        """A missing member, another type, id or error code is a difference."""
        assert list(differences(shown, actual))
