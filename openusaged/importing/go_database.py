"""
Reads the database of the Go OpenUsage and makes turns of its rows.

What keeps a response from being counted twice differs from tool to tool.  Rows of Claude Code and
OpenCode carry the tools' own ids, which our readers use as well: they meet one by one (copies that
OpenCode's forks made under new ids are told by `copies`).  Of Codex the ids of tool calls meet; its
messages have the turn's id only, so they are taken for sessions that our reader does not hold.  The
ids of every other tool's rows are the Go program's inventions: such rows are taken only for days of
which our own collectors hold nothing of that tool.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from openusage_proto.values import dataclass
from openusaged.core.errors import StorageError
from openusaged.core.mcp_names import split_mcp
from openusaged.core.model_names import vendor_of_model
from openusaged.importing.sending import GO_MARK

SOURCE: Final = "openusage-go"
CLAUDE: Final = "claude_code"
CODEX: Final = "codex"
OPENCODE: Final = "opencode"
MESSAGE: Final = "message_usage"
TOOL: Final = "tool_usage"

_SAME_IDS: Final = frozenset({CLAUDE, OPENCODE, "gemini_cli"})
"""Sources whose ids are the ones that our readers use."""
_UNIQUE_IDS: Final = frozenset({CLAUDE, CODEX, OPENCODE})
"""Those of them whose ids are no other response's, wherever they come from."""
_RECORDED_COST: Final = frozenset({OPENCODE, "cursor"})
"""Sources that write costs down; the Go program estimated the others itself."""
_BILLED_BY: Final = {CODEX: "openai", "gemini_cli": "google", "copilot": "github-copilot"}
_CLAUDE_MESSAGE: Final = re.compile(r"msg_[A-Za-z0-9_]+")
_CLAUDE_TOOL: Final = re.compile(r"toolu_[A-Za-z0-9_]+")
_CODEX_CALL: Final = re.compile(r"call_[A-Za-z0-9]{12,}")
_CODEX_THREAD: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_STATUSES: Final = frozenset({"ok", "error", "aborted", "unknown"})

_QUERY: Final = """
SELECT coalesce(r.source_system, e.agent_name) AS source, e.event_type, e.occurred_at,
    e.provider_id, e.account_id, e.session_id, e.turn_id, e.message_id, e.tool_call_id,
    e.agent_name, e.status, e.model_raw, e.input_tokens, e.output_tokens, e.reasoning_tokens,
    e.cache_read_tokens, e.cache_write_tokens, e.requests, e.cost_usd, e.tool_name, e.dedup_key
FROM usage_events e LEFT JOIN usage_raw_events r ON r.raw_event_id = e.raw_event_id
WHERE e.event_type IN ('message_usage', 'tool_usage')
ORDER BY e.occurred_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One row as a turn, and how it may be counted."""

    tool: str
    """Which tool's usage it is: the provider's id."""
    source: str
    day: str
    """UTC day."""
    account_id: str
    by_identity: bool
    """Its id meets that of our own reader, so it may be sent whatever is held."""
    session: str = ""
    """The session of the tool that decides in place of the day; empty: the day does."""
    turn: Mapping[str, Any]


def rows(path: str) -> Iterator[sqlite3.Row]:
    """
    Usage rows by time; the file is only read.

    Raises:
        StorageError: there is no such database, or it is not the Go OpenUsage's.
    """
    if not os.path.isfile(path):
        raise StorageError(f"there is no file {path}")
    try:
        connection = sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            connection.text_factory = _text
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if not {"usage_events", "usage_raw_events"} <= names:
                raise StorageError(f"{path} is not a database of the Go OpenUsage")
            yield from connection.execute(_QUERY)
        finally:
            connection.close()
    except sqlite3.Error as exc:
        raise StorageError(f"{path}: {exc}") from exc


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def imported(row: Mapping[str, Any] | sqlite3.Row) -> Imported | str:
    """A row as a turn, or why it says nothing that can be counted."""
    tool = _word(row["source"]).lower()
    occurred = _time(_word(row["occurred_at"]))
    if occurred is None:
        return "a time that cannot be read"
    if occurred.year < 2010:
        return "a time that was never set"
    if row["event_type"] == TOOL:
        ids, meets = _tool_ids(tool, row)
        counts: dict[str, Any] = {"tool_name": _word(row["tool_name"]) or "unknown"}
        _split_mcp(counts)
    else:
        ids, meets = _message_ids(tool, row)
        counts = _counts(tool, row)
        if not any(counts.get(name) for name in _TOKENS) and not counts.get("cost"):
            return "no tokens and no cost"
    status = _word(row["status"])
    model = _word(row["model_raw"])
    agent = _word(row["agent_name"])
    turn = {
        "event_type": row["event_type"],
        "occurred_at": int(occurred.timestamp() * 1000),
        "provider": _provider(tool, _word(row["provider_id"]).lower(), model),
        "client": tool + GO_MARK,
        "model": model,
        "session_id": _word(row["session_id"]),
        "agent": "" if agent in (tool, tool.partition("_")[0]) else agent,
        "status": status if status in _STATUSES else "unknown",
        **ids,
        **counts,
    }
    return Imported(
        tool=tool,
        source=tool if meets else SOURCE,
        day=occurred.date().isoformat(),
        account_id=_word(row["account_id"]),
        by_identity=meets and tool in _UNIQUE_IDS,
        session=_thread(_word(row["session_id"])) if tool == CODEX else "",
        turn=turn,
    )


