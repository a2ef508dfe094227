"""
Reads OpenCode's legacy store (up to 1.1): one JSON file per message and per part.

A unit is a session's directory.  Ids sort by time, so that what is new lies behind the newest
message that was read; unfinished ones before it are remembered by id.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from openusaged.core.models import JSONL, Account, SourceCursor, UsageEvent
from openusaged.providers.base import Chunk, CollectContext, Unit
from openusaged.providers.opencode.mcp_servers import configured_servers
from openusaged.providers.opencode.progress import (
    STATE_VERSION,
    Pending,
    Progress,
    decode,
    events_of,
)
from openusaged.providers.opencode.records import (
    Session,
    Step,
    ToolCall,
    count,
    parse_message,
    parse_step,
    parse_tool,
)
from openusaged.providers.shared.cursors import unit_cursor

MAX_FILE_BYTES: Final = 64 << 20
"""A tool part holds the tool's whole output; more than this no version wrote."""
_USUAL_BYTES: Final = 16 << 10
"""Most files are smaller: one call reads them, and none has to ask for their size."""
_SUFFIX: Final = ".json"


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """Events of the new and the formerly unfinished messages of one session directory."""
    progress = decode(cursor.state, cursor.state_version) if cursor is not None else Progress()
    storage = os.path.dirname(os.path.dirname(unit.path))
    session_id = os.path.basename(unit.path)
    names = sorted(_json_names(unit.path))
    wanted = [name for name in names if name > progress.anchor or name in progress.pending]
    for gone in progress.pending.keys() - set(wanted):
        del progress.pending[gone]
    session = _session(storage, session_id) if wanted else Session()
    events: list[UsageEvent] = []
    servers: dict[str, tuple[str, ...]] = {}
    for done, name in enumerate(wanted, start=1):
        info = _load(os.path.join(unit.path, name + _SUFFIX))
        if info.get("role") == "assistant":
            steps, calls = _parts(os.path.join(storage, "part", name))
            info = {**info, "id": name, "sessionID": session_id}
            message = parse_message(info, session, steps)
            if message.cwd not in servers:
                servers[message.cwd] = configured_servers(context.machine, message.cwd)
            if message.created_ms:
                events += events_of(message, calls, progress, JSONL, servers[message.cwd])
        elif not info:
            # half-written; the next change of the directory brings it again
            progress.pending.setdefault(name, Pending())
        progress.anchor = max(progress.anchor, name)
        if len(events) >= context.max_chunk_events and done < len(wanted):
            yield Chunk(
                events=events,
                cursor=unit_cursor(
                    account,
                    unit,
                    state=progress.encode(),
                    state_version=STATE_VERSION,
                    done=False,
                ),
            )
            events = []
    yield Chunk(
        events=events,
        cursor=unit_cursor(
            account, unit, state=progress.encode(), state_version=STATE_VERSION, done=True
        ),
    )


def _parts(directory: str) -> tuple[list[Step], list[ToolCall]]:
    """Steps and tool calls of one message; of the texts beside them nothing is kept."""
    steps: list[Step] = []
    calls: list[ToolCall] = []
    for name in sorted(_json_names(directory)):
        data = _read(f"{directory}/{name}{_SUFFIX}")
        # Most parts are texts: these are passed over by a look for the two words.
        if b'"step-finish"' not in data and b'"tool"' not in data:
            continue
        part = _object(data)
        if part.get("type") == "step-finish":
            steps.append(parse_step(part))
        elif part.get("type") == "tool":
            calls.append(parse_tool({"id": name, **part}))
    return steps, calls


def _session(storage: str, session_id: str) -> Session:
    """`storage/session/<project>/<session>.json`; unknown when it is gone."""
    root = os.path.join(storage, "session")
    try:
        projects = sorted(os.listdir(root))
    except OSError:
        return Session()
    for project in projects:
        info = _load(os.path.join(root, project, session_id + _SUFFIX))
        if info:
            parent, directory, time = info.get("parentID"), info.get("directory"), info.get("time")
            return Session(
                parent_id=parent if isinstance(parent, str) else "",
                directory=directory if isinstance(directory, str) else "",
                created_ms=count(time.get("created")) if isinstance(time, dict) else 0,
            )
    return Session()


def _json_names(directory: str) -> list[str]:
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    return [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]


def _load(path: str) -> Mapping[str, Any]:
    """The object in a file; empty when it is missing, half-written, too large or no object."""
    return _object(_read(path))


def _read(path: str) -> bytes:
    """What is in a file; nothing when it is missing or too large."""
    try:
        # Thousands of small files: a file object would cost more than reading them.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        data = os.read(fd, _USUAL_BYTES)
        if len(data) < _USUAL_BYTES:
            return data
        size = os.fstat(fd).st_size
        return data + os.read(fd, size - len(data)) if size <= MAX_FILE_BYTES else b""
    except OSError:
        return b""
    finally:
        os.close(fd)


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
