"""Times as the desktop app's database driver writes them."""

from __future__ import annotations

from typing import Final

from openusaged.providers.shared.json_values import as_epoch_ms

_GO_PARTS: Final = 3


def as_moment_ms(value: object) -> int | None:
    """
    Epoch milliseconds of a column; None when it is no time.

    Usually `2026-03-04 10:11:12.345678901+02:00`; without an offset it is the database's own UTC.
    The other form is what Go prints: `2026-03-04 10:11:12.345 +0200 CEST m=+1.5`.
    """
    moment = as_epoch_ms(value)
    if moment is None and isinstance(value, str):
        parts = value.split()
        if len(parts) >= _GO_PARTS:
            moment = as_epoch_ms(f"{parts[0]} {parts[1]}{parts[2]}")
    return moment
