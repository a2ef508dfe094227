"""
What the daemon and its scanner processes say to each other over a pipe.

Frames are a four-byte big-endian length and a MessagePack body.  The job goes to the scanner's
standard input; `Batch` frames come back, then one `Done`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Final

import msgspec

from openusaged.core.models import Account, SourceCursor, UsageSnapshot

HEADER: Final = struct.Struct(">I")
MAX_FRAME_BYTES: Final = 256 << 20


class UnitRef(msgspec.Struct, frozen=True, array_like=True):
    """A unit to read and the cursor to go on from."""

    account: int
    """Place of its account in the job."""
    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    group: str
    cursor: SourceCursor | None


class Job(msgspec.Struct, frozen=True, array_like=True):
    """Everything a scanner needs to know."""

    env: dict[str, str]
    home: str
    platform: str
    accounts: list[Account]
    units: list[UnitRef]
    """In the order in which they are to be read."""


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """
    Events of one or many units, and the cursors that are right once they are stored.

    Small units share a batch, because each batch costs a commit.
    """

    cursors: list[SourceCursor]
    staged: bytes
    """The events as a database (`storage.staging`); empty when there are none."""
    events: int
    deduplicated: int
    merged: int
    read_bytes: int
    done_units: int = 0
    """Units that have been read to their end with this batch."""
    snapshots: list[UsageSnapshot] = []


class UnitFailed(msgspec.Struct, frozen=True, tag="failed"):
    """A unit that could not be read; the others go on."""

    path: str
    account_id: str
    reason: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The scanner has read everything it was given."""


Frame = Batch | UnitFailed | Done

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)
_job_decoder = msgspec.msgpack.Decoder(Job)


def write_frame(stream: IO[bytes], frame: Frame | Job) -> None:
    """Write one frame."""
    body = _encoder.encode(frame)
    stream.write(HEADER.pack(len(body)))
    stream.write(body)


def read_frames(stream: IO[bytes]) -> Iterator[Frame]:
    """
    Frames until the stream ends.

    Raises:
        EOFError: the stream ended inside a frame (the scanner was killed).
        ValueError: a frame is too long or cannot be decoded.
    """
    while True:
        header = stream.read(HEADER.size)
        if not header:
            return
        yield _decoder.decode(_body(stream, header))


def read_job(stream: IO[bytes]) -> Job:
    """The job, as the scanner finds it on its standard input."""
    return _job_decoder.decode(_body(stream, stream.read(HEADER.size)))


def _body(stream: IO[bytes], header: bytes) -> bytes:
    if len(header) < HEADER.size:
        raise EOFError("the stream ended inside a frame header")
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes is too long")
    body = stream.read(length)
    if len(body) < length:
        raise EOFError("the stream ended inside a frame")
    return body
