"""
Conversations (`composerData:`) and messages (`bubbleId:`) of Cursor's state database as events.

Pure.  Until February 2026 Cursor kept the tokens of a message with it; since then these counts are
zero and only the account's usage log (`usage_events`) has them.  The two are told apart by time,
so that no request can be counted from both, in whichever order they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    STATUS_ABORTED,
    STATUS_ERROR,
    STATUS_OK,
    STATUS_UNKNOWN,
    TOOL_USAGE,
    TURN_COMPLETED,
    UsageEvent,
)
from openusaged.providers.cursor.tool_names import mcp_parts, plain_name
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_number,
    as_object,
    as_text,
    count_or_zero,
)

SOURCE: Final = "cursor"
BILLED_BY: Final = "cursor"
LOCAL_TOKENS_END_MS: Final = 1_770_336_000_000
"""2026-02-06 UTC: local counts are used before this moment, the account's usage log from it on."""
NANO_PER_CENT: Final = 10_000_000

_USER: Final = 1
_ASSISTANT: Final = 2
_STATUSES: Final = {
    "": STATUS_OK,
    "completed": STATUS_OK,
    "complete": STATUS_OK,
    "success": STATUS_OK,
    "error": STATUS_ERROR,
    "failed": STATUS_ERROR,
    "failure": STATUS_ERROR,
    "aborted": STATUS_ABORTED,
    "cancelled": STATUS_ABORTED,
    "canceled": STATUS_ABORTED,
}
_UNSETTLED: Final = frozenset({"loading", "pending", "running", "streaming", "generating"})

COMPOSER_PATHS: Final = (
    "$.createdAt",
    "$.modelConfig.modelName",
    "$.usageData",
    "$.totalLinesAdded",
    "$.totalLinesRemoved",
    "$.subagentInfo.subagentTypeName",
    "$.subagentInfo.parentComposerId",
    "$.createdOnBranch",
    "$.workspaceIdentifier.uri.fsPath",
    "$.workspaceIdentifier.uri.path",
    "$.trackedGitRepos[0].repoPath",
)
BUBBLE_PATHS: Final = (
    "$.type",
    "$.createdAt",
    "$.modelInfo.modelName",
    "$.model",
    "$.tokenCount.inputTokens",
    "$.tokenCount.outputTokens",
    "$.toolFormerData.name",
    "$.toolFormerData.status",
    "$.requestId",
)
CALL_PATHS: Final = (
    "$.relativeWorkspacePath",
    "$.targetFile",
    "$.target_file",
    "$.path",
    "$.tools[0].serverName",
    "$.tools[0].name",
)
"""Of a tool's parameters, themselves JSON in a string: nothing but names leaves SQLite."""


