"""A home for tests in which nothing of the machine is seen, and in which nothing lives on."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from openusage_proto import locations
from openusaged.instance_lock import holder_pid

VENDOR_PREFIXES = (
    "AMP_",
    "ANTHROPIC_",
    "AZURE_OPENAI_",
    "CLAUDE",
    "CODEBUFF_",
    "CODEX",
    "COPILOT_",
    "FACTORY_",
    "GEMINI_",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GOOGLE_CLOUD_",
    "GOOSE_",
    "HERMES_",
    "KIMI_",
    "KIRO_",
    "OLLAMA_",
    "OPENAI_",
    "OPENCODE",
    "OPENUSAGE",
    "OPENROUTER_",
    "QWEN_",
    "XDG_",
    "ZEN_",
)
HOME_VARIABLES = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
VENDOR_SUFFIXES = ("_API_KEY", "_ADMIN_KEY")
"""A key of whoever runs the tests must neither be found nor be sent anywhere."""


@contextlib.contextmanager
def temporary_home(
    monkeypatch: pytest.MonkeyPatch, where: str | None = None, *, measured: bool = False
) -> Iterator[str]:
    """
    A home with a short path (a socket's path holds 103 bytes), and an environment that names it.

    It lies below `where` (None: below the system's directory for temporary files).  What is started
    runs with coverage only where it is `measured`.

    At the end it is removed, and what a client started in the background to serve it is ended.
    """
    for name in list(os.environ):
        if name.startswith(VENDOR_PREFIXES) or name.endswith(VENDOR_SUFFIXES):
            monkeypatch.delenv(name)
    for name in ("COLUMNS", "LINES", "PYTHONUNBUFFERED"):
        # The size is the test's; what runs tests side by side hands its own terminal's on.  And a
        # user's program writes through a buffer, whose last flush can fail.
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENUSAGE_FIRST_RUN", "0")
    if not measured:
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    with tempfile.TemporaryDirectory(
        prefix="ou-", dir=where, ignore_cleanup_errors=True
    ) as directory:
        home = os.path.join(directory, "h")
        os.mkdir(home, 0o700)
        monkeypatch.setenv("HOME", home)
        monkeypatch.setenv("XDG_STATE_HOME", os.path.join(home, ".local", "state"))
        monkeypatch.setenv("XDG_CONFIG_HOME", os.path.join(home, ".config"))
        monkeypatch.setenv("XDG_DATA_HOME", os.path.join(home, ".local", "share"))
        monkeypatch.setenv("XDG_CACHE_HOME", os.path.join(home, ".cache"))
        try:
            yield home
        finally:
            # What a test has broken on purpose must not keep its files from being removed.
            monkeypatch.undo()
            end_daemons(directory)


@contextlib.contextmanager
def home_of_a_module() -> Iterator[str]:
    """
    A temporary home that outlives a test, for a daemon that several tests only read.

    Each of them moves into it with `move_into`.
    """
    with pytest.MonkeyPatch.context() as patch, temporary_home(patch) as home:
        yield home


def move_into(env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the home that an environment names the one of this test."""
    for name in HOME_VARIABLES:
        monkeypatch.setenv(name, env[name])


def end_daemons(directory: str) -> list[int]:
    """Kill whatever holds a daemon's lock below a directory; their process ids."""
    ended = []
    for lock in Path(directory).rglob(os.path.basename(locations.lock_path())):
        pid = holder_pid(str(lock))
        # Nobody and somebody without a number are falsy; a test may hold the lock itself.
        if pid and pid != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            ended.append(pid)
    return ended
