"""
What a tool call's input says about language and changed lines; nothing else of it is kept.

Apart from the lines' reader because inputs have any shape: MCP tools use the same names for lists
and objects, and that must cost neither the call nor the response.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from openusaged.core.languages import language_of

ToolInput = tuple[str, int | None, int | None]
"""(language name, lines written, lines replaced); None when the call edits nothing."""

NOTHING: Final[ToolInput] = ("", None, None)


class _Edit(msgspec.Struct, gc=False):
    old_string: str | None = None
    new_string: str | None = None


class _Input(msgspec.Struct, gc=False):
    file_path: str | None = None
    old_string: str | None = None
    new_string: str | None = None
    content: str | None = None
    path: str | None = None
    notebook_path: str | None = None
    new_source: str | None = None
    edits: list[_Edit] | None = None


_decode_input = msgspec.json.Decoder(_Input).decode
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def tool_input(name: str, raw: Raw) -> ToolInput:
    """
    Language and line counts of a call of tool `name` with the JSON input `raw`.

    Edits count the lines of the replaced and of the new text, writes those of the content, as the
    log says nothing about what a written file held before.
    """
    try:
        fields = _decode_input(raw)
    except _UNDECODABLE:
        lenient = _lenient_input(raw)
        if lenient is None:
            return NOTHING
        fields = lenient
    language = ""
    for path in (fields.file_path, fields.notebook_path, fields.path):
        if path:
            language = language_of(path)
            if language:
                break
    added, removed = _changed_lines(name, fields)
    return language, added, removed


def _changed_lines(name: str, fields: _Input) -> tuple[int | None, int | None]:
    if fields.new_string is not None or fields.old_string is not None:
        return _lines(fields.new_string), _lines(fields.old_string)
    if fields.edits is not None:
        return (
            sum(_lines(edit.new_string) for edit in fields.edits),
            sum(_lines(edit.old_string) for edit in fields.edits),
        )
    written = fields.new_source
    if written is None and "write" in name.lower():
        written = fields.content
    return (None, None) if written is None else (_lines(written), 0)


def _lines(text: str | None) -> int:
    if not text:
        return 0
    return text.count("\n") + (not text.endswith("\n"))


def _lenient_input(raw: Raw) -> _Input | None:
    """The fields that are text."""
    try:
        value = msgspec.json.decode(raw)
    except _UNDECODABLE:
        return None
    if not isinstance(value, dict):
        return None
    return _Input(
        **{
            field: value[field]
            for field in _Input.__struct_fields__
            if isinstance(value.get(field), str) and field != "edits"
        }
    )
