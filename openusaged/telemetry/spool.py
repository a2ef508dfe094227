"""
The directory where hooks leave what the daemon could not take: one file per event.

A file holds the parameters of one `ingest_turn`; its name starts with the time it was written, so
that the order of names is the order of events (spec/jsonrpc.md, Spool).  Files only: no thread, no
gevent, no store.  The caller deletes a file (`done`) after its commit, which makes a crash repeat
an event, never lose it; identities absorb the repetition.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from openusage_proto.messages import SpoolStatus
from openusage_proto.values import dataclass

log = logging.getLogger(__name__)

MAX_FILE_BYTES: Final = 8 << 20
"""A larger file is no hook's: the wire takes no longer line either."""
MAX_REJECTED_FILES: Final = 1000
TMP_GRACE_S: Final = 60
"""A writer is done with its temporary file in milliseconds; after this it has died."""
OVERFLOW_NAME: Final = ".overflow"
"""Hooks append one byte for every event that found the spool full."""
_REASON_SUFFIX: Final = ".reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolItem:
    """One waiting event: its file, the decoded parameters of `ingest_turn`, its size in bytes."""

    path: str
    params: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    name: str
    size: int
    mtime_s: float


class Spool:
    """
    The waiting events of one directory, oldest first, within bounds of count, bytes and age.

    Overflow rule: the oldest files are dropped, counted and logged.
    """

    def __init__(
        self,
        directory: str,
        now_ms: Callable[[], int],
        *,
        max_files: int = 10_000,
        max_bytes: int = 256 << 20,
        max_age_s: float = 14 * 86_400,
    ) -> None:
        self.directory = directory
        self.rejected_directory = os.path.join(directory, "rejected")
        self._now_ms = now_ms
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._dropped = 0
        self._overflow_seen = 0
        self._dealt_with: set[str] = set()
        self._unreadable_logged = False

    def prepare(self) -> None:
        """
        Make the directory (0700), so that it can be watched.

        Raises:
            OSError: it cannot be made.
        """
        os.makedirs(self.directory, mode=0o700, exist_ok=True)

    def pending(self) -> Iterator[SpoolItem]:
        """
        Waiting events, oldest first; files that hold none are rejected on the way.

        Temporary files of writers that died count as what they would have become.  A file that
        cannot be read now is passed over and stays.
        """
        names = set(self._names())
        for name in sorted(name for name in names if name.endswith(".tmp")):
            names.add(self._adopted(name, names))
        for name in sorted(name for name in names if name.endswith(".json")):
            path = os.path.join(self.directory, name)
            if path in self._dealt_with:
                continue
            try:
                data = _read(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.EFBIG, errno.EISDIR):
                    self.reject(path, f"no spool file: {error.strerror}")
                else:
                    log.warning("event=spool_file_unreadable file=%s error=%s", name, error)
                continue
            try:
                params = _decode(data)
            except ValueError as error:
                self.reject(path, str(error))
                continue
            yield SpoolItem(path=path, params=params, size=len(data))

    def done(self, path: str) -> None:
        """Delete a file whose event is committed."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            # Committed all the same: offering it again in this process would only cost time.
            self._dealt_with.add(path)
            log.warning("event=spool_delete_failed file=%s error=%s", _name(path), error)

    def reject(self, path: str, reason: str) -> None:
        """
        Move a file that can never be stored to `rejected/`, with the reason beside it.

        At most MAX_REJECTED_FILES are kept there, the newest.  When it cannot be moved it stays,
        and is not offered again by this object.
        """
        target = os.path.join(self.rejected_directory, _name(path))
        try:
            os.makedirs(self.rejected_directory, mode=0o700, exist_ok=True)
            self._trim_rejected()
            os.replace(path, target)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(target + _REASON_SUFFIX, flags, 0o600)
            try:
                os.write(fd, f"{reason[:1000]}\n".encode("utf-8", "replace"))
            finally:
                os.close(fd)
        except FileNotFoundError:
            return
        except OSError as error:
            self._dealt_with.add(path)
            log.warning("event=spool_reject_incomplete file=%s error=%s", _name(path), error)
        log.warning("event=spool_rejected file=%s reason=%r", _name(path), reason[:200])

    def enforce_bounds(self) -> int:
        """
        Drop the oldest files beyond age, count and bytes.

        Returns:
            How many were dropped now; `status` reports the sum.
        """
        files = self._files()
        oldest_s = self._now_ms() / 1000 - self._max_age_s
        excess_files = len(files) - self._max_files
        excess_bytes = sum(file.size for file in files) - self._max_bytes
        dropped = 0
        for file in files:
            if excess_files <= 0 and excess_bytes <= 0 and file.mtime_s >= oldest_s:
                continue
            try:
                os.unlink(os.path.join(self.directory, file.name))
            except FileNotFoundError:
                pass
            except OSError as error:
                log.warning("event=spool_delete_failed file=%s error=%s", file.name, error)
                continue
            else:
                dropped += 1
            excess_files -= 1
            excess_bytes -= file.size
        self._dropped += dropped
        if dropped:
            log.warning("event=spool_dropped count=%d total=%d", dropped, self._dropped)
        overflow = self._overflow()
        if overflow > self._overflow_seen:
            log.warning("event=spool_overflow hooks_dropped=%d", overflow - self._overflow_seen)
            self._overflow_seen = overflow
        return dropped

    def status(self) -> SpoolStatus:
        """Files waiting and rejected, events dropped by this object and by hooks at the limit."""
        pending = sum(
            name.endswith(".json") and os.path.join(self.directory, name) not in self._dealt_with
            for name in self._names()
        )
        rejected = sum(not name.endswith(_REASON_SUFFIX) for name in self._rejected_names())
        return SpoolStatus(
            pending=pending, rejected=rejected, dropped=self._dropped + self._overflow()
        )

    def _names(self) -> list[str]:
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return []
        except OSError as error:
            if not self._unreadable_logged:
                self._unreadable_logged = True
                log.warning("event=spool_unreadable error=%s", error)
            return []
        self._unreadable_logged = False
        return [name for name in names if not name.startswith(".")]

    def _files(self) -> list[_File]:
        """Waiting files in the order of their names, which is that of their age."""
        files = []
        for name in sorted(self._names()):
            if not name.endswith(".json"):
                continue
            try:
                info = os.lstat(os.path.join(self.directory, name))
            except OSError:
                continue  # taken by a drain that runs at the same time
            files.append(_File(name=name, size=info.st_size, mtime_s=info.st_mtime))
        return files

    def _adopted(self, name: str, names: set[str]) -> str:
        """
        Give a dead writer's temporary file the name that it still lacks, whole or not.

        Returns:
            That name; the old one when the writer may be at work or the other name is taken.
        """
        path = os.path.join(self.directory, name)
        final = name.removesuffix(".tmp").removesuffix(".json") + ".json"
        try:
            info = os.lstat(path)
            old = self._now_ms() / 1000 - info.st_mtime >= TMP_GRACE_S
            if not old or not stat.S_ISREG(info.st_mode) or final in names:
                return name
            os.rename(path, os.path.join(self.directory, final))
        except OSError as error:
            log.debug("event=spool_temporary_left file=%s error=%s", name, error)
            return name
        return final

    def _rejected_names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.rejected_directory))
        except OSError:
            return []

    def _trim_rejected(self) -> None:
        kept = [name for name in self._rejected_names() if not name.endswith(_REASON_SUFFIX)]
        for name in kept[: max(0, len(kept) - MAX_REJECTED_FILES + 1)]:
            for victim in (name, name + _REASON_SUFFIX):
                try:
                    os.unlink(os.path.join(self.rejected_directory, victim))
                except FileNotFoundError:
                    continue

    def _overflow(self) -> int:
        try:
            return os.lstat(os.path.join(self.directory, OVERFLOW_NAME)).st_size
        except OSError:
            return 0


def _name(path: str) -> str:
    return os.path.basename(path)


def _read(path: str) -> bytes:
    """
    The content of a regular file, links not followed.

    Raises:
        OSError: unreadable, ELOOP for a link, EISDIR for what is no regular file, EFBIG for one
            larger than MAX_FILE_BYTES.
    """
    # O_NONBLOCK: a fifo of that name must not stop the drain
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise IsADirectoryError(errno.EISDIR, "not a regular file")
        if info.st_size > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, "larger than 8 MiB")
        chunks = []
        while chunk := os.read(fd, 1 << 20):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(fd)


def _decode(data: bytes) -> dict[str, Any]:
    """
    The parameters of one `ingest_turn`.

    Raises:
        ValueError: no JSON, or without a source and a `turn` or `payload` object.
    """
    try:
        params = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from error
    if not isinstance(params, dict):
        raise ValueError("no JSON object")
    if not isinstance(params.get("source"), str) or not params["source"]:
        raise ValueError("source: missing")
    if not isinstance(params.get("payload"), dict) and not isinstance(params.get("turn"), dict):
        raise ValueError("payload: missing, and no turn")
    return params
