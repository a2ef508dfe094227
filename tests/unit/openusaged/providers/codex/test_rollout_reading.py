"""How rollouts are read: odd lines, cursors, chunks, files that grow."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusaged.core.models import SourceCursor, total_tokens
from openusaged.providers.codex.thread import STATE_VERSION
from tests.support.codex_log import (
    CAPTURES,
    LIMITS,
    PARENT,
    account,
    at,
    buckets,
    chunks,
    context,
    count,
    event,
    item,
    messages,
    meta,
    ms,
    read,
    snapshot_of,
    usage,
    write,
)


class TestLenience:
    def test_odd_types_cost_only_themselves(self, path, tmp_path):
        """Numbers as strings, a Unix time stamp and a string balance are read."""
        used = {"input_tokens": "100", "cached_input_tokens": 40.0, "output_tokens": "x"}
        odd = count(2, used, None, LIMITS) | {"timestamp": ms(2) / 1000}
        write(path, [meta(source={"custom": [1]}), context(1), odd])
        (one,) = messages(read(path, tmp_path))
        assert buckets(one) == (60, 40, 0, 0, 0)
        assert one.ts_ms == ms(2)
        keys = {metric.key for metric in snapshot_of(path, tmp_path).metrics}
        assert keys == {"rate_limit_primary", "rate_limit_secondary", "credit_balance"}

    def test_numbered_names_cost_no_other_field(self, path, tmp_path):
        """A row whose ids are numbers keeps its patch, its limits and its outcome."""
        patch = "*** Begin Patch\n*** Add File: a.go\n+x\n*** End Patch"
        rows = [meta(), context(1, turn_id=7)]
        rows += [item(2, "custom_tool_call", call_id=8, name="apply_patch", input=patch)]
        rows += [item(3, "custom_tool_call_output", call_id=8, output="Exit code: 1")]
        rows += [item(4, "custom_tool_call", call_id=9, name="apply_patch", input=patch)]
        rows += [item(5, "custom_tool_call_output", call_id=9, output="Exit code: 0")]
        write(path, rows)
        failed, applied = read(path, tmp_path)
        assert (failed.tool_call_id, failed.turn_id, failed.status) == ("8", f"{PARENT}:7", "error")
        assert (applied.language, applied.lines_added, applied.status) == ("go", 1, "ok")

    @pytest.mark.parametrize("info", ["text", 5, [], {"total_token_usage": "text"}])
    def test_info_of_another_type_is_no_usage(self, path, tmp_path, info):
        """A block of an unexpected type counts nothing and spoils nothing."""
        used = usage(10, out=1)
        odd = event(2, "token_count", info=info, rate_limits=LIMITS)
        write(path, [meta(), context(1), odd, count(3, used, used)])
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [11]
        assert snapshot_of(path, tmp_path) is not None

    def test_spaced_and_reordered_json_is_read(self, path, tmp_path):
        """Other writers put spaces into their JSON and keys into another order."""
        used = usage(10, out=1)
        mixed = count(3, usage(30, out=3), usage(20, out=2))
        mixed["payload"] = dict(reversed(mixed["payload"].items()))
        rows = [meta(), context(1), count(2, used, used), mixed]
        write(path, rows, spaces=True)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [11, 22]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [11, 22]

    def test_broken_lines_are_passed_over(self, path, tmp_path):
        """Torn, foreign and empty lines leave their neighbours alone."""
        used = usage(10, out=1)
        noise = ["", "null", "[1]", "{", '{"type":5}', '{"type":"event_msg","payload":7}']
        noise += ['{"timestamp":"x","type":"event_msg","payload":{"type":"token_count","info":{']
        noise += ['{"timestamp":"x","type":"turn_context","payload":7}', '{"type":"compacted"}']
        write(path, [meta(), *noise, context(1), *noise, count(2, used, used), *noise])
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [11]

    @pytest.mark.parametrize("spaces", [False, True])
    @pytest.mark.parametrize("odd", [b'"\xff"', b"[" * 5000 + b"]" * 5000], ids=["bytes", "depth"])
    @pytest.mark.parametrize(
        "bad",
        [
            context(1, cwd="ODD"),
            context(1) | {"timestamp": "ODD"},
            count(2, "ODD"),
            event(2, "token_count", rate_limits={"limit_id": "other", "primary": "ODD"}),
            item(2, "custom_tool_call", call_id="b", input=["*** Begin Patch", "ODD"]),
            {"type": "ODD"},
            {"type": "turn.completed", "model": "ODD"},
        ],
        ids=lambda bad: bad["type"],
    )
    def test_undecodable_values_cost_only_their_line(self, path, tmp_path, bad, odd, spaces):
        """Bytes that are no text, and nesting without end, leave their neighbours alone."""
        used = usage(10, out=1)
        write(
            path, [bad, meta(), context(1), bad, count(2, used, used, LIMITS), bad], spaces=spaces
        )
        path.write_bytes(path.read_bytes().replace(b'"ODD"', odd))
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [11]
        assert snapshot_of(path, tmp_path) is not None

    def test_quoted_rows_inside_text_are_no_rows(self, path, tmp_path):
        """A prompt that quotes a usage row is text."""
        quoted = json.dumps(count(2, usage(999, out=9)))
        write(path, [meta(), item(1, "message", content=[{"text": quoted}])])
        assert read(path, tmp_path) == []

    def test_huge_line_is_read(self, path, tmp_path):
        """A line of many megabytes neither stops the reading nor costs its neighbours."""
        used = usage(10, out=1)
        big = item(1, "message", content="x" * (20 << 20))
        write(path, [meta(), big, context(1), count(2, used, used)])
        assert len(messages(read(path, tmp_path))) == 1

    def test_limits_of_spaced_json_keep_their_id(self, path, tmp_path):
        """A feature's own limit is no limit of the account, however its row is written."""
        own = {"limit_id": "codex_spark", "limit_name": "Spark", "primary": LIMITS["primary"]}
        write(path, [meta(), event(1, "token_count", rate_limits=own)], spaces=True)
        keys = [metric.key for metric in snapshot_of(path, tmp_path).metrics]
        assert keys == ["rate_limit_codex_spark_primary"]

    def test_missing_time_is_that_of_the_row_before(self, path, tmp_path):
        """A row without a usable time takes its neighbour's."""
        used = usage(10, out=1)
        write(path, [meta(), context(1), count(2, used, used) | {"timestamp": None}])
        assert [each.ts_ms for each in messages(read(path, tmp_path))] == [ms(1)]

    @pytest.mark.parametrize(
        "stamp",
        [
            f"{at(0)[:17]}xx.000Z",
            f"{at(1)[:20]}xxxZ",
            "x" * 19 + ".000Z",
            f"{at(0)[:14]}99:00.000Z",
        ],
    )
    def test_odd_stamps_of_the_usual_length_are_no_times(self, path, tmp_path, stamp):
        """The short cut for stamps as Codex writes them gives way to anything unusual."""
        totals = [usage(10 * n, out=n) for n in (1, 2, 3)]
        rows = [count(2, total) | {"timestamp": stamp} for total in totals[:2]]
        write(path, [meta(), context(1), *rows, count(3.25, totals[2])])
        assert [each.ts_ms for each in messages(read(path, tmp_path))] == [ms(1), ms(1), ms(3.25)]


