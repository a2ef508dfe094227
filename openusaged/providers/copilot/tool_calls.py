"""
What a tool call of Copilot says about itself without its text: name, server, language, lines.

Pure.  Arguments come in, counts go out; nothing of them is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.models import STATUS_ABORTED, STATUS_ERROR, STATUS_OK, STATUS_UNKNOWN
from openusaged.providers.shared.json_values import as_object, as_text

_PATHS: Final = ("path", "filePath", "file_path", "targetFile", "filename", "file")
_OLD: Final = ("old_str", "old_string", "oldString")
_NEW: Final = ("new_str", "new_string", "newString", "file_text", "content", "contents")
_PATCHES: Final = ("patch", "input", "diff")
_PATCH_FILE: Final = re.compile(r"^\*\*\* (?:Update|Add|Delete) File: (.+)$", re.MULTILINE)
_NOT_NAME: Final = re.compile(r"[^a-z0-9]+")
_REFUSED: Final = re.compile(r"denied|cancel|abort|reject|user initiated", re.IGNORECASE)
_WORDS: Final = {
    "ok": STATUS_OK,
    "success": STATUS_OK,
    "succeeded": STATUS_OK,
    "completed": STATUS_OK,
    "aborted": STATUS_ABORTED,
    "cancelled": STATUS_ABORTED,
    "canceled": STATUS_ABORTED,
    "denied": STATUS_ABORTED,
    "error": STATUS_ERROR,
    "failed": STATUS_ERROR,
}


class Call(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A call that has begun, as it is remembered until it ends."""

    name: str
    server: str = ""
    function: str = ""
    language: str = ""
    added: int | None = None
    removed: int | None = None
    model: str = ""
    is_subagent: bool = False


def call_of(name: str, server: str, function: str, arguments: Any) -> Call | None:
    """
    The call as it began; None without a name.

    Args:
        name: the tool's name as recorded.
        server, function: of an MCP tool, where the record says so.
        arguments: decoded, or JSON in a string, or a patch.
    """
    if not name:
        return None
    if not server:
        server, function = split_mcp(name)
        if not server:
            server, function = _prefixed(name.strip().lower())
    else:
        server, function = server.lower(), (function or name).lower()
    plain = _NOT_NAME.sub("_", name.lower()).strip("_")
    added, removed, path = _edit(arguments)
    return Call(
        name=f"mcp__{server}__{function}" if server else plain,
        server=server,
        function=function,
        language=language_of(path) if path else "",
        added=added,
        removed=removed,
    )


def outcome(success: Any, status: Any, error: Any) -> str:
    """How a call ended; a refusal by the user is no error of the tool."""
    if success is True:
        return STATUS_OK
    details = as_object(error)
    words = " ".join(
        filter(None, (as_text(error), as_text(status), *map(as_text, details.values())))
    )
    if success is False:
        return STATUS_ABORTED if _REFUSED.search(words) else STATUS_ERROR
    known = _WORDS.get(as_text(status).lower())
    if known is not None:
        return known
    return STATUS_ERROR if error else STATUS_UNKNOWN


def _prefixed(name: str) -> tuple[str, str]:
    """`mcp-server-function` and `mcp_server_function`."""
    for mark in ("-", "_"):
        if name.startswith(f"mcp{mark}"):
            server, _, function = name[4:].partition(mark)
            return server, function
    return "", ""


def _edit(arguments: Any) -> tuple[int | None, int | None, str]:
    """(lines added, lines removed, path); unknown where the arguments are no edit."""
    if isinstance(arguments, str):
        try:
            decoded = msgspec.json.decode(arguments)
        except msgspec.DecodeError:
            decoded = {"patch": arguments}
        arguments = decoded
    source = as_object(arguments)
    path = _first(source, _PATHS)
    for name in _PATCHES:
        patch = source.get(name)
        if isinstance(patch, str) and ("*** Begin Patch" in patch or patch.startswith("--- ")):
            named = _PATCH_FILE.search(patch)
            lines = patch.splitlines()
            added = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
            removed = sum(line.startswith("-") and not line.startswith("---") for line in lines)
            return added, removed, path or (named[1].strip() if named else "")
    old, new = _first(source, _OLD), _first(source, _NEW)
    if not old and not new:
        return None, None, path
    return _lines(new), _lines(old), path


def _first(source: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if isinstance(text := source.get(name), str)), "")


def _lines(text: str) -> int:
    return len(text.splitlines())
