"""Reads the usage windows from the page of a user's settings at ollama.com; the last resort."""

from __future__ import annotations

import re
from typing import Final

from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_epoch_ms, as_number

MAX_SECTION: Final = 4000
"""How far behind its label a window's numbers may stand."""

_LABELS: Final = (("usage_five_hour", "Session usage"), ("usage_weekly", "Weekly usage"))
_USED: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%\s*used", re.IGNORECASE)
_RESET: Final = re.compile(r"data-time=[\"']([^\"']+)[\"']")


def note_page(figures: Figures, page: str) -> None:
    """Put the windows of the page among the figures; nothing when it looks otherwise."""
    starts = sorted((at, key, label) for key, label in _LABELS if (at := page.find(label)) >= 0)
    for number, (start, key, label) in enumerate(starts):
        # What belongs to a window ends where the next one begins.
        end = starts[number + 1][0] if number + 1 < len(starts) else len(page)
        section = page[start + len(label) : min(end, start + MAX_SECTION)]
        used, reset = _USED.search(section), _RESET.search(section)
        percent = as_number(used[1]) if used else None
        if percent is not None:
            figures.add_percent(key, percent, as_epoch_ms(reset[1]) if reset else None)
