"""Saved output of `codex exec --json`."""

from __future__ import annotations

import os

import pytest

from tests.support.codex_log import buckets, messages, ms, read, write

USED = {"input_tokens": 120, "cached_input_tokens": 20, "output_tokens": 30}
MORE = {"input_tokens": 300, "cached_input_tokens": 60, "output_tokens": 70}


def test_turns_of_a_thread_report_its_total(tmp_path):
    """Each turn repeats the thread's total so far under one identity, which grows."""
    rows = [{"type": "thread.started", "thread_id": "t1"}, {"type": "turn.started"}]
    rows += [{"type": "item.completed", "item": {"text": "turn.completed secret"}}]
    rows += [{"type": "turn.completed", "usage": USED}, {"type": "turn.completed", "usage": MORE}]
    path = write(tmp_path / "run.jsonl", rows)
    os.utime(path, (1_780_308_000, 1_780_308_000))
    first, second = messages(read(path, tmp_path))
    assert first.message_id == second.message_id
    assert (buckets(first), first.requests) == ((100, 20, 0, 30, 0), 1)
    assert (buckets(second), second.requests) == ((240, 60, 0, 70, 0), 2)
    assert {first.session_id, second.session_id} == {"t1"}
    assert first.ts_ms == ms(0)


def test_two_threads_in_one_file_stay_apart(tmp_path):
    """A file with the output of two runs has two threads."""
    rows = []
    for thread in ("t1", "t2"):
        rows += [{"type": "thread.started", "thread_id": thread}]
        rows += [{"type": "turn.completed", "usage": USED}]
    found = messages(read(write(tmp_path / "run.jsonl", rows), tmp_path))
    assert [each.session_id for each in found] == ["t1", "t2"]
    assert [each.requests for each in found] == [1, 1]


@pytest.mark.parametrize("wrapper", ["data", "result", "response"])
@pytest.mark.parametrize("key", ["timestamp", "created_at", "createdAt"])
def test_wrapped_rows_with_a_time_are_turns_of_their_own(tmp_path, wrapper, key):
    """Other writers wrap the usage and name time and model, but no thread."""
    inner = {"usage": USED, "model": "gpt-5.2-codex", key: "2026-06-01T10:00:05Z"}
    rows = [{"type": "turn.completed", wrapper: inner}]
    rows += [{"type": "turn.completed", key: ms(9), "model": "m", "usage": USED}]
    first, second = messages(read(write(tmp_path / "run.jsonl", rows), tmp_path))
    assert (first.ts_ms, first.model) == (ms(5), "gpt-5.2-codex")
    assert (second.ts_ms, second.model) == (ms(9), "m")
    assert first.message_id != second.message_id


@pytest.mark.parametrize("extra", [{}, {"usage": None}, {"usage": 5}, {"usage": {}}, {"data": 7}])
def test_turn_without_usage_counts_nothing(tmp_path, extra):
    """A turn that reports nothing is no response."""
    path = write(tmp_path / "run.jsonl", [{"type": "turn.completed", **extra}])
    assert read(path, tmp_path) == []


def test_mention_of_a_turn_is_no_turn(tmp_path):
    """A row of another type that only mentions the words counts nothing."""
    path = write(tmp_path / "run.jsonl", [{"type": "note", "usage": USED, "x": "turn.completed"}])
    assert read(path, tmp_path) == []
