"""Whatever arrives, the server answers with a documented error or a result, and lives on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openusage_proto.errors import CODES
from openusaged.rpc.dispatch import Dispatcher
from tests.support.daemon import Wire
from tests.support.served import METHODS, Served

CODE_OF = dict(CODES)

VALID = [
    {"jsonrpc": "2.0", "id": 1, "method": "status"},
    {"jsonrpc": "2.0", "id": "x", "method": "status", "params": {}},
    {"jsonrpc": "2.0", "method": "status"},
    {"jsonrpc": "2.0", "id": 2, "method": "stored", "params": {"window": "7d", "tz": "UTC"}},
    {"jsonrpc": "2.0", "id": 3, "method": "ingest_turn", "params": {"source": "s"}},
    {"jsonrpc": "2.0", "id": 4, "method": "nope", "params": {"a": [1, {"b": None}]}},
    [{"jsonrpc": "2.0", "id": 5, "method": "status"}, 3],
]
LINES = [json.dumps(message).encode() for message in VALID]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def mutated_lines(draw: st.DrawFn) -> bytes:
    """A valid line with bytes cut out, replaced or inserted."""
    line = bytearray(draw(st.sampled_from(LINES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(line)))
        kind = draw(st.sampled_from(["cut", "replace", "insert"]))
        if kind == "cut":
            del line[at : at + draw(st.integers(1, 10))]
        elif kind == "replace" and at < len(line):
            line[at] = draw(st.integers(0, 255))
        else:
            line[at:at] = draw(st.binary(max_size=6))
    return bytes(line).replace(b"\n", b" ")


@st.composite
def odd_requests(draw: st.DrawFn) -> bytes:
    """A request object whose members are anything."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "ingest_turn"}
    for key in draw(
        st.lists(st.sampled_from(["jsonrpc", "id", "method", "params", "meta"]), max_size=3)
    ):
        message[key] = draw(json_values)
    if draw(st.booleans()):
        message["params"] = {
            "source": draw(scalars),
            "turn": draw(
                st.dictionaries(
                    st.sampled_from(["input_tokens", "model", "event_type", "cost", "occurred_at"]),
                    json_values,
                    max_size=4,
                )
            ),
        }
    return json.dumps(message).encode()


def check_answer(answer: Any) -> None:
    """A response object of the specification, with an error that is documented."""
    assert answer["jsonrpc"] == "2.0"
    assert "id" in answer
    assert ("result" in answer) != ("error" in answer)
    if "error" in answer:
        error = answer["error"]
        assert CODE_OF[error["message"]] == error["code"]
        assert isinstance(error["data"]["detail"], str)
        assert error["message"] != "internal_error", error


class Peer:
    """A connection of the dispatcher's own tests: nothing is ever pushed."""

    id = 1

    def __init__(self) -> None:
        self.outstanding: list[Any] = []


@pytest.fixture(scope="module")
def dispatcher() -> Dispatcher:
    """A dispatcher alone, handlers without pools."""

    class Done:
        def ready(self) -> bool:
            return True

        def get(self) -> int:
            return 1

    class Committer:
        def submit_nowait(self, item: Any) -> Done:
            return Done()

    class App:
        seq = 0
        shutting_down = False
        stored: tuple[str, ...] = ()
        committer = Committer()

    return Dispatcher(METHODS, None, App())


@given(line=mutated_lines() | odd_requests() | st.binary(max_size=80))
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(line=b'{"jsonrpc":"2.0","id":NaN,"method":"status"}')
@example(line=b'{"jsonrpc":"2.0","id":1,"method":"ingest_turn","params":{"source":NaN}}')
@example(line=b"[" * 100_000)
@example(line=b'{"a":' * 100_000)
@example(line=b"1" * 5000)
@example(line=b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"status"}')
@example(line=b'{"jsonrpc":"2.0","id":1e400,"method":"status"}')
@example(line=b'{"jsonrpc":"2.0","id":1,"method":"status","params":{"\\ud800":1}}')
@example(line=b'{"jsonrpc":"2.0","id":"\\ud800","method":"status"}')
@example(line=b"\xff\xfe{}")
@example(line=b"\xef\xbb\xbf{}")
@example(line=b"\x00")
@example(line=b"[]")
@example(line=json.dumps([VALID[0]] * 1001).encode())
def test_any_line_gets_a_documented_answer(dispatcher: Dispatcher, line: bytes) -> None:
    """No line of bytes raises, hangs or gets an undocumented error."""
    answer = dispatcher.handle_line(line, Peer())  # type: ignore[arg-type]
    if answer is None:
        return
    assert b"\n" not in answer
    decoded = json.loads(answer, parse_constant=lambda name: pytest.fail(name))
    for part in decoded if isinstance(decoded, list) else [decoded]:
        check_answer(part)


@given(
    chunks=st.lists(mutated_lines() | st.sampled_from(LINES) | st.binary(max_size=40), max_size=12),
    cuts=st.lists(st.integers(1, 30), max_size=10),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_bytes_on_the_socket_leave_the_server_alive(
    server: Served, chunks: list[bytes], cuts: list[int]
) -> None:
    """Mutated frames in arbitrary pieces: documented answers, and the next client is served."""
    data = b"\n".join(chunks) + b"\n"

    def client(wire: Wire) -> list[bytes]:
        at = 0
        for cut in cuts:
            wire.send(data[at : at + cut])
            at += cut
        wire.send(data[at:])
        wire.send(b'{"jsonrpc":"2.0","id":"the-end","method":"status"}\n')
        lines: list[bytes] = []
        while True:
            line = wire.read_line()
            lines.append(line)
            if not line or b'"the-end"' in line:
                return lines

    lines = server.talk(client)
    assert b'"the-end"' in lines[-1]
    for line in lines:
        decoded = json.loads(line)
        for part in decoded if isinstance(decoded, list) else [decoded]:
            check_answer(part)
