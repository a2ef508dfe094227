"""Where the rollout of a test lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.codex_log import rollout_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The one thread of the test's Codex home."""
    return rollout_path(tmp_path)
