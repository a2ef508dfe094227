"""Reading what was appended to a log: where it goes on, what waits, what fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Machine, Unit
from openusaged.providers.shared.append_log import collect_appended
from openusaged.providers.shared.files import stat_unit

ACCOUNT = Account(id="a", provider_id="tool")


class Counter:
    """One event a line, named by all lines before it."""

    def __init__(self, state: bytes) -> None:
        self.lines = int(state or b"0")

    def read(self, line: bytes) -> Iterator[UsageEvent]:
        self.lines += 1
        yield UsageEvent(
            source="tool",
            channel="jsonl",
            event_type="message_usage",
            ts_ms=self.lines,
            message_id=line.decode().strip(),
        )

    def state(self) -> bytes:
        return str(self.lines).encode()


def collect(
    path: Path, cursor: SourceCursor | None = None, *, limit: int = 100, version: int = 1
) -> list[Chunk]:
    unit = stat_unit(str(path)) or Unit(path=str(path), device=1, inode=1, size=9, mtime_ns=9)
    context = CollectContext(machine=Machine(env={}, home="/"), max_chunk_events=limit)
    return list(collect_appended(Counter, ACCOUNT, unit, cursor, context, state_version=version))


def said(chunks: list[Chunk]) -> list[tuple[int, str]]:
    return [(event.ts_ms, event.message_id) for chunk in chunks for event in chunk.events]


def test_growth_is_read_from_where_it_began(tmp_path):
    """Only what was appended is read, with what the reader knew at that place."""
    log = tmp_path / "x.jsonl"
    log.write_text("one\ntwo\n")
    first = collect(log)
    with log.open("a") as file:
        file.write("three\n")
    assert said(first) == [(1, "one"), (2, "two")]
    assert said(collect(log, first[-1].cursor)) == [(3, "three")]


def test_unfinished_line_waits(tmp_path):
    """A line without an end is left for the next time, and then read whole."""
    log = tmp_path / "x.jsonl"
    log.write_text("one\ntw")
    first = collect(log)
    assert said(first) == [(1, "one")]
    log.write_text("one\ntwo\n")
    cursor = first[-1].cursor
    assert cursor.offset == 4
    assert said(collect(log, cursor)) == [(2, "two")]


def test_chunks_are_bounded_and_resumable(tmp_path):
    """Every chunk's cursor stands behind its last line; only the last one looks read."""
    log = tmp_path / "x.jsonl"
    log.write_text("one\ntwo\nthree\n")
    chunks = collect(log, limit=1)
    assert [len(chunk.events) for chunk in chunks] == [1, 1, 1, 0]
    assert [chunk.cursor.offset for chunk in chunks] == [4, 8, 14, 14]
    assert [chunk.cursor.size for chunk in chunks] == [0, 0, 0, 14]
    assert said(collect(log, chunks[0].cursor)) == [(2, "two"), (3, "three")]


@pytest.mark.parametrize("change", ["replaced", "cut", "version"])
def test_other_file_is_read_from_its_beginning(tmp_path, change):
    """A replaced or cut file, or another version's cursor, starts over without the old state."""
    log = tmp_path / "x.jsonl"
    log.write_text("one\ntwo\n")
    cursor = collect(log)[-1].cursor
    version = 1
    if change == "replaced":
        other = tmp_path / "y.jsonl"
        other.write_text("new\nlines\nhere\n")
        os.replace(other, log)
    elif change == "cut":
        log.write_text("1\n")
    else:
        version = 2
    assert said(collect(log, cursor, version=version))[0][0] == 1


def test_deleted_file_brings_nothing(tmp_path):
    """A log that has been deleted since it was listed is no failure."""
    assert collect(tmp_path / "gone.jsonl") == []


def test_unreadable_file_is_named(tmp_path):
    """What cannot be read is a failure that names the path."""
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(ProviderError, match=r"d\.jsonl"):
        collect(tmp_path / "d.jsonl")