class Composer(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversation says about its messages; all of it may be unknown."""

    id: str
    created_ms: int = 0
    model: str = ""
    usage: Mapping[str, Any] = {}
    lines_added: int = 0
    lines_removed: int = 0
    agent: str = ""
    parent_id: str = ""
    branch: str = ""
    cwd: str = ""


class Bubble(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a conversation."""

    id: str
    composer_id: str
    kind: int
    created_ms: int
    model: str
    input: int
    output: int
    tool: str
    tool_status: str
    request_id: str
    path: str = ""
    mcp_server: str = ""
    mcp_function: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether its tool call has an outcome, or it made none."""
        return not self.tool or self.tool_status not in _UNSETTLED

    @property
    def has_tokens(self) -> bool:
        """Whether Cursor counted tokens for it."""
        return bool(self.input or self.output)


def composer_of(key: str, fields: list[Any]) -> Composer:
    """The conversation of a `composerData:` row; `fields` in the order of `COMPOSER_PATHS`."""
    created, model, usage, added, removed, agent, parent, branch, path, uri, repository = fields
    return Composer(
        id=key.partition(":")[2],
        created_ms=as_epoch_ms(created) or 0,
        model=as_text(model),
        usage=as_object(usage),
        lines_added=count_or_zero(added),
        lines_removed=count_or_zero(removed),
        agent=as_text(agent),
        parent_id=as_text(parent),
        branch=as_text(branch),
        cwd=as_text(path) or as_text(uri) or as_text(repository),
    )


def bubble_of(key: str, fields: list[Any], call: list[Any] | None) -> Bubble:
    """
    The message of a `bubbleId:<composer>:<bubble>` row; the record itself often names neither.

    Args:
        key: the row's key.
        fields: in the order of `BUBBLE_PATHS`.
        call: in the order of `CALL_PATHS`; None when the row has no readable parameters.
    """
    kind, created, info_model, model, tokens_in, tokens_out, tool, status, request = fields
    *paths, server, function = call or [""] * len(CALL_PATHS)
    _, _, ids = key.partition(":")
    composer_id, _, bubble_id = ids.rpartition(":")
    return Bubble(
        id=bubble_id,
        composer_id=composer_id,
        kind=as_count(kind) or 0,
        created_ms=as_epoch_ms(created) or 0,
        model=as_text(info_model) or as_text(model),
        input=count_or_zero(tokens_in),
        output=count_or_zero(tokens_out),
        tool=plain_name(as_text(tool)),
        tool_status=as_text(status).lower(),
        request_id=as_text(request),
        path=next((text for path in paths if (text := as_text(path))), ""),
        mcp_server=as_text(server),
        mcp_function=as_text(function),
    )


def bubble_events(bubble: Bubble, composer: Composer) -> Iterator[UsageEvent]:
    """A turn for what the user sent; tokens and a settled tool call for what came back."""
    ts_ms = bubble.created_ms or composer.created_ms
    if not ts_ms or not bubble.id:
        return  # without a time it would land on the day it was read
    common: dict[str, Any] = {
        "source": SOURCE,
        "channel": SQLITE,
        "ts_ms": ts_ms,
        "provider": BILLED_BY,
        "client": SOURCE,
        "session_id": bubble.composer_id,
        "parent_session_id": composer.parent_id,
        "agent": composer.agent,
        "cwd": composer.cwd,
        "branch": composer.branch,
        "model": bubble.model or composer.model,
    }
    if bubble.kind == _USER:
        yield UsageEvent(event_type=TURN_COMPLETED, turn_id=bubble.id, **common)
    if bubble.kind != _ASSISTANT:
        return
    if bubble.has_tokens and ts_ms < LOCAL_TOKENS_END_MS:
        yield UsageEvent(
            event_type=MESSAGE_USAGE,
            message_id=bubble.id,
            turn_id=bubble.request_id,
            input=bubble.input,
            output=bubble.output,
            requests=1,
            **common,
        )
    if bubble.tool and bubble.is_settled:
        server, function = mcp_parts(bubble.tool, bubble.mcp_server, bubble.mcp_function)
        yield UsageEvent(
            event_type=TOOL_USAGE,
            tool_call_id=bubble.id,
            turn_id=bubble.request_id,
            tool_name=f"mcp__{server}__{function}" if server else bubble.tool,
            mcp_server=server,
            mcp_function=function,
            language=language_of(bubble.path) if bubble.path else "",
            status=_STATUSES.get(bubble.tool_status, STATUS_UNKNOWN),
            requests=1,
            **common,
        )


def composer_events(composer: Composer, *, has_message_tokens: bool) -> Iterator[UsageEvent]:
    """
    Lines and, where no message has tokens, the billed totals of a conversation.

    Both only grow; their identity is the conversation (and model), their time its beginning.
    """
    if not composer.created_ms or not composer.id:
        return
    common: dict[str, Any] = {
        "source": SOURCE,
        "channel": SQLITE,
        "ts_ms": composer.created_ms,
        "provider": BILLED_BY,
        "client": SOURCE,
        "session_id": composer.id,
        "parent_session_id": composer.parent_id,
        "agent": composer.agent,
        "cwd": composer.cwd,
        "branch": composer.branch,
    }
    if composer.lines_added or composer.lines_removed:
        # The calls that wrote them are counted by themselves.
        yield UsageEvent(
            event_type=TOOL_USAGE,
            tool_call_id=f"lines:{composer.id}",
            tool_name="composer_edits",
            lines_added=composer.lines_added,
            lines_removed=composer.lines_removed,
            requests=0,
            model=composer.model,
            **common,
        )
    if has_message_tokens or composer.created_ms >= LOCAL_TOKENS_END_MS:
        return
    for model, entry in composer.usage.items():
        totals = as_object(entry)
        cents = as_number(totals.get("costInCents"))
        requests = as_count(totals.get("amount"))
        if (cents is not None and cents > 0) or requests:
            yield UsageEvent(
                event_type=MESSAGE_USAGE,
                message_id=f"{composer.id}:{model}",
                model=model,
                requests=requests,
                cost_nano=None if cents is None or cents < 0 else round(cents * NANO_PER_CENT),
                **common,
            )


def claims_totals(composer: Composer) -> bool:
    """Whether it matters if a message of the conversation has tokens."""
    return bool(composer.usage) and 0 < composer.created_ms < LOCAL_TOKENS_END_MS