class TestCursor:
    def test_append_is_read_from_the_cursor(self, path, tmp_path):
        """A resumed thread counts only what is new, with the settings of before."""
        a, b = usage(100, out=10), usage(160, out=15)
        write(path, [meta(), context(1), count(2, a, a)])
        cursor = chunks(path, tmp_path)[-1].cursor
        with path.open("a") as file:
            file.write(json.dumps(count(3, a, a)) + "\n" + json.dumps(count(4, b)) + "\n")
        again = chunks(path, tmp_path, cursor)
        assert [(total_tokens(each), each.model) for each in again[-1].events] == [
            (65, "gpt-5.3-codex")
        ]
        assert again[-1].cursor.size == path.stat().st_size

    def test_half_written_line_is_left(self, path, tmp_path):
        """A line that is still being written is read once it is whole."""
        used = usage(100, out=10)
        write(path, [meta(), context(1)])
        line = json.dumps(count(2, used, used))
        with path.open("a") as file:
            file.write(line[:50])
        cursor = chunks(path, tmp_path)[-1].cursor
        assert chunks(path, tmp_path)[-1].events == []
        with path.open("a") as file:
            file.write(line[50:] + "\n")
        assert len(chunks(path, tmp_path, cursor)[-1].events) == 1

    @pytest.mark.parametrize(
        "damage", [{"state": b"\xff"}, {"state": b"\x91\xa1\xff"}, {"state_version": 99}]
    )
    def test_unusable_state_reads_the_file_again(self, path, tmp_path, damage):
        """Another parser's state is not trusted: identities make the repeat harmless."""
        used = usage(100, out=10)
        write(path, [meta(), context(1), count(2, used, used)])
        good = chunks(path, tmp_path)[-1].cursor
        fields = {name: getattr(good, name) for name in good.__struct_fields__}
        cursor = SourceCursor(**{**fields, "size": 0, **damage})
        assert len(messages(chunks(path, tmp_path, cursor)[-1].events)) == 1

    def test_chunks_are_bounded_and_resumable(self, path, tmp_path):
        """Each chunk's cursor goes on exactly behind it, and only the last claims the file."""
        totals = [usage(10 * n, out=n) for n in range(1, 30)]
        write(path, [meta(), context(1), *(count(n, t) for n, t in enumerate(totals, 2))])
        whole = read(path, tmp_path)
        parts = chunks(path, tmp_path, max_events=4)
        assert [each for part in parts for each in part.events] == whole
        assert max(len(part.events) for part in parts) == 4
        assert {part.cursor.size for part in parts[:-1]} == {0}
        seen = 0
        for part in parts:
            seen += len(part.events)
            rest = chunks(path, tmp_path, part.cursor)
            assert [each for one in rest for each in one.events] == whole[seen:]

    def test_state_is_small(self, tmp_path):
        """What is kept per rollout is a few hundred bytes."""
        for source in CAPTURES.rglob("rollout-*.jsonl"):
            assert len(chunks(source, tmp_path)[-1].cursor.state) < 400

    def test_missing_file_is_the_callers_to_handle(self, path, tmp_path):
        """A file that vanished between listing and reading raises."""
        write(path, [meta()])
        from openusaged.providers.base import CollectContext
        from openusaged.providers.codex import PROVIDER
        from openusaged.providers.shared.files import stat_unit
        from tests.support.codex_log import machine

        unit = stat_unit(str(path))
        path.unlink()
        ctx = CollectContext(machine=machine(tmp_path))
        with pytest.raises(OSError, match="No such file"):
            list(PROVIDER.collect(account(tmp_path), unit, None, ctx))


SOURCES = sorted(CAPTURES.rglob("rollout-*.jsonl"))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(source=st.sampled_from(SOURCES), seed=st.integers(0, 2**32), pieces=st.integers(1, 12))
def test_reading_in_pieces_equals_reading_at_once(tmp_path, source, seed, pieces):
    """However a log grows, and wherever reading is cut, the same events come out."""
    data = source.read_bytes()
    rng = random.Random(seed)
    cuts = [*sorted(rng.randrange(len(data)) for _ in range(pieces)), len(data)]
    target = tmp_path / source.name
    target.write_bytes(b"")
    cursor, found = None, []
    for cut in cuts:
        with target.open("r+b") as file:
            file.write(data[:cut])
        for chunk in chunks(target, tmp_path, cursor, max_events=rng.choice((1, 3, 2000))):
            found += chunk.events
            cursor = chunk.cursor
            assert cursor.state_version == STATE_VERSION
    assert found == read(source, tmp_path)
