"""Where the Copilot CLI is looked for, and which changes belong to which record."""

from __future__ import annotations

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow
from openusaged.providers.copilot import PROVIDER


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


def test_moved_home_is_honoured(tmp_path):
    """`COPILOT_HOME` moves the whole tree."""
    touch(tmp_path / "moved" / "session-store.db")
    machine = Machine(env={"COPILOT_HOME": str(tmp_path / "moved")}, home=str(tmp_path))
    [account] = PROVIDER.discover(machine)
    assert (account.home, account.origin) == (str(tmp_path / "moved"), "env:COPILOT_HOME")
    assert PROVIDER.roots(machine)[0] == str(tmp_path / "moved")


def test_login_of_the_command_line_alone_is_no_account(tmp_path):
    """Everybody who uses GitHub has that; it says nothing about Copilot."""
    touch(tmp_path / ".config" / "gh" / "hosts.yml")
    assert list(PROVIDER.discover(Machine(env={}, home=str(tmp_path)))) == []


def test_named_places_replace_the_default_ones(tmp_path):
    """Settings may move each record by itself, or all of them."""
    database = touch(tmp_path / "a" / "store.db")
    log = touch(tmp_path / "b" / "s1" / "events.jsonl")
    machine = Machine(env={}, home=str(tmp_path))
    account = Account(
        id="copilot",
        provider_id="copilot",
        paths={"session_store_db": "~/a/store.db", "sessions_dir": "~/b", "config_dir": "~/c"},
    )
    export = touch(tmp_path / "c" / "otel" / "x.jsonl")
    assert [unit.path for unit in PROVIDER.units(account, machine)] == [database, log, export]


def test_changed_file_is_the_unit_it_belongs_to(tmp_path):
    """Of a session's many files only the log counts; the database's own log is the database."""
    home = tmp_path / ".copilot"
    database = touch(home / "session-store.db")
    log = touch(home / "session-state" / "s1" / "events.jsonl")
    flat = touch(home / "session-state" / "s2.jsonl")
    other = touch(home / "session-state" / "s1" / "files" / "events.jsonl")
    export = touch(home / "otel" / "x.jsonl")
    elsewhere = touch(tmp_path / "export.jsonl")
    machine = Machine(env={"COPILOT_OTEL_FILE_EXPORTER_PATH": "~/export.jsonl"}, home=str(tmp_path))
    [account] = PROVIDER.discover(machine)

    def unit_of(path):
        unit = PROVIDER.locate(account, path, machine)
        return unit and unit.path

    assert unit_of(database + "-wal") == database
    for path in (log, flat, export, elsewhere):
        assert unit_of(path) == path
    assert unit_of(other) is None
    assert unit_of(str(home / "config.json")) is None
    assert {unit.path for unit in PROVIDER.units(account, machine)} == {
        database,
        log,
        flat,
        export,
        elsewhere,
    }
    watched = [
        place.path if isinstance(place, Shallow) else place
        for place in PROVIDER.watch(account, machine)
    ]
    assert str(tmp_path) in watched


def test_missing_sessions_are_none(tmp_path):
    """A home without sessions has nothing to list."""
    touch(tmp_path / ".copilot" / "config.json")
    machine = Machine(env={}, home=str(tmp_path))
    [account] = PROVIDER.discover(machine)
    assert list(PROVIDER.units(account, machine)) == []
