"""Which program the service runs, and which version comes before which."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest

from openusaged.core.errors import LifecycleError
from openusaged.service import program


def test_this_installation() -> None:
    """The interpreter of this environment, its link not followed, with safe paths."""
    assert program.command()[:5] == [sys.executable, "-P", "-m", "openusaged", "run"]


def test_homebrew_folder_of_a_version() -> None:
    """The link that survives an upgrade is used when it is there."""
    cellar = "/opt/homebrew/Cellar/openusage/0.1.0_2/libexec/bin/python"
    stable = "/opt/homebrew/opt/openusage/libexec/bin/python"
    assert program.command(cellar, exists=lambda path: path == stable)[0] == stable
    assert program.command(cellar, exists=lambda _path: False)[0] == cellar


@pytest.mark.parametrize(
    "python",
    [
        "/home/u/.cache/uv/archive-v0/abc/bin/python",
        "/home/u/.cache/uv/environments-v2/x/bin/python",
        "/home/u/.local/pipx/.cache/abc/bin/python",
    ],
)
def test_a_passing_copy_is_refused(python: str) -> None:
    """A service must not point into a cache; the sentence says how to install for good."""
    with pytest.raises(LifecycleError, match="uv tool install"):
        program.command(python)


def test_order_of_versions() -> None:
    """Numbers count as numbers, and what leads up to a release comes before it."""
    order = ["0", "0.1.0", "0.9", "0.10.0rc1", "0.10", "0.10.1.dev3", "0.10.1", "v1.0", "2.0"]
    for older, newer in pairwise(order):
        assert program.is_older(older, newer), (older, newer)
        assert not program.is_older(newer, older), (older, newer)
    assert not program.is_older("1.0", "1.0.0")
    assert program.is_older("unknown", "0.1")
