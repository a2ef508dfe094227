"""
Reads rollouts: one event per model response, tool call and turn, each exactly once.

Usage comes from `token_usage_record` rows where they exist (since 0.155: one per response) and from
the growth of the cumulative `token_count` counters elsewhere.  On disk a record precedes the
`token_count` that repeats it, so both sources share the counters as last seen and whichever comes
second shows no growth.  The saved output of `codex exec --json` is read here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, ClassVar, Final

from openusaged.core.models import (
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNKNOWN,
    Account,
    SourceCursor,
    UsageEvent,
    UsageSnapshot,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.codex import tools
from openusaged.providers.codex.counters import (
    Counts,
    after_reset,
    counts_of,
    growth,
    is_empty,
    plus,
)
from openusaged.providers.codex.exec_output import read_exec_row
from openusaged.providers.codex.inherited import inherited_totals
from openusaged.providers.codex.limits import SessionLimits
from openusaged.providers.codex.rows import (
    ENVELOPES,
    HEAD,
    MILLISECOND,
    MILLISECONDS,
    ROWS,
    SECOND,
    UNDECODABLE,
    Kind,
    SessionMeta,
    ThreadSettings,
    TokenCount,
    TokenInfo,
    ToolCall,
    ToolOutput,
    TurnContext,
    TurnEdge,
    UsageRecord,
    as_text,
    decode_row,
    head_of,
    second_ms,
)
from openusaged.providers.codex.thread import (
    COPIED,
    COPIED_STAMPED,
    MAX_PENDING_CALLS,
    OWN,
    STATE_VERSION,
    PendingCall,
    ThreadState,
    decode_state,
    encode_state,
)
from openusaged.providers.shared.cursors import unit_cursor
from openusaged.providers.shared.files import resume_offset
from openusaged.providers.shared.json_values import as_epoch_ms, as_object
from openusaged.providers.shared.jsonl import iter_blocks

# Copied rows are written in one go; a person needs longer than this to type the next prompt.
COPY_GAP_MS: Final = 1000
# The clock of a child and the stamps of what it inherits differ by less.
CLOCK_SLACK_MS: Final = 1000
_BLOCK_BYTES: Final = 1 << 20
"""Small blocks stay in the processor's cache between reading and matching."""
# OpenAI's response ids are this long; some local servers number theirs and repeat them.
GLOBAL_RESPONSE_ID_BYTES: Final = 24


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    What is new in one rollout, in chunks of at most `max_chunk_events` events (plus one row's).

    The last chunk carries the cursor that matches the file as it was seen, also when nothing of it
    was of interest.

    Raises:
        OSError: the file cannot be read.
    """
    offset = resume_offset(unit, cursor, STATE_VERSION)
    state = decode_state(cursor.state) if cursor is not None and offset else None
    if state is None:
        offset, state = 0, ThreadState()
    reader = RolloutReader(account, unit, state)
    for block, end in iter_blocks(unit.path, offset, block_bytes=_BLOCK_BYTES):
        start = end - len(block)
        for stop in reader.read_block(block, context.max_chunk_events):
            offset = start + stop
            if len(reader.events) >= context.max_chunk_events:
                # size 0: a crash behind this chunk must not make the file look finished
                yield Chunk(events=reader.take(), cursor=_cursor(account, unit, offset, state))
    final = _cursor(account, unit, offset, state, complete=True)
    yield Chunk(events=reader.take(), cursor=final, snapshot=reader.limits_snapshot())


def _cursor(
    account: Account, unit: Unit, offset: int, state: ThreadState, *, complete: bool = False
) -> SourceCursor:
    return unit_cursor(
        account,
        unit,
        offset=offset,
        state=encode_state(state),
        state_version=STATE_VERSION,
        done=complete,
    )


Handler = Callable[["RolloutReader", Any, int], None]
"""(reader, payload, epoch ms)."""

_UNTYPED_HEADS: Final = frozenset(head_of((envelope, None)) for envelope in ENVELOPES)
"""Envelopes whose payload does not begin with its type: only decoding tells what it is."""


class RolloutReader:
    """Turns the rows of one rollout into events; `state` is all it needs to go on later."""

    def __init__(self, account: Account, unit: Unit, state: ThreadState) -> None:
        self.account_id = account.id
        self.home = account.home
        self.path = unit.path
        self.mtime_ms = unit.mtime_ns // 1_000_000
        self.state = state
        self.events: list[UsageEvent] = []
        self._origin: UsageEvent | None = None
        """`ThreadState.origin`; None when the thread has been opened or moved since it was made."""
        self._limits = SessionLimits()
        self._parent_totals: frozenset[Counts] | None = None

    def read_block(self, block: bytes, max_events: int) -> Iterator[int]:
        """Read complete lines; yields where a chunk is full, behind that line, and the end."""
        match_head, row_of = HEAD.match, self._by_head.get
        events = self.events
        second, base_ms = b"", 0
        state = self.state
        # Takes lines out of the block at a third of what finding and slicing them costs.
        lines = BytesIO(block)
        for line in lines:
            handle: Handler | None = None
            head = match_head(line)
            if head is not None:
                kind = head[1]
                known = row_of(kind)
                if known is not None:
                    decode, handle = known
                    try:
                        payload = decode(line).payload
                        written = line[SECOND]
                        if written != second:  # neighbours often share theirs
                            base_ms = second_ms(written)
                            second = written
                        ts_ms = base_ms + MILLISECONDS[line[MILLISECOND]]
                    except (*UNDECODABLE, KeyError):
                        handle = None  # one odd field: take the others
                elif kind not in _UNTYPED_HEADS:
                    continue
            if handle is None:
                handle, payload, ts_ms = self._read_loosely(line)
            if handle is not None:
                if not state.settled and state.is_child:
                    self._watch_inheritance(ts_ms)
                handle(self, payload, ts_ms)
                state.last_ts_ms = ts_ms
            if len(events) >= max_events:
                yield lines.tell()
                events = self.events
        yield len(block)

    def take(self) -> list[UsageEvent]:
        """The events since the last call."""
        events, self.events = self.events, []
        return events

    def limits_snapshot(self) -> UsageSnapshot | None:
        """The newest limits seen in this read."""
        return self._limits.snapshot(self.account_id)

    def _read_loosely(self, line: bytes) -> tuple[Handler | None, Any, int]:
        """What to do with which payload and time, field by field; no handler: nothing."""
        state = self.state
        try:
            row = decode_row(line)
            if row is not None:
                kind, timestamp, payload = row
                ts_ms = as_epoch_ms(timestamp) or state.last_ts_ms or self.mtime_ms
                return self._handlers[kind], payload, ts_ms
            if not state.thread_id or state.exec_output:
                self.events.extend(read_exec_row(line, state, self.account_id, self.mtime_ms))
                self._origin = None
        except UNDECODABLE:
            pass  # a torn or foreign line; its neighbours are sound
        return None, None, 0

    def _new_origin(self) -> UsageEvent:
        self._origin = self.state.origin(self.account_id)
        return self._origin

    # -- whose rows they are ---------------------------------------------------------------------

    def _session_meta(self, meta: SessionMeta, ts_ms: int) -> None:
        state = self.state
        if not state.thread_id:
            state.open(meta, ts_ms)
            self._origin = None
            return
        other = meta.id or meta.session_id or ""
        if state.is_child and not state.settled and other != state.thread_id:
            # the copied history begins with the parent's header
            state.phase = state.phase or COPIED

    def _watch_inheritance(self, ts_ms: int) -> None:
        """Follow copied rows by their stamps: logs before 0.100 have no rows that start a turn."""
        state = self.state
        if ts_ms < state.created_ms - CLOCK_SLACK_MS:
            state.phase = COPIED_STAMPED
        elif state.phase == COPIED_STAMPED:
            state.phase = OWN
        elif state.phase == COPIED and not state.saw_turn_start:
            pause_ms = ts_ms - max(state.last_ts_ms, state.created_ms)
            if pause_ms > COPY_GAP_MS:
                state.phase = OWN

    def _turn_started(self, edge: TurnEdge, ts_ms: int) -> None:
        state = self.state
        state.saw_turn_start = True
        turn_id = edge.turn_id or ""
        if state.is_child and not state.settled:
            started_ms = as_epoch_ms(edge.started_at) or ts_ms
            if state.began_before(turn_id, started_ms):
                state.phase = state.phase or COPIED
            else:
                state.phase = OWN
        self._flush_pending(STATUS_UNKNOWN)
        state.turn_id = turn_id or state.turn_id

    def _is_inherited(self, total: Counts) -> bool:
        state = self.state
        if state.phase != OWN:
            return True
        if not state.forked_from or state.settled:
            return False
        # The parent's file decides where no row does: in logs without turn rows, and when a fork
        # begins with a compaction, which first repeats the total that the fork starts from.
        if state.total is not None if state.paginated else state.saw_turn_start:
            return False
        if self._parent_totals is None:
            self._parent_totals = inherited_totals(self.home, state.forked_from)
        return total in self._parent_totals

    # -- settings --------------------------------------------------------------------------------

    def _turn_context(self, context: TurnContext, ts_ms: int) -> None:
        del ts_ms
        state = self.state
        state.model = context.model or state.model
        state.turn_id = context.turn_id or state.turn_id
        if context.cwd and context.cwd != state.cwd:  # `--cd` moves a resumed thread
            state.cwd = context.cwd
            self._origin = None

    def _thread_settings(self, settings: ThreadSettings, ts_ms: int) -> None:
        del ts_ms
        values = as_object(settings.thread_settings)
        # the settings are complete: an absent tier is the standard one
        self.state.tier = "fast" if values.get("service_tier") in {"fast", "priority"} else ""
        self.state.model = self.state.model or as_text(values.get("model"))

    # -- usage -----------------------------------------------------------------------------------

    def _usage_record(self, record: UsageRecord, ts_ms: int) -> None:
        state = self.state
        usage = counts_of(record.usage)
        total = counts_of(record.thread_token_usage)
        owner = record.thread_id or state.thread_id
        if state.phase != OWN:
            state.total = total or state.total
            return
        if owner == state.thread_id:
            if total is not None and total == state.total:
                return  # its token_count came first
            state.total = total or plus(state.previous_total(), usage or (0, 0, 0, 0, 0))
        if usage is None or is_empty(usage):
            return
        message_id = record.response_id or ""
        if len(message_id) < GLOBAL_RESPONSE_ID_BYTES:
            stamp = state.previous_total()
            message_id = f"{owner}:{message_id}:{stamp[0] + stamp[3]}"
        self._emit_usage(
            ts_ms,
            message_id,
            usage,
            model=record.model or "",
            turn_id=record.turn_id or "",
        )

    def _token_count(self, row: TokenCount, ts_ms: int) -> None:
        state = self.state
        if state.phase == OWN:
            # copies carry the stamps of the fork but the limits of long ago
            self._limits.note(row.rate_limits, ts_ms)
        info = row.info
        if info is None:
            return
        total = counts_of(info.total_token_usage)
        if total is not None and total == state.total:
            return  # repeated when a request or a compaction starts, or behind its record
        last = counts_of(info.last_token_usage)
        if total is None:
            used, total = self._without_total(last)
        elif is_empty(total):
            return
        elif self._is_inherited(total):
            state.total = total
            return
        else:
            used = self._growth(total, last)
        state.total, state.last = total, last
        if used is None or is_empty(used):
            return
        message_id = f"{state.thread_id}:{total[0] + total[3]}"
        if state.resets:
            message_id = f"{message_id}:{state.resets}"  # the same totals come again
        self._emit_usage(ts_ms, message_id, used, model=_row_model(row, info))

    def _growth(self, total: Counts, last: Counts | None) -> Counts | None:
        """What one response used, by the cumulative counters."""
        state = self.state
        if last is not None and is_empty(last):
            return None  # an estimate of the context after a compaction
        if state.total is None and state.is_child and last is not None:
            # the counters of a paginated fork start at the parent's total
            return last if growth(last, total) is not None else total
        grown = growth(state.previous_total(), total)
        if grown is None:
            state.resets += 1
            return after_reset(total, last)
        return grown

    def _without_total(self, last: Counts | None) -> tuple[Counts | None, Counts]:
        """Count a row that has only the last response: unless it repeats the row before."""
        state = self.state
        if last is None or is_empty(last) or last == state.last or state.phase != OWN:
            return None, state.previous_total()
        return last, plus(state.previous_total(), last)

    def _emit_usage(
        self, ts_ms: int, message_id: str, counts: Counts, *, model: str = "", turn_id: str = ""
    ) -> None:
        self.state.settled = True
        self.events.append(
            self.state.usage_event(
                self._origin or self._new_origin(),
                ts_ms,
                message_id,
                counts,
                model=model,
                turn_id=turn_id,
            )
        )

    # -- turns and tools -------------------------------------------------------------------------

    def _turn_complete(self, edge: TurnEdge, ts_ms: int) -> None:
        failed = bytes(edge.error) not in {b"null", b""}
        self._end_turn(edge, ts_ms, STATUS_ERROR if failed else STATUS_OK, STATUS_UNKNOWN)

    def _turn_aborted(self, edge: TurnEdge, ts_ms: int) -> None:
        self._end_turn(edge, ts_ms, STATUS_ABORTED, STATUS_ABORTED)

    def _end_turn(self, edge: TurnEdge, ts_ms: int, status: str, calls: str) -> None:
        state = self.state
        if state.phase != OWN:
            return
        self._flush_pending(calls)
        turn_id = edge.turn_id or state.turn_id
        if turn_id:
            origin = self._origin or self._new_origin()
            self.events.append(state.turn_event(origin, ts_ms, turn_id, status))

    def _tool_call(self, call: ToolCall, ts_ms: int) -> None:
        state = self.state
        call_id = call.call_id or call.id
        if state.phase != OWN or not call_id:
            return
        if len(state.pending) >= MAX_PENDING_CALLS:
            oldest = next(iter(state.pending))
            self._emit_tool(oldest, state.pending.pop(oldest), STATUS_UNKNOWN)
        name = call.name or ""
        if call.namespace:
            name = tools.tool_name(name, call.namespace)
        if not name and call.type == "local_shell_call":
            name = "local_shell"
        pending = PendingCall(ts_ms=ts_ms, turn_id=state.turn_id, model=state.model, name=name)
        patch = tools.patch_in(call.arguments, call.input, call.action)
        if patch is not None:
            pending.language, pending.added, pending.removed = (
                patch.language,
                patch.added,
                patch.removed,
            )
        state.pending[call_id] = pending

    def _tool_output(self, output: ToolOutput, ts_ms: int) -> None:
        del ts_ms
        call_id = output.call_id or ""
        call = self.state.pending.pop(call_id, None)
        if call is not None:  # else it was inherited, or its turn has ended
            self._emit_tool(call_id, call, tools.output_status(output.output, output.success))

    def _web_search(self, call: ToolCall, ts_ms: int) -> None:
        state = self.state
        if state.phase != OWN:
            return
        # has no output row and, before 0.100, no id: its place in the thread names it
        state.searches += 1
        call_id = call.id or f"{state.thread_id}:web_search:{state.searches}"
        status = STATUS_ERROR if call.status == "failed" else STATUS_OK
        pending = PendingCall(
            ts_ms=ts_ms, turn_id=state.turn_id, model=state.model, name="web_search"
        )
        self._emit_tool(call_id, pending, status)

    def _flush_pending(self, status: str) -> None:
        pending = self.state.pending
        for call_id in list(pending):
            self._emit_tool(call_id, pending.pop(call_id), status)

    def _emit_tool(self, call_id: str, call: PendingCall, status: str) -> None:
        origin = self._origin or self._new_origin()
        self.events.append(self.state.tool_event(origin, call_id, call, status))

    # Of the class, not of each reader: most rollouts are so short that building it would show.
    _handlers: ClassVar[dict[Kind, Handler]] = {
        (b"session_meta", None): _session_meta,
        (b"turn_context", None): _turn_context,
        (b"token_usage_record", None): _usage_record,
        (b"event_msg", b"token_count"): _token_count,
        (b"event_msg", b"task_started"): _turn_started,
        (b"event_msg", b"turn_started"): _turn_started,
        (b"event_msg", b"task_complete"): _turn_complete,
        (b"event_msg", b"turn_complete"): _turn_complete,
        (b"event_msg", b"turn_aborted"): _turn_aborted,
        (b"event_msg", b"thread_settings_applied"): _thread_settings,
        (b"response_item", b"function_call"): _tool_call,
        (b"response_item", b"custom_tool_call"): _tool_call,
        (b"response_item", b"local_shell_call"): _tool_call,
        (b"response_item", b"web_search_call"): _web_search,
        (b"response_item", b"function_call_output"): _tool_output,
        (b"response_item", b"custom_tool_call_output"): _tool_output,
    }
    _by_head: ClassVar[dict[bytes, tuple[Callable[[bytes], Any], Handler]]] = {
        head_of(kind): (ROWS[kind], handler) for kind, handler in _handlers.items()
    }


def _row_model(row: TokenCount, info: TokenInfo) -> str:
    for value in (
        row.model,
        row.model_name,
        row.model_id,
        info.model,
        info.model_name,
    ):
        if isinstance(value, str) and value:
            return value
    nested = as_object(row.metadata).get("model") or as_object(info.metadata).get("model")
    return as_text(nested)
