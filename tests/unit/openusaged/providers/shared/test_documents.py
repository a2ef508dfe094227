"""Documents that are rewritten as a whole: bounded, lenient, and only their news."""

from __future__ import annotations

import msgspec
import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import JSONL, MESSAGE_USAGE, TOOL_USAGE, Account, UsageEvent
from openusaged.providers.base import CollectContext, Machine, Unit
from openusaged.providers.shared import documents
from openusaged.providers.shared.emitted import Emitted

ACCOUNT = Account(id="acc", provider_id="roocode")
UNIT = Unit(path="/x/doc.json", device=1, inode=2, size=300, mtime_ns=400)


def event(number: int, **fields) -> UsageEvent:
    values = {"event_type": MESSAGE_USAGE, "message_id": f"m{number}", "ts_ms": number, **fields}
    return UsageEvent(source="roocode", channel=JSONL, **values)


def read(events, emitted=None, *, chunk_events=2000):
    context = CollectContext(
        machine=Machine(env={}, home="/nowhere"), max_chunk_events=chunk_events
    )
    return list(
        documents.news(
            ACCOUNT, UNIT, events, emitted or Emitted(), context, state_version=7, encode=bytes
        )
    )


class TestReading:
    def test_byte_order_mark_is_no_part_of_the_document(self, tmp_path):
        """Editors on Windows put a mark in front, which is no JSON."""
        (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
        assert documents.read_document(str(tmp_path / "a.json")) == b"[1]"

    def test_larger_document_than_allowed_is_refused_unread(self, tmp_path):
        """The bound is what keeps the daemon small; the message names the file."""
        path = tmp_path / "a.json"
        path.write_bytes(b"[" + b" " * 100 + b"]")
        assert documents.read_document(str(path), max_bytes=102)
        with pytest.raises(documents.DocumentUnreadable, match=r"a\.json: more than 101 bytes"):
            documents.read_document(str(path), max_bytes=101)

    @pytest.mark.parametrize("data", [b"[1, 2", b"{}", b"\x00\xff", b"[" * 100_000])
    def test_what_is_no_array_is_unreadable(self, data):
        """A half-written or foreign document is reported, with nothing of its content."""
        with pytest.raises(ProviderError) as failure:
            documents.decode_items("/x/doc.json", data)
        assert str(failure.value) == "/x/doc.json: no JSON array, or a half-written one"

    def test_empty_file_is_an_empty_document(self):
        """A tool makes the file before it writes to it."""
        assert documents.decode_items("/x", b" \n") == []
        assert documents.decode_object("/x", b"", dict) is None

    def test_object_of_another_shape_is_unreadable(self):
        """An array where an object belongs is reported."""
        with pytest.raises(documents.DocumentUnreadable, match="no JSON object"):
            documents.decode_object("/x", b"[]", dict)

    def test_odd_part_is_none(self):
        """One odd part costs only itself."""
        assert documents.decode_part(msgspec.Raw(b"7"), dict) is None
        assert documents.decode_any("{") is None


class TestNews:
    def test_only_new_and_changed_events_come_again(self):
        """Of a document that grew, what was emitted as it is now stays out."""
        [first] = read([event(1), event(2)])
        [second] = read([event(1), event(2, output=5), event(3)], Emitted(first.cursor.state))
        assert [(e.message_id, e.output) for e in second.events] == [("m2", 5), ("m3", None)]

    def test_tool_calls_and_messages_of_one_id_are_two_records(self):
        """A message and a tool call may be numbered alike."""
        tool = event(1, event_type=TOOL_USAGE, message_id="", tool_call_id="m1")
        [first] = read([event(1), tool])
        assert len(first.events) == 2
        assert read([event(1), tool], Emitted(first.cursor.state))[0].events == []

    def test_only_the_last_cursor_says_read(self):
        """A reader that dies between two chunks looks unread, and repeats nothing it emitted."""
        chunks = read([event(n) for n in range(5)], chunk_events=2)
        assert [len(chunk.events) for chunk in chunks] == [2, 2, 1]
        assert [chunk.cursor.size for chunk in chunks] == [0, 0, 300]
        assert chunks[-1].cursor.offset == 300
        assert {chunk.cursor.state_version for chunk in chunks} == {7}
        rest = read([event(n) for n in range(5)], Emitted(chunks[1].cursor.state))
        assert [e.message_id for e in rest[0].events] == ["m4"]
