"""A store in a temporary directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from openusaged.storage.store import Store
from tests.support.stored_events import START_MS


@pytest.fixture
def path(isolated_home: str) -> str:
    return os.path.join(isolated_home, "state", "telemetry.db")


@pytest.fixture
def open_store(path: str) -> Iterator[Callable[[], Store]]:
    """Opens the one store of the test, again if need be; closes what is left open."""
    opened: list[Store] = []

    def open_() -> Store:
        store = Store.open(path, app_version="1.2.3", now_ms=lambda: START_MS + 10**9)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()
