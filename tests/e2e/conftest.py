"""A daemon in the test's own home that never asks a vendor anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto import locations
from tests.support.daemon import Daemon


@pytest.fixture
def home(isolated_home: str) -> Path:
    """The temporary home, with settings that forbid polling."""
    path = Path(locations.settings_path())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"telemetry": {"poll": False}}), encoding="utf-8")
    return Path(isolated_home)


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    """A daemon that the test starts; it is gone afterwards whatever happened."""
    daemon = Daemon()
    try:
        yield daemon
    finally:
        daemon.kill()
