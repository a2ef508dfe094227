"""The generated homes hold exactly what their truth says, and every trap is in them."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from pathlib import Path

import pytest

from tests.support import corpus, gen_claude, gen_codex, gen_opencode
from tests.support.plain_reader import read_home
from tests.support.truth import KINDS, Bucket, Call, Truth, group

ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham")


def tree_hash(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and ".claude/projects/loop" not in str(path):
            digest.update(str(path.relative_to(root)).encode())
            if not path.name.endswith((".db", "-wal")):
                digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.mark.parametrize("seed", range(8))
def test_a_plain_reader_finds_the_truth(tmp_path: Path, seed: int) -> None:
    """Read by the published rules, the logs state each response of the plan once, to the token."""
    truth = corpus.build(tmp_path, seed=seed)
    read = Truth(calls=read_home(tmp_path))
    assert read.by_source() == truth.by_source()
    for zone in ZONES:
        assert read.daily(zone) == truth.daily(zone)


def test_summing_rows_is_wrong(tmp_path: Path) -> None:
    """The traps bite: adding up every row of usage gives far more than what was used."""
    truth = corpus.build(tmp_path, seed=1)
    by_source = truth.by_source()
    for source, bucket in by_source.items():
        assert truth.rows_with_usage[source] > bucket.requests


def test_every_trap_is_written(tmp_path: Path) -> None:
    """The smallest home already has every trap of the three formats."""
    truth = corpus.build(tmp_path, seed=3)
    wanted = {f"claude:{name}" for name in gen_claude.SESSION_TRAPS}
    wanted |= {f"codex:{name}" for name in gen_codex.SESSION_TRAPS}
    wanted |= {f"opencode:{name}" for name in gen_opencode.SESSION_TRAPS}
    wanted |= {"claude:seam", "claude:symlink_loop", "opencode:rows_only_in_wal"}
    assert wanted <= set(truth.traps)


def test_the_same_seed_gives_the_same_home(tmp_path: Path) -> None:
    """A failure can be repeated from its seed."""
    one = corpus.build(tmp_path / "one", seed=11)
    two = corpus.build(tmp_path / "two", seed=11)
    assert one.calls == two.calls
    assert tree_hash(tmp_path / "one") == tree_hash(tmp_path / "two")


def test_days_depend_on_the_zone(tmp_path: Path) -> None:
    """The history lies around midnights, so that a wrong zone shows in the daily sums."""
    truth = corpus.build(tmp_path, seed=5)
    views = [truth.daily(zone) for zone in ZONES]
    for index, view in enumerate(views):
        assert all(view != other for other in views[index + 1 :])


def test_a_day_is_the_local_one() -> None:
    """Kathmandu is 5:45 ahead: 18:14:59 UTC is today there and 18:15 is tomorrow."""
    calls = [
        Call(source="s", provider="p", model="m", ts_ms=ts_ms, session="x", cwd="/", output=1)
        for ts_ms in (1_762_712_099_999, 1_762_712_100_000)
    ]
    assert sorted(Truth(calls=calls).daily("Asia/Kathmandu")) == [
        ("2025-11-09", "m"),
        ("2025-11-10", "m"),
    ]


def test_sums_are_of_disjoint_buckets() -> None:
    """Total is input, cache reads, both cache writes and output; reasoning is inside output."""
    call = Call(
        source="s",
        provider="p",
        model="m",
        ts_ms=0,
        session="x",
        cwd="/",
        **dict(zip(KINDS, (1, 20, 300, 4_000, 50_000), strict=True)),
        reasoning=9,
    )
    assert call.total == 54_321
    assert group([call, call], lambda _: "")[""] == Bucket(2, 2, 40, 600, 8_000, 100_000, 18)
    assert Truth(calls=[call, call]).total().total == 108_642


def test_canaries_are_planted_everywhere(tmp_path: Path) -> None:
    """Each kind of text that must not be kept is really in the generated logs."""
    truth = corpus.build(tmp_path, seed=2, size="small", secrets=True)
    text = b""
    for path in tmp_path.rglob("*"):
        if path.is_file() and "projects/loop" not in str(path) and "/again/" not in str(path):
            text += path.read_bytes()
    assert len(truth.canaries) == 12
    for canary in truth.canaries:
        assert canary.encode() in text


def test_finishing_half_rows_adds_their_calls(tmp_path: Path) -> None:
    """A half-written row counts once its other half has arrived."""
    truth = corpus.build(tmp_path, seed=4)
    assert truth.pending
    for item in truth.pending:
        with Path(item.path).open("ab") as file:
            file.write(item.rest)
    assert Truth(calls=read_home(tmp_path)).by_source() == truth.completed().by_source()


def test_replay_ends_with_the_same_history(tmp_path: Path) -> None:
    """Growing a home piece by piece ends with what the whole one holds."""
    truth = corpus.build(tmp_path / "source", seed=6)
    steps = sum(1 for _ in corpus.replay(tmp_path / "source", tmp_path / "live", random.Random(1)))
    assert steps > 200
    assert Truth(calls=read_home(tmp_path / "live")).by_source() == truth.by_source()


def test_databases_are_left_with_rows_in_the_log(tmp_path: Path) -> None:
    """The newest messages are only in the write-ahead log, as while the agent runs."""
    corpus.build(tmp_path, seed=9)
    path = tmp_path / corpus.OPENCODE / "opencode.db"
    wal = path.with_name("opencode.db-wal")
    assert wal.stat().st_size > 0
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    whole = database.execute("SELECT count(*) FROM message").fetchone()[0]
    database.close()
    wal.unlink()
    path.with_name("opencode.db-shm").unlink(missing_ok=True)
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert database.execute("SELECT count(*) FROM message").fetchone()[0] < whole
    database.close()


def test_rows_are_valid_json_unless_meant_otherwise(tmp_path: Path) -> None:
    """Only the junk row and the two half rows do not decode."""
    corpus.build(tmp_path, seed=10)
    bad = 0
    for folder in (corpus.CLAUDE, corpus.CODEX):
        for path in (tmp_path / folder).rglob("*.jsonl"):
            if "/loop/" in str(path) or "/again/" in str(path):
                continue
            for line in path.read_bytes().split(b"\n"):
                try:
                    json.loads(line or b"0")
                except ValueError:
                    bad += 1
    assert bad == 3
