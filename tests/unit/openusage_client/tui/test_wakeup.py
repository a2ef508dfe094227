"""The pipe that wakes a select."""

from __future__ import annotations

import os
import select

from openusage_client.tui.wakeup import WakePipe


def test_wake_makes_it_readable_once():
    """A wake-up is seen, and after draining the pipe is quiet."""
    pipe = WakePipe()
    pipe.wake()
    pipe.wake()
    assert select.select([pipe], [], [], 0)[0] == [pipe]
    assert pipe.drain() == b"\0\0"
    assert select.select([pipe], [], [], 0)[0] == []
    assert pipe.drain() == b""
    pipe.close()


def test_a_full_pipe_does_not_block():
    """A wake-up that does not fit is not needed: one is pending."""
    pipe = WakePipe()
    try:
        while True:
            os.write(pipe.write_fd, bytes(4096))
    except BlockingIOError:
        pipe.wake()
    assert pipe.drain()
    pipe.close()


def test_wake_after_the_end_does_nothing():
    """A thread whose answer comes late neither fails nor writes into somebody else's file."""
    pipe = WakePipe()
    pipe.close()
    pipe.wake()
    pipe.close()
