"""A home of Claude Code for the transcripts of one test."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def claude_home(isolated_home):
    home = os.path.join(isolated_home, ".claude")
    os.mkdir(home)
    return home
