"""Changes below watched directories, by real files and the real kernel."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from openusaged.runtime import watch
from openusaged.runtime.pools import Pools
from openusaged.runtime.watch import SCAN_EVERYTHING, Watcher


class Seen:
    """Collects what the watcher reports."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.calls = 0
        self.failure: Exception | None = None

    def __call__(self, paths: set[str]) -> None:
        self.calls += 1
        self.paths |= paths
        if self.failure is not None:
            raise self.failure

    def wait(self, *paths: object) -> None:
        """Until all these have been reported (then forget everything)."""
        wanted = {str(path) for path in paths}
        until(lambda: wanted <= self.paths, f"{wanted} in {self.paths}")
        self.paths = set()


def until(condition: Callable[[], object], what: str = "") -> None:
    with gevent.Timeout(10, AssertionError(f"not in time: {what}")):
        while not condition():
            gevent.sleep(0.005)


@pytest.fixture
def pools() -> Iterator[Pools]:
    made = Pools()
    yield made
    made.close(5.0)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def watcher(pools: Pools, seen: Seen) -> Iterator[Watcher]:
    made = Watcher(pools, seen, debounce_s=0.01, max_paths=50)
    yield made
    made.close()


@pytest.fixture
def tree(tmp_path: Path, watcher: Watcher) -> Path:
    """A directory that is being watched."""
    root = tmp_path / "tree"
    root.mkdir()
    watcher.add(str(root))
    until(lambda: watcher.watched == 1, "the watch")
    return root


