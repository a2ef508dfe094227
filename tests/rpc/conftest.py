"""A server per test, over small methods."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.served import Served, served


@pytest.fixture
def server(isolated_home: str) -> Iterator[Served]:
    """The server with its real limits."""
    with served(isolated_home) as running:
        yield running
