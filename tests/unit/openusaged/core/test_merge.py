"""Merging reports of one event."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusaged.core.merge import CountedEvent, count, is_other_response, merge
from openusaged.core.models import CHANNEL_PRIORITY, STATUSES
from tests.support.stored_events import prepared

small = st.one_of(st.none(), st.integers(0, 3))


@st.composite
def reports(draw) -> CountedEvent:
    """A report of one and the same event; whoever names its owner names the same one."""
    calc = draw(small)
    return count(
        prepared(
            ts_ms=draw(st.integers(0, 3)),
            channel=draw(st.sampled_from(sorted(CHANNEL_PRIORITY))),
            session_id=draw(st.sampled_from(["", "s"])),
            account_id=draw(st.sampled_from(["", "a"])),
            branch=draw(st.sampled_from(["", "main"])),
            model=draw(st.sampled_from(["", "m-1", "m-2"])),
            status=draw(st.sampled_from(STATUSES)),
            input=draw(small),
            output=draw(small),
            cache_read=draw(small),
            requests=draw(small),
            cost_nano=draw(small),
            currency=draw(st.sampled_from(["USD", "EUR"])),
            output_is_lower_bound=draw(st.booleans()),
            calc_nano=calc,
            price_source="" if calc is None else draw(st.sampled_from(["custom", "approximate"])),
        )
    )


def shown(event: CountedEvent) -> CountedEvent:
    """Without the bookkeeping of fields nobody knows."""
    return msgspec.structs.replace(
        event,
        priorities=0,
        output_is_lower_bound=event.output_is_lower_bound and event.output is not None,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(reports(), min_size=1, max_size=3))
def test_merge_any_order_gives_the_same_event(events) -> None:
    """Every order of the same reports ends in the same event, numbers and names alike."""
    results = set()
    for order in itertools.permutations(events):
        merged = order[0]
        for event in order[1:]:
            merged = merge(merged, event)
        results.add(msgspec.json.encode(shown(merged)))
    assert len(results) == 1


@settings(max_examples=60, deadline=None)
@given(reports(), reports(), reports())
def test_merge_grouping_does_not_matter(first, second, third) -> None:
    """Merging is associative, so partial merges may be merged."""
    left = merge(merge(first, second), third)
    right = merge(first, merge(second, third))
    assert shown(left) == shown(right)


@settings(max_examples=60, deadline=None)
@given(reports(), reports())
def test_merge_repetition_changes_nothing(first, second) -> None:
    """A report that was merged before gives back the very same object: nothing is written."""
    merged = merge(first, second)
    assert merge(merged, second) is merged
    assert merge(merged, first) is merged
    assert merge(first, first) is first


def test_merge_streaming_lines_keep_the_largest() -> None:
    """Later lines of a streamed message raise the output, whichever is read first."""
    early, late = count(prepared(output=1)), count(prepared(output=300, input=9, calc_nano=900))
    for merged in (merge(early, late), merge(late, early)):
        assert (merged.output, merged.input, merged.calc_nano) == (300, 10, 900)


def test_merge_higher_channel_replaces_and_lower_fills() -> None:
    """A hook's smaller number beats the log's; the log fills what the hook does not know."""
    log = count(prepared(output=300, cache_read=7))
    hook = count(prepared(channel="hook", output=200, cache_read=None, calc_nano=None))
    for merged in (merge(log, hook), merge(hook, log)):
        assert (merged.output, merged.cache_read, merged.calc_nano) == (200, 7, 100)


@pytest.mark.parametrize(
    ("channel", "stored", "incoming", "result"),
    [
        ("jsonl", "ok", "error", "error"),
        ("hook", "ok", "error", "error"),
        ("api", "ok", "error", "ok"),
        ("jsonl", "ok", "aborted", "aborted"),
        ("jsonl", "error", "ok", "error"),
        ("hook", "error", "unknown", "error"),
        ("api", "unknown", "ok", "ok"),
    ],
)
def test_merge_status_follows_priority_then_severity(channel, stored, incoming, result) -> None:
    """Failure beats success from an equal or higher channel; unknown gives way to anything."""
    merged = merge(
        count(prepared(status=stored)), count(prepared(status=incoming, channel=channel))
    )
    assert merged.status == result


def test_merge_main_agent_takes_over_from_a_side_chain() -> None:
    """A side-chain's replay never owns the parent's message, whichever comes first."""
    replay = count(prepared(is_sidechain=True, agent="explorer", session_id="child"))
    own = count(prepared(session_id="parent"))
    for merged in (merge(replay, own), merge(own, replay)):
        assert (merged.session_id, merged.agent, merged.is_sidechain) == ("parent", "", False)
    nameless = count(prepared(session_id=""))
    assert merge(replay, nameless).session_id == "child"
    same = count(prepared(is_sidechain=True, session_id="child"))
    assert merge(same, replay).agent == "explorer"
    assert merge(merge(replay, same), own).session_id == "parent"
    quiet = count(prepared(is_sidechain=True, session_id="parent"))
    assert merge(quiet, own).is_sidechain is False


def test_merge_replays_do_not_lend_their_request_id() -> None:
    """A replay's request id is not the response's: the log's later lines still merge."""
    replay = count(prepared(is_sidechain=True, request_id="r9"))
    hook = count(prepared(channel="hook", request_id="", output=None))
    line = count(prepared(output=50, ts_ms=1))
    for merged in (merge(replay, hook), merge(hook, replay)):
        assert not is_other_response(merged, line)
        assert merge(merged, line).response == line.response


