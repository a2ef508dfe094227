"""Where Kiro's sessions and databases are looked for."""

from __future__ import annotations

from pathlib import Path

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow
from openusaged.providers.kiro_cli import PROVIDER


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return path


def test_database_alone_makes_an_account(tmp_path):
    """A machine where only non-interactive runs were made has a database and no sessions."""
    database = touch(tmp_path / ".local/share/kiro-cli/data.sqlite3")
    machine = Machine(env={}, home=str(tmp_path))
    (account,) = PROVIDER.discover(machine)
    assert account.paths == {"db_path": str(database)}
    assert [unit.path for unit in PROVIDER.units(account, machine)] == [str(database)]


def test_variables_move_sessions_and_database(tmp_path):
    """`KIRO_SESSIONS_DIR` and `KIRO_DATA_DIR` are honoured beside `KIRO_HOME`."""
    header = touch(tmp_path / "s" / "a.json")
    touch(tmp_path / "s" / "a.lock")
    touch(tmp_path / "d" / "data.sqlite3")
    env = {"KIRO_SESSIONS_DIR": "~/s", "KIRO_DATA_DIR": f"{tmp_path}/d/"}
    machine = Machine(env=env, home=str(tmp_path))
    (account,) = PROVIDER.discover(machine)
    units = [unit.path for unit in PROVIDER.units(account, machine)]
    assert units == [str(header), f"{tmp_path}/d/data.sqlite3"]
    assert list(PROVIDER.watch(account, machine)) == [
        f"{tmp_path}/.kiro/sessions",
        Shallow(f"{tmp_path}/s"),
        Shallow(f"{tmp_path}/d"),
    ]


def test_roots_are_what_detection_looks_at(tmp_path):
    """Kiro's home, its data directory and that of Amazon Q."""
    assert PROVIDER.roots(Machine(env={}, home="/h")) == [
        "/h/.kiro",
        "/h/.local/share/kiro-cli",
        "/h/.local/share/amazon-q",
    ]


def test_changed_paths_find_their_unit(tmp_path):
    """Logs, headers, transcripts and databases are found; what lies beside or deeper is not."""
    machine = Machine(env={}, home=str(tmp_path))
    root = tmp_path / ".kiro/sessions"
    log = touch(root / "9f3c/sess_1/messages.jsonl")
    header = touch(root / "cli/a.json")
    database = touch(tmp_path / ".local/share/kiro-cli/data.sqlite3")
    account = Account(id="k", provider_id="kiro_cli", home=str(tmp_path / ".kiro"))

    def found(path: Path | str) -> str:
        unit = PROVIDER.locate(account, str(path), machine)
        return "" if unit is None else unit.path

    assert found(log) == str(log)
    assert found(header) == str(header)
    assert found(f"{database}-wal") == str(database)
    assert found(touch(root / "9f3c/sess_1/snapshots/messages.jsonl")) == ""
    assert found(touch(root / "9f3c/other/messages.jsonl")) == ""
    assert found(touch(root / "9f3c/sess_1/session.json")) == ""
    assert found(touch(root / "cli/a.lock")) == ""
    assert found(root / "cli/gone.json") == ""


def test_machine_with_another_program_of_that_name_has_no_account(tmp_path):
    """A home without sessions, as an IDE makes it, is no account."""
    touch(tmp_path / ".kiro/settings/mcp.json")
    assert list(PROVIDER.discover(Machine(env={}, home=str(tmp_path)))) == []
