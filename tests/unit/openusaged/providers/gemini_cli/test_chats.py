"""What growing, rewritten and headless records of the Gemini CLI bring."""

from __future__ import annotations

import pytest

from openusaged.core.errors import ProviderError
from openusaged.providers.base import CollectContext
from openusaged.providers.gemini_cli import PROVIDER
from tests.support.local_home import LocalHome

LOG = ".gemini/tmp/p/chats/session-1.jsonl"
DOCUMENT = ".gemini/tmp/p/chats/session-1.json"
HEADER = {"sessionId": "s", "startTime": "2026-06-01T10:00:00Z"}


def message(number: int, output: int, **more: object) -> dict[str, object]:
    return {
        "id": f"m{number}",
        "type": "gemini",
        "timestamp": f"2026-06-01T10:00:{number:02}Z",
        "tokens": {"input": 10, "output": output, "total": 10 + output},
        **more,
    }


def document(*messages: object) -> dict[str, object]:
    return {**HEADER, "messages": list(messages)}


@pytest.fixture
def home(tmp_path):
    """An empty home with the directory of the Gemini CLI."""
    return LocalHome(PROVIDER, tmp_path)


def test_log_goes_on_with_what_it_knew(home):
    """Lines appended later belong to the session and the model of the lines before them."""
    home.write(LOG, HEADER, message(1, 5, model="gemini-2.5-pro"))
    assert [event.output for event in home.read()] == [5]
    home.append(LOG, message(2, 7))
    [event] = home.read()
    assert (event.session_id, event.model, event.output) == ("s", "gemini-2.5-pro", 7)


def test_message_that_grows_counts_once(home):
    """A message written again with more tokens replaces what was counted of it."""
    home.write(LOG, HEADER, message(1, 5), message(1, 9))
    [event] = home.counted()
    assert event.output == 9


def test_rewritten_document_brings_only_news(home):
    """A document that was rewritten with one more message brings that one."""
    home.write(DOCUMENT, document(message(1, 5)))
    assert len(home.read()) == 1
    home.write(DOCUMENT, document(message(1, 5), message(2, 7)))
    assert [event.output for event in home.read()] == [7]


def test_document_and_log_of_one_session_are_one(home):
    """A chat that was resumed under a newer version is not counted twice."""
    home.write(DOCUMENT, document(message(1, 5)))
    home.write(LOG, HEADER, message(1, 5), message(2, 7))
    assert [event.output for event in home.counted()] == [5, 7]


def test_half_written_document_is_reported_and_read_later(home):
    """What is being written is unreadable for now and loses nothing."""
    home.write(DOCUMENT, '{"sessionId": "s", "messages": [')
    with pytest.raises(ProviderError, match=r"session-1\.json"):
        home.read()
    home.write(DOCUMENT, document(message(1, 5)))
    assert len(home.read()) == 1


@pytest.mark.parametrize("wrapped", [False, True])
def test_output_of_a_run_without_terminal(home, wrapped):
    """Sums per model of a kept headless output count as one event a model."""
    stats = {
        "models": {
            "gemini-2.5-pro": {
                "api": {"totalRequests": 3},
                "tokens": {
                    "prompt": 100,
                    "candidates": 50,
                    "cached": 20,
                    "thoughts": 5,
                    "total": 155,
                },
            },
            "gemini-2.5-flash": {"tokens": "odd"},
            "none": None,
        }
    }
    body = {"session_id": "h-1", "lastUpdated": "2026-06-01T10:00:00Z", "stats": stats}
    home.write(".gemini/tmp/p/chats/run.json", {"result": body} if wrapped else body)
    [event] = home.counted()
    assert (event.session_id, event.model, event.requests) == ("h-1", "gemini-2.5-pro", 3)
    assert (event.input, event.cache_read, event.output, event.reasoning) == (80, 20, 55, 5)


def test_sums_are_not_added_to_messages(home):
    """A document with both messages and sums is counted by its messages."""
    stats = {"models": {"m": {"tokens": {"prompt": 100, "candidates": 50, "total": 150}}}}
    home.write(DOCUMENT, {**document(message(1, 5)), "stats": stats})
    assert [event.output for event in home.counted()] == [5]


def test_call_without_id_and_time_belongs_to_its_message(home):
    """A tool call is known by its place when it has no id, and has its message's time."""
    call = {"name": "glob", "status": "executing"}
    home.write(LOG, HEADER, message(1, 5, toolCalls=[call, "odd"]), "[]\n", "not json\n")
    [usage, tool] = home.read()
    assert (tool.tool_call_id, tool.ts_ms, tool.status) == ("s:m1:tc0", usage.ts_ms, "unknown")


def test_message_id_that_names_its_session_is_kept(home):
    """An id with a colon is unique already."""
    home.write(LOG, HEADER, {**message(1, 5), "id": "s:m1"})
    assert [event.message_id for event in home.read()] == ["s:m1"]


def test_no_text_is_kept(home):
    """Neither prompts nor answers, arguments or results are in any event."""
    call = {
        "id": "c",
        "name": "write_file",
        "displayName": "PLANTED",
        "args": {"file_path": "PLANTED.py", "content": "PLANTED"},
        "result": [{"text": "PLANTED"}],
        "resultDisplay": {"fileDiff": "PLANTED"},
    }
    home.write(LOG, HEADER, message(1, 5, content="PLANTED", toolCalls=[call]))
    events = home.read()
    assert len(events) == 2
    assert "PLANTED" not in repr(events)


@pytest.mark.parametrize("vanished", [True, False])
def test_document_that_cannot_be_read(home, vanished):
    """A document deleted since it was listed brings nothing, one that is no file is reported."""
    place = home.write(DOCUMENT, document(message(1, 5)))
    units = list(PROVIDER.units(home.account, home.machine))
    place.unlink()
    collect = PROVIDER.collect(home.account, units[0], None, CollectContext(machine=home.machine))
    if vanished:
        assert list(collect) == []
    else:
        place.mkdir()
        with pytest.raises(ProviderError, match=r"session-1\.json"):
            list(collect)
