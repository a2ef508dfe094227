"""Accounts of several directories: ids that do not depend on what exists."""

from __future__ import annotations

import os

from openusaged.providers.shared.homes import name_homes


def test_first_directory_is_the_tools_account_and_others_are_named(tmp_path):
    """The first takes the plain id, further ones their folder, past folders that say nothing."""
    homes = ["/home/dev/.tool", "/srv/team/.tool", "/srv/lab"]
    named = list(name_homes("tool", homes, {".tool"}))
    assert named == [
        ("tool", "/home/dev/.tool"),
        ("tool:team", "/srv/team/.tool"),
        ("tool:lab", "/srv/lab"),
    ]


def test_equal_folder_names_are_told_apart():
    """Two directories of one name get different ids, in the order of the list."""
    named = [name for name, _ in name_homes("tool", ["/a", "/b/x", "/c/x", "/d/x"])]
    assert named == ["tool", "tool:x", "tool:x-2", "tool:x-3"]


def test_one_directory_by_two_names_is_one_account(tmp_path):
    """A link to a listed directory is no second account."""
    real = tmp_path / "real"
    real.mkdir()
    os.symlink(real, tmp_path / "link")
    named = list(name_homes("tool", [str(tmp_path / "link"), str(real)]))
    assert named == [("tool", str(tmp_path / "link"))]


def test_directory_of_generic_names_only_is_called_other():
    """A path without a telling part still gets an id."""
    assert [name for name, _ in name_homes("tool", ["/a", "/sessions"], {"sessions"})] == [
        "tool",
        "tool:other",
    ]
