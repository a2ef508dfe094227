"""
Waiting for the daemon's first import, with progress for whoever watches.

Separate from `autostart` because commands wait for numbers and the dashboard does not.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Final, TextIO

from openusage_client.errors import ProtocolError
from openusage_client.formatting import format_bytes
from openusage_client.rpc import Connection
from openusage_proto import methods

WAIT_S: Final = 120.0
"""Bound of the wait; what is there by then is printed with a warning."""
_POLL_S: Final = 0.05


def ready_status(connection: Connection, wait_s: float = WAIT_S) -> dict[str, Any]:
    """
    The daemon's status once its first import is done, or after `wait_s`.

    Progress goes to stderr when that is a terminal (one line, erased at the end); a bound that
    passed is said there in any case.

    Raises:
        ProtocolError: the daemon speaks another protocol version.
    """
    status = checked_status(connection)
    if not _pending(status):
        return status
    deadline = time.monotonic() + wait_s
    progress = _Progress(sys.stderr)
    try:
        while _pending(status) and time.monotonic() < deadline:
            progress.show(status["importing"])
            time.sleep(_POLL_S)
            status = checked_status(connection)
    finally:
        progress.erase()
    unfinished = incomplete_note(status)
    if unfinished:
        print(f"openusage: {unfinished}", file=sys.stderr)
    return status


def incomplete_note(status: dict[str, Any]) -> str | None:
    """What is to be said about numbers of a daemon whose first import still runs."""
    if not _pending(status):
        return None
    return (
        f"the first import is still running ({_percent(status['importing'])}% read);"
        " these numbers are not complete yet"
    )


def checked_status(connection: Connection) -> dict[str, Any]:
    """
    The `status` answer of a daemon that speaks our protocol.

    Raises:
        ProtocolError: it speaks another version, with what to do.
    """
    status = connection.call(methods.STATUS)
    if not isinstance(status, dict) or not isinstance(status.get("importing"), dict):
        raise ProtocolError("the daemon's `status` answer is malformed")
    protocol = status.get("protocol")
    if protocol != methods.PROTOCOL_VERSION:
        raise ProtocolError(
            f"the daemon (version {status.get('version', '?')}) speaks protocol {protocol},"
            f" this client {methods.PROTOCOL_VERSION}: run `openusaged restart`"
        )
    return status


def _pending(status: dict[str, Any]) -> bool:
    # True from the daemon's start until its first scan has been committed.
    return bool(status["importing"].get("active"))


def _percent(importing: dict[str, Any]) -> int:
    total = importing.get("total_bytes") or 0
    return min(99, int(100 * (importing.get("done_bytes") or 0) / total)) if total else 0


class _Progress:
    """One line on a terminal that is rewritten and finally erased."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream if stream.isatty() else None
        self._cells = 0

    def show(self, importing: dict[str, Any]) -> None:
        if self._stream is None:
            return
        total = importing.get("total_bytes") or 0
        text = (
            f"Importing history: {_percent(importing)}% of {format_bytes(total)}"
            if total
            else "Looking for usage records ..."
        )
        # Blanks instead of an erase sequence: a dumb terminal knows them too.
        self._stream.write(f"\r{text.ljust(self._cells)}")
        self._stream.flush()
        self._cells = len(text)

    def erase(self) -> None:
        if self._stream is not None and self._cells:
            self._stream.write(f"\r{' ' * self._cells}\r")
            self._stream.flush()
