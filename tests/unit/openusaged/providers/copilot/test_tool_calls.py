"""What a call of a tool is called, what it changed, and how it ended."""

from __future__ import annotations

import pytest

from openusaged.providers.copilot.tool_calls import call_of, outcome

PATCH = "*** Begin Patch\n*** Update File: web/app.ts\n@@\n-a\n+b\n+c\n*** End Patch"


@pytest.mark.parametrize(
    ("name", "plain", "server", "function"),
    [
        ("edit", "edit", "", ""),
        ("str-replace Editor", "str_replace_editor", "", ""),
        ("github-mcp-server-get_me", "mcp__github__get_me", "github", "get_me"),
        ("github_mcp_server_get_me", "mcp__github__get_me", "github", "get_me"),
        ("mcp__notes__add", "mcp__notes__add", "notes", "add"),
        ("mcp-notes-add", "mcp__notes__add", "notes", "add"),
        ("mcp_notes_add", "mcp__notes__add", "notes", "add"),
        ("user-notes-add_one (mcp)", "mcp__notes__add_one", "notes", "add_one"),
    ],
)
def test_name_tells_server_and_function(name, plain, server, function):
    """Own tools are slugs; the spellings of MCP tools give one name."""
    call = call_of(name, "", "", None)
    assert call is not None
    assert (call.name, call.server, call.function) == (plain, server, function)


def test_record_beats_the_name():
    """What the record says about an MCP call is right whatever the name looks like."""
    call = call_of("find", "My-Search", "", None)
    assert call is not None
    assert (call.name, call.server, call.function) == ("mcp__my-search__find", "my-search", "find")
    assert call_of("", "My-Search", "find", None) is None


@pytest.mark.parametrize(
    ("arguments", "added", "removed", "language"),
    [
        ({"path": "a.py", "old_str": "a\nb", "new_str": "c"}, 1, 2, "python"),
        ({"filePath": "a.py", "content": "a\nb\n"}, 2, 0, "python"),
        ('{"path": "a.go", "file_text": "x"}', 1, 0, "go"),
        ({"input": PATCH}, 2, 1, "typescript"),
        (PATCH, 2, 1, "typescript"),
        ({"patch": "--- a/x\n+++ b/x\n-old\n+new\n", "path": "x.rs"}, 1, 1, "rust"),
        ({"path": "a.py"}, None, None, "python"),
        ({"patch": 7, "old_str": 7}, None, None, ""),
        ([1, 2], None, None, ""),
    ],
)
def test_edit_is_counted_and_not_kept(arguments, added, removed, language):
    """Lines and language of an edit come from its arguments, in each of their forms."""
    call = call_of("edit", "", "", arguments)
    assert call is not None
    assert (call.added, call.removed, call.language) == (added, removed, language)


@pytest.mark.parametrize(
    ("success", "status", "error", "expected"),
    [
        (True, None, None, "ok"),
        (False, None, {"code": "denied"}, "aborted"),
        (False, None, {"message": "User initiated stop"}, "aborted"),
        (False, None, "rejected by a rule", "aborted"),
        (False, "cancelled", None, "aborted"),
        (False, None, {"message": "timeout"}, "error"),
        (None, "succeeded", None, "ok"),
        (None, "Failed", None, "error"),
        (None, None, {"code": 1}, "error"),
        (None, "odd", None, "unknown"),
    ],
)
def test_refusal_is_no_error(success, status, error, expected):
    """What the user refused was aborted; a failure of the tool is an error."""
    assert outcome(success, status, error) == expected
