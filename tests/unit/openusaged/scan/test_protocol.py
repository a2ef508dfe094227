"""Frames between daemon and scanner survive the pipe, and a cut pipe is noticed."""

from __future__ import annotations

import io

import pytest

from openusaged.core.models import Account, SourceCursor
from openusaged.scan import protocol

CURSOR = SourceCursor(source="codex", account_id="a", path="/x", offset=7, state=b"\x00s")
FRAMES = [
    protocol.Batch(
        cursors=[CURSOR], staged=b"\x00db", events=2, deduplicated=1, merged=3, read_bytes=3
    ),
    protocol.UnitFailed(path="/x", account_id="a", reason="no"),
    protocol.Done(),
]


def stream() -> bytes:
    out = io.BytesIO()
    for frame in FRAMES:
        protocol.write_frame(out, frame)
    return out.getvalue()


def test_frames_come_back_as_they_were() -> None:
    """Every kind of frame is read as it was written."""
    assert list(protocol.read_frames(io.BytesIO(stream()))) == FRAMES


def test_job_comes_back_as_it_was() -> None:
    """The job carries accounts, units and cursors."""
    unit = protocol.UnitRef(0, "/x", 1, 2, 3, 4, "g", CURSOR)
    account = Account(id="a", provider_id="codex", home="/h")
    job = protocol.Job({"HOME": "/h"}, "/h", "linux", [account], [unit])
    out = io.BytesIO()
    protocol.write_frame(out, job)
    assert protocol.read_job(io.BytesIO(out.getvalue())) == job


@pytest.mark.parametrize("keep", [1, 3, 6, 20])
def test_cut_stream_is_an_error(keep: int) -> None:
    """A scanner that was killed inside a frame is not taken for one that is done."""
    with pytest.raises(EOFError):
        list(protocol.read_frames(io.BytesIO(stream()[:keep])))


def test_too_long_frame_is_refused() -> None:
    """A length nobody writes is refused before memory is taken for it."""
    with pytest.raises(ValueError, match="too long"):
        list(protocol.read_frames(io.BytesIO(b"\xff\xff\xff\xff")))
