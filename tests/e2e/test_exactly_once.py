"""A thousand hooks, fifty at a time, while the daemon is killed and started: each counts once."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from tests.support import hooks
from tests.support.client import settle
from tests.support.daemon import Daemon

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]

HOOKS = 1_000
AT_ONCE = 50
STOP_EVERY = 10
KILL_AT = (150, 380, 620, 840)
START_AT = (220, 430, 700, 860)


def payload(number: int, transcript: str) -> dict[str, Any]:
    """The payload of one hook: nine tool calls to one end of a turn, all with ids of their own."""
    session = f"session-{number % 7}"
    if number % STOP_EVERY == 0:
        return hooks.stop(session, f"prompt-{number}", transcript=transcript)
    return hooks.post_tool_use(session, f"toolu_{number:06d}", transcript=transcript)


def test_every_hook_is_stored_once(home: Path, daemon: Daemon) -> None:
    """No hook says anything, fails or is lost, and none is stored twice, whatever the daemon does."""
    transcript = home / ".claude" / "projects" / "-home-dev-shop" / "session-0.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.touch()
    daemon.start()
    running: deque[subprocess.Popen[bytes]] = deque()
    for number in range(HOOKS):
        if number in KILL_AT:
            daemon.kill()
        if number in START_AT:
            daemon.start()
        while len(running) >= AT_ONCE:
            hooks.finish_hook(running.popleft())
        running.append(
            hooks.start_hook(hooks.CLAUDE_HOOK, os.environ, payload(number, str(transcript)))
        )
    while running:
        hooks.finish_hook(running.popleft())
    settle(daemon)
    check_stored(daemon)
    daemon.restart(kill=True)
    settle(daemon)
    check_stored(daemon)


def check_stored(daemon: Daemon) -> None:
    """Exactly the hooks' events are there, and nothing is left over."""
    model = daemon.call("read_model", window="all", tz="UTC")
    usages = [account["usage"] for account in model["accounts"] if account["usage"]]
    assert sum(row["calls"] for usage in usages for row in usage["tools"]) == HOOKS * 9 // 10
    assert sum(usage["turns"] for usage in usages) == HOOKS // STOP_EVERY
    status = daemon.call("status")
    assert status["events"]["stored"] == HOOKS
    assert status["spool"] == {"pending": 0, "rejected": 0, "dropped": 0}
