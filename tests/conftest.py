"""Every test lives in a temporary home; nothing of the machine's own tools is visible to it."""

from __future__ import annotations

import os
import signal
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine, not about the code.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")

# A job in the background of a shell script inherits an ignored SIGINT and hands it on to every
# process the tests start, which then cannot be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)

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
VENDOR_SUFFIXES = ("_API_KEY", "_ADMIN_KEY")
"""A key of whoever runs the tests must neither be found nor be sent anywhere."""


@pytest.fixture(autouse=True)
def isolated_home(monkeypatch: pytest.MonkeyPatch) -> str:
    """
    A home of its own for each test, with a short path (a socket's path holds 103 bytes).

    The directory is removed by the operating system's temporary-file rules or the fixture's
    finaliser, whichever comes first.
    """
    for name in list(os.environ):
        if name.startswith(VENDOR_PREFIXES) or name.endswith(VENDOR_SUFFIXES):
            monkeypatch.delenv(name)
    for name in ("COLUMNS", "LINES"):
        # The size is the test's; what runs tests side by side hands its own terminal's on.
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENUSAGE_FIRST_RUN", "0")
    with tempfile.TemporaryDirectory(prefix="ou-", ignore_cleanup_errors=True) as directory:
        home = os.path.join(directory, "h")
        os.mkdir(home, 0o700)
        monkeypatch.setenv("HOME", home)
        monkeypatch.setenv("XDG_STATE_HOME", os.path.join(home, ".local", "state"))
        monkeypatch.setenv("XDG_CONFIG_HOME", os.path.join(home, ".config"))
        monkeypatch.setenv("XDG_DATA_HOME", os.path.join(home, ".local", "share"))
        monkeypatch.setenv("XDG_CACHE_HOME", os.path.join(home, ".cache"))
        yield home
