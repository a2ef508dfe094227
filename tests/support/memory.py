"""Where tests that commit thousands of times and fear no power cut keep their files."""

from __future__ import annotations

import os

_SHARED_MEMORY = "/dev/shm"  # looked for, not relied on


def in_memory() -> str | None:
    """A directory in memory for `tempfile`, None (its own choice) on a system without one."""
    return _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else None
