"""
Reads the saved output of `codex exec --json`.

Its `turn.completed` rows carry the usage of the whole *thread* so far, with neither time nor model.
A resumed run may be saved to another file, so a thread's total is reported under one identity and
grows there: reading in any order, again, or from copies gives the same sum.  Its one time is the
first seen, which is the price of a log without times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from openusaged.core.models import UsageEvent
from openusaged.providers.codex.counters import counts_of, is_empty
from openusaged.providers.codex.rows import as_text
from openusaged.providers.codex.thread import ThreadState
from openusaged.providers.shared.json_values import as_epoch_ms, as_object

_WRAPPERS: Final = ("data", "result", "response")
_TIME_KEYS: Final = ("timestamp", "created_at", "createdAt")


class _ExecRow(msgspec.Struct, gc=False):
    """The fields that any writer of these rows uses; items (which hold text) are not among them."""

    type: Any = None
    thread_id: Any = None
    timestamp: Any = None
    created_at: Any = None
    created_camel: Any = msgspec.field(default=None, name="createdAt")
    model: Any = None
    usage: Any = None
    data: Any = None
    result: Any = None
    response: Any = None


_decode = msgspec.json.Decoder(_ExecRow).decode


def read_exec_row(
    line: bytes, state: ThreadState, account_id: str, mtime_ms: int
) -> Iterator[UsageEvent]:
    """
    The event of one row, if it completes a turn.

    Args:
        line: a row that is no rollout row.
        state: of this file; remembers the thread and how many turns it had.
        account_id: owner of the events.
        mtime_ms: the time to use when the row has none.
    """
    if b"turn.completed" not in line and b"thread.started" not in line:
        return
    row = _decode(line)
    if row.type == "thread.started":
        state.exec_output, state.exec_turns = True, 0
        state.thread_id = as_text(row.thread_id)
        return
    if row.type != "turn.completed":
        return
    state.exec_output = True
    holders: list[Mapping[str, Any]] = [{"usage": row.usage, "model": row.model}]
    holders += [as_object(getattr(row, name)) for name in _WRAPPERS]
    holder = next((each for each in holders if isinstance(each.get("usage"), dict)), None)
    counts = counts_of(holder["usage"]) if holder else None
    if holder is None or counts is None or is_empty(counts):
        return
    times = [row.timestamp, row.created_at, row.created_camel]
    times += [holder.get(key) for key in _TIME_KEYS]
    stamp = next((value for value in map(as_epoch_ms, times) if value), None)
    state.exec_turns += 1
    if state.thread_id:
        message_id, requests = f"{state.thread_id}:exec", state.exec_turns
    else:
        # other writers name no thread and report each turn's own usage
        parts = ".".join(map(str, counts))
        message_id, requests = f"exec:{stamp or state.exec_turns}:{parts}", 1
    yield state.usage_event(
        state.origin(account_id),
        stamp or mtime_ms,
        message_id,
        counts,
        model=as_text(holder.get("model")) or as_text(row.model),
        requests=requests,
    )
