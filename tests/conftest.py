"""Every test lives in a temporary home; nothing of the machine's own tools is visible to it."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# What is asserted there says as much as what a test asserts itself.
pytest.register_assert_rewrite("tests.support")

from tests.support.isolation import temporary_home  # noqa: E402
from tests.support.memory import in_memory  # noqa: E402

TESTS = Path(__file__).resolve().parent
FEAR_NO_POWER_CUT = ("contract", "property", "tui", "unit")
"""
Kinds of tests whose homes lie in memory; daemons and stores are tested on a real disk.

There a directory costs milliseconds to make and to remove, and ten thousand tests need a few each.
"""

# How long an example takes says something about the machine, not about the code.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")

# A job in the background of a shell script inherits an ignored SIGINT and hands it on to every
# process the tests start, which then cannot be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Who ends the tests with `kill` also wants what they started to be ended.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Twelve thousand tests stay to the end: spare every full garbage collection to visit them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def isolated_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A home of its own for each test, with nothing of the machine in it."""
    kind = os.path.relpath(request.path, TESTS).split(os.sep)[0]
    where = in_memory() if kind in FEAR_NO_POWER_CUT else None
    measured = request.node.get_closest_marker("measured") is not None
    with temporary_home(monkeypatch, where, measured=measured) as home:
        yield home


@pytest.fixture
def tmp_path(isolated_home: str) -> Path:
    """A directory beside the home that goes with it."""
    path = Path(isolated_home).with_name("t")
    path.mkdir()
    return path
