"""
What real agents left on disk, read by the real daemon, equals what the model server had served.

The captures lie under tests/data/providers/<provider>/captures/; their `expected.json` is the
server's own ledger in its own words (`input` fresh, `output` with reasoning).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Counts, counts_of, settle
from tests.support.daemon import Daemon

pytestmark = pytest.mark.e2e

PROVIDERS = Path(__file__).parents[1] / "data" / "providers"
CAPTURES = sorted(path.parent for path in PROVIDERS.glob("*/captures/*/expected.json"))
NAMES = {
    "claude_code/headless-2.1.330",
    "claude_code/interactive-2.1.330",
    "codex/exec-0.169.0",
    "codex/exec-0.98.0",
    "codex/fork-0.145.0",
    "opencode/run-1.18.33",
    "opencode/run-1.1.11",
}


def name_of(capture: Path) -> str:
    """`provider/scenario-version`."""
    return f"{capture.parents[1].name}/{capture.name}"


def sums(counts: dict[str, int]) -> Counts:
    """The ledger's words in our order."""
    return (counts["input"], counts["cache_read"], counts["cache_write"], counts["output"])


def ground_truth(capture: Path) -> Counts:
    """What a correct reader can recover of what was served."""
    expected: dict[str, Any] = json.loads((capture / "expected.json").read_text(encoding="utf-8"))
    provider = capture.parents[1].name
    if provider == "claude_code":
        # calls of /compact have no row: the ledger says what is on disk apart from what was served
        recoverable = expected.get("recoverable_from_transcripts_dedup_by_message_id_max_output")
        return sums(recoverable or expected["served_total"])
    if provider == "codex":
        threads = expected["served_by_thread-id"]
        on_disk = {
            path.stem[-36:] for path in (capture / "home").rglob("rollout-*.jsonl")
        }  # ephemeral threads leave no file
        rows = [sums(row) for key, row in threads.items() if key in on_disk or key == "none"]
        return tuple(map(sum, zip(*rows, strict=True)))  # type: ignore[return-value]
    if "assistant_rows_in_db" in expected:
        rows = expected["assistant_rows_in_db"]["without_fork_copies"]
        return sums({**rows, "output": rows["output"] + rows["reasoning"]})
    return sums(expected["served_by_kind"]["main"])


def test_all_captures_are_there() -> None:
    """None of the captured scenarios has been left out of the project."""
    assert {name_of(capture) for capture in CAPTURES} >= NAMES


@pytest.mark.parametrize("capture", CAPTURES, ids=name_of)
def test_capture_equals_its_ledger(home: Path, daemon: Daemon, capture: Path) -> None:
    """Read once, read again and after a restart: the tokens served, no more and no less."""
    shutil.copytree(capture / "home", home, dirs_exist_ok=True)
    expected = ground_truth(capture)
    daemon.start()
    settle(daemon)
    assert totals(daemon) == expected
    daemon.restart(kill=True)
    daemon.call("refresh", wait=True)
    assert totals(daemon) == expected


def totals(daemon: Daemon) -> Counts:
    """Everything the daemon holds."""
    return counts_of(daemon.call("read_model", window="all", tz="UTC")["totals"])
