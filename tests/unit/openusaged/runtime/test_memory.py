"""Freed memory goes back to the system where the allocator can be asked."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from collections.abc import Callable

import pytest

from openusaged.runtime import memory


@pytest.mark.parametrize("ask", [memory.trim, memory.share_one_heap])
def test_asking_the_allocator_never_fails(
    ask: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the C library has no such function nothing happens."""

    class Library:
        def __getitem__(self, name: str) -> object:
            raise AttributeError(name)

    monkeypatch.setattr(ctypes, "CDLL", lambda _name: Library())
    assert ask() is False


def test_threads_share_one_heap() -> None:
    """With glibc nothing that threads allocate maps a second heap; no other library is asked."""
    if platform.libc_ver()[0] != "glibc":
        assert memory.share_one_heap() is False
        return
    script = (
        "import ctypes, sys, threading\n"
        "from openusaged.runtime import memory\n"
        "assert memory.trim() in (True, False)\n"
        "if sys.argv[1] == 'one': assert memory.share_one_heap()\n"
        "libc = ctypes.CDLL(None); libc.malloc.restype = ctypes.c_void_p\n"
        "ready = threading.Barrier(5)\n"
        "def work():\n"
        "    ready.wait(); libc.malloc(1000); ready.wait()\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "[thread.start() for thread in threads]; ready.wait(); ready.wait()\n"
        "libc.malloc_stats()\n"
    )

    def heaps(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", script, how], capture_output=True, text=True, check=True
        )
        return done.stderr.count("Arena ")

    assert heaps("one") == 1
    assert heaps("many") > 1
