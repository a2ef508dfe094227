"""Transcripts: the real ones of the captures, and one hand-worked fixture for every trap."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from openusaged.core.errors import ProviderError
from openusaged.core.models import MESSAGE_USAGE, STATUS_ERROR, STATUS_OK, TOOL_USAGE, total_tokens
from openusaged.providers.base import CollectContext, Machine, Unit
from openusaged.providers.claude_code.records import TranscriptReader, collect
from tests.unit.openusaged.providers.claude_code.transcripts import (
    SESSION,
    account,
    assistant,
    chunks,
    events,
    messages,
    only,
    text_of,
    tool_result,
    tool_use,
    usage,
    write,
)

CAPTURES = Path(__file__).parents[4] / "data" / "providers" / "claude_code" / "captures"
BUCKETS = ("input", "cache_read", "cache_write", "output")


def merged_by_message(found):
    """What the store makes of repeated message ids: the largest of every number."""
    best = {}
    for event in found:
        row = (
            event.input or 0,
            event.cache_read or 0,
            (event.cache_write_5m or 0) + (event.cache_write_1h or 0),
            event.output or 0,
        )
        old = best.get(event.message_id, (0, 0, 0, 0))
        best[event.message_id] = tuple(map(max, old, row))
    return best


def buckets(event):
    return (event.input, event.cache_read, event.cache_write_5m, event.cache_write_1h, event.output)


@pytest.mark.parametrize("name", sorted(path.name for path in CAPTURES.iterdir()))
@pytest.mark.parametrize("limit", [1, 2000])
def test_capture_gives_its_ground_truth(name, limit):
    """What a real agent wrote gives exactly what its scripted model served."""
    home = str(CAPTURES / name / "home" / ".claude")
    expected = json.loads((CAPTURES / name / "expected.json").read_text())
    truth = expected["recoverable_from_transcripts_dedup_by_message_id_max_output"]
    found = [event for event in messages(home, limit=limit) if event.status == STATUS_OK]
    best = merged_by_message(found)
    assert len(best) == truth["responses"]
    sums = dict(zip(BUCKETS, map(sum, zip(*best.values(), strict=True)), strict=True))
    assert sums == {bucket: truth[bucket] for bucket in BUCKETS}


def test_capture_gives_tools_agents_and_errors():
    """Sub-agents, forked tool calls and the failed request of the capture are told apart."""
    found = events(str(CAPTURES / "headless-2.1.330" / "home" / ".claude"))
    calls = {event.tool_call_id: event for event in found if event.event_type == TOOL_USAGE}
    assert sorted(event.tool_name for event in calls.values()) == ["Agent"] + ["Bash"] * 6
    agents = {event.agent for event in found if event.is_sidechain}
    assert agents == {"general-purpose"}
    failed = only([event for event in found if event.status == STATUS_ERROR])
    assert failed.requests == 1
    assert total_tokens(failed) == 0
    assert failed.message_id == "bd33faa2-033f-404b-b947-cf884af1187f"
    assert {event.channel for event in found} == {"jsonl"}
    assert {event.cwd for event in found} == {"/home/user/proj"}


class TestOneResponse:
    def test_lines_of_one_response_are_one_event(self, claude_home):
        """Lines of one response are one request with the union of their tool calls."""
        write(
            claude_home,
            "p/s.jsonl",
            [
                assistant(timestamp="2026-06-01T10:00:06.000Z"),
                assistant(timestamp="2026-06-01T10:00:05.000Z", content=[tool_use("toolu_1")]),
                assistant(content=[tool_use("toolu_2", "Read", file_path="/a/b.rs")]),
                assistant(content=[tool_use("toolu_2", "Read", file_path="/a/b.rs")]),
            ],
        )
        found = events(claude_home)
        message = only([event for event in found if event.event_type == MESSAGE_USAGE])
        assert (message.requests, message.input, message.output) == (1, 10, 20)
        assert message.ts_ms == 1_780_308_005_000
        tools = [event for event in found if event.event_type == TOOL_USAGE]
        assert [(t.tool_call_id, t.tool_name, t.language) for t in tools] == [
            ("toolu_1", "Bash", ""),
            ("toolu_2", "Read", "rust"),
        ]

    @pytest.mark.parametrize("order", [(1, 250), (250, 1)])
    def test_streaming_partials_give_the_largest(self, claude_home, order):
        """A partial output count loses against the full one, whichever line comes first."""
        rows = [assistant(usage=usage(output_tokens=output)) for output in order]
        write(claude_home, "p/s.jsonl", rows)
        assert only(messages(claude_home)).output == 250

    def test_fields_are_merged_one_by_one(self, claude_home):
        """Every counter, cost and name is taken from whichever line has more of it."""
        write(
            claude_home,
            "p/s.jsonl",
            [
                assistant(costUSD=0.01, usage=usage(input_tokens=5, cache_read_input_tokens=9)),
                assistant(
                    costUSD=0.02,
                    usage=usage(
                        output_tokens=3,
                        output_tokens_details={"thinking_tokens": 2},
                        service_tier="priority",
                    ),
                ),
                assistant(usage=usage(output_tokens_details={"thinking_tokens": 1})),
            ],
        )
        event = only(messages(claude_home))
        assert (event.input, event.cache_read, event.output, event.reasoning) == (10, 9, 20, 2)
        assert event.cost_nano == 20_000_000
        assert event.service_tier == "priority"

    def test_identity_and_attribution_fields(self, claude_home):
        """Ids, place and model travel from the line into the event."""
        write(claude_home, "p/s.jsonl", [assistant(promptId="p-1")])
        event = only(messages(claude_home))
        assert (event.source, event.client, event.provider, event.account_id) == (
            "claude_code",
            "claude_code",
            "anthropic",
            "claude-code",
        )
        assert (event.message_id, event.request_id, event.session_id, event.turn_id) == (
            "msg_A",
            "req_A",
            SESSION,
            "p-1",
        )
        assert (event.cwd, event.branch, event.model) == (
            "/home/dev/shop",
            "main",
            "claude-sonnet-4-5",
        )

    @pytest.mark.parametrize(
        ("message_id", "provider"),
        [("msg_bdrk_1", "bedrock"), ("msg_vrtx_1", "vertex"), ("msg_1", "anthropic")],
    )
    def test_clouds_are_told_by_their_ids(self, claude_home, message_id, provider):
        """A response billed by a cloud is attributed to it when its id says so."""
        write(claude_home, "p/s.jsonl", [assistant(message_id)])
        assert only(messages(claude_home)).provider == provider

    def test_response_without_request_id(self, claude_home):
        """Proxies send no request id; the message id alone merges the lines."""
        write(claude_home, "p/s.jsonl", [assistant(request=None), assistant(request=None)])
        assert only(messages(claude_home)).message_id == "msg_A"

    def test_response_without_any_id_keeps_its_line_id(self, claude_home):
        """Lines without ids stay apart, and their copies stay recognisable."""
        rows = [assistant(None, request=None, uuid=uuid) for uuid in ("u-1", "u-2", "u-1")]
        write(claude_home, "p/s.jsonl", rows)
        assert [event.message_id for event in messages(claude_home)] == ["u-1", "u-2"]

    def test_reused_message_id_stays_two_events(self, claude_home):
        """A proxy's id under two request ids is two events: the store decides about them."""
        write(claude_home, "p/s.jsonl", [assistant(request="req_1"), assistant(request="req_2")])
        assert [event.request_id for event in messages(claude_home)] == ["req_1", "req_2"]


