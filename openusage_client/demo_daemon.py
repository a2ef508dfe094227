"""
Keeps the demo's daemon for exactly as long as the demo: `python -m openusage_client.demo_daemon`.

A process of its own, because a client that is killed with SIGKILL cannot clean up.  Its stdin is a
pipe whose other end only the client holds: however the client ends, the pipe does too, on every
system.  Then the daemon is stopped and, where a directory is named, that is removed.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

STOP_DEADLINE_S: Final = 6.0


def main(arguments: Sequence[str]) -> int:
    """
    Run the daemon until stdin ends or the daemon does, and return the daemon's exit code.

    Args:
        arguments: the directory to remove at the end; none to leave everything.
    """
    daemon = subprocess.Popen(
        [sys.executable, "-P", "-m", "openusaged", "run"], stdin=subprocess.DEVNULL
    )
    ended, end = os.pipe()

    def watch() -> None:
        daemon.wait()
        os.close(end)

    watcher = threading.Thread(target=watch)
    watcher.start()
    # Nobody ever writes into either: readable means that the other side is gone.
    over, _, _ = select.select([sys.stdin.fileno(), ended], [], [])
    stop(daemon)
    watcher.join()
    os.close(ended)
    if sys.stdin.fileno() in over:
        # Where the daemon ended by itself, the client still wants to read its log.
        for directory in arguments:
            shutil.rmtree(directory, ignore_errors=True)
    return daemon.returncode


def stop(process: subprocess.Popen[bytes], deadline_s: float = STOP_DEADLINE_S) -> None:
    """End a process, by force when it does not listen."""
    process.terminate()
    try:
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
