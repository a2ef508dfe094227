"""Which browsers are listed: those with a profile, and nothing of them is read."""

from __future__ import annotations

import os

import pytest

from openusaged.detect import browsers
from openusaged.detect.cookies import BROWSERS
from openusaged.providers.base import Machine


def machine(home, platform="linux"):
    """A machine with this home."""
    return Machine(env={}, home=str(home), platform=platform)


def test_a_bare_home_has_none(tmp_path):
    """Also one with an empty Firefox directory: a profile without cookies has nothing to give."""
    (tmp_path / ".mozilla/firefox").mkdir(parents=True)
    assert browsers.installed(machine(tmp_path)) == []


def test_f09_profiles_are_found_in_the_order_of_all_lists(tmp_path):
    """Firefox first, whatever was made first; unreadable cookies are no hindrance."""
    (tmp_path / ".config/google-chrome").mkdir(parents=True)
    (tmp_path / ".config/BraveSoftware/Brave-Browser").mkdir(parents=True)
    profile = tmp_path / ".mozilla/firefox/abc.default"
    profile.mkdir(parents=True)
    (profile / "cookies.sqlite").write_bytes(b"not a database")
    os.chmod(profile / "cookies.sqlite", 0)
    assert browsers.installed(machine(tmp_path)) == ["firefox", "brave", "chrome"]


@pytest.mark.parametrize(
    ("platform", "places"), [("linux", browsers._LINUX), ("darwin", browsers._MACOS)]
)
def test_every_place_is_of_a_known_browser_and_found(tmp_path, platform, places):
    """The names are those that `credential_set` takes."""
    for name, paths in places.items():
        assert name in BROWSERS
        for number, path in enumerate(paths):
            home = tmp_path / f"{name}-{number}"
            (home / path).mkdir(parents=True)
            assert browsers.installed(machine(home, platform)) == [name]


def test_the_places_of_one_system_mean_nothing_on_another(tmp_path):
    """A copied home is not taken for a browser."""
    (tmp_path / ".config/google-chrome").mkdir(parents=True)
    assert browsers.installed(machine(tmp_path, "darwin")) == []
