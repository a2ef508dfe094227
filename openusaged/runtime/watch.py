"""
Tells which files changed below the directories of the tools, by the operating system's word.

The library's threads sleep until the kernel has something; between changes nothing here wakes up.
What notifications cannot promise (queue overflow, links out of the tree, network file systems) the
collector's slow safety scan makes good.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import gevent
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from openusaged.core.errors import StoreClosed
from openusaged.runtime.pools import Pools

log = logging.getLogger(__name__)

# watchdog 7 says so for a directory it has just found by listing the parent; the watch stands.
warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)

SCAN_EVERYTHING: Final = "*"
"""In a set of changed paths: more changed than is worth listing."""
MAX_PATHS: Final = 4096
MOVE_PAIRING_S: Final = 0.02

# Opens and reads are left out: the kernel is then never asked for them.
_TREE_EVENTS: Final[list[type[FileSystemEvent]]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
_ENTRY_EVENTS: Final[list[type[FileSystemEvent]]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
]


def _shorten_move_pairing() -> None:
    """
    Watchdog holds a half-seen rename back for 0.5 s to pair it, and everything behind it.

    Writing a temporary file and renaming it is what spool and tools do all day.  Both halves come
    from the kernel at once, so 20 ms are plenty; an unpaired one is reported as create and delete,
    which says the same to us.  The class moved between watchdog 6 and 7.
    """
    for module, name in (
        ("watchdog.observers.inotify_move_event_grouper", "InotifyMoveEventGrouper"),
        ("watchdog.observers.inotify_buffer", "InotifyBuffer"),
    ):
        with contextlib.suppress(ImportError, AttributeError, OSError):
            getattr(importlib.import_module(module), name).delay = MOVE_PAIRING_S


_shorten_move_pairing()


def _is_no_late_emitter(record: logging.LogRecord) -> bool:
    """Watchdog logs an error whenever one of its threads is stopped between two events."""
    return "thread is inactive" not in record.getMessage()


logging.getLogger("watchdog.observers.inotify").addFilter(_is_no_late_emitter)


@dataclass(slots=True, eq=False)
class _Root:
    """One directory to watch; `path` as it was asked for, `real` with links resolved."""

    path: str
    recursive: bool = True
    real: str = ""
    identity: tuple[int, int] | None = None
    """Device and inode of the tree that is watched, None while the directory is missing."""
    watched: str = ""
    """What the library watches for it: the tree, or the nearest existing parent."""
    watch: Any = None
    failed: set[str] = field(default_factory=set)
    """Paths that could not be watched, so that each is told once."""


class Watcher:
    """
    Watches directories (whole trees unless told otherwise), missing ones through their parent.

    `on_change(paths)` is called in a greenlet, at most every `debounce_s`, with the files and
    directories that changed, spelled below the root as it was given to `add`.  More than
    `MAX_PATHS` become `SCAN_EVERYTHING`.  A root that appears (or is replaced) is itself reported.
    All methods belong to the hub thread.
    """

    def __init__(
        self,
        pools: Pools,
        on_change: Callable[[set[str]], object],
        debounce_s: float = 0.1,
        max_paths: int = MAX_PATHS,
    ) -> None:
        self._pools = pools
        self._on_change = on_change
        self._debounce_s = debounce_s
        self._max_paths = max_paths
        self._roots: dict[str, _Root] = {}
        self._observer: Any = None
        self._arranging = False
        self._arrange_again = False
        self._unchecked: set[str] = set()
        self._checking = False
        self._closed = False
        self.warnings: list[str] = []
        """Directories that cannot be watched, and why; they are scanned slowly instead."""
        # The only state shared with the library's threads.
        self._lock = threading.Lock()
        self._pending: set[str] = set()
        self._scheduled = False

    @property
    def watched(self) -> int:
        """Roots whose own tree is watched now."""
        return sum(root.identity is not None for root in self._roots.values())

    def add(self, path: str, *, recursive: bool = True) -> None:
        """
        Watch `path`, soon: walking a large tree happens in a worker thread.

        A directory that is not watched recursively reports what happens to its own entries.
        """
        path = os.path.normpath(path)
        if self._closed:
            return
        root = self._roots.get(path)
        if root is None:
            self._roots[path] = _Root(path, recursive)
        elif recursive and not root.recursive:
            root.recursive = True
            root.watched = ""  # differs from what is wanted, so it is watched anew
        else:
            return
        self._arrange_soon()

    def remove(self, path: str) -> None:
        """Watch `path` no more."""
        root = self._roots.pop(os.path.normpath(path), None)
        if root is not None and root.watch is not None and not self._closed:
            gevent.spawn(self._pools.work, self._unwatch, root)

    def close(self) -> None:
        """Stop; `on_change` is not called again."""
        self._closed = True
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            with gevent.Timeout(2.0, False):
                self._pools.work(observer.join, 2.0)

    # ------------------------------------------------ in the library's threads

    def _note(self, root: _Root, event: FileSystemEvent) -> None:
        paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
        with self._lock:
            if len(self._pending) > self._max_paths:
                self._pending = {SCAN_EVERYTHING}
            elif SCAN_EVERYTHING not in self._pending:
                self._pending.update(_spelled(root, path) for path in paths)
            if self._scheduled:
                return
            self._scheduled = True
        self._pools.call_hub(self._start_flush)

    # -------------------------------------------------------------- on the hub

    def _start_flush(self) -> None:
        if not self._closed:
            gevent.spawn_later(self._debounce_s, self._flush)

    def _flush(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, set()
            self._scheduled = False
        if self._closed:
            return
        changed = {
            path
            for path in pending
            if path == SCAN_EVERYTHING
            or any(root.path == path or _below(path, root.path) for root in self._roots.values())
        }
        if changed:
            self._report(changed)
        self._unchecked |= pending
        if not self._checking:
            self._checking = True
            self._check()

    def _check(self) -> None:
        """Have a worker see whether a root has come, gone or become another; waits for it."""
        try:
            while self._unchecked and not self._closed:
                changed, self._unchecked = self._unchecked, set()
                if self._pools.work(self._some_root_differs, changed):
                    self._arrange_soon()
        finally:
            self._checking = False

    def _report(self, paths: set[str]) -> None:
        try:
            self._on_change(paths)
        except Exception:
            log.exception("event=watch_callback_failed paths=%d", len(paths))

    def _arrange_soon(self) -> None:
        self._arrange_again = True
        if not self._arranging:
            self._arranging = True
            gevent.spawn(self._arrange)

    def _arrange(self) -> None:
        """Bring the library's watches in line with what exists, one worker job at a time."""
        try:
            while self._arrange_again and not self._closed:
                self._arrange_again = False
                appeared: set[str] = set()
                for root in list(self._roots.values()):
                    if self._pools.work(self._rewatch, root):
                        appeared.add(root.path)
                if appeared and not self._closed:
                    self._report(appeared)
        except StoreClosed:
            log.debug("event=watch_ended reason=shutdown")
        finally:
            self._arranging = False

    # --------------------------------------------------------- in a worker thread

    def _some_root_differs(self, changed: set[str]) -> bool:
        """Whether a root is not what was watched, or was gone and back within these changes."""
        return any(
            _identity(root.path) != root.identity
            or (root.identity is None and root.path in changed)
            for root in list(self._roots.values())
        )

    def _rewatch(self, root: _Root) -> bool:
        """Watch the tree, or the nearest parent that exists; whether the tree has appeared."""
        while True:
            identity = _identity(root.path)
            target = root.path if identity is not None else _nearest_parent(root.path)
            real = os.path.realpath(target)
            if root.watch is not None and (root.watched, root.identity) == (real, identity):
                return False
            # Also the first time: what was written since the caller's own look is told by no event.
            appeared = identity is not None and root.identity is None
            replaced = identity is not None and root.identity not in (None, identity)
            self._unwatch(root)
            root.real = os.path.realpath(root.path)
            if not self._watch(root, real, exists=identity is not None):
                return False
            root.watched, root.identity = real, identity
            if identity is not None:
                return appeared or replaced
            # It may have been made between the look and the watch.
            if _identity(root.path) is None and _nearest_parent(root.path) == target:
                return False

    def _watch(self, root: _Root, real: str, *, exists: bool) -> bool:
        try:
            if self._observer is None:
                observer = Observer()
                observer.start()
                self._observer = observer
            root.watch = self._observer.schedule(
                _Handler(self, root),
                real,
                recursive=exists and root.recursive,
                event_filter=_TREE_EVENTS if exists else _ENTRY_EVENTS,
            )
        except (OSError, RuntimeError) as exc:
            root.watch = None
            root.identity = None
            if real not in root.failed:
                root.failed.add(real)
                self.warnings.append(f"{root.path}: cannot be watched ({_advice(exc)})")
                log.warning("event=watch_failed path=%s error=%s", root.path, exc)
            return False
        return True

    def _unwatch(self, root: _Root) -> None:
        watch, root.watch = root.watch, None
        root.identity = None
        observer = self._observer
        if watch is not None and observer is not None:
            with contextlib.suppress(KeyError, OSError, RuntimeError):
                observer.unschedule(watch)