class TestBuckets:
    @pytest.mark.parametrize(
        ("flat", "split", "expected"),
        [
            (
                3000,
                {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
                (1000, 2000),
            ),
            (3000, None, (3000, 0)),
            (
                3500,
                {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
                (1500, 2000),
            ),
            (
                100,
                {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
                (1000, 2000),
            ),
            (0, {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": None}, (7, 0)),
        ],
    )
    def test_cache_writes_are_split_by_life(self, claude_home, flat, split, expected):
        """The one-hour part is kept apart and the larger total is believed."""
        fields = usage(cache_creation_input_tokens=flat, cache_creation=split)
        write(claude_home, "p/s.jsonl", [assistant(usage=fields)])
        event = only(messages(claude_home))
        assert (event.cache_write_5m, event.cache_write_1h) == expected

    @pytest.mark.parametrize(
        ("fields", "tier"),
        [
            ({"speed": "fast", "service_tier": "standard"}, "fast"),
            ({"service_tier": "batch"}, "batch"),
            ({"service_tier": "standard"}, ""),
            ({"service_tier": None}, ""),
        ],
    )
    def test_fast_mode_and_tiers(self, claude_home, fields, tier):
        """Fast mode and dearer or cheaper tiers are named, the standard one is not."""
        write(claude_home, "p/s.jsonl", [assistant(usage=usage(**fields))])
        assert only(messages(claude_home)).service_tier == tier

    def test_advisor_steps_are_extra_events(self, claude_home):
        """Only advisor iterations are outside the totals: each is an event of its own model."""
        steps = [
            {"type": "message", "input_tokens": 10, "output_tokens": 20},
            {
                "type": "advisor_message",
                "model": "claude-opus-4-6",
                "input_tokens": 823,
                "output_tokens": 5,
                "cache_creation_input_tokens": 4,
            },
        ]
        more = [dict(steps[1], output_tokens=1612), dict(steps[1], input_tokens=1)]
        write(
            claude_home,
            "p/s.jsonl",
            [
                assistant(usage=usage(iterations=steps)),
                assistant(usage=usage(iterations=[])),
                assistant(usage=usage(iterations=more)),
            ],
        )
        main, first, second = messages(claude_home)
        assert buckets(main) == (10, 0, 0, 0, 20)
        assert (first.model, first.message_id, first.request_id) == (
            "claude-opus-4-6",
            "msg_A:advisor:0",
            "",
        )
        assert buckets(first) == (823, 0, 4, 0, 1612)
        assert (second.message_id, second.input) == ("msg_A:advisor:1", 1)

    @pytest.mark.parametrize(
        ("version", "stop_reason", "bound"),
        [
            ("2.1.9", None, True),
            ("2.1.42", None, True),
            ("2.1.42", "end_turn", False),
            ("2.1.43", None, False),
            ("2.0.77", None, False),
            ("2.1.8", None, False),
            ("2.1.19-beta.1", None, True),
        ],
    )
    def test_old_versions_write_a_lower_bound(self, claude_home, version, stop_reason, bound):
        """Versions 2.1.9 to 2.1.42 write the output of the stream's start: it is marked."""
        write(claude_home, "p/s.jsonl", [assistant(version=version, stop_reason=stop_reason)])
        assert only(messages(claude_home)).output_is_lower_bound is bound

    def test_a_finished_line_lifts_the_bound(self, claude_home):
        """One line that names its stop reason vouches for the whole response."""
        rows = [assistant(version="2.1.30", stop_reason=None), assistant(version="2.1.30")]
        write(claude_home, "p/s.jsonl", rows)
        assert only(messages(claude_home)).output_is_lower_bound is False


class TestWhatDoesNotCount:
    def test_synthetic_lines_are_no_calls(self, claude_home):
        """Messages that Claude Code makes up itself used nothing."""
        write(claude_home, "p/s.jsonl", [assistant(model="<synthetic>")])
        assert events(claude_home) == []

    def test_api_error_is_a_failed_request(self, claude_home):
        """A failed request counts as one, without tokens, under the id of its line."""
        row = assistant(
            "made-up",
            model="<synthetic>",
            isApiErrorMessage=True,
            uuid="u-7",
            usage=usage(speed=None),
        )
        write(claude_home, "p/s.jsonl", [row])
        write(claude_home, "p/fork.jsonl", [dict(row, sessionId="fork")])
        found = messages(claude_home)
        assert [(e.message_id, e.status, e.requests, e.model) for e in found] == [
            ("u-7", STATUS_ERROR, 1, "")
        ] * 2
        assert all(event.input is None and event.output is None for event in found)

    def test_api_error_without_id_is_skipped(self, claude_home):
        """Without an id an error line could be counted again and again."""
        write(claude_home, "p/s.jsonl", [assistant(isApiErrorMessage=True, uuid=None)])
        assert events(claude_home) == []

    @pytest.mark.parametrize(
        "row",
        [
            assistant("msg_A", sessionId=None),
            assistant("msg_A", sessionId=""),
            assistant("msg_A", requestId=None),
            assistant("msg_A", requestId=""),
            assistant(""),
            assistant("msg_A", model=None),
            assistant("msg_A", model=""),
            assistant("msg_A", cwd=None),
            assistant("msg_A", version=None),
            assistant("msg_A", version="1.0"),
            assistant("msg_A", version="dev.0.1"),
            assistant("msg_A", costUSD=None),
            assistant("msg_A", isApiErrorMessage=None),
            assistant("msg_A", usage=usage(speed=None)),
            assistant("msg_A", usage=usage(cache_read_input_tokens=None)),
            assistant("msg_A", usage=usage(cache_creation_input_tokens=None)),
            {**assistant(), "message": {**assistant()["message"], "id": None}},
        ],
    )
    def test_foreign_lines_are_skipped(self, row):
        """A literal null or empty id is the mark of another program's copy."""
        reader = TranscriptReader("a", "")
        reader.read(text_of([row]))
        assert reader.take() == []
        assert reader.skipped == 1

    def test_absent_fields_are_not_foreign(self, claude_home):
        """What Claude Code does not know it leaves out: such a line counts."""
        row = assistant(usage={"input_tokens": 1, "output_tokens": 2})
        for name in ("version", "cwd", "gitBranch", "uuid", "sessionId"):
            del row[name]
        write(claude_home, "p/s.jsonl", [row])
        assert buckets(only(messages(claude_home))) == (1, 0, 0, 0, 2)

    def test_a_line_without_its_newline_is_read_once(self):
        """A block that ends within a line, which no file gives, still comes to an end."""
        reader = TranscriptReader("a", "")
        reader.read(text_of([assistant("msg_1")]).rstrip(b"\n"))
        assert only(reader.take()).message_id == "msg_1"

    def test_many_directories_keep_their_events_apart(self):
        """Each event has the directory of its own line, however many there are in one file."""
        reader = TranscriptReader("a", "")
        rows = [assistant(f"msg_{n}", requestId=f"r{n}", cwd=f"/home/dev/{n}") for n in range(600)]
        reader.read(text_of([*rows, assistant("msg_x", requestId="rx", cwd="/home/dev/0")]))
        events = reader.take()
        assert [event.cwd for event in events] == [
            *(f"/home/dev/{n}" for n in range(600)),
            "/home/dev/0",
        ]

    def test_a_bad_line_costs_only_itself(self, claude_home):
        """Junk, cut-off JSON and lines without a time are passed over and counted."""
        reader = TranscriptReader("a", "")
        reader.read(
            text_of(
                [
                    b'\x00\xff"usage":{\xfe',
                    b'{"type":"assistant","message":{"usage":{"input_tokens":1',
                    b'["usage":{}]',
                    b'[{"usage":{}}]',
                    assistant("msg_1", timestamp="yesterday"),
                    assistant("msg_2"),
                ]
            )
        )
        assert only(reader.take()).message_id == "msg_2"
        assert reader.skipped == 5

    def test_a_field_of_another_type_costs_only_itself(self, claude_home):
        """Wrong types lose their field, digits in text are read, absurd counts are dropped."""
        row = assistant(
            gitBranch=7,
            content=[
                5,
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "/a.py"}},
            ],
            usage=usage(
                input_tokens="12",
                output_tokens=-5,
                cache_read_input_tokens=10**15,
                cache_creation={"ephemeral_1h_input_tokens": 3},
            ),
        )
        write(claude_home, "p/s.jsonl", [row])
        found = events(claude_home)
        assert (found[0].branch, *buckets(found[0])) == ("", 12, 0, 0, 3, 0)
        assert (found[1].tool_call_id, found[1].language) == ("toolu_1", "python")

    def test_usage_elsewhere_is_not_counted(self, claude_home):
        """The summed usage in an Agent tool's result repeats the sub-agent's own lines."""
        row = tool_result("toolu_1", is_error=False, toolUseResult={"usage": usage()})
        api_blob = {"type": "api-request-blob", "message": {"usage": usage(), "content": 3}}
        bare = {"type": "assistant", "usage": {}, "message": {"content": "x"}}
        lone = {"type": "assistant", "usage": {}}
        write(claude_home, "p/s.jsonl", [row, api_blob, bare, lone])
        assert events(claude_home) == []


class TestCopies:
    def test_fork_copies_keep_their_ids(self, claude_home):
        """A fork's copies have the same identity; the parent, written first, comes first."""
        row = assistant()
        fork = write(claude_home, "p/0fork.jsonl", [dict(row, sessionId="fork")])
        parent = write(claude_home, "p/parent.jsonl", [row])
        os.utime(parent, ns=(1, 1))
        os.utime(fork, ns=(2, 2))
        first, copy = messages(claude_home)
        assert (first.session_id, copy.session_id) == (SESSION, "fork")
        assert (first.message_id, first.request_id) == (copy.message_id, copy.request_id)

    def test_fork_that_names_its_parent(self, claude_home):
        """Where the version says what a line was copied from, that is the parent session."""
        write(claude_home, "p/s.jsonl", [assistant(forkedFrom={"sessionId": "parent"})])
        write(claude_home, "p/t.jsonl", [assistant("msg_B", forkedFrom="?")])
        assert [event.parent_session_id for event in messages(claude_home)] == ["parent", ""]

    def test_sidechain_replay_is_marked(self, claude_home):
        """A replay under a new request id says that it is a side-chain: the store drops it."""
        write(
            claude_home,
            "p/s.jsonl",
            [assistant(), assistant(request="req_B", isSidechain=True)],
        )
        own, replay = messages(claude_home)
        assert (own.is_sidechain, replay.is_sidechain) == (False, True)
        assert (own.agent, replay.agent) == ("", "agent")

    def test_main_line_wins_within_one_response(self, claude_home):
        """Of two lines of one response the one outside the side-chain gives the attribution."""
        write(
            claude_home,
            "p/s.jsonl",
            [
                assistant(isSidechain=True, sessionId="side"),
                assistant(timestamp="2026-06-01T10:00:09.000Z"),
            ],
        )
        event = only(messages(claude_home))
        assert (event.is_sidechain, event.session_id, event.ts_ms) == (
            False,
            SESSION,
            1_780_308_005_120,
        )

    def test_resume_appends_and_is_read_from_there(self, claude_home):
        """A resumed session's file is read from where it ended, without repeating anything."""
        write(claude_home, "p/s.jsonl", [assistant()])
        cursors = {}
        assert len(messages(claude_home, cursors=cursors)) == 1
        assert messages(claude_home, cursors=cursors) == []
        write(claude_home, "p/s.jsonl", [assistant("msg_B", request="req_B")])
        assert only(messages(claude_home, cursors=cursors)).message_id == "msg_B"


class TestAgents:
    def test_agent_type_of_the_sidecar(self, claude_home):
        """The sidecar beside a sub-agent's transcript names the agent, nested ones too."""
        for place in ("p/S/subagents/agent-a1", "p/S/subagents/deep/agent-b2"):
            path = write(
                claude_home,
                f"{place}.jsonl",
                [assistant(f"msg_{place}", isSidechain=True, content=[tool_use(f"t_{place}")])],
            )
            Path(path.replace(".jsonl", ".meta.json")).write_text(
                json.dumps({"agentType": "reviewer" if "deep" in place else "Explore"})
            )
        found = events(claude_home)
        assert sorted((e.event_type, e.agent) for e in found) == [
            ("message_usage", "Explore"),
            ("message_usage", "reviewer"),
            ("tool_usage", "Explore"),
            ("tool_usage", "reviewer"),
        ]
        assert {event.session_id for event in found} == {SESSION}

    @pytest.mark.parametrize(
        ("name", "meta", "attribution", "agent"),
        [
            ("p/S/subagents/agent-a1.jsonl", None, "general-purpose", "general-purpose"),
            ("p/S/subagents/agent-a1.jsonl", "{}", None, "agent"),
            ("p/S/subagents/agent-a1.jsonl", "{broken", None, "agent"),
            ("p/S/subagents/agent-acompact-12ef.jsonl", None, None, "compact"),
            ("p/S/subagents/agent-a-12ef.jsonl", None, None, "agent"),
            ("p/S/subagents/other.jsonl", None, None, "agent"),
            ("p/agent-12ef.jsonl", None, None, "agent"),
        ],
    )
    def test_agent_without_sidecar(self, claude_home, name, meta, attribution, agent):
        """Without a sidecar the line, then the file's name, then the word `agent` names it."""
        path = write(claude_home, name, [assistant(attributionAgent=attribution)])
        if meta is not None:
            Path(path.replace(".jsonl", ".meta.json")).write_text(meta)
        assert only(messages(claude_home)).agent == agent

    def test_progress_wrappers_are_read(self, claude_home):
        """An answer that is only in an `agent_progress` line counts, in the outer session."""
        inner = {
            "type": "assistant",
            "timestamp": "2026-06-01T10:01:00.000Z",
            "requestId": "req_B",
            "isSidechain": True,
            "message": {
                "id": "msg_B",
                "model": "claude-haiku-4-5",
                "usage": {"input_tokens": 0, "output_tokens": 10, "cache_read_input_tokens": 20},
                "content": [tool_use("toolu_9")],
            },
        }
        outer = {
            "type": "progress",
            "sessionId": SESSION,
            "cwd": "/home/dev/shop",
            "version": "2.1.100",
            "gitBranch": "main",
            "timestamp": "2026-06-01T10:02:00.000Z",
            "data": {"type": "agent_progress", "message": inner},
        }
        loose = json.loads(json.dumps(outer))
        loose["data"]["message"]["isSidechain"] = "yes"
        loose["data"]["message"]["message"]["id"] = "msg_C"
        untimed = json.loads(json.dumps(outer))
        del untimed["data"]["message"]["timestamp"]
        untimed["data"]["message"]["message"]["id"] = "msg_D"
        other = {"type": "progress", "data": {"type": "hook_progress", "message": inner}}
        odd = {"type": "progress", "data": ["usage", {"usage": {}}]}
        odder = {"type": "progress", "usage": {}, "data": 5}
        none = {"type": "progress", "usage": {}}
        write(claude_home, "p/s.jsonl", [outer, loose, untimed, other, odd, odder, none])
        found = messages(claude_home)
        assert [(e.message_id, e.session_id, e.cwd, e.branch) for e in found] == [
            (message_id, SESSION, "/home/dev/shop", "main")
            for message_id in ("msg_B", "msg_C", "msg_D")
        ]
        assert (found[0].is_sidechain, found[0].cache_read, found[0].agent) == (True, 20, "agent")
        assert [event.ts_ms for event in found] == [1_780_308_060_000] * 2 + [1_780_308_120_000]

    def test_progress_without_inner_type_is_read(self, claude_home):
        """Some versions leave the inner type out; what has usage is an answer."""
        inner = assistant("msg_B")
        del inner["type"]
        row = {"type": "progress", "data": {"type": "agent_progress", "message": inner}}
        write(claude_home, "p/s.jsonl", [row])
        assert only(messages(claude_home)).message_id == "msg_B"


class TestTools:
    def test_failed_result_marks_its_call(self, claude_home):
        """A tool result with an error makes the call of the same id an error."""
        write(
            claude_home,
            "p/s.jsonl",
            [
                assistant(content=[tool_use("toolu_1"), tool_use("toolu_2")]),
                tool_result("toolu_1", is_error=True),
                tool_result("toolu_2", is_error=False),
                tool_result("", is_error=True),
                {
                    **tool_result("x", is_error=True),
                    "message": {"content": "text"},
                    "is_error": True,
                },
            ],
        )
        found = [event for event in events(claude_home) if event.event_type == TOOL_USAGE]
        assert [(e.tool_call_id, e.status) for e in found] == [
            ("toolu_1", STATUS_ERROR),
            ("toolu_2", STATUS_OK),
        ]

    def test_failed_result_behind_the_seam(self, claude_home):
        """A result that arrives after its call was stored is reported under the call's id."""
        cursors = {}
        write(claude_home, "p/s.jsonl", [assistant(content=[tool_use("toolu_1")])])
        events(claude_home, cursors=cursors)
        write(claude_home, "p/s.jsonl", [tool_result("toolu_1", is_error=True)])
        late = only(events(claude_home, cursors=cursors))
        assert (late.event_type, late.tool_call_id, late.status) == (
            TOOL_USAGE,
            "toolu_1",
            STATUS_ERROR,
        )
        write(claude_home, "p/s.jsonl", [tool_result("toolu_1", is_error=True, timestamp=None)])
        assert events(claude_home, cursors=cursors) == []

    def test_mcp_calls_name_server_and_function(self, claude_home):
        """An MCP tool's event names its server and function."""
        write(claude_home, "p/s.jsonl", [assistant(content=[tool_use("t", "mcp__gh__list")])])
        event = events(claude_home)[1]
        assert (event.tool_name, event.mcp_server, event.mcp_function) == (
            "mcp__gh__list",
            "gh",
            "list",
        )

    def test_no_text_travels(self, claude_home):
        """Nothing of prompts, answers, commands, file contents or paths is in any event."""
        write(
            claude_home,
            "p/s.jsonl",
            [
                assistant(
                    content=[
                        {"type": "text", "text": "secret answer"},
                        {"type": "thinking", "thinking": "secret thought"},
                        tool_use("t1", "Write", file_path="/secret/a.py", content="secret"),
                        tool_use("t2", "Bash", command="secret"),
                    ]
                ),
                tool_result("t2", is_error=True),
            ],
        )
        assert "secret" not in repr(events(claude_home))


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
