"""
What the Gemini CLI and its fork Qwen Code write alike: token counts, tool calls, edited lines.

Both keep the counts of Google's API, whose prompt includes what came from the cache and whose
thoughts stand beside the answer; compatible endpoints behind Qwen Code count thoughts inside.  The
total tells which.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from openusaged.core.languages import language_of
from openusaged.core.mcp_names import split_mcp
from openusaged.core.models import STATUS_ABORTED, STATUS_ERROR, STATUS_OK, STATUS_UNKNOWN
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import as_count, as_object, as_text, count_or_zero

_STATUS: Final = {
    "": STATUS_OK,
    "success": STATUS_OK,
    "ok": STATUS_OK,
    "completed": STATUS_OK,
    "cancelled": STATUS_ABORTED,
    "canceled": STATUS_ABORTED,
    "error": STATUS_ERROR,
    "failed": STATUS_ERROR,
}
# as in: search_code (gopls MCP Server)
_MCP_DISPLAY: Final = re.compile(r"^(.+) \((.+) MCP Server\)$")
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9_.-]+")


class Tokens(NamedTuple):
    """Disjoint buckets; `output` includes `reasoning`."""

    input: int
    cache_read: int
    output: int
    reasoning: int


def google_tokens(
    *, prompt: int, candidates: int, thoughts: int, cached: int, tool: int, total: int
) -> Tokens:
    """
    The buckets of one response; 0 stands for a count that the record does not have.

    `tool` is the prompt of a built-in tool and is paid like any other.  A gateway that reports no
    answer but a total has its answer in the difference.
    """
    thoughts_inside = thoughts <= candidates and total > 0 and total == prompt + tool + candidates
    output = candidates if thoughts_inside else candidates + thoughts
    known = prompt + tool + output
    cached_apart = cached > prompt or (cached > 0 and total == known + cached)
    if not cached_apart:
        prompt -= cached
    if output == 0 and total > prompt + tool + cached:
        output = total - prompt - tool - cached
    return Tokens(prompt + tool, cached, output, min(thoughts, output))


def tool_status(status: object) -> str:
    """The outcome by the words of both tools; a call that is still running is unknown."""
    return _STATUS.get(as_text(status).lower(), STATUS_UNKNOWN)


def tool_names(name: str, display_name: str) -> tuple[str, str, str]:
    """(tool name, MCP server, MCP function), lower case; the display name tells an MCP tool."""
    tool = _clean(name)
    server, function = split_mcp(tool)
    if server:
        return tool, server, function
    shown = _MCP_DISPLAY.match(display_name.strip())
    if shown is None:
        return tool, "", ""
    function, server = _clean(shown[1]), _clean(shown[2])
    return f"mcp__{server}__{function}", server, function


def _clean(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name.strip().lower()).strip("_")


class _Paths(msgspec.Struct, rename="camel", gc=False):
    """The places where a path may stand, in arguments and in results."""

    file_path: Any = None
    file_path_snake: Any = msgspec.field(default=None, name="file_path")
    absolute_path: Any = msgspec.field(default=None, name="absolute_path")
    path: Any = None
    file: Any = None
    file_name: Any = None
    diff_stat: Any = None

    def language(self) -> str:
        """Language of the first path that tells one."""
        for value in (
            self.file_path_snake,
            self.absolute_path,
            self.file_path,
            self.path,
            self.file,
            self.file_name,
        ):
            language = language_of(as_text(value))
            if language:
                return language
        return ""


class Edit(NamedTuple):
    """Language of the file a call was about, lines it added and removed; None when unknown."""

    language: str
    lines_added: int | None
    lines_removed: int | None


def edit_of(arguments: Raw, result: Raw) -> Edit:
    """What arguments and displayed result say; of the texts in both nothing is kept."""
    asked = decode_part(arguments, _Paths) or _Paths()
    shown = decode_part(result, _Paths) or _Paths()
    stat = as_object(shown.diff_stat)
    return Edit(
        asked.language() or shown.language(), _lines(stat, "added"), _lines(stat, "removed")
    )


def _lines(stat: Any, what: str) -> int | None:
    by_model = as_count(stat.get(f"model_{what}_lines"))
    by_user = count_or_zero(stat.get(f"user_{what}_lines"))
    return None if by_model is None and not by_user else (by_model or 0) + by_user
