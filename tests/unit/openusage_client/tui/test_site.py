"""Opening a site: by the desktop where there is one, else in words."""

from __future__ import annotations

import os
import sys

import pytest

from openusage_client.tui import site
from tests.support.waiting import wait_until

ADDRESS = "https://cursor.com"
BY_HAND = "open https://cursor.com in your browser and sign in"
OPENER = "open" if sys.platform == "darwin" else "xdg-open"


@pytest.fixture
def opener(tmp_path):
    """A program that stands for the desktop's and notes what it was given."""
    path = tmp_path / OPENER
    path.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/given\necho noise\n')
    path.chmod(0o755)
    return tmp_path


def test_f10_a_desktop_opens_the_site(opener):
    """Without a word on our terminal."""
    env = {"PATH": f"{opener}:{os.environ['PATH']}", "DISPLAY": ":0"}
    assert site.show(ADDRESS, env) == f"{ADDRESS} is shown in your browser"
    given = opener / "given"
    wait_until(lambda: given.exists() and given.read_text() == f"{ADDRESS}\n")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS always has a desktop")
def test_without_a_desktop_the_address_is_told(opener):
    """A browser in the terminal would write over the dashboard."""
    assert site.show(ADDRESS, {"PATH": str(opener)}) == BY_HAND
    assert not (opener / "given").exists()


def test_without_a_program_the_address_is_told(tmp_path):
    """Also when what is there cannot be run."""
    assert site.show(ADDRESS, {"PATH": str(tmp_path), "DISPLAY": ":0"}) == BY_HAND
    broken = tmp_path / OPENER
    broken.write_text("#!/nonexistent/interpreter\n")
    broken.chmod(0o755)
    assert site.show(ADDRESS, {"PATH": str(tmp_path), "DISPLAY": ":0"}) == BY_HAND
