"""`version --check`: asked only when told to, and honest when nobody answers."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator

import pytest

from openusage_client.cli import main
from openusage_client.commands.version import is_newer, upgrade_command

ASKED: list[str] = []


class _Index(http.server.BaseHTTPRequestHandler):
    body = b""

    def do_GET(self) -> None:
        ASKED.append(self.headers["User-Agent"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Index]]:
    """An index of our own."""
    ASKED.clear()
    server = http.server.HTTPServer(("127.0.0.1", 0), _Index)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OPENUSAGE_RELEASES_URL", f"http://127.0.0.1:{server.server_port}/")
    yield _Index
    server.shutdown()
    thread.join()
    server.server_close()


def test_h01_a_newer_release_is_named(
    index: type[_Index], capsys: pytest.CaptureFixture[str]
) -> None:
    """H01: with --check the newest release is named, in words and as JSON."""
    index.body = json.dumps({"info": {"version": "99.1.0"}}).encode()
    assert main(["version", "--check"]) == 0
    assert "99.1.0 is out" in capsys.readouterr().out
    assert main(["version", "--check", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["newest"], answer["newer"]) == ("99.1.0", True)
    index.body = json.dumps({"info": {"version": "0.0.1"}}).encode()
    assert main(["version", "--check"]) == 0
    assert "nothing newer" in capsys.readouterr().out


def test_dmn_15_a_newer_release_comes_with_the_command_that_fetches_it(
    index: type[_Index], capsys: pytest.CaptureFixture[str]
) -> None:
    """DMN-15: asked for, the check names the release and how this copy is upgraded; else nothing."""
    index.body = json.dumps({"info": {"version": "99.1.0"}}).encode()
    pip = f"{sys.executable} -m pip install --upgrade openusage"
    assert main(["version", "--check"]) == 0
    assert f"99.1.0 is out; upgrade: {pip}" in capsys.readouterr().out
    assert main(["version", "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["upgrade"] == pip
    index.body = json.dumps({"info": {"version": "0.0.1"}}).encode()
    assert main(["version", "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["upgrade"] is None


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/a/.local/share/uv/tools/openusage", "uv tool upgrade openusage"),
        ("/home/a/.local/share/pipx/venvs/openusage", "pipx upgrade openusage"),
        ("/opt/homebrew/Cellar/openusage/1.0/libexec", "brew upgrade openusage"),
        ("/home/a/project/.venv", f"{sys.executable} -m pip install --upgrade openusage"),
    ],
)
def test_the_installer_is_told_from_the_place(prefix: str, command: str) -> None:
    """Whoever has installed a copy is the one to upgrade it."""
    assert upgrade_command(prefix) == command


def test_nobody_is_asked_without_check(index: type[_Index]) -> None:
    """Nothing phones home by itself."""
    assert main(["version"]) == 0
    assert ASKED == []


@pytest.mark.parametrize("body", [b"", b"{}", b'{"info": {"version": "<b>"}}', b'{"info": 5}'])
def test_odd_answers_are_no_release(
    index: type[_Index], body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """An index that says nonsense is a failure with a sentence."""
    index.body = body
    assert main(["version", "--check"]) == 1
    assert "cannot tell whether" in capsys.readouterr().err


def test_h22_a_plain_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """H22: a wrong setting is a usage error, told from a failure by its code."""
    monkeypatch.setenv("OPENUSAGE_RELEASES_URL", "http://example.org/")
    assert main(["version", "--check"]) == 2
    assert "https" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [("0.10.0", "0.9.9", True), ("1.0", "1.0", False), ("1.0", "unknown", True), ("x", "1", False)],
)
def test_versions_are_compared_as_numbers(one: str, other: str, *, newer: bool) -> None:
    """Ten comes after nine."""
    assert is_newer(one, other) is newer
