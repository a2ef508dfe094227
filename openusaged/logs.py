"""
Logging: where lines go, what they must never hold, and how often they may repeat.

A line is `event=name key=value ...`.  Everything that is written passes `redact`, tracebacks
included.  There is no thread and no timer: what is throttled is told with the next line.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from typing import Any, Final

from openusage_proto.values import dataclass

MAX_BYTES: Final = 5 << 20
BACKUPS: Final = 3
THROTTLE_S: Final = 60.0
BURST: Final = 5
"""Lines of one kind within `THROTTLE_S` that are written; further ones are counted."""
MAX_KINDS: Final = 512
MAX_RECENT: Final = 20
MAX_TEXT: Final = 16 << 10

REDACTED: Final = "[redacted]"
_SECRETS: Final = (
    # header and cookie lines first: their whole value goes
    (
        re.compile(
            r"(?i)\b((?:proxy-)?authorization|cookie|set-cookie|x-api-key|api-key)"
            r"(['\"]?\s*[:=]\s*['\"]?)[^\r\n'\"]+"
        ),
        rf"\1\2{REDACTED}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {REDACTED}"),
    # any name that says it is a secret: access_token=..., "clientSecret": "..."
    (
        re.compile(
            r"(?i)([\w-]*(?:api[_-]?key|token|secret|passwd|password|session[_-]?key|credential)"
            r"['\"]?\s*[:=]\s*['\"]?)(?!\d{1,15}\b)[^\s'\",&;)}\]]+"
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"), REDACTED),
    (
        re.compile(
            r"\b(?:sk|pk|rk|gsk|xai|pplx|ghp|gho|ghu|ghs|ghr|github_pat|glpat|hf|r8|xox[abprs]|"
            r"sess|csk|nvapi|tgp_v1)[-_][A-Za-z0-9_-]{8,}"
        ),
        REDACTED,
    ),
    (re.compile(r"\bAIza[0-9A-Za-z_-]{20,}"), REDACTED),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}"), REDACTED),
    (re.compile(r"(://[^/\s:@]+:)[^@/\s]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"), REDACTED),
)


def redact(text: str) -> str:
    """`text` without tokens, keys, cookies, passwords and e-mail addresses."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedError:
    """An error since the start; equal ones are one with a count."""

    at_ms: int
    where: str
    message: str
    count: int = 1


class RedactingFormatter(logging.Formatter):
    """`2026-03-01T12:00:00.250Z level=info logger=... event=...`, redacted as a whole."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s level=%(lowered)s logger=%(name)s %(message)s%(throttled)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, tracebacks included, without secrets."""
        record.lowered = record.levelname.lower()
        record.throttled = getattr(record, "throttled", "")
        return redact(super().format(record)[:MAX_TEXT])


class ThrottleFilter(logging.Filter):
    """Lets `BURST` lines of one kind through per `THROTTLE_S`, then one that says how many more."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._kinds: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno < logging.INFO:
            return True
        kind = (record.name, str(record.msg))
        now = self._monotonic()
        state = self._kinds.get(kind)
        if state is None or now - state[0] >= THROTTLE_S:
            hidden = int(state[1]) - BURST if state else 0
            if hidden > 0:
                record.throttled = f" suppressed={hidden}"
            self._kinds[kind] = [now, 1]
            self._kinds.move_to_end(kind)
            while len(self._kinds) > MAX_KINDS:
                self._kinds.popitem(last=False)
            return True
        state[1] += 1
        return state[1] <= BURST


class RecentErrors(logging.Handler):
    """The last different errors, for `status`."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._errors: OrderedDict[tuple[str, str], LoggedError] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the record's message (not its traceback)."""
        key = (record.name, redact(record.getMessage()[:500]))
        at_ms = int(record.created * 1000)
        known = self._errors.pop(key, None)
        self._errors[key] = (
            replace(known, at_ms=at_ms, count=known.count + 1)
            if known
            else LoggedError(at_ms=at_ms, where=key[0], message=key[1])
        )
        while len(self._errors) > MAX_RECENT:
            self._errors.popitem(last=False)

    def newest_first(self) -> list[LoggedError]:
        """At most `MAX_RECENT`."""
        with self.lock or _NO_LOCK:
            return list(reversed(self._errors.values()))


class PrivateRotatingFile(RotatingFileHandler):
    """A rotating file that is 0600 from the moment it is made."""

    def _open(self) -> TextIOWrapper:
        fd = os.open(
            self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        os.fchmod(fd, 0o600)
        return os.fdopen(fd, "a", encoding="utf-8", errors="backslashreplace")


class _NoLock:
    def __enter__(self) -> None: ...

    def __exit__(self, *_exc: object) -> None: ...


_NO_LOCK: Final = _NoLock()


class Logs:
    """Handlers that `configure` installed on the root logger."""

    def __init__(self, handlers: list[logging.Handler], recent: RecentErrors) -> None:
        self._handlers = handlers
        self.recent = recent

    def close(self) -> None:
        """Take them off again and close the file."""
        root = logging.getLogger()
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()


def configure(
    path: str | None,
    *,
    level: str = "info",
    foreground: bool = False,
    stream: Any = None,
) -> Logs:
    """
    Send the daemon's log to the file at `path` and, in the foreground, to standard error.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        stream: in place of standard error.
    """
    recent = RecentErrors()
    writers: list[logging.Handler] = []
    if path is not None:
        writers.append(PrivateRotatingFile(path, maxBytes=MAX_BYTES, backupCount=BACKUPS))
    if foreground:
        writers.append(logging.StreamHandler(stream or sys.stderr))
    formatter = RedactingFormatter()
    throttle = ThrottleFilter()
    for writer in writers:
        writer.setFormatter(formatter)
    # One filter on one gate: two handlers must not count a line twice.
    gate = _Gate(throttle, writers)
    handlers: list[logging.Handler] = [gate, recent]
    root = logging.getLogger()
    root.setLevel(level.upper())
    for handler in handlers:
        root.addHandler(handler)
    logging.captureWarnings(True)
    return Logs(handlers, recent)


class _Gate(logging.Handler):
    """Asks the throttle once, then hands the record to every writer."""

    def __init__(self, throttle: ThrottleFilter, writers: list[logging.Handler]) -> None:
        super().__init__()
        self._writers = writers
        self.addFilter(throttle)

    def emit(self, record: logging.LogRecord) -> None:
        for writer in self._writers:
            writer.handle(record)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()
        super().close()
