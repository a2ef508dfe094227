"""When a hook last reported: kept over restarts, written rarely."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusaged.usecases.hook_news import WRITE_EVERY_MS, HookNews

T = 1_767_225_600_000


def test_the_latest_time_counts(tmp_path: Path) -> None:
    """An older event from the spool does not turn the clock back; names are one in any case."""
    news = HookNews(str(tmp_path / "times.json"))
    assert news.last_ms("codex") is None
    news.note("Codex ", T)
    news.note("codex", T - 5)
    assert news.last_ms("codex") == T


def test_is_kept_for_the_next_start(tmp_path: Path) -> None:
    """What was noted is read again, for its owner only on disk."""
    path = tmp_path / "times.json"
    news = HookNews(str(path))
    news.note("codex", T)
    news.note("codex", T + 1)
    news.save()
    assert HookNews(str(path)).last_ms("codex") == T + 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_busy_agent_costs_one_write_per_minute(tmp_path: Path) -> None:
    """Between two writes the file stays as it is."""
    path = tmp_path / "times.json"
    news = HookNews(str(path))
    news.note("codex", T)
    first = path.read_bytes()
    news.note("codex", T + WRITE_EVERY_MS - 1)
    assert path.read_bytes() == first
    news.note("codex", T + WRITE_EVERY_MS)
    second = path.read_bytes()
    assert second != first
    written = path.stat().st_mtime_ns
    news.save()
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("text", ["", "{", '{"codex": "x"}', "\xff"])
def test_nonsense_means_nothing_is_known(tmp_path: Path, text: str) -> None:
    """A damaged file is no reason to fail."""
    path = tmp_path / "times.json"
    path.write_text(text, encoding="latin-1")
    assert HookNews(str(path)).last_ms("codex") is None


def test_a_full_disk_costs_only_the_memory_of_it(tmp_path: Path) -> None:
    """What cannot be written is still known in this run."""
    news = HookNews(str(tmp_path / "missing" / "times.json"))
    news.note("codex", T)
    assert news.last_ms("codex") == T
