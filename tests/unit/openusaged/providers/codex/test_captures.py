"""Real logs of three versions of Codex against what the mock model server served."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from openusaged.core.models import total_tokens
from openusaged.providers.codex import PROVIDER
from openusaged.providers.codex.hook import hook
from tests.support.codex_log import CAPTURES, buckets, capture_home, machine, read_home

NAMES = ("exec-0.98.0", "fork-0.145.0", "exec-0.169.0")
EPHEMERAL = "01a202b7-1dd3-7973-935c-4723fbd1e47f"


def _expected(name):
    return json.loads((CAPTURES / name / "expected.json").read_text())


def _messages(name):
    found = read_home(capture_home(name))
    return [each for (kind, _), each in found.items() if kind == "message_usage"]


@pytest.mark.parametrize("name", NAMES)
def test_capture_sums_per_bucket_equal_what_was_served(name):
    """Every bucket of the logs sums to the server's ledger, less what was never written down."""
    expected = _expected(name)
    served = Counter(expected["served_total"])
    # an ephemeral thread leaves no file
    served.subtract(expected["served_by_thread-id"].get(EPHEMERAL, {}))
    sums = Counter()
    for each in _messages(name):
        fresh, read, written, out, reasoning = buckets(each)
        sums.update(
            input=fresh,
            cache_read=read,
            cache_write=written,
            output=out,
            reasoning=reasoning,
            requests=each.requests,
        )
    assert dict(sums) == dict(served)


@pytest.mark.parametrize(
    ("name", "totals"),
    [
        ("exec-0.98.0", {"01a202b7-3eb8-7143-a5cd-d561db732054": 8768}),
        (
            "fork-0.145.0",
            {
                "01a202b8-932e-70d1-b86e-49ec1a5e886d": 4384,
                "01a202b8-b3aa-7022-858b-b3152baf3d27": 4384,
            },
        ),
        (
            "exec-0.169.0",
            {
                "01a202b7-16c4-71b2-81bc-20f2d2b5da71": 9190,
                "01a202b7-1a18-78d2-bdc5-5447a7d5c1d9": 4595,
            },
        ),
    ],
)
def test_capture_total_per_thread_equals_ground_truth(name, totals):
    """Each thread has exactly its own tokens: no repeats, nothing of its parent."""
    sums = Counter()
    for each in _messages(name):
        sums[each.session_id] += total_tokens(each)
    assert dict(sums) == totals


@pytest.mark.parametrize("name", NAMES)
def test_capture_read_as_archive_and_copy_counts_once(name, tmp_path):
    """A second home and an archived copy of the same chats add no event."""
    first, second = tmp_path / "a", tmp_path / "b"
    shutil.copytree(Path(capture_home(name)) / ".codex", first)
    shutil.copytree(first / "sessions", second / "archived_sessions")
    alone = read_home(tmp_path, CODEX_HOME=str(first))
    both = read_home(tmp_path, CODEX_HOME=f"{first},{second}")
    assert alone.keys() == both.keys()


@pytest.mark.parametrize("name", ["fork-0.145.0", "exec-0.169.0"])
def test_capture_hook_identities_equal_those_of_the_log(name):
    """A turn or tool call told by a hook has the identity of its row in the rollout."""
    home = capture_home(name)
    logged = set(read_home(home))
    told = set()
    for line in (CAPTURES / name / "hooks.jsonl").read_text().splitlines():
        entry = json.loads(line)
        payload = entry.get("payload")
        if not payload or entry.get("marker"):
            continue
        payload = json.loads(json.dumps(payload).replace("/home/user", home))
        for each in hook(payload, round(entry["t"] * 1000), machine(home)).events:
            if each.session_id != EPHEMERAL:
                told.add((each.event_type, each.tool_call_id or each.turn_id))
    assert told
    assert told <= logged


def test_capture_notify_without_rollout_is_no_turn():
    """A thread that leaves no rollout (a title thread) notifies, and nothing is counted."""
    home = capture_home("exec-0.169.0")
    for line in (CAPTURES / "exec-0.169.0" / "notify.jsonl").read_text().splitlines():
        payload = json.loads(line)
        result = hook(payload, 1, machine(home))
        assert bool(result.events) == (payload["thread-id"] != EPHEMERAL)
        assert bool(result.wake_paths) == (payload["thread-id"] != EPHEMERAL)


def test_capture_carries_no_text():
    """No prompt, answer or tool output of the logs is in any event."""
    for name in NAMES:
        for each in read_home(capture_home(name)).values():
            assert "hello-from-mock" not in repr(each)
            assert "All done." not in repr(each)


def test_exec_output_of_a_resumed_thread_counts_the_thread_once(tmp_path):
    """Saved runs of one thread report totals of the thread: the larger one is the truth."""
    for number in (1, 2):
        source = CAPTURES / "exec-0.169.0" / f"exec_{number}.jsonl"
        shutil.copy(source, tmp_path / f"run{number}.jsonl")
    here = machine(tmp_path, CODEX_HOME=str(tmp_path))
    (one,) = PROVIDER.discover(here)
    seen = []
    for unit in PROVIDER.units(one, here):
        for chunk in PROVIDER.collect(one, unit, None, _context(here)):
            seen += chunk.events
    assert len({each.message_id for each in seen}) == 1
    assert max(buckets(each) for each in seen) == (340, 8248, 422, 180, 34)


def _context(here):
    from openusaged.providers.base import CollectContext

    return CollectContext(machine=here)
