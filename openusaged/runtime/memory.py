"""Gives memory that was freed back to the system, where the allocator would keep it."""

from __future__ import annotations

import ctypes
import gc
import logging

log = logging.getLogger(__name__)


def trim() -> bool:
    """
    Collect garbage and have glibc return free pages; whether the allocator could be asked.

    An import frees tens of megabytes in small pieces that glibc otherwise keeps for ever.
    """
    gc.collect()
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError) as error:
        log.debug("event=memory_not_trimmed error=%s", error)
        return False
