"""Lines out of a stream of bytes, whatever its pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage_proto.framing import LineSplitter, LineTooLong

lines_of_bytes = st.lists(
    st.binary(max_size=30).map(lambda b: b.translate(None, b"\r\n")), max_size=8
)


@given(lines=lines_of_bytes, cuts=st.lists(st.integers(0, 40), max_size=12), crlf=st.booleans())
def test_pieces_do_not_matter(lines: list[bytes], cuts: list[int], crlf: bool) -> None:
    """However the stream is cut, the same lines come out, empty ones left out."""
    data = b"".join(line + (b"\r\n" if crlf else b"\n") for line in lines)
    splitter = LineSplitter()
    out: list[bytes] = []
    at = 0
    for cut in cuts:
        out += splitter.feed(data[at : at + cut])
        at += cut
    out += splitter.feed(data[at:])
    assert out == [line for line in lines if line]
    assert splitter.pending_bytes == 0


def test_unfinished_line_waits() -> None:
    """A line without its newline is kept and counted until the newline comes."""
    splitter = LineSplitter()
    assert splitter.feed(b"ab") == []
    assert splitter.feed(b"cd") == []
    assert splitter.pending_bytes == 4
    assert splitter.feed(b"e\nf") == [b"abcde"]
    assert splitter.pending_bytes == 1


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_longest_allowed_line(end: bytes) -> None:
    """A line of exactly the limit passes, in one piece or byte by byte."""
    assert LineSplitter(10).feed(b"x" * 10 + end) == [b"x" * 10]
    splitter = LineSplitter(10)
    out = [line for byte in b"x" * 10 + end for line in splitter.feed(bytes([byte]))]
    assert out == [b"x" * 10]


@pytest.mark.parametrize("data", [b"ok\nalso\n" + b"x" * 11 + b"\n", b"ok\nalso\n" + b"x" * 12])
def test_too_long_line_reports_the_lines_before_it(data: bytes) -> None:
    """The error carries what can still be answered."""
    with pytest.raises(LineTooLong, match="longer than 10 bytes") as caught:
        LineSplitter(10).feed(data)
    assert caught.value.complete == [b"ok", b"also"]
    assert caught.value.limit == 10


def test_too_long_line_is_noticed_before_its_end() -> None:
    """Memory is bounded: an endless line is refused as soon as it exceeds the limit."""
    splitter = LineSplitter(100)
    for _ in range(10):
        splitter.feed(b"x" * 10)
    with pytest.raises(LineTooLong):
        splitter.feed(b"xx")
