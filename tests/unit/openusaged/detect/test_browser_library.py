"""The child process that reads encrypted browsers, asked as the daemon asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openusaged.detect.cookies import MISSING_LIBRARY

pytestmark = pytest.mark.measured

ROOT = Path(__file__).resolve().parents[4]


def ask(question: object, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **({"PYTHONPATH": str(site)} if site else {})}
    return subprocess.run(
        [sys.executable, "-m", "openusaged.detect.browser_library"],
        input=json.dumps(question),
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def question(browser: str) -> dict[str, str]:
    return {"browser": browser, "domain": "www.a.org", "name": "n"}


def test_only_listed_browsers_are_asked_for() -> None:
    """No other attribute of the library can be called through the question."""
    done = ask(question("load"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be read" in done.stderr


def test_missing_library_has_its_own_exit_code(tmp_path: Path) -> None:
    """The caller can tell what to install."""
    (tmp_path / "browser_cookie3.py").write_text("raise ImportError('x')")
    assert ask(question("chrome"), tmp_path).returncode == MISSING_LIBRARY


def test_answer_holds_the_asked_name_only(tmp_path: Path) -> None:
    """The library is asked for the registrable domain; other cookies do not leave the child."""
    (tmp_path / "browser_cookie3.py").write_text(
        "class C:\n"
        "    def __init__(self, name): self.__dict__.update("
        "domain='.a.org', name=name, value='v-' + name, expires=None)\n"
        "def chrome(domain_name=''):\n"
        "    assert domain_name == 'a.org'\n"
        "    return [C('n'), C('other')]\n"
    )
    done = ask(question("chrome"), tmp_path)
    assert json.loads(done.stdout) == [
        {"host": ".a.org", "name": "n", "value": "v-n", "expires_s": 0}
    ]
