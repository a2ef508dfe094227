"""How transcripts are read: lines, cuts, chunks, files that change or vanish."""

from __future__ import annotations

import os
import shutil

import msgspec
import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import MESSAGE_USAGE, STATUS_ERROR, TOOL_USAGE
from openusaged.providers.base import CollectContext, Machine, Unit
from openusaged.providers.claude_code.records import collect
from tests.unit.openusaged.providers.claude_code.transcripts import (
    account,
    assistant,
    chunks,
    events,
    merged_by_message,
    messages,
    only,
    text_of,
    tool_result,
    tool_use,
    usage,
    write,
)


class TestReading:
    def test_json_with_spaces_is_read_too(self, claude_home):
        """Lines that another program has rewritten with spaces count, mixed with others."""
        write(claude_home, "p/s.jsonl", [assistant("msg_A", content=[tool_use("t1")])], spaced=True)
        write(claude_home, "p/s.jsonl", [tool_result("t1", is_error=True)], spaced=True)
        write(claude_home, "p/s.jsonl", [assistant("msg_B", content=[tool_use("t2")])])
        write(claude_home, "p/s.jsonl", [tool_result("t2", is_error=True)])
        found = events(claude_home)
        assert [(e.message_id, e.tool_call_id, e.status) for e in found] == [
            ("msg_A", "", "ok"),
            ("msg_A", "t1", "error"),
            ("msg_B", "", "ok"),
            ("msg_B", "t2", "error"),
        ]

    def test_half_written_line_is_left_for_the_next_read(self, claude_home):
        """A line without its newline counts once, when it is complete."""
        cursors = {}
        whole = text_of([assistant("msg_B")])
        path = write(claude_home, "p/s.jsonl", [assistant("msg_A")])
        with open(path, "ab") as file:
            file.write(whole[:300])
        assert only(messages(claude_home, cursors=cursors)).message_id == "msg_A"
        assert cursors[path].offset == len(text_of([assistant("msg_A")]))
        with open(path, "ab") as file:
            file.write(whole[300:])
        assert only(messages(claude_home, cursors=cursors)).message_id == "msg_B"
        assert cursors[path].offset == os.path.getsize(path)

    def test_any_cut_and_any_chunk_size_give_the_same(self, claude_home):
        """Wherever reads are cut, the merged numbers and the calls' states are the same."""
        rows = [
            assistant("msg_A", usage=usage(output_tokens=1), content=[tool_use("t1")]),
            assistant("msg_A", usage=usage(output_tokens=90), content=[tool_use("t2")]),
            tool_result("t1", is_error=True),
            assistant("msg_B", request="req_B", usage=usage(cache_read_input_tokens=7)),
        ]
        data = text_of(rows)
        path = write(claude_home, "p/s.jsonl", [])
        for cut in range(0, len(data) + 1, 37):
            with open(path, "wb") as file:
                file.write(data[:cut])
            cursors = {}
            found = events(claude_home, cursors=cursors, limit=1)
            with open(path, "ab") as file:
                file.write(data[cut:])
            found += events(claude_home, cursors=cursors, limit=1)
            told = [event for event in found if event.event_type == MESSAGE_USAGE]
            assert merged_by_message(told) == {"msg_A": (10, 0, 0, 90), "msg_B": (10, 7, 0, 20)}
            failed = {e.tool_call_id for e in found if e.status == STATUS_ERROR}
            calls = {e.tool_call_id for e in found if e.event_type == TOOL_USAGE}
            assert (failed, calls) == ({"t1"}, {"t1", "t2"}), cut

    def test_only_the_last_chunk_claims_the_file(self, claude_home):
        """A cursor never says that a file is read before everything of it is handed over."""
        rows = [assistant(f"msg_{n}", request=f"req_{n}") for n in range(5)]
        path = write(claude_home, "p/s.jsonl", rows)
        found = chunks(claude_home, limit=2)
        assert [len(chunk.events) for chunk in found] == [2, 2, 1, 0]
        assert [chunk.cursor.offset for chunk in found] == [0, 0, *[os.path.getsize(path)] * 2]
        assert [chunk.cursor.size for chunk in found] == [0, 0, 0, os.path.getsize(path)]

    def test_large_files_are_handed_over_block_by_block(self, claude_home):
        """A file of several blocks is neither held whole nor read twice."""
        big = {"type": "user", "message": {"role": "user", "content": "x" * 700_000}}
        rows = [row for n in range(6) for row in (assistant(f"msg_{n}", request=f"req_{n}"), big)]
        path = write(claude_home, "p/s.jsonl", rows)
        found = chunks(claude_home, limit=1)
        offsets = [chunk.cursor.offset for chunk in found]
        assert offsets == sorted(offsets)
        assert len(set(offsets)) > 3
        assert sorted(e.message_id for c in found for e in c.events) == [
            f"msg_{n}" for n in range(6)
        ]
        assert found[-1].cursor.offset == os.path.getsize(path)

    def test_replaced_file_is_read_from_its_start(self, claude_home):
        """Another file under the old name starts over."""
        path = write(claude_home, "p/s.jsonl", [assistant("msg_A"), assistant("msg_B")])
        cursors = {}
        assert len(messages(claude_home, cursors=cursors)) == 2
        os.unlink(path)
        write(claude_home, "p/s.jsonl", [assistant("msg_C")])
        # the file system may hand the freed inode out again
        cursors[path] = msgspec.structs.replace(cursors[path], inode=1)
        assert only(messages(claude_home, cursors=cursors)).message_id == "msg_C"

    def test_deleted_file_yields_nothing(self, claude_home):
        """A transcript that is cleaned up between listing and reading is no error."""
        unit = Unit(
            path=f"{claude_home}/projects/gone.jsonl", device=1, inode=1, size=1, mtime_ns=1
        )
        context = CollectContext(machine=Machine(env={}, home=claude_home))
        assert list(collect(account(claude_home), unit, None, context)) == []

    def test_unreadable_file_is_a_provider_error(self, claude_home):
        """A transcript that cannot be read names itself in the error."""
        path = f"{claude_home}/projects"
        os.mkdir(path)
        unit = Unit(path=path, device=1, inode=1, size=1, mtime_ns=1)
        context = CollectContext(machine=Machine(env={}, home=claude_home))
        with pytest.raises(ProviderError, match="projects"):
            list(collect(account(claude_home), unit, None, context))

    def test_copy_of_a_home_gives_the_same_identities(self, claude_home, tmp_path):
        """A copied home has the same message ids, so that it cannot count twice."""
        write(claude_home, "p/s.jsonl", [assistant(), assistant(None, request="req_B")])
        copy = str(tmp_path / "copy")
        shutil.copytree(claude_home, copy)
        ids = [(event.message_id, event.request_id) for event in messages(claude_home)]
        assert [(event.message_id, event.request_id) for event in messages(copy)] == ids
