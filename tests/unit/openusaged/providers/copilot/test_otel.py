"""Exported telemetry: what is written later, and what is not there at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openusaged.core.models import SourceCursor, UsageEvent
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.copilot import PROVIDER, otel

SECONDS = 1_775_934_263


class Export:
    """An exported file that a test appends to, and a reader of it."""

    def __init__(self, home: Path) -> None:
        self.path = home / ".copilot" / "otel" / "a.jsonl"
        self.path.parent.mkdir(parents=True)
        self.machine = Machine(env={}, home=str(home))
        self.cursor: SourceCursor | None = None

    def add(self, attributes: dict[str, Any], **record: Any) -> None:
        line = {
            "traceId": "T",
            "spanId": "S",
            "endTime": [SECONDS, 0],
            **record,
            "attributes": attributes,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def read(self) -> list[UsageEvent]:
        [account] = PROVIDER.discover(self.machine)
        [unit] = PROVIDER.units(account, self.machine)
        context = CollectContext(machine=self.machine)
        events: list[UsageEvent] = []
        for chunk in PROVIDER.collect(account, unit, self.cursor, context):
            events += chunk.events
            self.cursor = chunk.cursor
        return events


@pytest.fixture
def export(tmp_path):
    return Export(tmp_path)


def chat(**more: Any) -> dict[str, Any]:
    return {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5, **more}


def test_weaker_record_that_comes_later_is_dropped(export):
    """What a trace's better records said is remembered between reads."""
    export.add(chat())
    assert len(export.read()) == 1
    export.add({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5})
    assert export.read() == []


def test_log_and_span_of_one_call_are_one(export):
    """The span that follows a log of the same response carries the same identity."""
    log = {
        "event.name": "gen_ai.client.inference.operation.details",
        "gen_ai.response.id": "r1",
        "gen_ai.usage.input_tokens": 5,
    }
    export.add(log)
    [first] = export.read()
    export.add(chat(**{"gen_ai.response.id": "r1"}))
    [second] = export.read()
    assert first.message_id == second.message_id


@pytest.mark.parametrize(
    ("time", "ts_ms"),
    [
        ({"endTime": [SECONDS, 967_317_833]}, SECONDS * 1000 + 967),
        ({"endTime": None, "startTime": "2026-04-11T19:04:23Z"}, SECONDS * 1000),
        ({"endTime": [None, 0], "hrTime": [SECONDS, 0]}, SECONDS * 1000),
        ({"endTime": None, "_hrTime": [SECONDS, 5_000_000]}, SECONDS * 1000 + 5),
        ({"endTime": [SECONDS], "time": SECONDS}, SECONDS * 1000),
        ({"endTime": None, "timeUnixNano": str(SECONDS * 10**9)}, SECONDS * 1000),
        ({"endTime": None, "timeUnixNano": "x"}, None),
    ],
)
def test_time_is_read_in_each_of_its_forms(export, time, ts_ms):
    """Pairs, texts and numbers of any unit are a time; a record without one is passed over."""
    export.add(chat(), **time)
    assert [event.ts_ms for event in export.read()] == ([] if ts_ms is None else [ts_ms])


def test_traces_are_remembered_up_to_a_bound(export):
    """A long export does not make the cursor grow without end."""
    for number in range(otel.MAX_TRACES + 4):
        export.add(chat(), traceId=f"T{number}")
    export.read()
    assert len(otel.msgspec.json.decode(export.cursor.state)) == otel.MAX_TRACES


def test_damaged_state_costs_only_work(export):
    """With a cursor whose state cannot be read the rest is read all the same."""
    export.add(chat())
    export.read()
    values = {name: getattr(export.cursor, name) for name in export.cursor.__struct_fields__}
    export.cursor = SourceCursor(**{**values, "state": b"["})
    export.add(chat(), traceId="T2")
    assert [event.message_id for event in export.read()] == ["T2:S"]


def test_session_is_mentioned_or_not(tmp_path):
    """A file that is empty or gone mentions nobody; a part of an id is no id."""
    path = tmp_path / "a.jsonl"
    assert not otel.mentions(str(path), "s1")
    path.write_bytes(b"")
    assert not otel.mentions(str(path), "s1")
    path.write_text('{"gen_ai.conversation.id":"s12"}')
    assert not otel.mentions(str(path), "s1")
    assert otel.mentions(str(path), "s12")
