"""Where Kilo Code's two generations are looked for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow
from openusaged.providers.kilo_code import PROVIDER, paths

EXTENSION = ".config/Code/User/globalStorage/kilocode.kilo-code"


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path


def machine(home: Path, **env: str) -> Machine:
    return Machine(env=env, home=str(home))


def database(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sqlite3.connect(path).close()
    path.touch()


def test_extension_alone_is_the_account(home):
    """Without a database the first editor's storage is the home."""
    (home / EXTENSION / "tasks").mkdir(parents=True)
    other = home / ".config/Cursor/User/globalStorage/kilocode.kilo-code"
    other.mkdir(parents=True)
    [account] = PROVIDER.discover(machine(home))
    assert (account.id, account.home) == ("kilo_code", str(home / EXTENSION))
    assert account.paths == {"extension_2": str(other)}


def test_own_variable_replaces_everything(home):
    """Named homes hold a database or tasks; empty ones and the defaults are left out."""
    database(home / ".local/share/kilo/kilo.db")
    database(home / "one/kilo/kilo-beta.db")
    (home / "two/tasks").mkdir(parents=True)
    (home / "three").mkdir()
    there = machine(home, OPENUSAGE_KILO_CODE_HOME="~/one/kilo,two,three")
    found = {account.id: account.home for account in PROVIDER.discover(there)}
    assert found == {"kilo_code": f"{home}/one/kilo", "kilo_code:two": f"{home}/two"}
    assert list(PROVIDER.roots(there)) == [f"{home}/one/kilo", f"{home}/two", f"{home}/three"]


def test_named_database_belongs_to_the_first_account(home):
    """KILO_DB elsewhere is read, watched with its log, and found by either."""
    (home / ".local/share/kilo").mkdir(parents=True)
    database(home / "elsewhere.db")
    there = machine(home, KILO_DB="~/elsewhere.db")
    [account] = PROVIDER.discover(there)
    assert [unit.path for unit in PROVIDER.units(account, there)] == [f"{home}/elsewhere.db"]
    assert f"{home}/elsewhere.db-wal" in list(PROVIDER.watch(account, there))
    found = PROVIDER.locate(account, f"{home}/elsewhere.db-wal", there)
    assert found is not None
    assert found.path == f"{home}/elsewhere.db"


@pytest.mark.parametrize("name", [":memory:", "missing.db", ""])
def test_named_database_that_is_none_is_ignored(home, name):
    """A database in memory or one that does not exist makes no account."""
    (home / ".local/share/kilo").mkdir(parents=True)
    assert list(PROVIDER.discover(machine(home, KILO_DB=name))) == []


def test_relative_database_lies_in_the_data_directory(home):
    """KILO_DB without a directory is the tool's own, and is listed once."""
    database(home / ".local/share/kilo/kilo-dev.db")
    there = machine(home, KILO_DB="kilo-dev.db")
    [account] = PROVIDER.discover(there)
    assert account.paths == {"database": f"{home}/.local/share/kilo/kilo-dev.db"}
    assert len(list(PROVIDER.units(account, there))) == 1


def test_users_data_directory_is_looked_at_first(home):
    """`paths.data_dir` of the settings overrides where the database is."""
    database(home / "mine/kilo.db")
    database(home / ".local/share/kilo/kilo.db")
    account = Account(id="kilo_code", provider_id="kilo_code", paths={"data_dir": "~/mine"})
    on = machine(home)
    assert [unit.path for unit in PROVIDER.units(account, on)] == [f"{home}/mine/kilo.db"]
    assert Shallow(f"{home}/mine") in list(PROVIDER.watch(account, on))


def test_account_without_a_home_has_the_tools_places(home):
    """An account that names nothing is read from the default places."""
    database(home / ".local/share/kilo/kilo.db")
    account = Account(id="work", provider_id="kilo_code")
    units = list(PROVIDER.units(account, machine(home)))
    assert [unit.path for unit in units] == [f"{home}/.local/share/kilo/kilo.db"]


def test_database_and_tasks_are_told_apart(home):
    """The reader of a unit follows from its name."""
    assert paths.is_task("/x/tasks/t1/ui_messages.json")
    assert not paths.is_task("/x/kilo.db")
    assert PROVIDER.locate(Account(id="a", provider_id="kilo_code"), "/x/y", machine(home)) is None
