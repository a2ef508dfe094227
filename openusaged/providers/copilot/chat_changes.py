"""
Follows a chat of VS Code through its log of changes, keeping of every request only its figures.

A line is `{kind, k, v, i}`: 0 is the whole chat, 1 sets what lies at the path `k`, 2 cuts the list
at `k` to `i` elements and appends `v`, 3 removes.  Texts, which are most of it, stay undecoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from openusaged.providers.copilot.chat_requests import ChatRequest, RequestRecord, Round
from openusaged.providers.shared.documents import decode_part
from openusaged.providers.shared.json_values import as_text
from openusaged.providers.shared.side_records import NO_JSON, raw_items

_PUSH: Final = 2
_DEEPEST: Final = 2
"""Names below a request that a change may have; what lies deeper is text."""


class Chat(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A chat as far as its log has been read."""

    session_id: str = ""
    requests: list[ChatRequest] = []

    def change(self, line: bytes) -> list[tuple[ChatRequest, list[Round]]]:
        """The requests that a line of the log changes, with rounds that it brings."""
        entry = decode_part(line, _Entry)
        if entry is None:
            return []
        match entry.kind, entry.k:
            case 0, _:
                return self.replace(entry.v)
            case 1, ["sessionId"]:
                self.session_id = as_text(decode_part(entry.v, str))
            case ((1 | 2), ["requests"]):
                keep = entry.i if entry.kind == _PUSH else 0
                return self._append(entry.v, keep)
            case 3, ["requests"]:
                self.requests = []
            case 1, ["requests", int(number), *names] if names and len(names) <= _DEEPEST:
                return self._set(number, names, entry.v)
        return []

    def replace(self, document: msgspec.Raw) -> list[tuple[ChatRequest, list[Round]]]:
        """The same for a whole chat, whatever was known before."""
        whole = decode_part(document, _Document) or _Document()
        self.session_id = as_text(whole.session_id)
        return self._append(whole.requests, 0)

    def _append(self, raw: msgspec.Raw, keep: int | None) -> list[tuple[ChatRequest, list[Round]]]:
        if keep is not None:
            self.requests = self.requests[: max(keep, 0)]
        found = []
        for item in raw_items(raw):
            given = decode_part(item, RequestRecord) or RequestRecord()
            request = ChatRequest(id=as_text(given.request_id))
            self.requests.append(request)
            found.append((request, given.take(request)))
        return found

    def _set(
        self, number: int, names: Sequence[Any], value: msgspec.Raw
    ) -> list[tuple[ChatRequest, list[Round]]]:
        if not 0 <= number < len(self.requests) or not all(isinstance(one, str) for one in names):
            return []
        data = bytes(value)
        for name in reversed(names):
            data = b"{%s:%s}" % (msgspec.json.encode(name), data)
        given = decode_part(data, RequestRecord)
        if given is None:
            return []
        request = self.requests[number]
        before = msgspec.structs.replace(request)
        rounds = given.take(request)
        return [(request, rounds)] if rounds or request != before else []


class _Entry(msgspec.Struct):
    kind: int = -1
    k: Any = None
    v: msgspec.Raw = NO_JSON
    i: int | None = None


class _Document(msgspec.Struct, rename="camel"):
    session_id: Any = None
    requests: msgspec.Raw = NO_JSON
