"""
Hands imported turns to the running daemon, the only one that writes, and knows which days it holds.

Everything imported is marked: its client is `<tool>-go` or `<tool>-ccusage`, so reports by client
show it apart, and an interrupted import does not take its own days for held ones.  The wire's
channel `rpc` has the lowest priority: whatever a log says about the same response replaces it.
"""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from openusage_proto import methods
from openusage_proto.framing import MAX_LINE_BYTES
from openusaged.core.errors import LifecycleError
from openusaged.probe import call

BATCH: Final = 500
PAGE: Final = 1000
ANSWER_S: Final = 120.0
FIRST_IMPORT_S: Final = 900.0
GO_MARK: Final = "-go"
CCUSAGE_MARK: Final = "-ccusage"

_POLL_S: Final = 0.2


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has become of what was sent."""

    accepted: int = 0
    known: int = 0
    """Already there, from a log or from an earlier import."""
    held: int = 0
    """Not sent: of days or sessions that our own collectors hold."""
    copies: int = 0
    """Not sent: copies that forks made."""
    skipped: int = 0
    """Not sent: says nothing about usage."""
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str) -> None:
        """Count one that cannot be used."""
        self.rejected += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


class Sender:
    """One connection that takes turns; use as a context manager, the rest goes at its end."""

    def __init__(self, path: str, tally: Tally) -> None:
        self._tally = tally
        self._ids = itertools.count(1)
        self._waiting: list[dict[str, Any]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_S)
        self._socket.connect(path)
        self._reader = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._reader.close()
            self._socket.close()

    def send(self, source: str, account_id: str, turn: Mapping[str, Any]) -> None:
        """Take one; answered with its batch."""
        self._waiting.append(
            {
                "jsonrpc": "2.0",
                "id": next(self._ids),
                "method": methods.INGEST_TURN,
                "params": {"source": source, "account_id": account_id, "turn": turn},
            }
        )
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """
        Send what waits, and take what has become of it: committed when this returns.

        Raises:
            LifecycleError: the daemon has gone away.
        """
        if not self._waiting:
            return
        self._socket.sendall(json.dumps(self._waiting).encode() + b"\n")
        self._waiting = []
        line = self._reader.readline(MAX_LINE_BYTES + 1)
        if not line:
            raise LifecycleError(
                "the daemon went away; run the import again, nothing is counted twice"
            )
        for answer in json.loads(line):
            error = answer.get("error")
            if error is not None:
                data = error.get("data") or {}
                self._tally.reject(str(data.get("detail") or error.get("message")))
                continue
            result = answer["result"]
            self._tally.accepted += result["accepted"]
            self._tally.known += result["deduplicated"] + result["merged"]


def wait_for_first_import(path: str, deadline_s: float = FIRST_IMPORT_S) -> None:
    """
    Until the daemon has read the logs of this machine: before that, no day looks held.

    Raises:
        LifecycleError: it takes too long.
    """
    end = time.monotonic() + deadline_s
    while call(path, methods.STATUS)["importing"].get("active"):
        if time.monotonic() > end:
            raise LifecycleError("the daemon is still reading logs; try again when it has finished")
        time.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class HeldDays:
    """Days (of one zone) with usage of a tool, by who brought it."""

    collected: Mapping[str, set[str]]
    """From our own collectors, by tool."""
    imported: Mapping[str, set[str]]
    """From the other kind of import: two summaries of one day must not meet."""

    def holds(self, tool: str, day: str) -> bool:
        """Whether anybody else has brought usage of that tool and day."""
        return day in self.collected.get(tool, ()) or day in self.imported.get(tool, ())


def held_days(path: str, zone: str, mine: str) -> HeldDays:
    """What is there already, except what was imported under the mark `mine`."""
    report = call(
        path,
        methods.REPORT,
        timeout_s=ANSWER_S,
        params={"kind": "daily", "tz": zone, "breakdown": True, "breakdown_by": "client", "top": 0},
    )
    other = CCUSAGE_MARK if mine == GO_MARK else GO_MARK
    collected: dict[str, set[str]] = {}
    imported: dict[str, set[str]] = {}
    for row in report["rows"]:
        for child in row.get("breakdown") or ():
            client = child["key"]
            if client.endswith(other):
                imported.setdefault(client.removesuffix(other), set()).add(row["key"])
            elif not client.endswith(mine):
                collected.setdefault(client, set()).add(row["key"])
    return HeldDays(collected, imported)


def held_sessions(path: str, source: str) -> set[str]:
    """
    Sessions of a tool of which our own collectors hold usage, and those they were forked from.

    With the latter: the Go program gives what a fork did to the session it came from.
    """
    found: set[str] = set()
    offset = 0
    asked = {"source": source, "sort": "started", "order": "asc", "limit": PAGE}
    while True:
        answer = call(
            path, methods.SESSIONS, timeout_s=ANSWER_S, params={**asked, "offset": offset}
        )
        for row in answer["sessions"]:
            marked = row["client"].endswith((GO_MARK, CCUSAGE_MARK))
            if row["totals"]["requests"] and not marked:
                found |= {row["session_id"], row["parent_session_id"]}
        offset += PAGE
        if offset >= answer["total"]:
            return found - {""}


def accounts_of(path: str) -> dict[str, list[str]]:
    """Account ids by provider, the first one first."""
    found: dict[str, list[str]] = {}
    for account in call(path, methods.ACCOUNTS)["accounts"]:
        found.setdefault(account["provider_id"], []).append(account["account_id"])
    return found


def account_for(accounts: Mapping[str, list[str]], provider_id: str, wanted: str) -> str:
    """The account that imported usage belongs to: the one of that id, else the tool's first."""
    known: Iterable[str] = accounts.get(provider_id, ())
    if wanted in known:
        return wanted
    return next(iter(known), wanted)
