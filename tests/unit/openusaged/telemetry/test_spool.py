"""What hooks leave behind is offered once, in order, and never stops the daemon."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from openusaged.telemetry import spool as spool_module
from openusaged.telemetry.spool import Spool

NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000
PARAMS = {"source": "codex", "payload": {"type": "agent-turn-complete"}, "observed_at": 1}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    path.mkdir(mode=0o700)
    return path


def make(directory: Path, **bounds: float) -> Spool:
    return Spool(str(directory), lambda: NOW_MS, **bounds)


def put(directory: Path, name: str, content: object = PARAMS, *, age_s: float = 1) -> Path:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path


def names(spool: Spool) -> list[str]:
    return [os.path.basename(item.path) for item in spool.pending()]


class TestPending:
    def test_oldest_first(self, directory: Path) -> None:
        """The order of names is the order of delivery."""
        for name in ("0003.json", "0001.json", "0002.json"):
            put(directory, name)
        assert names(make(directory)) == ["0001.json", "0002.json", "0003.json"]

    def test_item_carries_params_and_size(self, directory: Path) -> None:
        """An item holds what the hook would have sent, decoded, and the size of its file."""
        path = put(directory, "1.json")
        [item] = make(directory).pending()
        assert (item.path, item.params, item.size) == (str(path), PARAMS, path.stat().st_size)

    def test_done_deletes(self, directory: Path) -> None:
        """A committed event is gone from disk; deleting it twice is harmless."""
        path = put(directory, "1.json")
        spool = make(directory)
        spool.done(str(path))
        spool.done(str(path))
        assert not path.exists()
        assert names(spool) == []

    def test_not_done_is_offered_again(self, directory: Path) -> None:
        """Without `done` an event stays: a crash before the commit repeats it."""
        put(directory, "1.json")
        spool = make(directory)
        assert names(spool) == names(spool) == ["1.json"]

    def test_go_style_file_is_taken(self, directory: Path) -> None:
        """A file of the Go OpenUsage's hooks holds source, account and payload."""
        content = {
            "source": "claude_code",
            "account_id": "",
            "payload": {"hook_event_name": "Stop"},
        }
        put(directory, "1790000000_ab12.json", content)
        [item] = make(directory).pending()
        assert item.params == content

    def test_turn_instead_of_payload(self, directory: Path) -> None:
        """Another program may spool a normalised turn."""
        put(directory, "1.json", {"source": "mytool", "turn": {"message_id": "m"}})
        assert names(make(directory)) == ["1.json"]

    def test_missing_directory_is_empty(self, tmp_path: Path) -> None:
        """Before the first hook there is no directory and nothing to do."""
        spool = make(tmp_path / "none")
        assert names(spool) == []
        assert spool.status().pending == 0
        assert spool.enforce_bounds() == 0

    def test_unreadable_directory_is_logged_once(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A directory that cannot be listed is one warning, not an exception per drain."""
        path = tmp_path / "spool"
        path.write_text("a file")
        spool = make(path)
        assert names(spool) == names(spool) == []
        assert caplog.text.count("event=spool_unreadable") == 1

    def test_other_files_are_left_alone(self, directory: Path) -> None:
        """Only `.json` files are events; hidden files and others stay untouched."""
        put(directory, ".hidden.json")
        put(directory, "readme.txt")
        assert names(make(directory)) == []
        assert len(list(directory.iterdir())) == 2

    def test_file_that_vanishes_is_passed_over(self, directory: Path) -> None:
        """A file another drain took between listing and reading is no error."""
        first, second = put(directory, "1.json"), put(directory, "2.json")
        pending = make(directory).pending()
        assert next(pending).path == str(first)
        second.unlink()
        assert list(pending) == []

    def test_unreadable_file_stays(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that cannot be read now is offered later, not thrown away."""
        path = put(directory, "1.json")
        read = spool_module._read

        def fail(path: str) -> bytes:
            raise OSError(errno.EIO, "input/output error")

        spool = make(directory)
        monkeypatch.setattr(spool_module, "_read", fail)
        assert names(spool) == []
        monkeypatch.setattr(spool_module, "_read", read)
        assert path.exists()
        assert names(spool) == ["1.json"]

    def test_prepare_makes_a_private_directory(self, tmp_path: Path) -> None:
        """The directory exists afterwards with mode 0700, so that it can be watched."""
        spool = make(tmp_path / "a" / "spool")
        spool.prepare()
        spool.prepare()
        assert stat.S_IMODE((tmp_path / "a" / "spool").stat().st_mode) == 0o700


class TestTemporaryFiles:
    def test_young_one_is_left(self, directory: Path) -> None:
        """A file that is being written is not touched."""
        path = put(directory, "1.json.tmp", age_s=59)
        assert names(make(directory)) == []
        assert path.exists()

    def test_old_complete_one_is_delivered(self, directory: Path) -> None:
        """A writer that died before its rename still has its event delivered, in its place."""
        put(directory, "1.tmp", age_s=61)
        put(directory, "2.json")
        put(directory, "3.json.tmp", age_s=61)
        assert names(make(directory)) == ["1.json", "2.json", "3.json"]

    def test_old_half_one_is_kept_aside(self, directory: Path) -> None:
        """Half an event goes where damaged files go, with the reason."""
        path = put(directory, "1.tmp", b'{"source":"co', age_s=61)
        spool = make(directory)
        assert names(spool) == []
        assert not path.exists()
        assert (directory / "rejected" / "1.json").read_bytes() == b'{"source":"co'
        assert "no JSON" in (directory / "rejected" / "1.json.reason").read_text()
        assert spool.status().rejected == 1

    @pytest.mark.parametrize("content", [b'{"source":"co', PARAMS])
    def test_other_name_is_taken(self, directory: Path, content: object) -> None:
        """A file is never replaced by another one; the second has its turn after the first."""
        put(directory, "1.json")
        left = put(directory, "1.tmp", content, age_s=61)
        spool = make(directory)
        [item] = spool.pending()
        assert (item.params, left.exists()) == (PARAMS, True)
        spool.done(item.path)
        whole = content == PARAMS
        assert names(spool) == (["1.json"] if whole else [])
        assert spool.status().rejected == (0 if whole else 1)

    def test_two_that_lack_the_same_name(self, directory: Path) -> None:
        """Neither of two left-overs takes the other's place."""
        put(directory, "1.json.tmp", age_s=61)
        put(directory, "1.tmp", PARAMS | {"observed_at": 2}, age_s=61)
        spool = make(directory)
        times = []
        for _ in range(2):
            [item] = spool.pending()
            times.append(item.params["observed_at"])
            spool.done(item.path)
        assert times == [1, 2]
        assert list(directory.iterdir()) == []

    def test_one_that_vanishes(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A writer that names its file at that very moment is no error."""
        put(directory, "1.tmp", age_s=61)

        def late(old: str, new: str) -> None:
            raise FileNotFoundError(errno.ENOENT, "no such file")

        monkeypatch.setattr(os, "rename", late)
        assert names(make(directory)) == []

    def test_directory_of_that_name_is_left(self, directory: Path) -> None:
        """What is no file is not ours to remove."""
        path = directory / "1.tmp"
        path.mkdir()
        os.utime(path, (0, 0))
        assert names(make(directory)) == []
        assert path.is_dir()


class TestReject:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "no JSON"),
            (b"{", "no JSON"),
            (b"\xff\xfe", "no JSON"),
            (b"[" * 100_000, "no JSON"),
            (b'{"source":"codex","payload":{"x":NaN}}', "no JSON"),
            ([1], "no JSON object"),
            ({"payload": {}}, "source"),
            ({"source": 3, "payload": {}}, "source"),
            ({"source": "", "payload": {}}, "source"),
            ({"source": "codex"}, "payload"),
            ({"source": "codex", "payload": "x"}, "payload"),
        ],
    )
    def test_poisoned_file_moves_aside(self, directory: Path, content: object, reason: str) -> None:
        """A file that holds no event is moved with its reason and does not stop its neighbours."""
        put(directory, "1.json", content)
        put(directory, "2.json")
        spool = make(directory)
        assert names(spool) == ["2.json"]
        rejected = directory / "rejected"
        assert (rejected / "1.json").exists()
        assert reason in (rejected / "1.json.reason").read_text()
        assert stat.S_IMODE((rejected / "1.json.reason").stat().st_mode) == 0o600
        assert (spool.status().pending, spool.status().rejected) == (1, 1)

    def test_caller_rejects(self, directory: Path) -> None:
        """An event the pipeline refuses goes the same way."""
        path = put(directory, "1.json")
        spool = make(directory)
        spool.reject(str(path), "ts_ms: in the far future")
        assert names(spool) == []
        assert "far future" in (directory / "rejected" / "1.json.reason").read_text()

    def test_vanished_file(self, directory: Path) -> None:
        """Rejecting a file that is gone does nothing."""
        spool = make(directory)
        spool.reject(str(directory / "1.json"), "x")
        assert spool.status().rejected == 0

    def test_links_directories_and_fifos(self, directory: Path, tmp_path: Path) -> None:
        """Neither a link into the home nor a fifo is read; both are moved aside."""
        secret = put(tmp_path, "outside.json")
        (directory / "1.json").symlink_to(secret)
        os.mkfifo(directory / "2.json")
        (directory / "3.json").mkdir()
        put(directory, "4.json")
        spool = make(directory)
        assert names(spool) == ["4.json"]
        assert secret.exists()
        assert spool.status().rejected == 3

    def test_oversized_file(self, directory: Path) -> None:
        """A file beyond 8 MiB is rejected without being read."""
        path = put(directory, "1.json")
        os.truncate(path, spool_module.MAX_FILE_BYTES + 1)
        spool = make(directory)
        assert names(spool) == []
        assert "8 MiB" in (directory / "rejected" / "1.json.reason").read_text()

    def test_rejected_directory_is_bounded(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only the newest rejected files are kept."""
        monkeypatch.setattr(spool_module, "MAX_REJECTED_FILES", 3)
        for number in range(6):
            put(directory, f"{number}.json", b"x")
        spool = make(directory)
        assert names(spool) == []
        kept = sorted(path.name for path in (directory / "rejected").iterdir())
        assert kept == [f"{n}.json{suffix}" for n in (3, 4, 5) for suffix in ("", ".reason")]

    def test_unmovable_file_is_not_offered_again(
        self, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Where nothing can be moved the file stays, is logged, and costs nothing further."""
        path = put(directory, "1.json", b"x")
        (directory / "rejected").write_text("in the way")
        spool = make(directory)
        assert names(spool) == []
        assert names(spool) == []
        assert path.exists()
        assert caplog.text.count("event=spool_reject_incomplete") == 1
        assert spool.status().pending == 0


def test_done_that_cannot_delete_is_not_offered_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A committed event on a disk that has become read-only is not committed over and over."""
    path = put(directory, "1.json")
    spool = make(directory)

    def fail(path: str) -> None:
        raise OSError(errno.EROFS, "read-only file system")

    monkeypatch.setattr(os, "unlink", fail)
    spool.done(str(path))
    assert names(spool) == []
    assert "event=spool_delete_failed" in caplog.text


class TestBounds:
    def test_count(self, directory: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Beyond the number of files the oldest go, counted and logged."""
        for number in range(5):
            put(directory, f"{number}.json")
        spool = make(directory, max_files=2)
        assert spool.enforce_bounds() == 3
        assert names(spool) == ["3.json", "4.json"]
        assert spool.status().dropped == 3
        assert "event=spool_dropped count=3" in caplog.text
        assert spool.enforce_bounds() == 0

    def test_bytes(self, directory: Path) -> None:
        """Beyond the number of bytes the oldest go until the rest fits."""
        size = put(directory, "1.json").stat().st_size
        put(directory, "2.json")
        put(directory, "3.json")
        spool = make(directory, max_bytes=2 * size)
        assert spool.enforce_bounds() == 1
        assert names(spool) == ["2.json", "3.json"]

    def test_age(self, directory: Path) -> None:
        """Files beyond the age go, whatever their name says."""
        put(directory, "2.json", age_s=101)
        put(directory, "1.json", age_s=99)
        spool = make(directory, max_age_s=100)
        assert spool.enforce_bounds() == 1
        assert names(spool) == ["1.json"]

    def test_within_bounds_nothing_happens(self, directory: Path) -> None:
        """Files within all bounds are kept."""
        put(directory, "1.json")
        put(directory, "2.tmp")
        spool = make(directory)
        assert spool.enforce_bounds() == 0
        assert names(spool) == ["1.json"]

    def test_undeletable_file_is_not_counted(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What could not be deleted was not dropped."""
        put(directory, "1.json")
        spool = make(directory, max_files=0)

        def fail(path: str) -> None:
            raise PermissionError(errno.EACCES, "denied")

        monkeypatch.setattr(os, "unlink", fail)
        assert spool.enforce_bounds() == 0
        assert spool.status().dropped == 0

    def test_file_that_vanishes_meanwhile(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that a drain took at the same time was not dropped."""
        put(directory, "1.json")
        spool = make(directory, max_files=0)
        unlink = os.unlink

        def late(victim: str) -> None:
            unlink(victim)
            unlink(victim)

        monkeypatch.setattr(os, "unlink", late)
        assert spool.enforce_bounds() == 0

    def test_hooks_drops_are_reported(
        self, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Events that hooks dropped at a full spool are counted and logged once."""
        (directory / ".overflow").write_bytes(b"...")
        spool = make(directory)
        assert spool.status().dropped == 3
        spool.enforce_bounds()
        spool.enforce_bounds()
        assert caplog.text.count("event=spool_overflow hooks_dropped=3") == 1
