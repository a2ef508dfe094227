"""Firefox's cookies: every place profiles lie in, the newest rows, nothing changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openusaged.detect.firefox import FirefoxError, cookies, profiles
from openusaged.providers.base import Machine
from tests.support.firefox_profile import profile, profiles_ini

NAME = "session"


def machine(home: Path, platform: str = "linux") -> Machine:
    return Machine(env={}, home=str(home), platform=platform)


def test_rows_in_the_write_ahead_log_are_seen(tmp_path: Path) -> None:
    """A running browser's newest sign-in is found, and its files stay as they are."""
    place = tmp_path / ".mozilla/firefox/x.default"
    connection = profile(place, [(".a.org", NAME, "v", 1_900_000_000)], keep_open=True)
    try:
        before = {path.name: path.read_bytes() for path in place.iterdir()}
        assert cookies(machine(tmp_path), NAME) == [(".a.org", NAME, "v", 1_900_000_000.0)]
        assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("expiry", "seconds"),
    [(1_900_000_000, 1_900_000_000.0), (1_900_000_000_000, 1_900_000_000.0), (0, 0.0),
     (None, 0.0), ("soon", 0.0), (-5, 0.0)],
)  # fmt: skip
def test_expiry_units(tmp_path: Path, expiry: object, seconds: float) -> None:
    """Seconds and the milliseconds of newer versions mean the same; no time is a session."""
    profile(tmp_path / ".mozilla/firefox/x", [("a.org", NAME, "v", expiry)])
    assert cookies(machine(tmp_path), NAME)[0][3] == seconds


@pytest.mark.parametrize(
    "root",
    [
        ".mozilla/firefox",
        ".config/mozilla/firefox",
        "snap/firefox/common/.mozilla/firefox",
        ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ],
)
def test_every_packaging_is_found(tmp_path: Path, root: str) -> None:
    """Distribution, snap and flatpak each keep profiles elsewhere."""
    profile(tmp_path / root / "p.default", [("a.org", NAME, "v", 1)])
    assert profiles(machine(tmp_path)) == [str(tmp_path / root / "p.default")]


def test_macos(tmp_path: Path) -> None:
    """On macOS profiles lie in Application Support."""
    place = tmp_path / "Library/Application Support/Firefox/Profiles/p.default"
    profile(place, [("a.org", NAME, "v", 1)])
    assert profiles(machine(tmp_path, "darwin")) == [str(place)]


def test_profiles_of_the_list_come_in_its_order(tmp_path: Path) -> None:
    """The default of an installation first, then the listed ones, relative or absolute, once."""
    root = tmp_path / ".mozilla/firefox"
    elsewhere = tmp_path / "elsewhere"
    for place in (root / "one", root / "two", elsewhere):
        profile(place, [("a.org", NAME, "v", 1)])
    profiles_ini(
        root,
        "[Profile0]\nName=a\nIsRelative=1\nPath=one\n\n"
        f"[Profile1]\nName=b\nIsRelative=0\nPath={elsewhere}\n\n"
        "[Install4F96D1932A9F858E]\nDefault=two\nLocked=1\n",
    )
    assert profiles(machine(tmp_path)) == [str(root / "two"), str(root / "one"), str(elsewhere)]


@pytest.mark.parametrize("text", ["", "[", "no section", "[Profile0]\nName=x"])
def test_odd_list_of_profiles(tmp_path: Path, text: str) -> None:
    """Without a usable list the directories themselves are looked at."""
    root = tmp_path / ".mozilla/firefox"
    profiles_ini(root, text)
    profile(root / "p", [("a.org", NAME, "v", 1)])
    assert profiles(machine(tmp_path)) == [str(root / "p")]


def test_no_firefox(tmp_path: Path) -> None:
    """Without a profile the answer is words, not an empty list."""
    with pytest.raises(FirefoxError, match="no Firefox profile"):
        cookies(machine(tmp_path), NAME)


def test_damaged_profile_costs_only_itself(tmp_path: Path) -> None:
    """One unreadable profile is passed over; when all are, that is said."""
    root = tmp_path / ".mozilla/firefox"
    (root / "bad").mkdir(parents=True)
    (root / "bad/cookies.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(FirefoxError, match="bad"):
        cookies(machine(tmp_path), NAME)
    profile(root / "good", [("a.org", NAME, "v", 1), ("a.org", "other", "x", 1)])
    assert cookies(machine(tmp_path), NAME) == [("a.org", NAME, "v", 1.0)]


def test_no_copy_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The private copy is gone when the question is answered."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    profile(tmp_path / ".mozilla/firefox/p", [("a.org", NAME, "v", 1)])
    cookies(machine(tmp_path), NAME)
    assert os.listdir(scratch) == []
