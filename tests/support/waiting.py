"""Waiting for something to become true, with a deadline and without guessing a sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], deadline_s: float = 5.0, what: str = "") -> T:
    """
    Call `predicate` until it returns something true and return that.

    Raises:
        AssertionError: the deadline passed; says what was waited for and the last value seen.
    """
    end = time.monotonic() + deadline_s
    pause = 0.002
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what or predicate} (last {value!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
