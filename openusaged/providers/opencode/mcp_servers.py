"""
MCP servers a user has configured in OpenCode, which alone tell its MCP tools from its own.

OpenCode names an MCP tool `<server>_<function>`; nothing in the record says that it is one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from openusage_proto import locations
from openusaged.core.mcp_names import split_mcp
from openusaged.providers.base import Machine

MAX_CONFIG_BYTES: Final = 1 << 20
_NAMES: Final = ("config.json", "opencode.json", "opencode.jsonc")


def configured_servers(machine: Machine, directory: str = "") -> tuple[str, ...]:
    """Server names of the global configuration and of the project at `directory`, longest first."""
    names: set[str] = set()
    for path in _config_paths(machine, directory):
        try:
            info = os.stat(path)
        except OSError:
            continue
        names.update(_servers_in(path, info.st_mtime_ns, info.st_size))
    return tuple(sorted(names, key=lambda name: (-len(name), name)))


@lru_cache(maxsize=512)
def split_tool(tool: str, servers: tuple[str, ...]) -> tuple[str, str]:
    """(server, function) of an MCP tool, lower case; `("", "")` for any other tool."""
    found = split_mcp(tool)
    if found[0]:
        return found
    for server in servers:
        if tool.startswith(server + "_") and len(tool) > len(server) + 1:
            return server.lower(), tool[len(server) + 1 :].lower()
    return "", ""


def strip_comments(text: str) -> str:
    """JSON of JSONC: without comments and without commas in front of a closing bracket."""
    out: list[str] = []
    at, size = 0, len(text)
    while at < size:
        char = text[at]
        if char == '"':
            end = at + 1
            while end < size and text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            out.append(text[at : end + 1])
            at = end + 1
        elif text.startswith("//", at):
            end = text.find("\n", at)
            at = size if end < 0 else end
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2)
            at = size if end < 0 else end + 2
        else:
            if char in "]}":
                _drop_trailing_comma(out)
            out.append(char)
            at += 1
    return "".join(out)


def _drop_trailing_comma(out: list[str]) -> None:
    for index in range(len(out) - 1, -1, -1):
        if not out[index].isspace():
            if out[index] == ",":
                del out[index]
            return


def _config_paths(machine: Machine, directory: str) -> Iterator[str]:
    env = {**machine.env, "HOME": machine.home}
    directories = [os.path.join(locations.config_home(env), "opencode")]
    if env.get("OPENCODE_CONFIG_DIR"):
        directories.append(env["OPENCODE_CONFIG_DIR"])
    if directory:
        directories += [directory, os.path.join(directory, ".opencode")]
    for folder in directories:
        for name in _NAMES:
            yield os.path.join(folder, name)
    if env.get("OPENCODE_CONFIG"):
        yield env["OPENCODE_CONFIG"]


@lru_cache(maxsize=64)
def _servers_in(path: str, mtime_ns: int, size: int) -> frozenset[str]:  # noqa: ARG001 - the key
    """Server names in one file, remembered per version of it: every tool call asks."""
    if size > MAX_CONFIG_BYTES:
        return frozenset()
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            config = msgspec.json.decode(strip_comments(file.read()))
    except (OSError, msgspec.DecodeError):
        return frozenset()
    servers = config.get("mcp") if isinstance(config, dict) else None
    if not isinstance(servers, dict):
        return frozenset()
    # OpenCode replaces what a tool name may not hold
    return frozenset(
        "".join(c if (c.isascii() and c.isalnum()) or c in "_-" else "_" for c in name)
        for name in servers
        if name
    )
