"""Hand-worked rollouts: one for every way in which other readers get Codex wrong."""

from __future__ import annotations

import json

import pytest

from openusaged.core.models import total_tokens
from tests.support.codex_log import (
    CHILD,
    LIMITS,
    PARENT,
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
    record,
    rollout_path,
    row,
    snapshot_of,
    tool_calls,
    turns,
    usage,
    write,
)


class TestBuckets:
    def test_cached_and_written_leave_input(self, path, tmp_path):
        """Input contains cached and written tokens and output contains reasoning: each once."""
        used = usage(1000, cached=600, out=200, reasoning=50, written=100)
        write(path, [meta(), context(1), count(2, used, used)])
        (one,) = messages(read(path, tmp_path))
        assert buckets(one) == (300, 600, 100, 200, 50)
        assert total_tokens(one) == 1200

    def test_parts_never_exceed_their_whole(self, path, tmp_path):
        """More cached than input, or more reasoning than output, is clamped."""
        used = usage(100, cached=900, out=10, reasoning=70)
        write(path, [meta(), context(1), count(2, used, used)])
        (one,) = messages(read(path, tmp_path))
        assert buckets(one) == (0, 100, 0, 10, 10)

    @pytest.mark.parametrize("header", [meta(3), {"type": "thread.started", "thread_id": PARENT}])
    def test_late_header_is_that_of_the_events_behind_it(self, path, tmp_path, header):
        """Events know the thread and the directory as they were when their row was written."""
        totals = [usage(10 * n, out=n) for n in (1, 2, 3)]
        rows = [context(1, cwd="/a"), count(2, totals[0]), header, context(3, cwd="/b")]
        rows += [count(4, totals[1]), context(5, cwd="/c"), count(6, totals[2])]
        write(path, rows)
        assert [(each.session_id, each.cwd) for each in messages(read(path, tmp_path))] == [
            ("", "/a"), (PARENT, "/b"), (PARENT, "/c"),
        ]  # fmt: skip

    def test_growth_of_parts_never_exceeds_that_of_their_whole(self, path, tmp_path):
        """Between two totals the cached part may grow by more than the input: it is clamped, too."""
        first, second = usage(100, cached=10, out=10), usage(150, cached=80, out=12, reasoning=9)
        third = usage(200, cached=110, written=40, out=13, reasoning=9)
        write(
            path, [meta(), context(1), *(count(n, t) for n, t in enumerate((first, second, third)))]
        )
        _, grown, last = messages(read(path, tmp_path))
        assert buckets(grown) == (0, 50, 0, 2, 2)
        assert buckets(last) == (0, 30, 20, 1, 0)

    def test_event_carries_the_headers_fields(self, path, tmp_path):
        """Time, thread, branch, provider and model come from the header and the turn."""
        used = usage(10, out=5)
        head = meta(git={"branch": "main", "commit_hash": "x"}, model_provider="Azure")
        write(path, [head, context(1, turn_id="t" * 32), count(2, used, used)])
        (one,) = messages(read(path, tmp_path))
        assert (one.ts_ms, one.session_id, one.branch, one.cwd) == (
            ms(2),
            PARENT,
            "main",
            "/home/dev/shop",
        )
        assert (one.provider, one.client, one.model) == ("azure", "codex", "gpt-5.3-codex")
        assert (one.turn_id, one.requests, one.source, one.channel) == (
            "t" * 32,
            1,
            "codex",
            "jsonl",
        )
        assert one.account_id == "codex-cli"


