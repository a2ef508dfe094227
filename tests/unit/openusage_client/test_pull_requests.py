"""Which branch a pull request is of, out of real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from openusage_client.errors import UsageError
from openusage_client.pull_requests import branch_of

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a commit on main and one on feature/login."""
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    git(root, "checkout", "-q", "-b", "feature/login")
    git(root, "commit", "-q", "--allow-empty", "-m", "work")
    git(root, "checkout", "-q", "main")
    return root


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        env={**os.environ, **IDENTITY},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_merge_commit_names_the_branch(repository: Path) -> None:
    """A merged pull request is found by its merge commit, also after its branch has gone."""
    message = "Merge pull request #12 from jane/feature/login"
    git(repository, "merge", "-q", "--no-ff", "-m", message, "feature/login")
    git(repository, "branch", "-D", "feature/login")
    (repository / "src").mkdir()
    assert branch_of(12, str(repository / "src")) == (str(repository), "feature/login")
    with pytest.raises(UsageError):
        branch_of(1, str(repository))


def test_fetched_pull_request_is_found_by_its_commit(repository: Path) -> None:
    """A ref of the pull request leads to the branch with the same commit, local or remote."""
    head = git(repository, "rev-parse", "feature/login")
    git(repository, "update-ref", "refs/remotes/origin/pr/7", head)
    assert branch_of(7, str(repository))[1] == "feature/login"
    git(repository, "update-ref", "refs/remotes/origin/topic", head)
    git(repository, "branch", "-D", "feature/login")
    assert branch_of(7, str(repository))[1] == "topic"


def test_unknown_pull_request_says_what_to_do(repository: Path) -> None:
    """Nothing is fetched; the message shows how to ask the host."""
    with pytest.raises(UsageError, match="gh pr view 99"):
        branch_of(99, str(repository))


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository, and without git, --branch is what is left."""
    with pytest.raises(UsageError, match="needs a git repository"):
        branch_of(1, str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="give --branch"):
        branch_of(1)
