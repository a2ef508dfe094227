"""
A pipe that wakes a thread blocked in select, from another thread or from a signal.

Separate because curses offers no safe way to wake its own blocking read.
"""

from __future__ import annotations

import os
import threading
from typing import Final

NEWS: Final = 0
"""The byte of a plain wake-up; a signal's byte is its number."""


class WakePipe:
    """
    A non-blocking self-pipe.

    A full pipe means that a wake-up is pending anyway, so a byte that does not fit is dropped.
    """

    def __init__(self) -> None:
        self._read, self.write_fd = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self.write_fd, False)
        self._closing = threading.Lock()
        self._closed = False

    def fileno(self) -> int:
        """The end to select on."""
        return self._read

    def wake(self) -> None:
        """Make the pipe readable; safe from any thread."""
        with self._closing:
            if self._closed:
                # A slow answer that comes when the dashboard has gone wakes nobody.
                return
            try:
                os.write(self.write_fd, bytes((NEWS,)))
            except (BlockingIOError, BrokenPipeError):
                return

    def drain(self) -> bytes:
        """Everything written since the last call."""
        try:
            return os.read(self._read, 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Close both ends; later wake-ups do nothing."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            os.close(self._read)
            os.close(self.write_fd)
