"""
A report as CSV: one line per row and per child row, no line for the totals.

Columns are only ever added, at the end.  Unknown is an empty cell, never 0.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, Final, TextIO

COLUMNS: Final = (
    "kind",
    "key",
    "child",
    "label",
    "account",
    "provider",
    "project",
    "branch",
    "models",
    "requests",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "total_tokens",
    "reasoning_tokens",
    "cost_usd",
    "cost_basis",
    "unpriced_requests",
    "sessions",
    "start",
    "end",
    "last_activity",
    "active",
    "window_source",
    "used_percent",
    "burn_rate_usd_per_hour",
    "projected_cost_usd",
)
"""`child` is empty in a row; in a child row it is what the row `key` is broken down by."""


def write(report: dict[str, Any], out: TextIO) -> None:
    """Write the answer of `report`."""
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_lines(report))


def _lines(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = report["kind"]
    for row in report["rows"]:
        yield _line(row, kind, row["key"], "")
        for child in (row.get("model_breakdown") or []) + (row.get("breakdown") or []):
            yield _line(child, kind, row["key"], child["key"])


def _line(row: dict[str, Any], kind: str, key: str, child: str) -> dict[str, Any]:
    cells = {name: "" if value is None else value for name, value in row.items()}
    if row.get("cost_basis") == "unpriced":
        # No price is known: 0 would say that it was free.
        cells["cost_usd"] = ""
    if isinstance(row.get("active"), bool):
        cells["active"] = "true" if row["active"] else "false"
    models = "" if child else " ".join(row.get("models") or ())
    return cells | {"kind": kind, "key": key, "child": child, "models": models}
