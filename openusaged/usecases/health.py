"""What `status` reports: one page about the daemon itself."""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds() -> float:
    """CPU time this process has used, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rss_bytes() -> int:
    """Resident memory of this process now; its peak where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # macOS counts bytes, the others kilobytes.
        return peak if sys.platform == "darwin" else peak * 1024
