"""Where Cursor is looked for, and which changes belong to which database."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow
from openusaged.providers.cursor import PROVIDER, paths


def state(home: Path, *parts: str) -> Path:
    path = home.joinpath(*parts, "User", "globalStorage", "state.vscdb")
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_mac_keeps_it_in_application_support(tmp_path):
    """On macOS the records are below `Library/Application Support`."""
    path = state(tmp_path, "Library", "Application Support", "Cursor")
    machine = Machine(env={}, home=str(tmp_path), platform="darwin")
    [account] = PROVIDER.discover(machine)
    assert account.paths == {"state_db": str(path)}


def test_further_homes_have_names_of_their_own(tmp_path):
    """Several user-data directories are several accounts, also when their folders share a name."""
    for parent in ("a", "b"):
        state(tmp_path, parent, "Data")
    (tmp_path / "empty").mkdir()
    machine = Machine(env={paths.HOME_VARIABLE: "~/a/Data,~/b/Data, ~/empty"}, home=str(tmp_path))
    found = list(PROVIDER.discover(machine))
    assert [account.id for account in found] == ["cursor-ide:Data", "cursor-ide:Data-2"]
    assert paths.tracking_db(found[0], machine) == ""
    assert list(PROVIDER.roots(machine))[:2] == [f"{tmp_path}/a/Data", f"{tmp_path}/b/Data"]


def test_login_of_the_command_alone_is_an_account(tmp_path):
    """Who uses only `cursor-agent` has an account to poll, without records to read."""
    login = tmp_path / ".config" / "cursor" / "auth.json"
    login.parent.mkdir(parents=True)
    login.write_text("{}")
    machine = Machine(env={}, home=str(tmp_path))
    [account] = PROVIDER.discover(machine)
    assert (account.id, account.paths) == ("cursor-ide", {})
    assert list(PROVIDER.units(account, machine)) == []


def test_moved_configuration_takes_the_tracking_database_along(tmp_path):
    """`CURSOR_CONFIG_DIR` moves what is otherwise in `~/.cursor`."""
    path = tmp_path / "moved" / "ai-tracking" / "ai-code-tracking.db"
    path.parent.mkdir(parents=True)
    path.touch()
    machine = Machine(env={"CURSOR_CONFIG_DIR": "~/moved"}, home=str(tmp_path))
    [account] = PROVIDER.discover(machine)
    assert account.paths == {"tracking_db": str(path)}


def test_log_of_a_database_belongs_to_it(tmp_path):
    """A change of the write-ahead log is one of the database; other files are nobody's."""
    path = state(tmp_path, ".config", "Cursor")
    machine = Machine(env={}, home=str(tmp_path))
    [account] = PROVIDER.discover(machine)
    unit = PROVIDER.locate(account, f"{path}-wal", machine)
    assert unit is not None
    assert unit.path == str(path)
    assert PROVIDER.locate(account, str(path.parent / "storage.json"), machine) is None


@pytest.mark.parametrize("kind", ["file", "directory", "missing"])
def test_export_is_watched_where_it_is(tmp_path, kind):
    """Of a file its directory is watched, of a directory itself; a missing one is no error."""
    place = tmp_path / "usage.csv"
    if kind == "file":
        place.touch()
    elif kind == "directory":
        place.mkdir()
        (place / "b.csv").touch()
        (place / "notes.txt").touch()
    machine = Machine(env={}, home=str(tmp_path))
    account = Account(id="x", provider_id="cursor", paths={"csv_export": str(place)})
    watched = {one.path for one in PROVIDER.watch(account, machine) if isinstance(one, Shallow)}
    assert str(place if kind == "directory" else tmp_path) in watched
    names = [os.path.basename(unit.path) for unit in PROVIDER.units(account, machine)]
    assert names == {"file": ["usage.csv"], "directory": ["b.csv"], "missing": []}[kind]
