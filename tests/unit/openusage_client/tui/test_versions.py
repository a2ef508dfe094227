"""What the dashboard says and does about a daemon of another version and a newer release."""

from __future__ import annotations

import os
import sys
import threading
from importlib import metadata

import pytest

from openusage_client.tui import versions
from openusage_client.tui.dialog import YES
from openusage_proto import VERSION
from tests.support.vendor_server import vendor
from tests.support.waiting import wait_until

STAND_IN = """
import json, os, sys
with open(os.environ["STAND_IN_CALLS"], "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1:] == ["install", "--check"]:
    print(os.environ["STAND_IN_STATE"])
elif os.environ.get("STAND_IN_FAILS"):
    print("openusaged: first\\n\\x1b[31mthe disk is full", file=sys.stderr)
    sys.exit(1)
"""


@pytest.fixture
def openusaged(tmp_path, monkeypatch):
    """A program in the place of the daemon's; returns what it was called with."""
    package = tmp_path / "openusaged"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)
    calls = tmp_path / "calls"
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.getcwd()}")
    monkeypatch.setenv("STAND_IN_CALLS", str(calls))
    monkeypatch.setenv("STAND_IN_STATE", '{"installed": false}')
    return lambda: calls.read_text().splitlines()


def test_the_same_version_is_no_news():
    """Nothing is said and nothing asked, also when one side does not know its version."""
    assert versions.difference(VERSION) == ("", None)
    assert versions.difference("unknown") == ("", None)


def test_an_older_daemon_is_offered_to_be_replaced_with_yes_first():
    """Both versions are in the question; a name from the wire cannot move the cursor."""
    words, question = versions.difference("0.0.1\x1b[2J")
    assert "\x1b" not in words
    assert question is not None
    assert question.value == question.choices[0].value == YES
    assert "0.0.1" in " ".join(question.lines)
    assert VERSION in question.choices[0].label


def test_a_newer_daemon_is_only_mentioned():
    """A downgrade is nothing to offer."""
    words, question = versions.difference("999.0")
    assert "999.0" in words
    assert question is None


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ('{"installed": true}', "install"),
        ('{"installed": false}', "restart"),
        ("no json", "restart"),
    ],
)
def test_a_service_is_renewed_and_anything_else_restarted(openusaged, monkeypatch, state, command):
    """A unit of the version before may name a program that is not there any more."""
    monkeypatch.setenv("STAND_IN_STATE", state)
    assert versions.replace_daemon() == ""
    assert openusaged() == ["install --check", command]


def test_a_daemon_that_is_not_replaced_says_why(openusaged, monkeypatch):
    """The last line of the program, without its control sequences, and what to try."""
    monkeypatch.setenv("STAND_IN_FAILS", "1")
    words = versions.replace_daemon()
    assert words.startswith("not replaced: ")
    assert "the disk is full" in words
    assert "openusaged restart" in words
    assert "\x1b" not in words


def test_a_program_that_does_not_end_is_not_waited_for(openusaged, monkeypatch):
    """The user hears of it instead."""
    monkeypatch.setattr(versions, "_RESTART_TIMEOUT_S", 0.0)
    assert "no end within" in versions.replace_daemon()


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/u/.local/share/pipx/venvs/openusage", "pipx upgrade openusage"),
        ("/home/u/.local/pipx/venvs/openusage", "pipx upgrade openusage"),
        ("/home/u/.local/share/uv/tools/openusage", "uv tool upgrade openusage"),
    ],
)
def test_the_upgrade_command_fits_how_it_was_installed(prefix, command):
    """By the place where the program lies."""
    assert versions.upgrade_command(prefix, "") == command


def test_a_plain_environment_is_upgraded_with_its_own_pip():
    """With the interpreter that runs it, which need not be the first one of the path."""
    assert versions.upgrade_command("/opt/venv", "") == (
        f"{sys.executable} -m pip install --upgrade openusage"
    )


def test_a_working_copy_is_pulled():
    """What is run where its source lies is not replaced by a release."""
    origin = '{"dir_info": {"editable": true}, "url": "file:///home/u/openusage"}'
    assert versions.upgrade_command("/home/u/openusage/.venv", origin).startswith("git pull")


def test_a_newer_release_is_said_with_both_versions_and_the_command(monkeypatch):
    """One line has all that is needed."""
    with vendor("", body={"info": {"version": "999.0"}}) as index:
        monkeypatch.setenv("OPENUSAGE_RELEASES_URL", index.url)
        words = versions.newer_release()
    assert words.startswith(f"OpenUsage 999.0 is out, this is {VERSION}: ")


@pytest.mark.parametrize("version", ["0.0.1", "garbage", None])
def test_an_old_or_senseless_answer_of_the_index_is_no_news(monkeypatch, version):
    """Only a newer release is worth a line."""
    with vendor("", body={"info": {"version": version}}) as index:
        monkeypatch.setenv("OPENUSAGE_RELEASES_URL", index.url)
        assert versions.newer_release() == ""
        assert len(index.asked) == 1


def test_an_index_that_is_slow_is_given_up_silently(monkeypatch):
    """Nobody asked, so nobody waits."""
    monkeypatch.setattr(versions, "LOOK_TIMEOUT_S", 0.05)
    with vendor("", body={"info": {"version": "999.0"}}) as index:
        index.gate.clear()
        monkeypatch.setenv("OPENUSAGE_RELEASES_URL", index.url)
        assert versions.newer_release() == ""


@pytest.mark.parametrize("settings", [{}, {"ui": None}, {"ui": {"check_for_updates": "yes"}}])
def test_only_a_clear_yes_has_the_index_asked(settings):
    """Unknown and misspelt is no."""
    assert not versions.wants_check(settings)
    assert versions.wants_check({"ui": {"check_for_updates": True}})


def test_what_is_done_aside_speaks_only_when_there_is_something_to_say():
    """The words arrive from another thread; none arrive for nothing."""
    said: list[tuple[str, int]] = []
    done = threading.Event()

    def silent() -> str:
        done.set()
        return ""

    versions.aside(silent, lambda words: said.append((words, 0)))
    assert done.wait(10)
    versions.aside(lambda: "news", lambda words: said.append((words, threading.get_ident())))
    wait_until(lambda: said, 10, "the words")
    assert [words for words, _ in said] == ["news"]
    assert said[0][1] != threading.get_ident()


def test_a_source_tree_that_was_never_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """How it came here is unknown then, which is no reason to fail."""

    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    assert versions._origin() == ""
