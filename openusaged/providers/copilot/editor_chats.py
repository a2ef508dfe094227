"""
Reads the chats that VS Code keeps with Copilot: what each request used, its tools and its turn.

Newer versions write a log of changes (`chat_changes`), older ones a document that is rewritten
at every step.  A chat that exported telemetry knows is counted there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from openusaged.core.models import (
    JSONL,
    MESSAGE_USAGE,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    TURN_COMPLETED,
    Account,
    SourceCursor,
    UsageEvent,
)
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.copilot.chat_changes import Chat
from openusaged.providers.copilot.chat_requests import ChatRequest, Round
from openusaged.providers.copilot.session_log import BetterRecords
from openusaged.providers.copilot.tokens import SOURCE, usd_nano
from openusaged.providers.copilot.tool_calls import call_of
from openusaged.providers.shared import documents
from openusaged.providers.shared.append_log import collect_appended
from openusaged.providers.shared.cursors import document_state, resumed
from openusaged.providers.shared.emitted import Emitted
from openusaged.providers.shared.json_values import as_nano, as_text
from openusaged.providers.shared.places import local_path
from openusaged.providers.shared.side_records import side_record

STATE_VERSION: Final = 1


class _Workspace(msgspec.Struct):
    folder: Any = None
    workspace: Any = None


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Events of requests that have ended since the cursor.

    Raises:
        ProviderError: the chat cannot be read, or is half-written.
        DatabaseUnreadable: whether it is counted elsewhere cannot be told now.
    """
    better, cwd = BetterRecords(account, context), _folder(unit.path)
    name = os.path.splitext(os.path.basename(unit.path))[0]
    if unit.path.endswith(".jsonl"):
        yield from collect_appended(
            lambda state: _Reader(resumed(state, Chat), better, name, cwd),
            account,
            unit,
            cursor,
            context,
            state_version=STATE_VERSION,
        )
        return
    data = documents.read_document(unit.path)
    reader = _Reader(Chat(), better, name, cwd)
    yield from documents.news(
        account,
        unit,
        reader.whole(unit.path, data),
        Emitted(document_state(cursor, STATE_VERSION)),
        context,
        state_version=STATE_VERSION,
    )


class _Reader:
    """Follows one chat and tells what its requests used once they have ended."""

    def __init__(self, chat: Chat, better: BetterRecords, name: str, cwd: str) -> None:
        self._chat = chat
        self._better = better
        self._name = name
        self._cwd = cwd
        self._is_elsewhere: bool | None = None

    def read(self, line: bytes) -> Iterator[UsageEvent]:
        """Events of one change."""
        yield from self._events(self._chat.change(line))

    def whole(self, path: str, data: bytes) -> Iterator[UsageEvent]:
        """Events of a whole document; raises DocumentUnreadable when it is none."""
        document = documents.decode_object(path, data, msgspec.Raw)
        if document is not None:
            yield from self._events(self._chat.replace(document))

    def state(self) -> bytes:
        """The chat as far as it has been read."""
        return msgspec.msgpack.encode(self._chat)

    @property
    def _session(self) -> str:
        return self._chat.session_id or self._name

    def _events(self, changed: Iterable[tuple[ChatRequest, list[Round]]]) -> Iterator[UsageEvent]:
        for request, rounds in changed:
            if not request.has_ended:
                continue
            if request.is_used and not self._counted_elsewhere():
                yield self._usage(request)
            yield self._turn(request)
            for one in rounds:
                yield from self._tools(request, one)

    def _counted_elsewhere(self) -> bool:
        if self._is_elsewhere is None:
            self._is_elsewhere = self._better.has(self._session)
        return self._is_elsewhere

    def _usage(self, request: ChatRequest) -> UsageEvent:
        return msgspec.structs.replace(
            self._origin(request),
            event_type=MESSAGE_USAGE,
            message_id=request.id,
            input=request.input,
            output=request.output,
            reasoning=request.reasoning,
            requests=request.rounds,
            cost_nano=usd_nano(as_nano(request.credits)),
            is_sum=(request.rounds or 0) > 1,
        )

    def _turn(self, request: ChatRequest) -> UsageEvent:
        return msgspec.structs.replace(self._origin(request), event_type=TURN_COMPLETED)

    def _tools(self, request: ChatRequest, one: Round) -> Iterator[UsageEvent]:
        for number, made in enumerate(one.calls):
            call = call_of(made.name, "", "", made.arguments)
            if call is None:
                continue
            yield msgspec.structs.replace(
                self._origin(request),
                event_type=TOOL_USAGE,
                ts_ms=one.ts_ms or request.ts_ms,
                tool_call_id=f"{request.id}:{made.id or f'{one.id}:{number}'}",
                tool_name=call.name,
                mcp_server=call.server,
                mcp_function=call.function,
                language=call.language,
                requests=1,
                # The answer is text, and what was refused is answered, too.
                status=STATUS_UNKNOWN,
            )

    def _origin(self, request: ChatRequest) -> UsageEvent:
        return UsageEvent(
            source=SOURCE,
            channel=JSONL,
            event_type=TURN_COMPLETED,
            ts_ms=request.ts_ms,
            provider=request.provider,
            client=SOURCE,
            session_id=self._session,
            turn_id=request.id,
            model=request.model,
            cwd=self._cwd,
            status=request.status,
        )


def _folder(path: str) -> str:
    """The folder of the window that a chat belongs to; of a multi-root one, that of its file."""
    storage = os.path.dirname(os.path.dirname(path))
    workspace = side_record(os.path.join(storage, "workspace.json"), _Workspace)
    if workspace is None:
        return ""
    folder = local_path(as_text(workspace.folder))
    return folder or os.path.dirname(local_path(as_text(workspace.workspace)))
