"""One cookie of one site in one browser: matching, choice, and browsers with encrypted stores."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from openusaged.core.errors import AuthRequired
from openusaged.detect import cookies
from openusaged.detect.cookies import Cookie, best, canonical, matches, read
from openusaged.providers.base import Machine
from tests.support.firefox_profile import profile

STAND_IN = '''
"""Stands where the optional library would be installed."""
import http.cookiejar, os, time

class Kept:
    def __init__(self, domain, name, value, expires):
        self.domain, self.name, self.value, self.expires = domain, name, value, expires

def chrome(domain_name=""):
    assert domain_name == "a.org", domain_name
    return [
        Kept(".a.org", "session", "short", 1_800_000_000),
        Kept(".a.org", "session", "long", 1_900_000_000),
        Kept("b.a.org", "session", "exact", None),
        Kept(".a.org", "unasked", "planted-other-cookie", 2_000_000_000),
    ]

def brave(domain_name=""):
    raise RuntimeError("the key store is locked")

def vivaldi(domain_name=""):
    return [Kept(".a.org", "session", os.environ["DBUS_SESSION_BUS_ADDRESS"], None)]

def edge(domain_name=""):
    time.sleep(60)
'''


@pytest.fixture
def library(tmp_path: Path) -> Machine:
    """A machine on which the optional library is installed."""
    place = tmp_path / "site"
    place.mkdir()
    (place / "browser_cookie3.py").write_text(STAND_IN)
    return Machine(env={"PYTHONPATH": str(place)}, home=str(tmp_path))


@pytest.mark.parametrize(
    ("host", "domain", "fits"),
    [
        ("a.org", "a.org", True),
        ("a.org", ".a.org", True),
        ("A.org", "a.ORG", True),
        (".a.org", "a.org", True),
        (".a.org", "www.a.org", True),
        (".a.org", "x.www.a.org", True),
        ("a.org", "www.a.org", False),
        ("www.a.org", "a.org", False),
        (".a.org", "ba.org", False),
        (".a.org", "a.org.evil.com", False),
    ],
)
def test_host_matching(host: str, domain: str, fits: bool) -> None:
    """A leading dot covers what lies below; without one only the host itself."""
    assert matches(host, domain) is fits


def test_longest_living_cookie_wins() -> None:
    """Of several the latest expiry; a session cookie only when there is no other."""
    session = Cookie(host=".a.org", name="n", value="session")
    soon = Cookie(host=".a.org", name="n", value="soon", expires_s=10.0)
    later = Cookie(host="a.org", name="n", value="later", expires_s=20.0)
    empty = Cookie(host="a.org", name="n", value="", expires_s=30.0)
    other = Cookie(host="a.org", name="N", value="x", expires_s=30.0)
    assert best([session, later, soon, empty, other], "a.org", "n") is later
    assert best([session, empty], "a.org", "n") is session
    assert best([other], "a.org", "n") is None
    assert "later" not in repr(later)


@pytest.mark.parametrize(
    ("given", "name"),
    [("Firefox", "firefox"), ("Google Chrome", "chrome"), ("chromium", "chromium"),
     ("Brave-Browser", "brave"), ("Microsoft Edge", "edge"), (" safari ", "safari")],
)  # fmt: skip
def test_browser_names(given: str, name: str) -> None:
    """A longer name is the browser it contains."""
    assert canonical(given) == name


def test_unknown_browser_lists_the_known() -> None:
    """A browser nobody knows is answered with those that are."""
    with pytest.raises(AuthRequired, match="firefox, safari"):
        canonical("lynx")


def test_firefox_needs_no_library(tmp_path: Path) -> None:
    """Firefox is read with what every Python has."""
    profile(tmp_path / ".mozilla/firefox/p", [(".a.org", "session", "v", 1_900_000_000)])
    found = read(Machine(env={}, home=str(tmp_path)), "firefox", "www.a.org", "session")
    assert (found.value, found.expires_s) == ("v", 1_900_000_000.0)


def test_no_such_cookie_says_what_to_do(tmp_path: Path) -> None:
    """The user is told to log in there."""
    profile(tmp_path / ".mozilla/firefox/p", [("b.org", "session", "v", 1)])
    with pytest.raises(AuthRequired, match="no session cookie found in firefox: log into the site"):
        read(Machine(env={}, home=str(tmp_path)), "firefox", "a.org", "session")


def test_missing_firefox_is_words(tmp_path: Path) -> None:
    """No profile at all is the same kind of failure."""
    with pytest.raises(AuthRequired, match="no Firefox profile"):
        read(Machine(env={}, home=str(tmp_path)), "firefox", "a.org", "session")


class TestOtherBrowsers:
    def test_child_process_reads_one_name(self, library: Machine) -> None:
        """Only cookies of the asked name come back, and the longest-living that fits counts."""
        assert read(library, "chrome", ".a.org", "session").value == "long"
        assert read(library, "chrome", "b.a.org", "session").value == "long"
        with pytest.raises(AuthRequired, match="no absent cookie found in chrome"):
            read(library, "chrome", "a.org", "absent")

    def test_failure_of_the_library_is_one_line(self, library: Machine) -> None:
        """Whatever the library meets is told without a traceback."""
        with pytest.raises(AuthRequired, match=r"^brave: RuntimeError: the key store is locked$"):
            read(library, "brave", "a.org", "session")

    def test_browser_without_a_reader(self, library: Machine) -> None:
        """A browser that this version of the library lacks is a failure with words."""
        with pytest.raises(AuthRequired, match="opera: AttributeError"):
            read(library, "opera", "a.org", "session")

    def test_key_store_is_found_or_its_absence_told(
        self, library: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The library asks the desktop session; without one that is said in words."""
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
        bus = Path(f"/run/user/{os.getuid()}/bus")
        if bus.exists() or sys.platform != "linux":
            pytest.skip("this machine has a desktop session")
        with pytest.raises(AuthRequired, match="there is no desktop session"):
            read(library, "vivaldi", "a.org", "session")
        with_bus = {**library.env, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/x"}
        machine = Machine(env=with_bus, home=library.home)
        assert read(machine, "vivaldi", "a.org", "session").value == "unix:path=/x"

    def test_unanswered_prompt_ends(
        self, library: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A child that waits for its user is ended."""
        monkeypatch.setattr(cookies, "TIMEOUT_S", 0.3)
        with pytest.raises(AuthRequired, match="an unanswered prompt"):
            read(library, "edge", "a.org", "session")

    def test_without_the_library_the_extra_is_named(self, tmp_path: Path) -> None:
        """Who lacks the library is told how to get it, and that Firefox works without."""
        place = tmp_path / "site"
        place.mkdir()
        (place / "browser_cookie3.py").write_text("raise ImportError('not installed')")
        machine = Machine(env={"PYTHONPATH": str(place)}, home=str(tmp_path))
        with pytest.raises(AuthRequired, match=r"pip install 'openusage\[browser\]'"):
            read(machine, "chrome", "a.org", "session")
