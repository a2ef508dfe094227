"""
Tells which limits say something new, so that the same figure is not stored again and again.

Several sessions and logs report one account's limits at their own pace; the vendor's window moves
slowly.
"""

from __future__ import annotations

import threading

from openusaged.core.models import UsageSnapshot


class LimitNews:
    """Remembers what was last let through per account and metric; any thread."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float | None, int | None]] = {}
        self._lock = threading.Lock()

    def take(self, snapshot: UsageSnapshot | None) -> UsageSnapshot | None:
        """
        The snapshot, when it is worth storing.

        Within one window (same reset) a lower figure is an idle session's stale one, and one of an
        earlier window is old altogether.
        """
        if snapshot is None or not snapshot.account_id:
            return None
        with self._lock:
            news = not snapshot.metrics
            for metric in snapshot.metrics:
                used, resets = self._known.get((snapshot.account_id, metric.key), (None, None))
                if resets is not None and metric.resets_at_ms is not None:
                    if metric.resets_at_ms < resets:
                        return None
                    if metric.resets_at_ms == resets and (metric.used or 0) < (used or 0):
                        return None
                news = news or (metric.used, metric.resets_at_ms) != (used, resets)
            if not news:
                return None
            for metric in snapshot.metrics:
                key = (snapshot.account_id, metric.key)
                self._known[key] = (metric.used, metric.resets_at_ms)
        return snapshot
