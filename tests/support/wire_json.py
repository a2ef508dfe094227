"""A result of the wire as a client receives it: plain JSON values."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any


def plain(result: Any) -> dict[str, Any]:
    """The dataclass after a trip over the wire."""
    value: dict[str, Any] = json.loads(json.dumps(asdict(result)))
    return value
