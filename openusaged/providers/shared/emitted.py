"""
Remembers which records of a rewritten file or database have been emitted, and as what.

Many tools rewrite a whole document, or raise a session's totals in place, at every step.  Reading
it again is unavoidable, sending all of it again is not: a reader asks `is_news` for each event and
keeps the answer in its cursor.  Losing this state costs work, never numbers: identities are global.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from openusaged.core.models import UsageEvent

_encode_event = msgspec.msgpack.Encoder().encode
_state = msgspec.msgpack.Decoder(dict[bytes, bytes])


class Emitted:
    """Hashes by hashed record key; 16 bytes a record."""

    def __init__(self, state: bytes = b"") -> None:
        try:
            self._known = _state.decode(state) if state else {}
        except msgspec.DecodeError:
            self._known = {}
        self._seen: dict[bytes, bytes] = {}

    def is_news(self, key: str, event: UsageEvent) -> bool:
        """Whether the record is new or says something else than last time; remembers it."""
        return self._is_other(key, _encode_event(event))

    def are_news(self, key: str, events: Sequence[UsageEvent]) -> bool:
        """The same for a record that stands for several events, remembered as one."""
        return self._is_other(key, _encode_event(events))

    def _is_other(self, key: str, data: bytes) -> bool:
        name, content = _digest(key.encode("utf-8", "surrogatepass")), _digest(data)
        self._seen[name] = content
        return self._known.get(name) != content

    def encode(self, *, keep_unseen: bool = False) -> bytes:
        """
        State for the cursor: the records seen in this pass.

        `keep_unseen` also keeps those of earlier passes, for readers that look at a part only.
        """
        return msgspec.msgpack.encode({**self._known, **self._seen} if keep_unseen else self._seen)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()
