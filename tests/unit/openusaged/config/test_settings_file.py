"""The settings file: lenient reads, atomic patches, nothing of anybody else's lost."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openusaged.config import settings_file
from openusaged.config.settings import Settings
from openusaged.config.settings_file import load, patch
from openusaged.core.errors import ConfigError

ENV = {"HOME": "/h"}
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "config" / "settings.json")


def write(path: str, text: str | bytes, mode: int = 0o644) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(path).write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)


def read(path: str) -> Any:
    return json.loads(Path(path).read_text())


class TestLoad:
    def test_missing_file(self, path: str) -> None:
        """No file, no warning, defaults; nothing is written."""
        loaded = load(path, ENV)
        assert (loaded.settings, loaded.warnings, loaded.exists) == (Settings(), (), False)
        assert loaded.usable
        assert not os.path.exists(path)

    @pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf", b"\n  "])
    def test_values(self, path: str, prefix: bytes) -> None:
        """Values are read, behind a byte order mark, too."""
        write(path, prefix + b'{"data":{"retention_days":7}}')
        assert load(path, ENV).settings.data.retention_days == 7

    def test_trailing_garbage(self, path: str) -> None:
        """The rest of a longer old document behind a shorter new one does no harm."""
        write(path, '{"theme":"Nord"}\nolder":true}}')
        loaded = load(path, ENV)
        assert loaded.settings.theme == "Nord"
        assert "characters behind the JSON document are ignored" in loaded.warnings[0]

    @pytest.mark.parametrize(
        "text", [b"", b"{", b"x{}", b"[]", b'"x"', b"\xff\xfe", b"[" * 99_999], ids=range(7)
    )
    def test_unreadable_documents(self, path: str, text: bytes) -> None:
        """Defaults, a warning, and the mark that they are nobody's choice."""
        write(path, text)
        loaded = load(path, ENV)
        assert loaded.settings == Settings()
        assert "defaults are used" in loaded.warnings[0]
        assert not loaded.usable
        assert Path(path).read_bytes() == text

    def test_directory_in_its_place(self, path: str) -> None:
        """What cannot be opened is a warning."""
        os.makedirs(path)
        assert not load(path, ENV).usable

    def test_giant_file(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file beyond all reason is not read into memory."""
        monkeypatch.setattr(settings_file, "MAX_BYTES", 10)
        write(path, '{"theme":"Nord"}')
        assert "larger than 10 bytes" in load(path, ENV).warnings[0]


class TestPatch:
    def test_new_file_is_private(self, path: str) -> None:
        """The first patch makes directory and file, for their owner only."""
        patch(path, {"theme": "Nord"})
        assert read(path) == {"theme": "Nord"}
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700

    def test_only_what_changed(self, path: str) -> None:
        """Unknown keys, order and mode survive; null removes."""
        write(
            path,
            '{"z":1,"future":{"a":[1,2]},"ui":{"warn_threshold":0.5,"new":true},"a":null}',
            0o640,
        )
        patch(path, {"ui": {"warn_threshold": 0.1, "new": None}, "data": {"retention_days": 9}})
        assert Path(path).read_text().startswith('{\n  "z": 1,')
        assert read(path) == {
            "z": 1,
            "future": {"a": [1, 2]},
            "ui": {"warn_threshold": 0.1},
            "a": None,
            "data": {"retention_days": 9},
        }
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640

    def test_nothing_to_change_writes_nothing(self, path: str) -> None:
        """A patch without effect leaves the file alone, its formatting included."""
        write(path, '{"theme":"Nord"}')
        before = os.stat(path)
        patch(path, {"theme": "Nord", "ui": None})
        assert os.stat(path).st_ino == before.st_ino

    def test_links_stay_links(self, path: str, tmp_path: Path) -> None:
        """A dotfile manager's link (here two in a row) is written through."""
        real = tmp_path / "dotfiles" / "s.json"
        real.parent.mkdir()
        real.write_text("{}")
        middle = tmp_path / "middle"
        middle.symlink_to(real)
        os.makedirs(os.path.dirname(path))
        os.symlink(middle, path)
        patch(path, {"theme": "Nord"})
        assert os.path.islink(path)
        assert middle.is_symlink()
        assert json.loads(real.read_text()) == {"theme": "Nord"}

    def test_dangling_link_is_an_error(self, path: str, tmp_path: Path) -> None:
        """A link into nothing is told, not replaced."""
        os.makedirs(os.path.dirname(path))
        os.symlink(tmp_path / "gone", path)
        with pytest.raises(ConfigError, match="does not exist"):
            patch(path, {"theme": "Nord"})
        assert os.path.islink(path)

    def test_unreadable_file_is_never_overwritten(self, path: str) -> None:
        """Defaults never replace what the user wrote."""
        write(path, '{"theme": "No')
        with pytest.raises(ConfigError, match="not JSON"):
            patch(path, {"theme": "Nord"})
        assert Path(path).read_text() == '{"theme": "No'

    def test_repair_keeps_a_copy(self, path: str) -> None:
        """Trailing bytes are dropped by the next patch, with a private copy of the original."""
        write(path, '{"theme":"Nord"} trailing')
        patch(path, {"theme": "Nord"})
        assert read(path) == {"theme": "Nord"}
        assert Path(path + ".corrupt").read_text() == '{"theme":"Nord"} trailing'
        assert stat.S_IMODE(os.stat(path + ".corrupt").st_mode) == 0o600

    def test_failure_leaves_no_temporary_file(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When the rename fails the old file and a clean directory remain."""
        write(path, "{}")

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(ConfigError, match="No space left"):
            patch(path, {"theme": "Nord"})
        assert sorted(os.listdir(os.path.dirname(path))) == ["settings.json", "settings.json.lock"]

    def test_two_processes_lose_nothing(self, path: str) -> None:
        """Writers at the same time each keep the other's keys."""
        code = (
            "import sys; from openusaged.config.settings_file import patch\n"
            "for n in range(40): patch(sys.argv[1], {sys.argv[2] + str(n): n})"
        )
        writers = [
            subprocess.Popen([sys.executable, "-c", code, path, name], cwd=ROOT)
            for name in ("a", "b")
        ]
        assert [writer.wait(60) for writer in writers] == [0, 0]
        assert len(read(path)) == 80
