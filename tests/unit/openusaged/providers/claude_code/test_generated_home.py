"""A generated home with every trap of the format against the plan it was written from."""

from __future__ import annotations

import collections
import os
import random
import shutil

import pytest

from openusaged.core.identity import identity_of, reuse_identity_of
from openusaged.core.merge import CountedEvent, count, is_other_response, merge
from openusaged.core.models import MESSAGE_USAGE, STATUS_ERROR, TOOL_USAGE, PreparedEvent
from tests.support.corpus import build
from tests.unit.openusaged.providers.claude_code.transcripts import events

BUCKETS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    home = tmp_path_factory.mktemp("generated")
    return str(home), build(home, seed=5)


def stored(found):
    """What the store keeps of these events, by the rules of `core`."""
    kept: dict[int, CountedEvent] = {}
    for event in found:
        identity, reuse = identity_of(event), reuse_identity_of(event)
        counted = count(PreparedEvent(event=event, identity=identity, reuse_identity=reuse))
        if identity in kept and is_other_response(kept[identity], counted):
            identity = reuse
        kept[identity] = merge(kept[identity], counted) if identity in kept else counted
    return list(kept.values())


def check(kept, truth):
    calls = [call for call in truth.calls if call.source == "claude_code"]
    responses = [e for e in kept if e.event_type == MESSAGE_USAGE and e.status != STATUS_ERROR]

    def figures(found, session):
        return sorted(
            (one.ts_ms, one.model, one.provider, session(one), *(getattr(one, b) for b in BUCKETS))
            for one in found
        )

    assert figures(responses, lambda e: "") == figures(calls, lambda c: "")
    tools = [tool for tool in truth.tools if tool.source == "claude_code"]
    assert collections.Counter(
        (e.tool_name, e.status == STATUS_ERROR) for e in kept if e.event_type == TOOL_USAGE
    ) == collections.Counter((tool.name, tool.failed) for tool in tools)


def test_first_import_is_exact(generated):
    """Every response, to the token and the millisecond, every tool call, and no text at all."""
    home, truth = generated
    found = events(os.path.join(home, ".claude"), limit=50)
    check(stored(found), truth)
    said = repr(found)
    assert [canary for canary in truth.canaries if canary in said] == []


@pytest.mark.parametrize("seed", range(3))
def test_growing_files_are_exact(generated, tmp_path, seed):
    """Files that are read while they grow, cut anywhere, in any order and twice, add up alike."""
    home, truth = generated
    rng = random.Random(seed)
    source = os.path.join(home, ".claude")
    copy = str(tmp_path / ".claude")
    shutil.copytree(source, copy, symlinks=True)
    whole = {}
    for directory, _, names in os.walk(os.path.join(copy, "projects")):
        for name in names:
            if name.endswith(".jsonl") and not os.path.islink(os.path.join(directory, name)):
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    whole[path] = file.read()
    cursors = {}
    found = []
    cuts = {path: sorted(rng.sample(range(len(data) + 1), 3)) for path, data in whole.items()}
    for step in range(4):
        for path, data in whole.items():
            with open(path, "r+b") as file:
                file.write(data[: cuts[path][step]] if step < 3 else data)
                file.truncate()
        found += events(copy, cursors=cursors, limit=rng.choice((1, 7, 2000)))
    found += events(source)
    check(stored(found), truth)
