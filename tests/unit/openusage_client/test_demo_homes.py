"""The demo's invented homes: repeatable, plausible, in the tools' own forms."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from openusage_client import demo_homes

NOW_MS = int(datetime(2026, 3, 7, 9, 30, tzinfo=UTC).timestamp() * 1000)


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def rows(root: Path, pattern: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(root.glob(pattern))
        for line in path.read_text().splitlines()
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo")
    demo_homes.write_homes(str(path), NOW_MS)
    return path


def test_same_seed_same_files(home: Path, tmp_path: Path) -> None:
    """Everybody sees the same demo; another seed is another machine."""
    again = tmp_path / "again"
    demo_homes.write_homes(str(again), NOW_MS)
    paths = set(tree(home))
    names = {name for name in paths if not name.startswith(".claude/")}
    assert names <= set(tree(again))
    assert len(tree(again)) == len(paths)
    other = tmp_path / "other"
    demo_homes.write_homes(str(other), NOW_MS, seed=1)
    assert names - set(tree(other))


def test_activity_fills_forty_days_and_ends_now(home: Path) -> None:
    """There is something to see in every window, and nothing from the future."""
    stamps = [
        datetime.fromisoformat(row["timestamp"]) for row in rows(home, ".claude/projects/*/*.jsonl")
    ]
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    assert max(stamps) <= now
    assert (now - max(stamps)).total_seconds() < 1200
    assert 35 <= (now - min(stamps)).days <= 40
    assert len({stamp.date() for stamp in stamps}) >= 20


def test_six_models_of_three_tools_in_five_projects(home: Path) -> None:
    """The demo shows the breadth of a real machine."""
    claude = [row for row in rows(home, ".claude/projects/*/*.jsonl") if row["type"] == "assistant"]
    codex = rows(home, ".codex/sessions/*/*/*/*.jsonl")
    messages = [
        json.loads(path.read_text())
        for path in home.glob(".local/share/opencode/storage/message/*/*.json")
    ]
    models = {row["message"]["model"] for row in claude}
    models |= {row["payload"]["model"] for row in codex if row["type"] == "turn_context"}
    models |= {message["modelID"] for message in messages}
    assert len(models) == 6
    assert {Path(row["cwd"]).name for row in claude} == set(demo_homes.PROJECTS)
    assert all((home / "work" / name / ".git").is_dir() for name in demo_homes.PROJECTS)


def test_every_response_has_its_own_identity(home: Path) -> None:
    """No response would be taken for a copy of another."""
    claude = [row for row in rows(home, ".claude/projects/*/*.jsonl") if row["type"] == "assistant"]
    ids = [row["message"]["id"] for row in claude]
    assert len(ids) == len(set(ids)) > 500


def test_codex_counters_grow_by_their_last_response(home: Path) -> None:
    """The cumulative counters are the sums of the responses, as Codex writes them."""
    for path in home.glob(".codex/sessions/*/*/*/*.jsonl"):
        counts = [
            json.loads(line)["payload"]["info"]
            for line in path.read_text().splitlines()
            if "token_count" in line
        ]
        for before, after in pairwise(counts):
            for key, value in after["last_token_usage"].items():
                assert after["total_token_usage"][key] == before["total_token_usage"][key] + value


def test_codex_limits_end_after_they_were_seen(home: Path) -> None:
    """A limit's reset lies ahead of the row that carries it, its use between 0 and 100."""
    for row in rows(home, ".codex/sessions/*/*/*/*.jsonl"):
        if row["type"] != "event_msg":
            continue
        seen = datetime.fromisoformat(row["timestamp"]).timestamp()
        for name in ("primary", "secondary"):
            limit = row["payload"]["rate_limits"][name]
            assert 0 <= limit["resets_at"] - int(seen) <= limit["window_minutes"] * 60
            assert 0 <= limit["used_percent"] <= 100


def test_sessions_are_ordered_per_day_and_past() -> None:
    """The plan itself holds no empty session and nothing later than its end."""
    planned = list(demo_homes.sessions(random.Random(3), NOW_MS, 40))
    assert all(session.responses for session in planned)
    assert max(item.ts_ms for session in planned for item in session.responses) <= NOW_MS
    assert {session.tool for session in planned} == {"claude", "codex", "opencode"}


def test_no_text_of_anybody(home: Path) -> None:
    """The logs hold no prompt, answer or e-mail address."""
    for name, content in tree(home).items():
        assert b"@" not in content, name
