"""The one subprocess of detection: bounded in time, silent, its exit code is all that counts."""

from __future__ import annotations

import sys

import pytest

from openusaged.detect import sign_ins
from openusaged.detect.sign_ins import run_quietly


@pytest.mark.parametrize(("code", "expected"), [("", 0), ("raise SystemExit(44)", 44)])
def test_exit_code(code: str, expected: int) -> None:
    """Zero means the entry is there."""
    assert run_quietly([sys.executable, "-c", code]) == expected


def test_nothing_is_printed_or_asked(capfd: pytest.CaptureFixture[str]) -> None:
    """What the command says is thrown away, and it finds nobody to ask."""
    code = (
        "import sys; print('planted'); sys.stderr.write('planted'); sys.exit(len(sys.stdin.read()))"
    )
    assert run_quietly([sys.executable, "-c", code]) == 0
    assert capfd.readouterr() == ("", "")


def test_program_that_is_not_there() -> None:
    """A missing program is no answer, not an exception."""
    assert run_quietly(["/nonexistent/security"]) is None


def test_program_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time it is ended, which is no answer either."""
    monkeypatch.setattr(sign_ins, "PROBE_TIMEOUT_S", 0.2)
    assert run_quietly([sys.executable, "-c", "import time; time.sleep(60)"]) is None
