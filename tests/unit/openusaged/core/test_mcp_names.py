"""Spellings of MCP tools."""

from __future__ import annotations

import pytest

from openusaged.core.mcp_names import split_mcp


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("mcp__github__list_issues", ("github", "list_issues")),
        ("mcp__plugin_shop_db__query", ("plugin_shop_db", "query")),
        ("mcp__a__b__c", ("a", "b__c")),
        ("mcp__github", ("github", "")),
        ("mcp__", ("", "")),
        ("mcp____x", ("", "")),
        ("MCP__GitHub__List", ("github", "list")),
        ("github_mcp_server_get_me", ("github", "get_me")),
        ("github-mcp-server-get_me", ("github", "get_me")),
        ("_mcp_server_x", ("", "")),
        ("user-git-hub-list_issues (mcp)", ("git-hub", "list_issues")),
        ("user-list_all-things (mcp)", ("list_all", "things")),
        ("user-kibana-search (mcp)", ("kibana", "search")),
        ("search (mcp)", ("other", "search")),
        ("-x (mcp)", ("other", "-x")),
        ("user- (mcp)", ("", "")),
        ("Bash", ("", "")),
        ("", ("", "")),
    ],
)
def test_server_and_function_are_split(tool, expected):
    """Every spelling in use gives server and function; other tools give neither."""
    assert split_mcp(tool) == expected
