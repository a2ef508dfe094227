"""A daemon in the test's own home that never asks a vendor anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, forbid_polling


@pytest.fixture
def home(isolated_home: str) -> Path:
    """The temporary home, with settings that forbid polling."""
    forbid_polling()
    return Path(isolated_home)


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    """A daemon that the test starts; it is gone afterwards whatever happened."""
    daemon = Daemon()
    try:
        yield daemon
    finally:
        daemon.kill()
