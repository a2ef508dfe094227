"""
Goose's sessions, ledger rows and tool calls as values, and the events they stand for.  Pure.

Quirks of the vendor that are settled here:
- `input_tokens` include what was read from and written to the cache.
- Session ids count up from 1 every day in every database: only with the second of their creation
  do they name one session on all machines.  Those of sessions from before the database are that
  second, and such sessions were copied into it without a model.
- The first ledger row of a session that is older than the ledger sums up what came before.  It is
  the same usage as the session's own totals, so both are one event, dated when the session began.
- A session holds one model name; it may change while the totals grow on.  The name is therefore no
  part of the totals' identity.
- Goose can drive other agents' programs.  Those write records of their own, which are counted
  where they are read; here they are left out.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.model_names import vendor_of_model
from openusaged.core.models import (
    MESSAGE_USAGE,
    SQLITE,
    STATUS_ERROR,
    STATUS_OK,
    TOOL_USAGE,
    UsageEvent,
)
from openusaged.providers.shared.call_ids import global_call_id
from openusaged.providers.shared.json_values import as_count, as_epoch_ms, as_nano, as_text

SOURCE: Final = "goose"
CARRIED: Final = "carried_forward"

_VENDORS: Final = {
    "aws_bedrock": "aws",
    "bedrock": "aws",
    "sagemaker_tgi": "aws",
    "azure": "azure",
    "azure_openai": "azure",
    "gcp_vertex_ai": "google",
    "gcpvertexai": "google",
    "gemini_oauth": "google",
    "github_copilot": "github-copilot",
    "xai": "x-ai",
    "chatgpt_codex": "openai",
    "moonshot": "moonshotai",
    "kimi": "moonshotai",
    "zhipu": "zai",
    "z_ai": "zai",
}
_OLDER_ID: Final = re.compile(r"\d{8}_\d{6}")
_OTHER_AGENTS: Final = frozenset({"claude_code", "claude_acp", "codex", "codex_acp", "gemini_cli"})


class Session(NamedTuple):
    """What events need of their session, as it is stored."""

    id: str
    created_at: Any
    provider: Any
    model: Any
    working_dir: Any
    kind: Any
    parent_id: Any

    @property
    def is_older(self) -> bool:
        """Whether it comes from before the database, or was copied into it."""
        return _OLDER_ID.fullmatch(self.id) is not None

    @property
    def key(self) -> str:
        """Name of the session that is unique over all databases."""
        if self.is_older:
            return self.id
        created_ms = as_epoch_ms(self.created_at)
        return self.id if created_ms is None else f"{self.id}@{created_ms // 1000}"

    @property
    def is_counted_elsewhere(self) -> bool:
        """Whether another agent made the requests and keeps records of its own."""
        return _plain(self.provider) in _OTHER_AGENTS


class Tokens(NamedTuple):
    """Counts as stored; `input` includes both cache parts."""

    input: int | None
    output: int | None
    total: int | None
    cache_read: int | None
    cache_write: int | None


class ToolCall(NamedTuple):
    """A requested tool that has not answered yet."""

    ts_ms: int
    name: str
    file: str


def totals_event(session: Session, tokens: Tokens, cost: Any) -> UsageEvent | None:
    """A session that has no ledger rows, as far as it has come; None when nothing was used."""
    created_ms = as_epoch_ms(session.created_at)
    has_run = bool(as_text(session.model)) or session.is_older
    if created_ms is None or not has_run or session.is_counted_elsewhere:
        return None
    return _usage(session, created_ms, f"{session.key}:total", "", tokens, as_nano(cost) or None)


def ledger_event(
    session: Session,
    row_id: int,
    created: Any,
    model: Any,
    tokens: Tokens,
    cost: Any,
    *,
    is_carried: bool,
) -> UsageEvent | None:
    """One request to a model, or with `is_carried` all that came before the ledger."""
    if session.is_counted_elsewhere:
        return None
    row_ms = as_epoch_ms(created)
    if is_carried:
        began_ms = as_epoch_ms(session.created_at) or row_ms
        if began_ms is None:
            return None
        key = f"{session.key}:total"
        return _usage(session, began_ms, key, as_text(model), tokens, as_nano(cost) or None)
    if row_ms is None:
        return None
    event = _usage(
        session, row_ms, f"{session.key}:{row_id}", as_text(model), tokens, as_nano(cost)
    )
    return None if event is None else msgspec.structs.replace(event, requests=1, is_sum=False)


def _usage(
    session: Session,
    ts_ms: int,
    message_id: str,
    model: str,
    tokens: Tokens,
    cost_nano: int | None,
) -> UsageEvent | None:
    given, output, read, write = _split(tokens)
    if not (given or output or read or write or cost_nano):
        return None
    return msgspec.structs.replace(
        _origin(session, model),
        ts_ms=ts_ms,
        message_id=message_id,
        is_sum=True,
        input=given,
        cache_read=read,
        cache_write_5m=write,
        output=output,
        cost_nano=cost_nano,
    )


def _split(tokens: Tokens) -> tuple[int | None, int | None, int | None, int | None]:
    """Disjoint (input, output, cache read, cache write)."""
    read, write, given, output = tokens.cache_read, tokens.cache_write, tokens.input, tokens.output
    cached = (read or 0) + (write or 0)
    if given is not None and given >= cached:
        given -= cached
    # What only the total knows of, thoughts for one, is billed like output.
    rest = (tokens.total or 0) - (given or 0) - cached - (output or 0)
    if rest > 0:
        output = (output or 0) + rest
    return given, output, read, write


def call_event(
    session: Session, call_id: str, call: ToolCall, *, is_error: bool
) -> UsageEvent | None:
    """The use of a tool; a tool of an extension is `extension__tool`."""
    if session.is_counted_elsewhere:
        return None
    name = call.name.lower()
    server, found, function = name.partition("__")
    return msgspec.structs.replace(
        _origin(session, ""),
        event_type=TOOL_USAGE,
        ts_ms=call.ts_ms,
        tool_call_id=global_call_id(session.key, call_id),
        tool_name=name,
        mcp_server=server if found else "",
        mcp_function=function,
        language=language_of(call.file) if call.file else "",
        status=STATUS_ERROR if is_error else STATUS_OK,
    )


def _origin(session: Session, model: str) -> UsageEvent:
    model = model or as_text(session.model)
    provider = as_text(session.provider).lower()
    return UsageEvent(
        source=SOURCE,
        channel=SQLITE,
        event_type=MESSAGE_USAGE,
        ts_ms=0,
        provider=_VENDORS.get(_plain(provider), provider) or vendor_of_model(model),
        session_id=session.id,
        parent_session_id=as_text(session.parent_id),
        agent="subagent" if session.kind == "sub_agent" else "",
        cwd=as_text(session.working_dir),
        model=model,
    )


def _plain(provider: Any) -> str:
    return as_text(provider).lower().replace("-", "_")


def larger_of(accumulated: Any, last_request: Any) -> int | None:
    """The running total, else what only very old versions have: the last request's count."""
    return as_count(accumulated) or as_count(last_request)
