"""A scripted daemon where the dashboard looks for one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support import screen_samples as samples
from tests.support.scripted_peer import ModelPeer


@pytest.fixture
def socket_path(isolated_home: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the dashboard looks for its daemon."""
    path = os.path.join(isolated_home, "s.sock")
    monkeypatch.setenv("OPENUSAGE_TELEMETRY_SOCKET", path)
    return path


@pytest.fixture
def server(socket_path: str) -> Iterator[ModelPeer]:
    """A daemon with six accounts."""
    with ModelPeer(socket_path, samples.model(samples.accounts(6))) as running:
        yield running
