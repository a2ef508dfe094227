"""Reads small files beside the logs (settings, indexes) that may be missing or damaged."""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import Raw

from openusaged.core.errors import ProviderError
from openusaged.providers.shared.documents import decode_part, read_document

MAX_SIDE_BYTES: Final = 1 << 20
NO_JSON: Final = Raw(b"")
"""What a `Raw` field holds that the record does not have."""

_T = TypeVar("_T")


def side_bytes(path: str, max_bytes: int = MAX_SIDE_BYTES) -> bytes:
    """What is in the file; nothing when it is missing, unreadable or too large."""
    try:
        return read_document(path, max_bytes=max_bytes)
    except (OSError, ProviderError):
        return b""


def side_record(path: str, kind: type[_T], max_bytes: int = MAX_SIDE_BYTES) -> _T | None:
    """The JSON document in the file; None when there is none of that kind."""
    return decode_part(side_bytes(path, max_bytes), kind)


def raw_items(raw: Raw) -> list[Raw]:
    """The undecoded members of a list in a record; none when it is no list."""
    return decode_part(raw, list[Raw]) or []