class TestChanges:
    def test_write_append_rename_delete(self, tree: Path, seen: Seen) -> None:
        """Every kind of change names the file."""
        file = tree / "a.jsonl"
        file.write_text("1\n")
        seen.wait(file)
        with file.open("a") as opened:
            opened.write("2\n")
            opened.flush()
            seen.wait(file)
        (tree / ".tmp").write_text("x")
        (tree / ".tmp").rename(tree / "b.json")
        seen.wait(tree / "b.json")
        file.unlink()
        seen.wait(file)

    def test_new_directories_are_watched(self, tree: Path, seen: Seen) -> None:
        """Directories made later, and what is put into them at once, are noticed."""
        deep = tree / "2026" / "03" / "01"
        deep.mkdir(parents=True)
        (deep / "x").write_text("1")
        until(lambda: any(str(tree / "2026") in path for path in seen.paths), "the directory")
        # Ten debounce times: what is still reported of the making must not pass for the change.
        gevent.sleep(0.1)
        seen.paths.clear()
        (deep / "x").write_text("2")
        seen.wait(deep / "x")

    def test_reading_is_no_change(self, tree: Path, seen: Seen) -> None:
        """Opening and reading files wakes nobody."""
        file = tree / "a"
        file.write_text("1")
        seen.wait(file)
        # Five debounce times: late news of the writing must not pass for news of the reading.
        gevent.sleep(0.05)
        calls = seen.calls
        for _ in range(20):
            file.read_text()
            os.listdir(tree)
        (tree / "end").write_text("1")
        seen.wait(tree / "end")
        assert seen.calls == calls + 1

    def test_a_burst_is_few_reports(self, tree: Path, seen: Seen) -> None:
        """Many writes come as few sets of paths."""
        for number in range(300):
            with (tree / "log").open("a") as file:
                file.write(f"{number}\n")
        (tree / "end").write_text("1")
        seen.wait(tree / "end", tree / "log")
        assert seen.calls < 100

    def test_overflow_means_everything(self, tree: Path, seen: Seen) -> None:
        """More paths than are worth listing become one marker."""
        for number in range(400):
            (tree / f"f{number}").touch()
        seen.wait(SCAN_EVERYTHING)

    def test_failing_callback_does_not_end_the_watch(
        self, tree: Path, seen: Seen, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An exception in the callback is logged; the next change is reported."""
        seen.failure = RuntimeError("oops")
        (tree / "a").touch()
        seen.wait(tree / "a")
        assert "watch_callback_failed" in caplog.text
        seen.failure = None
        (tree / "b").touch()
        seen.wait(tree / "b")


class TestRoots:
    def test_links_are_resolved_and_spelled_back(
        self, tmp_path: Path, watcher: Watcher, seen: Seen
    ) -> None:
        """A root that is a link is watched where it leads, and reported as it was given."""
        real = tmp_path / "real"
        real.mkdir()
        link = tmp_path / "link"
        link.symlink_to(real)
        watcher.add(str(link))
        until(lambda: watcher.watched == 1)
        (real / "x").touch()
        seen.wait(link / "x")

    def test_missing_root_is_awaited(self, tmp_path: Path, watcher: Watcher, seen: Seen) -> None:
        """A directory that appears later, parents first, is reported and then watched."""
        root = tmp_path / "a" / "b" / "c"
        watcher.add(str(root))
        # Once with and once without the time to watch the parent; nothing tells when it is.
        gevent.sleep(0.05)
        assert watcher.watched == 0
        (tmp_path / "a").mkdir()
        gevent.sleep(0.05)
        root.mkdir(parents=True)
        (root / "early").touch()
        seen.wait(root)
        until(lambda: watcher.watched == 1)
        seen.paths.clear()
        (root / "x").touch()
        seen.wait(root / "x")

    def test_removed_root_comes_back(self, tree: Path, watcher: Watcher, seen: Seen) -> None:
        """Deleting and making a root again loses nothing."""
        shutil.rmtree(tree)
        until(lambda: watcher.watched == 0, "the loss")
        seen.paths.clear()
        tree.mkdir()
        seen.wait(tree)
        until(lambda: watcher.watched == 1)
        (tree / "x").touch()
        seen.wait(tree / "x")

    def test_removed_watch_is_silent(
        self, tmp_path: Path, tree: Path, watcher: Watcher, seen: Seen
    ) -> None:
        """After `remove` nothing below is reported."""
        other = tmp_path / "other"
        other.mkdir()
        watcher.add(str(other))
        watcher.add(str(other))
        until(lambda: watcher.watched == 2)
        watcher.remove(str(tree))
        watcher.remove(str(tree))
        (tree / "x").touch()
        (other / "y").touch()
        seen.wait(other / "y")
        assert str(tree / "x") not in seen.paths
        assert watcher.watched == 1

    def test_nothing_after_close(self, tree: Path, watcher: Watcher, seen: Seen) -> None:
        """A closed watcher calls nobody."""
        seen.wait(tree)  # the tree itself is reported once it is watched
        (tree / "x").touch()
        watcher.close()
        watcher.add(str(tree / "more"))
        # Five debounce times, for what must not come.
        gevent.sleep(0.05)
        assert seen.paths == set()

    def test_pools_that_close_first_are_the_end(
        self, tmp_path: Path, seen: Seen, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A daemon that is stopped as soon as it is ready ends without a word."""
        pools = Pools()
        watcher = Watcher(pools, seen)
        watcher.add(str(tmp_path))
        assert pools.close()
        gevent.idle()  # whatever was begun has come to its end
        watcher.close()
        assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "max_user_watches"),
        (errno.EMFILE, "max_user_instances"),
        (errno.EACCES, "Permission denied"),
    ],
)
def test_limits_of_the_system_are_warnings(
    tmp_path: Path,
    watcher: Watcher,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    advice: str,
) -> None:
    """A directory that cannot be watched is told once, with what to do; nothing fails."""

    class Full:
        def start(self) -> None:
            """Like the library's."""

        def schedule(self, *_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        def stop(self) -> None:
            """Like the library's."""

        def join(self, _timeout: float) -> None:
            """Like the library's."""

    monkeypatch.setattr(watch, "Observer", Full)
    watcher.add(str(tmp_path))
    until(lambda: watcher.warnings)
    watcher._arrange_soon()
    # The second failure has no trace of its own to wait for; that is the promise.
    gevent.sleep(0.05)
    assert len(watcher.warnings) == 1
    assert advice in watcher.warnings[0]
    assert watcher.watched == 0


def test_flat_directory_reports_its_own_entries_only(
    watcher: Watcher, seen: Seen, tmp_path: Path
) -> None:
    """A directory watched flat tells of its files, and of deeper ones once it is watched whole."""
    deep = tmp_path / "repo" / "objects"
    deep.mkdir(parents=True)
    watcher.add(str(tmp_path), recursive=False)
    until(lambda: watcher.watched == 1, "the watch")
    (deep / "a").write_text("x")
    (tmp_path / "opencode.db").write_text("x")
    seen.wait(tmp_path / "opencode.db")
    assert str(deep / "a") not in seen.paths
    watcher.add(str(tmp_path))
    watcher.add(str(tmp_path), recursive=False)

    def told() -> bool:
        (deep / "b").write_text("x")
        return str(deep / "b") in seen.paths

    until(told, "the deeper file")