class TestTokenCount:
    def test_growth_is_counted_and_repeats_are_not(self, path, tmp_path):
        """Two responses, each reported twice, are two events."""
        a, b = usage(100, out=10), usage(250, cached=50, out=30)
        rows = [meta(), context(1), count(2, a, a), count(3, a, a)]
        rows += [count(4, b, usage(150, 50, 20)), count(5, b, usage(150, 50, 20))]
        write(path, rows)
        assert [buckets(each) for each in messages(read(path, tmp_path))] == [
            (100, 0, 0, 10, 0),
            (100, 50, 0, 20, 0),
        ]

    def test_limits_only_row_counts_nothing(self, path, tmp_path):
        """A row with `info: null` is news about limits, not usage."""
        write(path, [meta(), context(1), count(2, limits=LIMITS)])
        assert read(path, tmp_path) == []

    def test_estimate_after_compaction_counts_nothing(self, path, tmp_path):
        """A last usage of zeros is the size of the context; what follows is counted right."""
        a, after = usage(100, out=10), usage(160, out=15)
        estimate = usage() | {"total_tokens": 8000}
        rows = [meta(), context(1), count(2, a, a), count(3, a, estimate)]
        rows += [count(4, after, usage(60, out=5))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [110, 65]

    def test_estimate_that_moves_the_total_counts_nothing(self, path, tmp_path):
        """Even when the total jumps with the estimate, only real usage is counted."""
        a, jump, after = usage(100, out=10), usage(9000, out=10), usage(9060, out=15)
        rows = [meta(), context(1), count(2, a, a), count(3, jump, usage())]
        rows += [count(4, after, usage(60, out=5))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [110, 65]

    def test_reset_counter_counts_the_last_response(self, path, tmp_path):
        """When a counter starts again the new total is not a negative difference."""
        a, b = usage(1000, out=100), usage(300, out=40)
        write(path, [meta(), context(1), count(2, a, a), count(3, b, b)])
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [1100, 340]

    def test_corrected_counter_counts_the_last_response_only(self, path, tmp_path):
        """One part that shrinks a little must not count the whole session again."""
        a, b = usage(1000, cached=500, out=100), usage(1200, cached=490, out=120)
        rows = [meta(), context(1), count(2, a, a), count(3, b, usage(200, 10, 20))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [1100, 220]

    def test_same_totals_after_a_reset_are_other_responses(self, path, tmp_path):
        """A total that comes again behind a reset has an identity of its own."""
        a, b = usage(1000, out=100), usage(1100, out=110)
        rows = [meta(), context(1), count(2, a, a), count(3, b, usage(100, out=10))]
        rows += [count(4, a, a)]
        write(path, rows)
        found = messages(read(path, tmp_path))
        assert [total_tokens(each) for each in found] == [1100, 110, 1100]
        assert len({each.message_id for each in found}) == 3

    def test_total_missing_uses_the_last_response_once(self, path, tmp_path):
        """Rows with only the last response count, and a repeat of one does not."""
        rows = [meta(), context(1), count(2, None, usage(100, out=10))]
        rows += [count(3, None, usage(100, out=10)), count(4, None, usage(50, out=5))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [110, 55]

    def test_zero_total_counts_nothing(self, path, tmp_path):
        """A counter at zero is no response."""
        write(path, [meta(), context(1), count(2, usage(), usage())])
        assert read(path, tmp_path) == []

    def test_growth_of_parts_alone_counts_nothing(self, path, tmp_path):
        """More cached tokens without more input is a correction, no response."""
        a, b = usage(100, cached=10, out=10), usage(100, cached=40, out=10)
        write(path, [meta(), context(1), count(2, a, a), count(3, b, usage(100, 40, 10))])
        assert len(messages(read(path, tmp_path))) == 1


class TestRecords:
    def test_record_and_the_count_behind_it_are_one(self, path, tmp_path):
        """On disk a record precedes the count that repeats it."""
        a, b = usage(100, out=10), usage(250, out=30)
        rid = "resp_" + "a" * 30
        rows = [meta(), context(1), record(2, a, a, rid), count(3, a, a)]
        rows += [record(4, usage(150, out=20), b, "resp_2"), count(5, b, usage(150, out=20))]
        write(path, rows)
        first, second = messages(read(path, tmp_path))
        assert (total_tokens(first), total_tokens(second)) == (110, 170)
        assert first.message_id == rid
        # a short id may be some local server's counter: the thread makes it unique
        assert second.message_id == f"{PARENT}:resp_2:280"

    def test_count_before_its_record_is_one(self, path, tmp_path):
        """The other order counts once too."""
        a = usage(100, out=10)
        write(path, [meta(), context(1), count(2, a, a), record(3, a, a, "resp_1")])
        assert len(messages(read(path, tmp_path))) == 1

    def test_older_version_resumes_a_thread_with_records(self, path, tmp_path):
        """Counts without records behind records are growth like any other."""
        a, b = usage(100, out=10), usage(250, out=30)
        rows = [meta(), context(1), record(2, a, a, "resp_1"), count(3, a, a)]
        rows += [count(9, b, usage(150, out=20))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [110, 170]

    def test_record_without_total_adds_up(self, path, tmp_path):
        """A record that lacks the thread's total moves the counter by its own usage."""
        a, b = usage(100, out=10), usage(250, out=30)
        rows = [meta(), context(1), record(2, a, None, "resp_1"), count(3, a, a)]
        rows += [record(4, usage(150, out=20), None, "resp_2"), count(5, b, usage(150, out=20))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [110, 170]

    def test_empty_record_counts_nothing(self, path, tmp_path):
        """A record of no usage is no response."""
        write(path, [meta(), context(1), record(2, usage(), usage(), "resp_1")])
        assert read(path, tmp_path) == []

    def test_record_of_another_thread_leaves_the_counter(self, path, tmp_path):
        """A foreign record counts under its own thread and does not move this one's counter."""
        a = usage(100, out=10)
        rows = [meta(), context(1), record(2, usage(7, out=1), usage(7, out=1), "r", thread=CHILD)]
        rows += [count(3, a, a)]
        write(path, rows)
        first, second = messages(read(path, tmp_path))
        assert first.message_id.startswith(CHILD)
        assert total_tokens(second) == 110


class TestForks:
    def test_paginated_fork_starts_at_the_parents_total(self, path, tmp_path):
        """A fork without copied rows counts from its parent's total on."""
        head = meta(forked_from_id="p", history_base={"thread_id": "p"}, thread=CHILD)
        total, later = usage(1100, out=110), usage(1300, out=140)
        rows = [head, context(1), count(2, total, usage(100, out=10))]
        rows += [count(3, later, usage(200, out=30))]
        write(path, rows)
        found = messages(read(path, tmp_path))
        assert [total_tokens(each) for each in found] == [110, 230]
        assert {each.parent_session_id for each in found} == {"p"}

    def test_paginated_fork_that_begins_with_a_compaction(self, path, tmp_path):
        """A compaction first repeats the parent's total: that is no usage of the fork."""
        a, b, c = usage(100, out=10), usage(300, out=30), usage(400, out=32)
        write(path, [meta(), context(1), count(2, a, a), count(3, b, usage(200, out=20))])
        child = rollout_path(tmp_path, CHILD)
        head = meta(100, CHILD, forked_from_id=PARENT, history_base={"thread_id": PARENT})
        rows = [head, event(101, "task_started", turn_id="t", started_at=ms(101) // 1000)]
        rows += [count(101, b, usage(200, out=20))]
        rows += [record(102, usage(100, out=2), c, "resp_c", thread=CHILD), count(102, c)]
        write(child, rows)
        assert [total_tokens(each) for each in messages(read(child, tmp_path))] == [102]

    def test_legacy_fork_skips_copied_rows(self, path, tmp_path):
        """Rows of the parent stamped at the fork's moment are the parent's."""
        a, b, c = usage(100, out=10), usage(300, out=30), usage(360, out=35)
        rows = [meta(100, CHILD, forked_from_id=PARENT), meta(100.001)]
        rows += [event(100.001, "task_started", turn_id="t1", started_at=ms(1) // 1000)]
        rows += [row(100.001, "turn_context", context(0)["payload"]), count(100.001, a, a)]
        rows += [item(100.001, "function_call", name="exec_command", call_id="c1", arguments="{}")]
        rows += [item(100.001, "function_call_output", call_id="c1", output="x")]
        rows += [item(100.001, "web_search_call", status="completed")]
        rows += [record(100.001, usage(200, out=20), b, "resp_p"), count(100.001, b, b, LIMITS)]
        rows += [event(100.001, "task_complete", turn_id="t1")]
        rows += [event(105, "task_started", turn_id="t2", started_at=ms(105) // 1000)]
        rows += [count(106, c, usage(60, out=5)), event(107, "task_complete", turn_id="t2")]
        write(path, rows)
        found = read(path, tmp_path)
        assert [total_tokens(each) for each in messages(found)] == [65]
        assert [each.turn_id for each in turns(found)] == [f"{CHILD}:t2"]
        assert tool_calls(found) == []
        assert {each.session_id for each in found} == {CHILD}
        assert snapshot_of(path, tmp_path) is None

    def test_fork_in_the_second_of_the_parents_turn_is_told_by_ids(self, path, tmp_path):
        """`started_at` has a resolution of seconds; ids that carry their time decide."""
        thread = f"{ms(0.9):012x}"
        own = f"{thread[:8]}-{thread[8:]}-7000-8000-000000000001"
        old = f"{ms(0.1):012x}"
        parents_turn = f"{old[:8]}-{old[8:]}-7000-8000-000000000002"
        new = f"{ms(0.95):012x}"
        own_turn = f"{new[:8]}-{new[8:]}-7000-8000-000000000003"
        a, b = usage(100, out=10), usage(160, out=15)
        second = ms(0) // 1000
        rows = [meta(0.9, own, forked_from_id=PARENT), meta(0.901)]
        rows += [event(0.901, "task_started", turn_id=parents_turn, started_at=second)]
        rows += [count(0.901, a, a)]
        rows += [event(0.95, "task_started", turn_id=own_turn, started_at=second)]
        rows += [count(0.99, b, usage(60, out=5))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [65]

    def test_old_fork_without_turn_rows_asks_the_parents_file(self, path, tmp_path):
        """Before turn rows existed, totals that the parent's rollout has are the parent's."""
        a, b, c = usage(100, out=10), usage(300, out=30), usage(360, out=35)
        write(path, [meta(), context(1), count(2, a, a), count(3, b, b)])
        child = rollout_path(tmp_path, CHILD)
        rows = [meta(100, CHILD, forked_from_id=PARENT), context(100.001)]
        rows += [count(100.001, a, a), count(100.001, b, b), count(100.5, c, usage(60, out=5))]
        write(child, rows)
        assert [total_tokens(each) for each in messages(read(child, tmp_path))] == [65]

    def test_old_fork_without_turn_rows_or_parent_ends_copies_by_the_pause(self, path, tmp_path):
        """Without the parent's file, the pause before a person's prompt ends the copied rows."""
        a, b, c = usage(100, out=10), usage(300, out=30), usage(360, out=35)
        rows = [meta(100, CHILD, forked_from_id="gone"), meta(100.001)]
        rows += [count(100.001, a, a), count(100.002, b, b), count(103, c, usage(60, out=5))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [65]

    def test_copies_with_the_parents_stamps_are_older_than_the_thread(self, path, tmp_path):
        """Copied rows that kept their time lie before the fork's creation."""
        a, b, c = usage(100, out=10), usage(300, out=30), usage(360, out=35)
        rows = [meta(100, CHILD, forked_from_id="gone"), meta(0), context(1)]
        rows += [count(2, a, a), count(50, b, b), count(100.5, c, usage(60, out=5))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [65]

    def test_second_header_of_the_same_thread_changes_nothing(self, path, tmp_path):
        """A resumed thread that repeats its header goes on counting."""
        a, b = usage(100, out=10), usage(160, out=15)
        rows = [meta(), context(1), count(2, a, a), meta(60, cwd="/elsewhere")]
        rows += [count(61, b, usage(60, out=5))]
        write(path, rows)
        assert [total_tokens(each) for each in messages(read(path, tmp_path))] == [110, 65]

    @pytest.mark.parametrize(
        ("fields", "agent"),
        [
            (
                {
                    "source": {
                        "subagent": {
                            "thread_spawn": {"parent_thread_id": PARENT, "agent_nickname": "Kepler"}
                        }
                    }
                },
                "Kepler",
            ),
            ({"source": {"subagent": "review"}}, "review"),
            ({"thread_source": "subagent", "agent_role": "worker"}, "worker"),
            ({"parent_thread_id": PARENT}, "subagent"),
        ],
    )
    def test_sub_agent_is_named_and_linked(self, path, tmp_path, fields, agent):
        """A sub-agent's own file counts under its thread, its name and its root session."""
        used = usage(10, out=5)
        head = meta(0, CHILD, session_id=PARENT, **fields)
        write(path, [head, context(1), count(2, used, used)])
        (one,) = messages(read(path, tmp_path))
        assert (one.session_id, one.parent_session_id, one.agent) == (CHILD, PARENT, agent)
        assert one.is_sidechain


class TestModelAndTier:
    def test_model_changes_with_the_turn(self, path, tmp_path):
        """Each response belongs to the model of the latest turn."""
        a, b = usage(10, out=1), usage(20, out=2)
        write(path, [meta(), context(1, "m1"), count(2, a, a), context(3, "m2"), count(4, b, a)])
        assert [each.model for each in messages(read(path, tmp_path))] == ["m1", "m2"]

    @pytest.mark.parametrize(
        "fields", [{"model": "m9"}, {"model_name": "m9"}, {"metadata": {"model": "m9"}}]
    )
    def test_model_of_the_row_wins(self, path, tmp_path, fields):
        """A count that names its model is believed."""
        used = usage(10, out=1)
        write(path, [meta(), context(1, "m1"), count(2, used, used, **fields)])
        assert [each.model for each in messages(read(path, tmp_path))] == ["m9"]

    def test_model_of_first_logs_is_gpt_5(self, path, tmp_path):
        """Logs before `turn_context` ran on the only model there was."""
        used = usage(10, out=1)
        write(path, [meta(), count(2, used, used)])
        assert [each.model for each in messages(read(path, tmp_path))] == ["gpt-5"]

    def test_tier_is_the_one_in_force(self, path, tmp_path):
        """Fast mode counts from the row that sets it to the row that unsets it."""
        totals = [usage(10 * n, out=n) for n in range(1, 4)]
        fast = event(3, "thread_settings_applied", thread_settings={"service_tier": "priority"})
        slow = event(5, "thread_settings_applied", thread_settings={"model": "x"})
        rows = [meta(), context(1), count(2, totals[0]), fast, count(4, totals[1]), slow]
        write(path, [*rows, count(6, totals[2])])
        assert [each.service_tier for each in messages(read(path, tmp_path))] == ["", "fast", ""]


class TestTurnsAndTools:
    def test_turns_end_in_their_ways(self, path, tmp_path):
        """Completed, failed and aborted turns are one event each, by their own id."""
        rows = [meta(), event(1, "task_started", turn_id="a" * 36)]
        rows += [event(2, "task_complete", turn_id="a" * 36)]
        rows += [event(3, "task_complete", turn_id="b" * 36, error={"message": "secret"})]
        rows += [event(4, "turn_started", turn_id="c" * 36), event(5, "turn_aborted", reason="x")]
        write(path, rows)
        assert [(each.turn_id[0], each.status) for each in turns(read(path, tmp_path))] == [
            ("a", "ok"),
            ("b", "error"),
            ("c", "aborted"),
        ]

    def test_turn_without_any_id_is_no_event(self, path, tmp_path):
        """A turn that cannot be told from others is not counted."""
        write(path, [meta(), event(2, "task_complete")])
        assert read(path, tmp_path) == []

    def test_tool_call_is_one_event_with_its_outcome(self, path, tmp_path):
        """Call and output make one event, at the time of the call."""
        rows = [meta(), context(1)]
        rows += [
            item(2, "function_call", name="exec_command", call_id="c1", arguments='{"cmd":"x"}')
        ]
        rows += [item(3, "function_call", name="mcp__github__search", call_id="c2", arguments="{}")]
        rows += [item(4, "function_call_output", call_id="c2", output=[{"type": "text"}])]
        rows += [item(5, "function_call_output", call_id="c1", output="Exit code: 2\nboom")]
        rows += [item(6, "function_call_output", call_id="c1", output="Exit code: 0")]
        write(path, rows)
        two, one = tool_calls(read(path, tmp_path))
        assert (one.tool_call_id, one.tool_name, one.status, one.ts_ms) == (
            "c1",
            "exec_command",
            "error",
            ms(2),
        )
        assert (two.mcp_server, two.mcp_function, two.status) == ("github", "search", "ok")

    def test_namespace_names_the_mcp_server(self, path, tmp_path):
        """Newer rows keep the server apart from the tool's name."""
        rows = [meta()]
        rows += [item(2, "function_call", name="search", namespace="mcp__github__", call_id="c")]
        rows += [item(3, "function_call_output", call_id="c", output="x")]
        write(path, rows)
        (one,) = tool_calls(read(path, tmp_path))
        assert (one.tool_name, one.mcp_server) == ("mcp__github__search", "github")

    def test_patch_counts_lines_only_when_applied(self, path, tmp_path):
        """A refused patch has changed no line."""
        patch = "*** Begin Patch\n*** Update File: a.go\n@@\n-old\n+new\n+more\n*** End Patch\n"
        rows = [meta()]
        for number, code in ((1, 0), (2, 1)):
            call = f"p{number}"
            rows += [
                item(number, "custom_tool_call", name="apply_patch", call_id=call, input=patch)
            ]
            output = json.dumps({"output": "text", "metadata": {"exit_code": code}})
            rows += [item(number, "custom_tool_call_output", call_id=call, output=output)]
        write(path, rows)
        good, bad = tool_calls(read(path, tmp_path))
        assert (good.lines_added, good.lines_removed, good.language) == (2, 1, "go")
        assert (bad.lines_added, bad.lines_removed, bad.status) == (None, None, "error")

    def test_calls_without_output_end_with_their_turn(self, path, tmp_path):
        """An aborted turn aborts its calls; a call that never answers is still counted."""
        rows = [meta(), event(1, "task_started", turn_id="t" * 36)]
        rows += [row(2, "response_item", {"type": "local_shell_call", "call_id": "c1"})]
        rows += [event(3, "turn_aborted", turn_id="t" * 36)]
        rows += [item(4, "function_call", name="wait", call_id="c2")]
        rows += [event(5, "task_started", turn_id="u" * 36)]
        write(path, rows)
        assert [(each.tool_name, each.status) for each in tool_calls(read(path, tmp_path))] == [
            ("local_shell", "aborted"),
            ("wait", "unknown"),
        ]

    def test_pending_calls_are_bounded_and_none_is_lost(self, path, tmp_path):
        """However many calls wait for output, the state stays small and all are counted."""
        rows = [meta()]
        rows += [item(1, "function_call", name="f", call_id=f"c{n}") for n in range(200)]
        write(path, rows)
        (last,) = chunks(path, tmp_path)
        assert len(last.events) == 136
        assert len(last.cursor.state) < 4000

    def test_web_searches_are_told_apart(self, path, tmp_path):
        """Searches have no output and mostly no id; each is one call."""
        rows = [meta(), item(1, "web_search_call", status="completed", action={"type": "search"})]
        rows += [item(1, "web_search_call", status="failed"), item(1, "web_search_call", id="ws_1")]
        write(path, rows)
        found = tool_calls(read(path, tmp_path))
        assert [each.status for each in found] == ["ok", "error", "ok"]
        assert len({each.tool_call_id for each in found}) == 3

    def test_call_without_any_id_is_no_event(self, path, tmp_path):
        """A call that cannot be told from others is not counted."""
        write(path, [meta(), item(1, "function_call", name="f")])
        assert read(path, tmp_path) == []
