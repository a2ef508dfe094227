"""
Cursor's names of tools: `edit_file_v2` is `edit_file`, and MCP tools come in three spellings.

Pure.  What the record itself says about server and tool wins over taking the name apart: a server
whose name has a dash is split in the wrong place by the name alone.
"""

from __future__ import annotations

from typing import Final

from openusaged.core.mcp_names import split_mcp

_VERSIONS: Final = ("_v2", "_v3")
_USER: Final = "-user-"


def plain_name(raw: str) -> str:
    """The tool's name in lower case without the version of its protocol."""
    name = raw.strip().lower()
    for version in _VERSIONS:
        name = name.removesuffix(version)
    return name


def mcp_parts(name: str, server: str = "", function: str = "") -> tuple[str, str]:
    """
    (server, function) of an MCP tool, `("", "")` for one of Cursor's own.

    Args:
        name: the plain name.
        server, function: what the call's own record says, if it does.
    """
    is_mcp = name.startswith(("mcp-", "mcp_")) or name == "mcp"
    if is_mcp and server and function:
        return server.lower(), function.lower()
    known = split_mcp(name)
    if known[0]:
        return known
    if name.startswith("mcp-"):
        return _dashed(name[len("mcp-") :])
    if name.startswith("mcp_"):
        head, _, tail = name[len("mcp_") :].partition("_")
        return head, tail
    return "", ""


def _dashed(rest: str) -> tuple[str, str]:
    """`<server>-user-<server>-<tool>`, where the second name may differ, or `<server>-<tool>`."""
    server, found, other = rest.partition(_USER)
    if found and server:
        if other.startswith(server + "-"):
            return server, other[len(server) + 1 :]
        return server, other.rpartition("-")[2]
    head, _, tail = rest.partition("-")
    return head, tail
