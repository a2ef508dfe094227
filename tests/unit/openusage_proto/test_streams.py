"""Output that nobody takes."""

from __future__ import annotations

import io
import os

import pytest

from openusage_proto.streams import let_go


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_what_cannot_be_written_is_tried_once() -> None:
    """Bytes that a full disk has refused are not kept for the end of the program."""
    with open("/dev/full", "w", encoding="utf-8") as stream:
        stream.write("lost")
        let_go(stream)
        stream.flush()


def test_a_stream_that_can_write_is_only_flushed() -> None:
    """What can still be written is written."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    stream.write("kept")
    let_go(stream)
    assert raw.getvalue() == b"kept"
