"""Facts taken from the input of a tool call."""

from __future__ import annotations

import json

import pytest
from msgspec import Raw

from openusaged.providers.claude_code.tools import tool_input


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("Edit", {"file_path": "/a.go", "old_string": "x", "new_string": "x\ny"}, ("go", 2, 1)),
        ("Edit", {"file_path": "/a.go", "old_string": "", "new_string": "x\n"}, ("go", 1, 0)),
        ("Edit", {"file_path": "/a.go", "old_string": "a\nb"}, ("go", 0, 2)),
        (
            "MultiEdit",
            {
                "file_path": "a.ts",
                "edits": [{"old_string": "a", "new_string": "b\nc"}, {"new_string": "d"}],
            },
            ("typescript", 3, 1),
        ),
        ("MultiEdit", {"file_path": "a.ts", "edits": [1]}, ("typescript", None, None)),
        ("Write", {"file_path": "/README.md", "content": "a\nb\n"}, ("markdown", 2, 0)),
        ("Read", {"file_path": "/a.py", "content": "a"}, ("python", None, None)),
        ("NotebookEdit", {"notebook_path": "/n.ipynb", "new_source": "a\nb"}, ("jupyter", 2, 0)),
        ("Glob", {"path": "/src", "pattern": "*.py"}, ("", None, None)),
        ("mcp__fs__write", {"path": ["/a.py"], "content": [1]}, ("", None, None)),
        ("mcp__fs__read", {"file_path": 3, "path": "/a.py"}, ("python", None, None)),
        ("Bash", {"command": "ls"}, ("", None, None)),
    ],
)
def test_language_and_lines(name, arguments, expected):
    """Language by the file, lines by the texts that were replaced and written."""
    assert tuple(tool_input(name, Raw(json.dumps(arguments).encode()))) == expected


@pytest.mark.parametrize("raw", [b"", b"[]", b'"text"', b"5"])
def test_inputs_that_are_no_objects(raw):
    """An input of any other shape says nothing and breaks nothing."""
    assert tuple(tool_input("X", Raw(raw))) == ("", None, None)
