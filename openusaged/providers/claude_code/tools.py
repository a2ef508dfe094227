"""
What a tool call's input says about language and changed lines; nothing else of it is kept.

Inputs of MCP tools have any shape, so every field is taken raw and looked at by itself.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

from openusaged.core.languages import language_of


class ToolInput(NamedTuple):
    """The few facts of one call: language name, and lines written and replaced (None: no edit)."""

    language: str = ""
    lines_added: int | None = None
    lines_removed: int | None = None


NOTHING: Final = ToolInput()
_EMPTY: Final = Raw()


class _Edit(msgspec.Struct, gc=False):
    old_string: Raw = _EMPTY
    new_string: Raw = _EMPTY


class _Input(_Edit, gc=False):
    file_path: Raw = _EMPTY
    notebook_path: Raw = _EMPTY
    path: Raw = _EMPTY
    new_source: Raw = _EMPTY
    content: Raw = _EMPTY
    edits: Raw = _EMPTY


_decode_input = msgspec.json.Decoder(_Input).decode
_decode_edits = msgspec.json.Decoder(list[_Edit]).decode
_decode_text = msgspec.json.Decoder(str).decode


def tool_input(name: str, raw: Raw) -> ToolInput:
    """
    Language and line counts of a call of tool `name` with the JSON input `raw`.

    Edits count the lines of the replaced and of the new text, writes those of the content, as the
    log says nothing about what a written file held before.
    """
    try:
        fields = _decode_input(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOTHING
    language = ""
    for candidate in (fields.file_path, fields.notebook_path, fields.path):
        path = _text(candidate)
        if path:
            language = language_of(path)
            if language:
                break
    added, removed = _changed_lines(name, fields)
    return ToolInput(language, added, removed)


def _changed_lines(name: str, fields: _Input) -> tuple[int | None, int | None]:
    new, old = _text(fields.new_string), _text(fields.old_string)
    if new is not None or old is not None:
        return _lines(new), _lines(old)
    if bytes(fields.edits)[:1] == b"[":
        try:
            edits = _decode_edits(fields.edits)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None, None
        return (
            sum(_lines(_text(edit.new_string)) for edit in edits),
            sum(_lines(_text(edit.old_string)) for edit in edits),
        )
    written = _text(fields.new_source)
    if written is None and "write" in name.lower():
        written = _text(fields.content)
    return (None, None) if written is None else (_lines(written), 0)


def _lines(text: str | None) -> int:
    if not text:
        return 0
    return text.count("\n") + (not text.endswith("\n"))


def _text(raw: Raw) -> str | None:
    try:
        return _decode_text(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
