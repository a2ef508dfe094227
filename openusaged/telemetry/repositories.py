"""
Which repository a working directory belongs to: the project of everything that happened in it.

Worktrees fold into their repository, so that one project is one row.  Answers are remembered for a
while, because thousands of events share a handful of directories.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

KEEP_S: Final = 600.0
MAX_DEPTH: Final = 64
MAX_KNOWN: Final = 4096


class Repositories:
    """Resolves directories to projects; one instance per thread or process that links events."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._known: dict[str, tuple[float, str]] = {}
        self._monotonic = monotonic

    def knows(self, cwd: str) -> bool:
        """Whether `project_of` would answer out of memory."""
        known = self._known.get(cwd)
        return not cwd.startswith("/") if known is None else known[0] > self._monotonic()

    def project_of(self, cwd: str) -> str:
        """
        Root of the repository that holds `cwd`, else `cwd` itself; empty when `cwd` is.

        A directory that no longer exists is looked for upwards from where it was, so that a
        deleted sub-directory still counts to its repository.
        """
        if not cwd.startswith("/"):
            return cwd
        now = self._monotonic()
        known = self._known.get(cwd)
        if known is not None and known[0] > now:
            return known[1]
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        project = _repository_root(cwd) or cwd.rstrip("/") or "/"
        self._known[cwd] = (now + KEEP_S, project)
        return project


def _repository_root(cwd: str) -> str:
    directory = os.path.normpath(cwd)
    for _ in range(MAX_DEPTH):
        marker = os.path.join(directory, ".git")
        try:
            if os.path.isdir(marker):
                return directory
            if os.path.isfile(marker):
                return _main_worktree(marker) or directory
        except (OSError, ValueError):
            return ""
        parent = os.path.dirname(directory)
        if parent == directory:
            return ""
        directory = parent
    return ""


def _main_worktree(git_file: str) -> str:
    """The repository a linked worktree belongs to; empty for a submodule, which is a project."""
    try:
        with open(git_file, encoding="utf-8", errors="replace") as file:
            text = file.read(4096)
    except OSError:
        return ""
    if not text.startswith("gitdir:"):
        return ""
    target = text.removeprefix("gitdir:").strip()
    target = os.path.normpath(os.path.join(os.path.dirname(git_file), target))
    head, found, _ = target.partition("/.git/worktrees/")
    return head if found else ""
