"""
Kilo 7's messages and tool calls as the events they stand for.  Pure.

Quirks of the vendor that are settled here:
- `output` does not hold reasoning; `total`, where it is larger than all parts, is right.
- A fork copies messages under new ids with their old times: older than their session.
- Conversations taken over from the old extension name the provider `legacy` and have no tokens;
  their tools were counted there.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    TOOL_USAGE,
    UsageEvent,
)
from openusaged.providers.kilo_code.paths import ID
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_nano,
    as_object,
    as_text,
    count_or_zero,
)

_LEGACY: Final = "legacy"
MESSAGE_FIELDS: Final = (
    # in the order in which `Message` takes them
    "$.id",
    "$.parentID",
    "$.providerID",
    "$.modelID",
    "$.agent",
    "$.path.root",
    "$.path.cwd",
    "$.cost",
    "$.tokens",
    "$.time.created",
    "$.time.completed",
    "$.finish",
    "$.error.name",
)
PART_FIELDS: Final = (
    "$.callID",
    "$.tool",
    "$.state.status",
    "$.state.time.start",
    "$.state.input.filePath",
    "$.state.metadata.filediff.additions",
    "$.state.metadata.filediff.deletions",
)
_TOOL_STATUS: Final = {"completed": STATUS_OK, "error": STATUS_ERROR}


class Message:
    """One assistant message; a field of another type than expected is unknown."""

    def __init__(
        self,
        row_id: str,
        session_id: str,
        parent: str,
        directory: str,
        values: list[Any],
        *,
        has_error: bool,
    ) -> None:
        (own_id, turn, provider, model, agent, root, cwd, cost) = values[:8]
        (tokens, created, completed, finish, error) = values[8:]
        self.created_ms = as_epoch_ms(created)
        self.is_final = has_error or as_epoch_ms(completed) is not None
        self.is_legacy = as_text(provider) == _LEGACY
        self._tokens = as_object(tokens)
        self._cost = as_nano(cost)
        words = f"{as_text(error)} {as_text(finish)}".lower()
        aborted = STATUS_ABORTED if "abort" in words else ""
        self._status = aborted or (STATUS_ERROR if has_error else STATUS_OK)
        self.origin = UsageEvent(
            source=ID,
            channel=SQLITE,
            event_type=MESSAGE_USAGE,
            ts_ms=self.created_ms or 0,
            provider=as_text(provider).lower() or vendor_of_model(as_text(model)),
            session_id=session_id,
            parent_session_id=parent,
            turn_id=as_text(turn),
            message_id=as_text(own_id) or row_id,
            # `code` and `plan` are the main agent's modes; only a child session is a sub-agent
            agent=(as_text(agent) or "subagent") if parent else "",
            cwd=as_text(cwd) or directory or as_text(root),
            model=as_text(model),
        )

    def is_copy(self, session_created_ms: int | None) -> bool:
        """Whether it has no time, or is older than its session: a copy of one counted before."""
        return self.created_ms is None or self.created_ms < (session_created_ms or 0)

    def usage(self) -> UsageEvent | None:
        """Its tokens and cost; None while it has no tokens."""
        tokens = self._tokens
        cache = as_object(tokens.get("cache"))
        fresh, read, write = as_count(tokens.get("input")), cache.get("read"), cache.get("write")
        reasoning = count_or_zero(tokens.get("reasoning"))
        output = count_or_zero(tokens.get("output")) + reasoning
        known = (fresh or 0) + count_or_zero(read) + count_or_zero(write) + output
        # some gateways report a total and no parts
        output += max(0, count_or_zero(tokens.get("total")) - known)
        if not (known or output):
            return None
        return msgspec.structs.replace(
            self.origin,
            input=fresh,
            cache_read=as_count(read),
            # the record does not say how long an entry lives; the default is 5 minutes
            cache_write_5m=as_count(write),
            output=output,
            reasoning=reasoning,
            requests=1,
            # 0 is written for free and subscribed models
            cost_nano=self._cost or None,
            status=self._status,
        )


class Call:
    """One tool call of a message."""

    def __init__(self, part_id: str, values: list[Any]) -> None:
        call_id, tool, status, started, path, added, removed = values
        self._id = as_text(call_id) or part_id
        self._tool = as_text(tool).lower()
        self._status = _TOOL_STATUS.get(as_text(status), "")
        self._started_ms = as_epoch_ms(started)
        self._language = language_of(as_text(path))
        self._lines = as_count(added), as_count(removed)
        self.is_settled = bool(self._status)

    def event(self, message: Message) -> UsageEvent | None:
        """The use of the tool; None while it runs."""
        if not self.is_settled or not self._tool or message.is_legacy:
            return None
        server, function = split_mcp(self._tool)
        added, removed = self._lines
        return msgspec.structs.replace(
            message.origin,
            event_type=TOOL_USAGE,
            ts_ms=self._started_ms or message.origin.ts_ms,
            # some models number their calls anew in every message
            tool_call_id=f"{message.origin.message_id}:{self._id}",
            tool_name=self._tool,
            mcp_server=server,
            mcp_function=function,
            language=self._language,
            lines_added=added,
            lines_removed=removed,
            status=self._status,
        )
