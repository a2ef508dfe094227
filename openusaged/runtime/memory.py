"""Keeps the allocator from holding on to memory that was freed, where it can be asked."""

from __future__ import annotations

import ctypes
import gc
import logging
from typing import Final

log = logging.getLogger(__name__)

_M_ARENA_MAX: Final = -8
"""Of glibc's malloc.h."""


def share_one_heap() -> bool:
    """
    Have all threads allocate from one heap; whether the allocator could be asked.

    glibc gives every thread a heap of its own, and each keeps free pages: five megabytes after an
    import.  Our threads hardly ever allocate at the same time.  Call it before there are any.
    """
    return _call("mallopt", _M_ARENA_MAX, 1)


def trim() -> bool:
    """
    Collect garbage and have glibc return free pages; whether the allocator could be asked.

    An import frees tens of megabytes in small pieces that glibc otherwise keeps for ever.
    """
    gc.collect()
    return _call("malloc_trim", 0)


def _call(function: str, *arguments: int) -> bool:
    try:
        return bool(ctypes.CDLL(None)[function](*arguments))
    except (OSError, AttributeError) as error:
        log.debug("event=allocator_not_asked function=%s error=%s", function, error)
        return False
