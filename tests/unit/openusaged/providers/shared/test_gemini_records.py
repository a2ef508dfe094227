"""Token counts, tool names and edits as the Gemini CLI and Qwen Code write them."""

from __future__ import annotations

import json

import pytest
from msgspec import Raw

from openusaged.providers.shared.gemini_records import (
    edit_of,
    google_tokens,
    tool_names,
    tool_status,
)
from openusaged.providers.shared.side_records import NO_JSON

NONE = {"prompt": 0, "candidates": 0, "thoughts": 0, "cached": 0, "tool": 0, "total": 0}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        # Google's API: cached is part of the prompt, thoughts stand beside the answer
        (
            {"prompt": 100, "candidates": 50, "thoughts": 10, "cached": 40, "total": 160},
            (60, 40, 60, 10),
        ),
        # compatible endpoints: thoughts are part of the answer
        (
            {"prompt": 100, "candidates": 50, "thoughts": 10, "cached": 40, "total": 150},
            (60, 40, 50, 10),
        ),
        # the total proves that cached stands apart
        ({"prompt": 100, "candidates": 50, "cached": 40, "total": 190}, (100, 40, 50, 0)),
        # it cannot be a part of what is smaller
        ({"prompt": 10, "candidates": 5, "cached": 40}, (10, 40, 5, 0)),
        # without a total the API's own convention
        ({"prompt": 100, "candidates": 50, "thoughts": 60, "cached": 40}, (60, 40, 110, 60)),
        # the prompt of a built-in tool is paid like any other
        ({"prompt": 100, "candidates": 5, "tool": 7, "total": 112}, (107, 0, 5, 0)),
        # an answer that is only in the total
        ({"prompt": 100, "cached": 40, "total": 130}, (60, 40, 30, 0)),
        ({}, (0, 0, 0, 0)),
    ],
)
def test_total_tells_what_is_inside(given, wanted):
    """Cached tokens and thoughts are counted once, wherever the version that wrote them put them."""
    assert google_tokens(**{**NONE, **given}) == wanted


@pytest.mark.parametrize(
    ("name", "display", "wanted"),
    [
        ("Read File", "Read", ("read_file", "", "")),
        ("mcp__GitHub__get_issue", "", ("mcp__github__get_issue", "github", "get_issue")),
        ("find", "find (my-docs MCP Server)", ("mcp__my-docs__find", "my-docs", "find")),
        ("gopls_mcp_server_search", "", ("gopls_mcp_server_search", "gopls", "search")),
        ("", "", ("", "", "")),
    ],
)
def test_tools_are_told_from_mcp_tools(name, display, wanted):
    """A name or a display name says that a tool belongs to an MCP server, and which."""
    assert tool_names(name, display) == wanted


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("success", "ok"),
        ("Cancelled", "aborted"),
        ("error", "error"),
        (None, "ok"),
        ("executing", "unknown"),
    ],
)
def test_status_of_a_call(status, wanted):
    """Words of both tools map to outcomes; a running call has none yet."""
    assert tool_status(status) == wanted


@pytest.mark.parametrize(
    ("arguments", "result", "wanted"),
    [
        (
            {"file_path": "a.py"},
            {"diffStat": {"model_added_lines": 3, "model_removed_lines": 0}},
            ("python", 3, 0),
        ),
        (
            {"query": "x"},
            {"fileName": "b.go", "diffStat": {"user_added_lines": 2}},
            ("go", 2, None),
        ),
        ({"absolute_path": "c.ts", "path": 7}, "text", ("typescript", None, None)),
        ("odd", None, ("", None, None)),
    ],
)
def test_edits_keep_language_and_lines(arguments, result, wanted):
    """Of arguments and result only the language of a path and the line counts are kept."""
    assert edit_of(_raw(arguments), _raw(result)) == wanted


def test_missing_parts_say_nothing():
    """A call without arguments and result is no edit."""
    assert edit_of(NO_JSON, NO_JSON) == ("", None, None)


def _raw(value: object) -> Raw:
    return Raw(json.dumps(value).encode())
