"""
Which branch a pull request is of, from what the local repository knows; nothing is fetched.

Merge commits name it, and so do the refs of repositories that fetch pull requests.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import Final

from openusage_client.errors import UsageError

_TIMEOUT_S: Final = 10.0
_MERGED: Final = re.compile(r"^Merge pull request #(\d+) from [^/\s]+/(\S+)")
_REMOTE: Final = re.compile(r"^refs/remotes/[^/]+/")
_PULL_REFS: Final = ("refs/pull/{}/head", "refs/remotes/*/pr/{}", "refs/remotes/*/pull/{}/head")


def branch_of(number: int, directory: str | None = None) -> tuple[str, str]:
    """
    The repository's directory and the head branch of one of its pull requests.

    Raises:
        UsageError: it is no repository, or it does not know the branch; says what to do instead.
    """
    where = directory or os.getcwd()
    root = _git(where, "rev-parse", "--show-toplevel")
    if not root:
        raise UsageError(f"--pr needs a git repository, and {where} is in none; give --branch")
    found = _of_merge(root, number) or _of_ref(root, number)
    if not found:
        raise UsageError(
            f"this repository does not say which branch pull request {number} is of;"
            f" try --branch $(gh pr view {number} --json headRefName -q .headRefName)"
        )
    return root, found


def _of_merge(root: str, number: int) -> str:
    subjects = _git(
        root, "log", "--all", "--merges", "--format=%s", f"--grep=^Merge pull request #{number} "
    )
    for subject in subjects.splitlines():
        match = _MERGED.match(subject)
        if match and int(match[1]) == number:
            return match[2]
    return ""


def _of_ref(root: str, number: int) -> str:
    """The branch that has the same commit as the pull request's ref."""
    patterns = [pattern.format(number) for pattern in _PULL_REFS]
    commits = _git(root, "for-each-ref", "--format=%(objectname)", *patterns).split()
    for commit in commits:
        names = _git(
            root,
            "for-each-ref",
            "--format=%(refname)",
            f"--points-at={commit}",
            "refs/heads",
            "refs/remotes",
        ).splitlines()
        for name in names:
            if name.startswith("refs/heads/"):
                return name.removeprefix("refs/heads/")
        for name in names:
            branch = _REMOTE.sub("", name)
            if branch != "HEAD" and not branch.startswith(("pr/", "pull/")):
                return branch
    return ""


def _git(directory: str, *arguments: str) -> str:
    """What git prints; nothing when it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", directory, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
