"""A zone in which it is noon, so that no test meets the end of its own day."""

from __future__ import annotations

from datetime import UTC, datetime


def zone_where_it_is_noon() -> str:
    """Name of a zone in which today neither begins nor ends while a test runs."""
    hours = datetime.now(UTC).hour - 12
    # POSIX names count the other way round.
    return f"Etc/GMT{'+' if hours >= 0 else '-'}{abs(hours)}"
