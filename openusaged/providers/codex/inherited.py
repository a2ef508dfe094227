"""
The counters a fork inherits: every cumulative total of its parent's rollout.

Needed only where no row of the fork says what is new: logs so old that no turn row ends the copied
history, and forks that repeat the parent's total before their first response.
"""

from __future__ import annotations

from openusaged.providers.codex.counters import Counts, counts_of
from openusaged.providers.codex.paths import find_rollout
from openusaged.providers.codex.rows import UNDECODABLE, TokenCount, decode_row
from openusaged.providers.shared.jsonl import iter_blocks, marked_lines


def inherited_totals(home: str, parent_id: str) -> frozenset[Counts]:
    """Totals that occur in the parent's rollout; empty when it cannot be found or read."""
    path = find_rollout(home, parent_id)
    if not path:
        return frozenset()
    totals: set[Counts] = set()
    try:
        for block, _ in iter_blocks(path):
            for line in marked_lines(block, b'"token_count"'):
                total = _total(line)
                if total is not None:
                    totals.add(total)
    except OSError:
        return frozenset(totals)
    return frozenset(totals)


def _total(line: bytes) -> Counts | None:
    try:
        row = decode_row(line)
    except UNDECODABLE:
        return None
    if row is None or not isinstance(row[2], TokenCount) or row[2].info is None:
        return None
    return counts_of(row[2].info.total_token_usage)
