"""
The Model Context Protocol on stdin and stdout, by the protocol's own SDK.

The one module that loads the SDK, which is an optional extra and takes a second to import.  What
the tools are and answer is in `tools` and `answers`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from openusage_client import autostart
from openusage_client.errors import ClientError, UsageError
from openusage_client.first_import import incomplete_note, ready_status
from openusage_client.mcp.answers import ANSWERS
from openusage_client.mcp.tools import TOOLS
from openusage_proto import VERSION
from openusage_proto.errors import RpcError

IMPORT_WAIT_S: Final = 20.0
"""Hosts give a tool a minute; what is there after this is answered with a note."""
_INSTRUCTIONS: Final = (
    "What the AI tools on this machine have used: tokens, cost, limits and resets, as counted by"
    " OpenUsage. Everything is read from a local daemon; no vendor is asked and nothing changes."
)
_CHECKS: Final = {tool.name: Draft202012Validator(tool.input_schema) for tool in TOOLS}


def run(options: argparse.Namespace) -> int:
    """Serve until the host closes stdin."""
    # Python's own way waits for the thread that reads stdin, so Ctrl-C would do nothing; there is
    # nothing here that an abrupt end could harm.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(_serve(autostarts=not options.no_autostart))
    return 0


async def _serve(*, autostarts: bool) -> None:
    async def list_tools(
        _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=_offered())

    async def call_tool(
        _context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        if params.name not in ANSWERS:
            raise MCPError(INVALID_PARAMS, f"there is no tool {params.name!r}")
        # The daemon is asked over a blocking socket; other calls and pings go on meanwhile.
        return await asyncio.to_thread(
            _called, params.name, params.arguments or {}, autostarts=autostarts
        )

    server: Server[Any] = Server(
        "openusage",
        title="OpenUsage",
        version=VERSION,
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def _offered() -> list[Tool]:
    return [
        Tool(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            input_schema=dict(tool.input_schema),
            output_schema=dict(tool.output_schema),
            annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
        )
        for tool in TOOLS
    ]


def _called(name: str, arguments: Mapping[str, Any], *, autostarts: bool) -> CallToolResult:
    """The tool's answer, or the sentence that the command line would say as a tool error."""
    try:
        answer = _answer(name, arguments, autostarts=autostarts)
    except ClientError as error:
        return _result(str(error), is_error=True)
    except RpcError as error:
        return _result(error.detail, is_error=True)
    return _result(json.dumps(answer, ensure_ascii=False), answer)


def _answer(name: str, arguments: Mapping[str, Any], *, autostarts: bool) -> dict[str, Any]:
    _check(name, arguments)
    with autostart.connect(autostart=autostarts) as connection:
        status = ready_status(connection, IMPORT_WAIT_S)
        answer = ANSWERS[name](connection, arguments)
    unfinished = incomplete_note(status)
    if unfinished:
        answer["notes"] = [unfinished, *answer["notes"]]
    return answer


def _check(name: str, arguments: Mapping[str, Any]) -> None:
    """
    Refuse arguments that the tool's schema does not allow.

    Raises:
        UsageError: there is no such argument, or its value is wrong, with what there is.
    """
    check = _CHECKS[name]
    known = list(check.schema["properties"])
    for argument in arguments:
        if argument not in known:
            close = get_close_matches(argument, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
            raise UsageError(f"there is no argument {argument!r}; {hint}")
    wrong = best_match(check.iter_errors(arguments))
    if wrong is not None:
        place = wrong.json_path.removeprefix("$").removeprefix(".")
        raise UsageError(f"{place}: {wrong.message}" if place else wrong.message)


def _result(text: str, answer: Any = None, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(text=text)], structured_content=answer, is_error=is_error
    )
