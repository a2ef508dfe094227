"""Transcripts: the real ones of the captures, and one hand-worked fixture for every trap."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openusaged.core.models import MESSAGE_USAGE, STATUS_ERROR, STATUS_OK, TOOL_USAGE, total_tokens
from openusaged.providers.claude_code.records import TranscriptReader
from tests.unit.openusaged.providers.claude_code.transcripts import (
    SESSION,
    assistant,
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

CAPTURES = Path(__file__).parents[4] / "data" / "providers" / "claude_code" / "captures"
BUCKETS = ("input", "cache_read", "cache_write", "output")


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