class _Handler(FileSystemEventHandler):
    """Hands every event of one root over; two roots never share one."""

    def __init__(self, watcher: Watcher, root: _Root) -> None:
        self._watcher = watcher
        self._root = root

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._watcher._note(self._root, event)  # noqa: SLF001  # its other half


def _spelled(root: _Root, path: str) -> str:
    """A path from the kernel (links resolved) as it looks below the root that was asked for."""
    if root.identity is not None and (path == root.real or _below(path, root.real)):
        return root.path + path[len(root.real) :]
    if root.identity is None and (root.real == path or _below(root.real, path)):
        # one of the missing parents has appeared: what matters is the root
        return root.path
    return path


def _below(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip("/") + "/")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino


def _nearest_parent(path: str) -> str:
    parent = os.path.dirname(path)
    while not os.path.isdir(parent) and parent not in ("/", ""):
        parent = os.path.dirname(parent)
    return parent or "/"


def _advice(exc: BaseException) -> str:
    number = getattr(exc, "errno", None)
    if number == 28:
        return "the limit fs.inotify.max_user_watches is reached: raise it with sysctl"
    if number == 24:
        return "the limit fs.inotify.max_user_instances is reached: raise it with sysctl"
    return getattr(exc, "strerror", None) or str(exc)
