"""Which of OpenCode's tools belong to an MCP server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from openusaged.providers.base import Machine
from openusaged.providers.opencode.mcp_servers import (
    MAX_CONFIG_BYTES,
    configured_servers,
    split_tool,
    strip_comments,
)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def servers(home: str, directory: str = "", **env: str) -> tuple[str, ...]:
    return configured_servers(Machine(env=env, home=home), directory)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1 // one\n}', {"a": 1}),
        ('{"a": 1 /* one\n two */, "b": 2}', {"a": 1, "b": 2}),
        ('{"a": [1, 2, ], }', {"a": [1, 2]}),
        ('{"url": "http://x//y", "c": "/* no */,]"}', {"url": "http://x//y", "c": "/* no */,]"}),
        ('{"q": "a\\"// b,}"}', {"q": 'a"// b,}'}),
        ("{} // end", {}),
        ("{} /* open", {}),
        ("[\n]", []),
    ],
)
def test_comments_and_trailing_commas(text: str, expected: object) -> None:
    """Comments and trailing commas go, strings stay as they are."""
    assert json.loads(strip_comments(text)) == expected


def test_unterminated_string_ends() -> None:
    """Text that is no JSON comes back without an exception."""
    assert strip_comments('{"a') == '{"a'


def test_all_configurations_are_joined(isolated_home: str, tmp_path: Path) -> None:
    """Global, named and project configurations all count; longer names are tried first."""
    config = Path(isolated_home, ".config/opencode")
    write(config / "opencode.json", '{"mcp": {"git": {}, "git_hub": {}}}')
    write(config / "config.json", '{"mcp": {"a.b": {}}}')
    write(tmp_path / "dir/opencode.jsonc", '{"mcp": {"dir": {},},}')
    write(tmp_path / "project/opencode.json", '{"mcp": {"project": {}}}')
    named = write(tmp_path / "named.json", '{"mcp": {"named": {}}}')
    found = servers(
        isolated_home,
        str(tmp_path / "project"),
        OPENCODE_CONFIG_DIR=str(tmp_path / "dir"),
        OPENCODE_CONFIG=str(named),
    )
    assert found == ("git_hub", "project", "named", "a_b", "dir", "git")


@pytest.mark.parametrize("text", ["{", "[]", '{"mcp": []}', "{}", '{"mcp": {"": {}}}'])
def test_configuration_without_servers(isolated_home: str, text: str) -> None:
    """A configuration that cannot be read or names no server changes nothing."""
    write(Path(isolated_home, ".config/opencode/opencode.json"), text)
    assert servers(isolated_home) == ()


def test_changed_configuration_is_read_again(isolated_home: str) -> None:
    """A server added while the daemon runs is known at the next call."""
    path = write(Path(isolated_home, ".config/opencode/opencode.json"), '{"mcp": {"a": {}}}')
    assert servers(isolated_home) == ("a",)
    path.write_text('{"mcp": {"a": {}, "bb": {}}}')
    assert servers(isolated_home) == ("bb", "a")


def test_huge_and_unreadable_files(isolated_home: str) -> None:
    """Neither a huge file nor a directory in its place is read."""
    config = Path(isolated_home, ".config/opencode")
    write(config / "opencode.json", "x")
    os.truncate(config / "opencode.json", MAX_CONFIG_BYTES + 1)
    (config / "config.json").mkdir()
    assert servers(isolated_home) == ()


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("git_hub_list", ("git_hub", "list")),
        ("git_Push", ("git", "push")),
        ("git_", ("", "")),
        ("gitfoo", ("", "")),
        ("bash", ("", "")),
        ("mcp__x__y", ("x", "y")),
    ],
)
def test_split(tool: str, expected: tuple[str, str]) -> None:
    """A tool belongs to the server whose name and underscore it starts with."""
    assert split_tool(tool, ("git_hub", "git")) == expected
