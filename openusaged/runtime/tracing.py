"""
How long things took: one debug line per request and per job, nothing at all while nobody asked.

`OPENUSAGE_DEBUG=1` or `--log-level debug` asks, before the daemon is built.  What is timed is
wrapped then, so that an ordinary run does not even look whether it should be.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def wanted() -> bool:
    """Whether somebody has asked for it."""
    return log.isEnabledFor(logging.DEBUG)


def timed(what: str, fn: Callable[P, T]) -> Callable[P, T]:
    """`fn`, telling after each call how long it took; `fn` itself when nobody has asked."""
    if not wanted():
        return fn

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        begin = time.perf_counter()
        try:
            return fn(*args, **kwargs)
        finally:
            log.debug("event=%s ms=%.2f", what, (time.perf_counter() - begin) * 1000)

    return call
