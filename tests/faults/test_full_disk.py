"""A disk on which nothing more can be written, for a while."""

from __future__ import annotations

import resource
from pathlib import Path

from tests.support.claude_line import line
from tests.support.daemon import forbid_polling, running_daemon
from tests.support.waiting import wait_until

RECOVERY_S = 40.0


def test_logs_that_could_not_be_stored_are_read_again(isolated_home: str) -> None:
    """What an agent wrote while the disk was full is counted once there is room, by itself."""
    forbid_polling()
    log = Path(isolated_home) / ".claude" / "projects" / "-w-api" / "s.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(line(1))
    with running_daemon() as daemon:

        def requests() -> int:
            count: int = daemon.call("read_model", window="all")["totals"]["requests"]
            return count

        wait_until(lambda: requests() == 1, what="the first row")
        daemon.wait_idle()
        # A file may not grow: to the database the same as a disk without room.
        unlimited = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
        with log.open("a") as file:
            file.write(line(2))
        wait_until(
            lambda: any(source["error"] for source in daemon.call("status")["sources"]),
            10.0,
            "a sentence about it",
        )
        assert requests() == 1
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, unlimited)
        wait_until(lambda: requests() == 2, RECOVERY_S, "the second row")
