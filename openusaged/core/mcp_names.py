"""
Tool name to MCP server and function: agents write no other field that says so.

Spellings in use: `mcp__server__function` (Claude Code, Codex; servers of plugins are
`mcp__plugin_<plugin>_<server>__function`), `server_mcp_server_function` and
`server-mcp-server-function` (Copilot, Gemini CLI), and `user-server-function (mcp)` (Cursor).
"""

from __future__ import annotations

from typing import Final

_PREFIX: Final = "mcp__"
_INFIXES: Final = ("_mcp_server_", "-mcp-server-")
_SUFFIX: Final = " (mcp)"


def split_mcp(tool: str) -> tuple[str, str]:
    """
    (server, function) of an MCP tool, lower case; `("", "")` when it is none.

    The function is empty when the name holds only a server.
    """
    name = tool.strip().lower()
    if name.startswith(_PREFIX):
        # The first separator ends the server: functions may contain `__`, servers rarely do.
        server, _, function = name[len(_PREFIX) :].partition("__")
        return (server, function) if server else ("", "")
    for infix in _INFIXES:
        server, found, function = name.partition(infix)
        if found and server and function:
            return server, function
    if name.endswith(_SUFFIX):
        return _split_suffixed(name[: -len(_SUFFIX)].strip().removeprefix("user-"))
    return "", ""


def _split_suffixed(name: str) -> tuple[str, str]:
    # Both halves may contain dashes, but functions are snake case: the last dash with an
    # underscore behind it is the border, else the first dash.
    at = name.rfind("-")
    while at > 0:
        if "_" in name[at + 1 :]:
            return name[:at], name[at + 1 :]
        at = name.rfind("-", 0, at)
    server, found, function = name.partition("-")
    if found and server and function:
        return server, function
    return ("other", name) if name else ("", "")
