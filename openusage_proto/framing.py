"""
Line framing: one JSON text per line, of a bounded length (spec/jsonrpc.md, Framing).

It knows bytes and limits only, so both sides and the tests share it over any transport.
"""

from __future__ import annotations

from typing import Final

MAX_LINE_BYTES: Final = 8 << 20
"""Longest line either side accepts, without its newline."""

MAX_BATCH: Final = 1000
"""Most requests in one batch."""

RECV_BYTES: Final = 64 << 10
"""How much to read at once: a page of pipelined requests, one system call."""


class LineTooLong(ValueError):
    """
    The peer sent a line longer than the limit; the connection cannot be used any further.

    `complete` are the lines before it, in order: they are still to be answered.
    """

    def __init__(self, limit: int, complete: list[bytes]) -> None:
        super().__init__(f"a line is longer than {limit} bytes")
        self.limit = limit
        self.complete = complete


class LineSplitter:
    """
    Cuts a stream of bytes into lines.

    Empty lines are left out and a carriage return before the newline is dropped, so that a client
    made of `printf` or a Windows text mode works.
    """

    __slots__ = ("_parts", "_pending_bytes", "max_line_bytes")

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self.max_line_bytes = max_line_bytes
        self._parts: list[bytes] = []
        self._pending_bytes = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes of the unfinished last line."""
        return self._pending_bytes

    def feed(self, data: bytes) -> list[bytes]:
        """
        The lines that `data` completes, without their newlines.

        Raises:
            LineTooLong: a line, finished or not, exceeds the limit.
        """
        pieces = data.split(b"\n")
        tail = pieces.pop()
        if pieces and self._parts:
            self._parts.append(pieces[0])
            pieces[0] = b"".join(self._parts)
            self._parts = []
            self._pending_bytes = 0
        limit = self.max_line_bytes
        lines: list[bytes] = []
        for piece in pieces:
            line = piece[:-1] if piece.endswith(b"\r") else piece
            if len(line) > limit:
                raise LineTooLong(limit, lines)
            if line:
                lines.append(line)
        if tail:
            self._parts.append(tail)
            self._pending_bytes += len(tail)
            # one more byte than the limit may still be the carriage return of a full line
            if self._pending_bytes > limit + 1:
                raise LineTooLong(limit, lines)
        return lines