def test_merge_copies_do_not_move_history() -> None:
    """A copy under another session and account leaves the event where it was."""
    stored = count(prepared())
    assert merge(stored, count(prepared(session_id="fork", account_id="copy"))) is stored


def test_merge_fills_blanks() -> None:
    """Ids and names that were unknown are taken from whoever knows them."""
    bare = count(
        prepared(provider="", account_id="", session_id="", request_id="", project="", model="")
    )
    full = count(prepared(branch="main"))
    merged = merge(bare, full)
    assert merged == full


def test_merge_exact_output_clears_the_lower_bound() -> None:
    """A trustworthy report of the output clears the flag; one without output does not."""
    bound = count(prepared(output_is_lower_bound=True))
    silent = count(prepared(output=None, output_is_lower_bound=False))
    assert merge(bound, silent).output_is_lower_bound
    assert not merge(bound, count(prepared())).output_is_lower_bound


def test_merge_recorded_cost_keeps_its_currency() -> None:
    """An amount and its currency are one value."""
    euro = count(prepared(cost_nano=5, currency="EUR"))
    dollar = count(prepared(cost_nano=9, currency="USD"))
    for merged in (merge(euro, dollar), merge(dollar, euro)):
        assert (merged.cost_nano, merged.currency) == (9, "USD")
    assert count(prepared(currency="EUR")).currency == ""


def test_merge_exact_estimate_beats_an_equal_approximate_one() -> None:
    """Of two equal estimates the one that is not flagged stays."""
    rough, exact = count(prepared(price_source="approximate")), count(prepared())
    for merged in (merge(rough, exact), merge(exact, rough)):
        assert merged.price_source == "custom"


STORED = {"request_id": "r1", "ts_ms": 1, "output": 5}


@pytest.mark.parametrize(
    ("incoming", "is_other"),
    [
        ({"request_id": "r2", "ts_ms": 2, "output": 6}, True),
        ({"request_id": "r1", "ts_ms": 2, "output": 6}, False),
        ({"request_id": "r2", "ts_ms": 1, "output": 6}, False),
        ({"request_id": "r2", "ts_ms": 2, "output": 5}, False),
        ({"request_id": "", "ts_ms": 2, "output": 6}, False),
        ({"request_id": "r2", "ts_ms": 2, "output": 6, "is_sidechain": True}, False),
    ],
)
def test_is_other_response_needs_request_time_and_counts(incoming, is_other) -> None:
    """A reused message id is a new response only if request, time and counts all differ."""
    stored, report = count(prepared(**STORED)), count(prepared(**incoming))
    assert is_other_response(stored, report) is is_other
    assert is_other_response(report, stored) is is_other


def test_count_unknown_channels_have_the_lowest_priority() -> None:
    """A channel nobody ranked never replaces a log's numbers."""
    stored = count(prepared())
    assert merge(stored, count(prepared(channel="carrier-pigeon", output=999))) is stored


def test_count_client_defaults_to_the_source() -> None:
    """An event without a client belongs to its source's tool."""
    assert count(prepared(client="")).client == "claude_code"
