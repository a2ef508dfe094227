"""
When each tool's hook last reported, also before the daemon was restarted.

The store merges what a hook and a log say of one turn, so it cannot tell; and a hook that has
fallen silent is what `doctor` has to explain.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Final

import msgspec

from openusaged.config import atomic_file

log = logging.getLogger(__name__)

WRITE_EVERY_MS: Final = 60_000
"""A file write per minute at most while hooks report, none while they do not."""


class HookNews:
    """Written by any thread; the file is read once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._last = _read(path)
        self._written = dict(self._last)

    def note(self, source: str, at_ms: int) -> None:
        """A hook of a tool has reported."""
        source = source.strip().lower()
        with self._lock:
            if at_ms <= self._last.get(source, 0):
                return
            self._last[source] = at_ms
            due = at_ms - self._written.get(source, 0) >= WRITE_EVERY_MS
        if due:
            self.save()

    def last_ms(self, source: str) -> int | None:
        """When it reported last, None when it never has."""
        return self._last.get(source)

    def save(self) -> None:
        """Keep it for the next start; a failure costs only that."""
        with self._lock:
            if self._last == self._written:
                return
            self._written = dict(self._last)
            data = msgspec.json.encode(self._written)
        try:
            atomic_file.replace(self._path, data + b"\n", 0o600)
        except OSError as error:
            log.warning("event=hook_times_not_kept error=%s", error)


def _read(path: str) -> dict[str, int]:
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(1 << 16), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        log.info("event=hook_times_unreadable path=%s", os.path.basename(path))
        return {}