_TOKENS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
)


def _message_ids(tool: str, row: Mapping[str, Any] | sqlite3.Row) -> tuple[dict[str, str], bool]:
    message = _word(row["message_id"])
    if tool == CLAUDE:
        # Without a message id the Go program fills in the request's or the line's.
        match = _CLAUDE_MESSAGE.fullmatch(message)
        if match:
            return {"message_id": message}, True
    elif tool in _SAME_IDS and message:
        return {"message_id": message}, True
    return {"message_id": _invented(tool, row, message or _word(row["turn_id"]))}, False


def _tool_ids(tool: str, row: Mapping[str, Any] | sqlite3.Row) -> tuple[dict[str, str], bool]:
    call = _word(row["tool_call_id"])
    if tool == CLAUDE:
        match = _CLAUDE_TOOL.search(call)
        if match:
            return {"tool_call_id": match[0]}, True
    elif call and (tool in _SAME_IDS or (tool == CODEX and _CODEX_CALL.fullmatch(call))):
        return {"tool_call_id": call}, True
    return {"tool_call_id": _invented(tool, row, call)}, False


def _invented(tool: str, row: Mapping[str, Any] | sqlite3.Row, ident: str) -> str:
    """An id that is the same for every row that the Go program itself would show once."""
    if not ident:
        return f"{tool}:{_word(row['dedup_key'])}"
    return f"{tool}:{_word(row['session_id'])}:{ident}"


def _thread(session: str) -> str:
    """A thread's id; without a header the Go program took the rollout's name, which ends in it."""
    match = _CODEX_THREAD.search(session)
    return match[0] if match else session


def _counts(tool: str, row: Mapping[str, Any] | sqlite3.Row) -> dict[str, Any]:
    """Disjoint buckets from each tool's own way of counting."""
    read, write = _number(row["cache_read_tokens"]), _number(row["cache_write_tokens"])
    given, output = _number(row["input_tokens"]), _number(row["output_tokens"])
    reasoning = _number(row["reasoning_tokens"])
    if given is not None and tool in (CODEX, "gemini_cli", "copilot"):
        given = max(0, given - (read or 0) - ((write or 0) if tool == "copilot" else 0))
    if reasoning and tool in (OPENCODE, "gemini_cli"):
        output = (output or 0) + reasoning
    counts: dict[str, Any] = {
        "input_tokens": given,
        "cache_read_tokens": read,
        "cache_write_5m_tokens": write,
        "output_tokens": output,
        "reasoning_tokens": None if reasoning is None else min(reasoning, output or 0),
        "requests": _number(row["requests"]) or 1,
    }
    cost = row["cost_usd"]
    if tool in _RECORDED_COST and isinstance(cost, int | float) and cost > 0:
        counts["cost"] = float(cost)
    return counts


def _split_mcp(counts: dict[str, Any]) -> None:
    server, function = split_mcp(counts["tool_name"])
    if server:
        counts.update(mcp_server=server, mcp_function=function)


def _provider(tool: str, named: str, model: str) -> str:
    if tool in _BILLED_BY:
        return _BILLED_BY[tool]
    if named and named != tool:
        return named
    return vendor_of_model(model) or named


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _word(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
