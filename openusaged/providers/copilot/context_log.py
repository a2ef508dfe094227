"""
Reads how full the context of the CLI's latest session is, from the end of its newest log.

That is what a model sees at once, not what was spent: it is shown as a gauge and counted nowhere.
"""

from __future__ import annotations

import os
import re
from typing import Final

from openusaged.core.models import Account, LimitMetric
from openusaged.providers.base import Machine
from openusaged.providers.copilot import paths

MAX_TAIL_BYTES: Final = 256 << 10

_FILL: Final = re.compile(
    rb"CompactionProcessor: Utilization [^\n(]*\((\d{1,12})/(\d{1,12}) tokens\)"
)


def context_metrics(account: Account, machine: Machine) -> list[LimitMetric]:
    """The context's fill; nothing without a log that tells it."""
    newest = _newest(paths.logs(account, machine))
    found = _FILL.findall(_tail(newest)) if newest else []
    if not found:
        return []
    used, limit = map(int, found[-1])
    return [
        LimitMetric(
            key="context_window",
            unit="tokens",
            window="session",
            label="Context of the latest session",
            used=used,
            limit=limit,
            remaining=max(limit - used, 0),
        )
    ]


def _newest(directory: str) -> str:
    written: list[tuple[int, str]] = []
    try:
        with os.scandir(directory) as entries:
            written += [
                (one.stat().st_mtime_ns, one.path) for one in entries if one.name.endswith(".log")
            ]
    except OSError:
        pass  # no logs, or one that was removed while we looked
    return max(written, default=(0, ""))[1]


def _tail(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - MAX_TAIL_BYTES, 0))
            return file.read(MAX_TAIL_BYTES)
    except OSError:
        return b""  # removed, or not ours to read: the gauge is left out
