"""Names of Cursor's tools: versions come off, MCP servers are told from functions."""

from __future__ import annotations

import pytest

from openusaged.providers.cursor.tool_names import mcp_parts, plain_name


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("read_file_v2", "read_file"),
        ("Edit_File_v3_v2", "edit_file"),
        (" todo_write ", "todo_write"),
        ("v2", "v2"),
    ],
)
def test_version_is_no_part_of_a_tools_name(raw, plain):
    """A new protocol of the same tool is the same tool."""
    assert plain_name(raw) == plain


@pytest.mark.parametrize(
    ("name", "server", "function"),
    [
        ("mcp-notes-user-notes-add_note", "notes", "add_note"),
        ("mcp-notes-user-other-place-add_note", "notes", "add_note"),
        ("mcp-notes-user-add", "notes", "add"),
        ("mcp-notes-add_note", "notes", "add_note"),
        ("mcp_notes_add_note", "notes", "add_note"),
        ("mcp-notes", "notes", ""),
        ("mcp_notes", "notes", ""),
        ("mcp__notes__add_note", "notes", "add_note"),
        ("user-notes-add_note (mcp)", "notes", "add_note"),
        ("read_file", "", ""),
    ],
)
def test_mcp_tool_is_taken_apart_by_its_spelling(name, server, function):
    """Each spelling gives server and function; Cursor's own tools have neither."""
    assert mcp_parts(name) == (server, function)


def test_record_beats_the_name():
    """What the call says about itself is right also for a server with dashes in its name."""
    assert mcp_parts("mcp-my-search-find", "my-search", "find") == ("my-search", "find")
    assert mcp_parts("read_file", "my-search", "find") == ("", "")
