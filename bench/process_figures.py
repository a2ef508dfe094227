"""What a process has used, from /proc: Linux only, exact to the nanosecond and the byte."""

from __future__ import annotations

import os
from typing import NamedTuple


class Figures(NamedTuple):
    """CPU over all threads, resident memory now and at its peak, bytes written, wake-ups."""

    cpu_s: float
    rss_bytes: int
    rss_peak_bytes: int
    written_bytes: int
    wakeups: int


def of(pid: int) -> Figures:
    """The figures of a running process."""
    cpu_ns = wakeups = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            cpu_ns += int(file.read().split()[0])
        wakeups += _fields(f"/proc/{pid}/task/{task}/status")["voluntary_ctxt_switches"]
    status = _fields(f"/proc/{pid}/status")
    written = _fields(f"/proc/{pid}/io")["write_bytes"]
    return Figures(cpu_ns / 1e9, status["VmRSS"] * 1024, status["VmHWM"] * 1024, written, wakeups)


def _fields(path: str) -> dict[str, int]:
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            number = value.split()[:1]
            if number and number[0].isdigit():
                found[name] = int(number[0])
    return found


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
