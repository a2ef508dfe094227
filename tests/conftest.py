"""Every test lives in a temporary home; nothing of the machine's own tools is visible to it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# What is asserted there says as much as what a test asserts itself.
pytest.register_assert_rewrite("tests.support")

from tests.support.isolation import temporary_home  # noqa: E402

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


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What the test starts runs without coverage.

    Measuring nearly doubles what a process costs.  So where one program is started hundreds of
    times, where histories are read by the megabyte, or where a module starts a daemon per test,
    and other tests measure the same lines.
    """
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture(autouse=True)
def isolated_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A home of its own for each test, with nothing of the machine in it."""
    with temporary_home(monkeypatch) as home:
        yield home
