"""Where Goose's databases are looked for."""

from __future__ import annotations

import os

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.goose import PROVIDER


def machine(home, platform="linux", **env):
    return Machine(env={"HOME": str(home), **env}, home=str(home), platform=platform)


def test_macos_looks_into_application_support_first(tmp_path):
    """On a Mac the directories of the desktop program come first."""
    roots = PROVIDER.roots(machine(tmp_path, "darwin"))
    assert [os.path.relpath(root, tmp_path) for root in roots] == [
        "Library/Application Support/Block/goose",
        "Library/Application Support/goose",
        ".local/share/goose",
        ".local/share/Block/goose",
    ]


def test_data_home_is_honoured(tmp_path):
    """`$XDG_DATA_HOME` moves the directory as it moves Goose's."""
    assert PROVIDER.roots(machine(tmp_path, XDG_DATA_HOME="/data"))[0] == "/data/goose"


def test_database_named_in_the_settings_is_the_only_one(tmp_path):
    """An account that names its database is never given another one, even when it is missing."""
    account = Account(id="g", provider_id="goose", paths={"db_path": "~/mine.db"})
    here = machine(tmp_path)
    assert list(PROVIDER.units(account, here)) == []
    (tmp_path / "mine.db").write_bytes(b"x")
    (unit,) = PROVIDER.units(account, here)
    assert unit.path == str(tmp_path / "mine.db")
    assert PROVIDER.locate(account, unit.path + "-wal", here).path == unit.path
    assert PROVIDER.locate(account, str(tmp_path / "other.db"), here) is None
    assert [place.path for place in PROVIDER.watch(account, here)] == [str(tmp_path)]


def test_account_without_home_or_database_reads_nothing(tmp_path):
    """An account that says nowhere to look has nothing to read."""
    account = Account(id="g", provider_id="goose")
    assert list(PROVIDER.units(account, machine(tmp_path))) == []
