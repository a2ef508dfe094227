"""Accounts of several directories: ids that do not depend on what exists."""

from __future__ import annotations

import os

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.shared.homes import discover_homes, homes_of, name_homes


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


def _discovered(machine, homes):
    return list(
        discover_homes(
            "tool", "Tool", homes, machine, variable="TOOL_HOMES", further="place_", own_names={"t"}
        )
    )


def test_usual_places_are_one_account(tmp_path):
    """Places that exist belong together: the first is the home, the account knows the others."""
    first, gone, second = (str(tmp_path / name) for name in ("a", "b", "c"))
    for place in (first, second):
        os.mkdir(place)
    machine = Machine(home=str(tmp_path), env={})
    (account,) = _discovered(machine, [first, gone, second])
    assert (account.id, account.home, account.origin) == ("tool", first, "default")
    assert account.paths == {"place_2": second}
    assert homes_of(account, "place_") == [first, second]
    assert _discovered(machine, [gone]) == []


def test_listed_directories_are_accounts_of_their_own(tmp_path):
    """Who lists directories keeps them apart; an id does not depend on which of them exist."""
    listed = [str(tmp_path / name) for name in ("gone", "work/t", "lab/t")]
    for place in listed[1:]:
        os.makedirs(place)
    machine = Machine(home=str(tmp_path), env={"TOOL_HOMES": ",".join(listed)})
    found = _discovered(machine, listed)
    assert [(one.id, one.home) for one in found] == [
        ("tool:work", listed[1]),
        ("tool:lab", listed[2]),
    ]
    assert {one.origin for one in found} == {"env:TOOL_HOMES"}


def test_account_without_a_home_has_only_what_it_names():
    """A user may name directories without a home; an account that names nothing has none."""
    account = Account(id="tool", provider_id="tool", paths={"place_2": "/x", "other": "/y"})
    assert homes_of(account, "place_") == ["/x"]
    assert homes_of(Account(id="tool", provider_id="tool"), "place_") == []
