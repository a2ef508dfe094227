"""Which OpenCode directories are accounts, and what in them is a unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Machine, Shallow
from openusaged.providers.opencode import PROVIDER, paths


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def discover(home: str, **env: str) -> list[Account]:
    return list(PROVIDER.discover(Machine(env=env, home=home)))


def unit_names(account: Account) -> list[str]:
    machine = Machine(env={}, home="/nonexistent")
    return [Path(unit.path).name for unit in PROVIDER.units(account, machine)]


class TestDiscover:
    def test_empty_home(self, isolated_home: str) -> None:
        """Without OpenCode there is no account."""
        assert discover(isolated_home) == []

    @pytest.mark.parametrize(
        "found", ["opencode.db", "opencode-next.db", "auth.json", "storage/message/ses_1/m.json"]
    )
    def test_default_directory(self, isolated_home: str, found: str) -> None:
        """Any record or a sign-in makes the default account."""
        root = Path(isolated_home, ".local/share/opencode")
        touch(root / found)
        [account] = discover(isolated_home)
        assert (account.id, account.home, account.origin) == ("opencode", str(root), "default")

    def test_empty_directory_is_no_account(self, isolated_home: str) -> None:
        """A directory without records is not listed."""
        Path(isolated_home, ".local/share/opencode").mkdir(parents=True)
        assert discover(isolated_home) == []

    def test_xdg_data_home(self, isolated_home: str, tmp_path: Path) -> None:
        """XDG_DATA_HOME moves the default directory, which keeps its id."""
        touch(tmp_path / "opencode/opencode.db")
        [account] = discover(isolated_home, XDG_DATA_HOME=str(tmp_path))
        assert (account.id, account.home) == ("opencode", str(tmp_path / "opencode"))

    def test_list_of_directories(self, isolated_home: str, tmp_path: Path) -> None:
        """OPENCODE_DATA_DIR lists homes; each is one account with a stable, unique id."""
        default = Path(isolated_home, ".local/share/opencode")
        for home in (
            default,
            tmp_path / "work/opencode",
            tmp_path / "b/work",
            tmp_path / "opencode",
            Path(isolated_home, "mine"),
        ):
            touch(home / "opencode.db")
        (tmp_path / "again").symlink_to(tmp_path / "b/work")
        listed = [
            "~/.local/share/opencode",
            f"{tmp_path}/work/opencode/",
            f"{tmp_path}/b/work",
            f"{tmp_path}/again",
            "",
            f"{tmp_path}/missing",
            "~/mine",
        ]
        accounts = discover(isolated_home, OPENCODE_DATA_DIR=" , ".join(listed))
        ids = [account.id for account in accounts]
        assert ids == ["opencode", "opencode:work", "opencode:work-2", "opencode:mine"]
        assert {account.origin for account in accounts} == {"env:OPENCODE_DATA_DIR"}

    def test_named_database(self, isolated_home: str, tmp_path: Path) -> None:
        """OPENCODE_DB is read by the default account beside the earlier databases."""
        named = touch(tmp_path / "x.db")
        old = touch(Path(isolated_home, ".local/share/opencode/opencode.db"))
        [account] = discover(isolated_home, OPENCODE_DB=str(named))
        assert account.paths == {"database": str(named)}
        assert unit_names(account) == [named.name, old.name]
        watched = list(PROVIDER.watch(account, Machine(env={}, home=isolated_home)))
        messages = f"{account.home}/storage/message"
        assert watched == [Shallow(account.home), messages, str(named), f"{named}-wal"]

    @pytest.mark.parametrize(
        ("value", "expected"), [("o.db", ".local/share/opencode/o.db"), ("~/o.db", "o.db")]
    )
    def test_named_database_is_resolved(
        self, isolated_home: str, value: str, expected: str
    ) -> None:
        """A relative name lies in the data directory, `~` is the home."""
        [account] = discover(isolated_home, OPENCODE_DB=value)
        assert account.paths == {"database": f"{isolated_home}/{expected}"}

    def test_database_in_memory_is_none(self, isolated_home: str) -> None:
        """An in-memory database leaves nothing to read."""
        assert discover(isolated_home, OPENCODE_DB=":memory:") == []


class TestUnits:
    @pytest.fixture
    def account(self, isolated_home: str) -> Account:
        root = Path(isolated_home, ".local/share/opencode")
        for name in ("opencode.db", "opencode-beta.db", "other.db", "opencode.db-shm"):
            touch(root / name)
        touch(root / "storage/message/ses_1/msg_1.json")
        touch(root / "storage/message/stray.json")
        [account] = discover(isolated_home)
        return account

    def test_databases_then_sessions(self, account: Account) -> None:
        """Every opencode*.db and every session directory is a unit, nothing else."""
        assert unit_names(account) == ["opencode-beta.db", "opencode.db", "ses_1"]

    def test_vanished_database(self, account: Account) -> None:
        """A named database that does not exist yet is no unit."""
        path = f"{account.home}/named.db"
        missing = Account(id="x", provider_id="opencode", home="/x", paths={"database": path})
        assert unit_names(missing) == []

    @pytest.mark.parametrize(
        ("changed", "expected"),
        [
            ("opencode.db", "opencode.db"),
            ("opencode.db-wal", "opencode.db"),
            ("opencode.db-shm", None),
            ("other.db", None),
            ("storage/message/ses_1/msg_1.json", "storage/message/ses_1"),
            ("storage/part/msg_1/prt_1.json", None),
            ("log/x.log", None),
        ],
    )
    def test_locate(self, account: Account, changed: str, expected: str | None) -> None:
        """A changed path leads to its unit, exactly as a full listing would give it."""
        machine = Machine(env={}, home="/nonexistent")
        unit = PROVIDER.locate(account, f"{account.home}/{changed}", machine)
        assert (unit.path if unit else None) == (expected and f"{account.home}/{expected}")
        if unit:
            assert unit in list(PROVIDER.units(account, machine))

    def test_watch_spares_the_snapshots(self, account: Account) -> None:
        """The databases' directory is watched flat, because git repositories lie below it."""
        watched = list(PROVIDER.watch(account, Machine(env={}, home="/x")))
        assert watched == [Shallow(account.home), f"{account.home}/storage/message"]

    def test_file_that_vanishes_while_listed(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A message deleted between listing and stat is passed over."""
        monkeypatch.setattr(paths.os, "listdir", lambda path: ["gone.json"])
        unit = paths.stat_session(f"{account.home}/storage/message/ses_1")
        assert unit is not None
        assert unit.size == 1
