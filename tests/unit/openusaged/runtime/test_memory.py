"""Freed memory goes back to the system where the allocator can be asked."""

from __future__ import annotations

import ctypes
import sys

import pytest

from openusaged.runtime import memory


def test_trim_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With glibc pages are returned or not; without it nothing happens."""
    assert memory.trim() in (True, False)

    def missing(_name: object) -> object:
        return sys  # a library without malloc_trim

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert memory.trim() is False
