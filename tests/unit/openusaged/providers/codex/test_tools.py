"""What tool calls say about themselves."""

from __future__ import annotations

import json

import pytest

from openusaged.providers.codex.tools import output_status, patch_in, tool_name

PATCH = """*** Begin Patch
*** Update File: src/a.py
@@ def f
-old
+new
+newer
*** Add File: b.ts
+one
*** Delete File: c.py
*** End Patch
+not part of it
"""


@pytest.mark.parametrize(
    "arguments",
    [
        PATCH,
        {"input": PATCH},
        json.dumps({"input": PATCH}),
        json.dumps({"command": ["apply_patch", PATCH]}),
        json.dumps({"cmd": f"apply_patch <<'EOF'\n{PATCH}EOF"}),
        {"type": "exec", "command": ["apply_patch", PATCH]},
        "{braces first\n" + PATCH,
    ],
)
def test_patch_is_found_in_every_wrapping(arguments):
    """Text, object, JSON in a string, argument list or shell line: the same lines."""
    stats = patch_in(b"null", json.dumps(arguments).encode())
    assert (stats.added, stats.removed, stats.language) == (3, 1, "python")


def test_only_line_feeds_end_the_lines_of_a_patch():
    """Form feeds and other separators inside a line of code start no other; carriage returns may end it."""
    lines = [
        "*** Begin Patch",
        "*** Update File: a.go",
        "-old\x0c-x",
        "+new\u2028+x",
        "*** End Patch",
    ]
    for end in ("\n", "\r\n"):
        stats = patch_in(json.dumps(end.join(lines)).encode())
        assert (stats.added, stats.removed, stats.language) == (1, 1, "go")


@pytest.mark.parametrize("raw", [b"null", b'"no patch"', b'"*** Begin Patch', b"*** Begin Patch"])
def test_no_readable_patch_has_no_statistics(raw):
    """Anything but a patch inside JSON says nothing."""
    assert patch_in(raw) is None


def test_patch_too_deep_to_be_one_is_ignored():
    """Nesting is followed a few levels, not for ever."""
    deep = "*** Begin Patch"
    for _ in range(8):
        deep = [deep]
    assert patch_in(json.dumps(deep).encode()) is None
    assert patch_in(json.dumps({"a": 1, "*** Begin Patch": 2}).encode()) is None


def test_moved_file_names_the_language():
    """A rename counts for the language of the new name."""
    text = "*** Begin Patch\n*** Update File: a\n*** Move to: a.go\n+x\n*** End Patch"
    assert patch_in(json.dumps(text).encode()).language == "go"


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("Chunk ID: 1\nWall time: 0 s\nProcess exited with code 0\nOutput:\nerror: 5", "ok"),
        ("Chunk ID: 1\nProcess exited with code 127\nOutput:\n", "error"),
        ("Exit code: 1\nWall time: 1 s", "error"),
        ("Exit code: -9", "error"),
        (json.dumps({"output": "y" * 9000, "metadata": {"exit_code": 3}}), "error"),
        (json.dumps({"metadata": {"exit_code": 0}, "output": "y" * 9000}), "ok"),
        ("aborted by user after 1.5s", "aborted"),
        ("Cancelled", "aborted"),
        ("apply_patch verification failed: no such line", "error"),
        ("failed to parse function arguments: x", "error"),
        ("unsupported call: foo", "error"),
        ("the tests failed with errors, see code below", "ok"),
        ("plain text", "ok"),
        ("", "ok"),
        ([{"type": "input_text", "text": "x"}], "ok"),
        (None, "ok"),
    ],
)
def test_status_comes_from_the_ends_of_the_output(output, status):
    """Exit codes and Codex's own phrases decide; words of the command's text do not."""
    assert output_status(json.dumps(output).encode()) == status


def test_status_of_an_explicit_failure():
    """A row that says it failed is believed when there is no exit code."""
    assert output_status(b'"text"', success=False) == "error"
    assert output_status(b'"Exit code: 0"', success=False) == "ok"


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        ("search", "mcp__github__", "mcp__github__search"),
        ("mcp__github__search", "mcp__github__", "mcp__github__search"),
        ("spawn_agent", "multi_agent_v1", "spawn_agent"),
        ("exec_command", "", "exec_command"),
    ],
)
def test_names_include_the_mcp_server(name, namespace, expected):
    """Only an MCP namespace is part of the name."""
    assert tool_name(name, namespace) == expected
