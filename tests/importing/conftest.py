"""What both imports are run against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.claude_line import line
from tests.support.daemon import Daemon, running_daemon
from tests.support.waiting import wait_until


@pytest.fixture
def daemon(isolated_home: str) -> Iterator[Daemon]:
    """A daemon that has read a log of two responses on 1 November 2026."""
    project = Path(isolated_home) / ".claude" / "projects" / "-w"
    project.mkdir(parents=True)
    (project / "s1.jsonl").write_text(line(1) + line(2))
    with running_daemon() as running:
        assert wait_until(lambda: running.call("status")["events"]["stored"] == 2)
        yield running
