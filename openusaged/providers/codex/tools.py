"""
What a tool call says about itself without its text: name, server, language, lines, outcome.

Pure.  Arguments and outputs come in as the undecoded bytes of the row; only a patch is decoded, to
count its lines, and nothing of it is kept.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from openusaged.core.languages import language_of
from openusaged.core.models import STATUS_ABORTED, STATUS_ERROR, STATUS_OK
from openusaged.providers.codex.rows import ABSENT, UNDECODABLE

PATCH_MARK: Final = b"*** Begin Patch"

_FILE_LINE: Final = re.compile(r"(?:(?:Update|Add|Delete) File|Move to): (.+)")

# Outputs can be megabytes of a command's text.  Codex puts the exit code in the first lines
# ("Process exited with code N", "Exit code: N") or, in its older JSON form, behind the text.
_HEAD_BYTES: Final = 320
_TAIL_BYTES: Final = 160
_HEAD_EXIT: Final = re.compile(rb"xit(?:ed with)? code:? (-?\d+)")
_JSON_EXIT: Final = re.compile(rb'"exit_code\\?"\s*:\s*(-?\d+)')
_FAILED: Final = re.compile(
    rb'^["\s]*(?:(aborted|cancelled|canceled)\b|failed to parse function arguments'
    rb"|apply_patch verification failed|exec_command failed|execution error"
    rb"|unsupported (?:custom tool )?call|error:|err:)",
    re.IGNORECASE,
)
"""A call that did not end by itself (a group) or at all well."""


class PatchStats(msgspec.Struct, frozen=True):
    """Lines a patch adds and removes, and the language most of them are in."""

    added: int
    removed: int
    language: str


def tool_name(name: str, namespace: str) -> str:
    """
    The name under which a call is counted.

    Newer versions keep an MCP tool's server in `namespace` (`mcp__server__`) instead of the name.
    """
    if namespace.startswith("mcp__") and not name.startswith("mcp__"):
        return f"{namespace.rstrip('_')}__{name}"
    return name


def patch_in(*arguments: bytes | msgspec.Raw) -> PatchStats | None:
    """Statistics of the patch inside a call's arguments: text, a list, or JSON in a string."""
    for raw in arguments:
        if raw is ABSENT or PATCH_MARK not in bytes(raw):
            continue
        try:
            text = _text_with_patch(msgspec.json.decode(raw), depth=3)
        except UNDECODABLE:
            continue
        if text is not None:
            return _count(text)
    return None


def _text_with_patch(value: Any, depth: int) -> str | None:
    if isinstance(value, str):
        if value.startswith(("{", "[")) and depth:
            try:
                return _text_with_patch(msgspec.json.decode(value), depth - 1)
            except UNDECODABLE:
                pass  # a patch may begin with a brace; it is text then
        return value if "*** Begin Patch" in value else None
    if not depth:
        return None
    members: Any = ()
    if isinstance(value, dict):
        members = value.values()
    elif isinstance(value, list):
        members = value
    for member in members:
        found = _text_with_patch(member, depth - 1)
        if found is not None:
            return found
    return None


def _count(text: str) -> PatchStats:
    added = removed = 0
    language = ""
    changed: dict[str, int] = {}
    for section in text[text.index("*** Begin Patch") :].split("\n*** "):
        if section.startswith("End Patch"):
            break
        match = _FILE_LINE.match(section)
        if match:
            language = language_of(match[1].strip())
        plus, minus = section.count("\n+"), section.count("\n-")
        added += plus
        removed += minus
        changed[language] = changed.get(language, 0) + plus + minus
    changed.pop("", None)
    return PatchStats(added, removed, max(changed, key=changed.__getitem__, default=""))


def output_status(output: bytes | msgspec.Raw, success: Any = None) -> str:
    """How a call ended, from the ends of its output; `ok` when nothing says otherwise."""
    data = memoryview(output)
    head = bytes(data[:_HEAD_BYTES])
    at = head.find(b"code")
    match = _HEAD_EXIT.search(head, at - 12 if at > 12 else 0) if at >= 0 else None
    if match is None:
        for end in (bytes(data[-_TAIL_BYTES:]), head):
            # Looking for the word first is many times faster than for the pattern.
            if b"exit_code" in end:
                match = _JSON_EXIT.search(end)
                if match is not None:
                    break
    if match:
        return STATUS_OK if int(match[1]) == 0 else STATUS_ERROR
    failed = _FAILED.match(head)
    if failed and failed[1]:
        return STATUS_ABORTED
    return STATUS_ERROR if failed or success is False else STATUS_OK
