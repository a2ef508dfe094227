"""
Builds whole homes of three agents with known contents, from a handful of rows to gigabytes.

    truth = build(home, seed=7, size="tiny")

`home` gets `.claude`, `.codex` and `.local/share/opencode`.  The same seed, size and end give the
same bytes.  Sizes are approximate; the proportions of a large home follow real ones (Claude Code
70 %, Codex 23 %, OpenCode 7 %).
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

from tests.support import gen_claude, gen_codex, gen_opencode
from tests.support.activity import DEFAULT_END, Planner, ms_of
from tests.support.opencode_db import SCHEMA
from tests.support.prose import Canaries, Prose, canaries
from tests.support.truth import Truth

Size = Literal["tiny", "small", "medium", "large"]
TARGET_BYTES: dict[str, int] = {
    "tiny": 0,
    "small": 4_400_000,
    "medium": 240_000_000,
    "large": 1_200_000_000,
}
SHARES = {"claude": 0.70, "codex": 0.23, "opencode": 0.07}
CLAUDE = ".claude"
CODEX = ".codex"
OPENCODE = ".local/share/opencode"


class _Home(Protocol):
    bytes: int

    def add(self, trap: str | None = None) -> None: ...


def build(
    root: str | Path,
    *,
    seed: int,
    size: Size = "tiny",
    target_bytes: int | None = None,
    days: int = 60,
    end: str = DEFAULT_END,
    secrets: bool = False,
) -> Truth:
    """
    Write the homes of three agents below `root` and say what they hold.

    Every trap is written at least once whatever the size; `tiny` holds nothing else.

    Args:
        root: stands for the user's home directory; made when missing.
        seed: of everything random.
        size: a named size, or `target_bytes` for another one.
        days: the history ends at `end` and began that many days before.
        end: ISO instant; the default is a fixed past one that has four changes of daylight-saving
            time behind it.
        secrets: also write the agents' account files, with canary tokens and e-mail addresses.
    """
    root = Path(root)
    target = TARGET_BYTES[size] if target_bytes is None else target_bytes
    rng = random.Random(f"{seed}:{target}:{days}:{end}")
    marks = canaries(rng)
    truth = Truth(canaries=marks.all())
    # bulk is what makes a file big: prompts, tool output, attachments
    bulk = 0.4 if target > 20_000_000 else 0.25 if target else 0.04
    prose = Prose(rng, marks, pool_chars=2_000_000 if target > 20_000_000 else 100_000)
    planner = Planner(rng, end_ms=ms_of(end), days=days)

    claude = gen_claude.ClaudeHome(root / CLAUDE, planner, prose, marks, truth, bulk=bulk)
    for trap in gen_claude.SESSION_TRAPS:
        if trap not in ("no_final_newline", "half_row"):
            claude.add(trap)
    claude.add_seam(9_500_000 if target > 20_000_000 else 30_000)
    claude.finish_open_ends()
    claude.add_loop()
    _fill(claude, target * SHARES["claude"])

    codex = gen_codex.CodexHome(root / CODEX, planner, prose, marks, truth, bulk=bulk)
    for trap in gen_codex.SESSION_TRAPS:
        codex.add(trap)
    _fill(codex, target * SHARES["codex"])

    opencode = gen_opencode.OpenCodeHome(root / OPENCODE, planner, prose, marks, truth, bulk=bulk)
    for trap in gen_opencode.SESSION_TRAPS:
        opencode.add(trap)
    _fill(opencode, target * SHARES["opencode"])
    opencode.finish()
    if secrets:
        _account_files(root, marks)
    return truth


def _fill(home: _Home, target: float) -> None:
    while home.bytes < target:
        home.add()


def _account_files(root: Path, marks: Canaries) -> None:
    gen_claude.write_account_files(root / CLAUDE, marks)
    gen_codex.write_account_files(root / CODEX, marks)
    path = root / OPENCODE / "auth.json"
    path.write_text(
        json.dumps({"openrouter": {"type": "api", "key": marks.openai_key}}), encoding="utf-8"
    )
    path.chmod(0o600)


def copy_home(source: str | Path, target: str | Path) -> None:
    """A second copy of everything (a restored backup, another account's synchronised home)."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def prepare_unused(root: str | Path) -> None:
    """The homes of three agents that are installed and have not been used yet."""
    root = Path(root)
    (root / CLAUDE / "projects").mkdir(parents=True)
    (root / CODEX / "sessions").mkdir(parents=True)
    (root / OPENCODE).mkdir(parents=True)
    database = sqlite3.connect(root / OPENCODE / "opencode.db")
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(SCHEMA.read_text(encoding="utf-8"))
    finally:
        database.close()


def replay(source: str | Path, target: str | Path, rng: random.Random) -> Iterator[str]:
    """
    Let the history of `source` happen again in `target`, a few rows at a time.

    Log files grow by pieces that may end in the middle of a line; Claude's and OpenCode's records
    come interleaved, Codex's rollouts in order (a fork after its parent).  Yields the path that has
    just grown, after it was written.  Databases are opened as the agent does: WAL, one transaction
    per message.
    """
    source, target = Path(source), Path(target)
    flows: list[Iterator[str]] = [
        _grow(path, target / path.relative_to(source), rng)
        for path in sorted((source / CLAUDE).rglob("*"))
        if path.is_file() and not _through_link(path, source)
    ]
    flows.append(_one_after_another(source, target, rng))
    flows += [
        _insert_rows(path, target / path.relative_to(source), rng)
        for path in sorted((source / OPENCODE).glob("*.db"))
    ]
    flows.append(_copy_tree(source / OPENCODE / "storage", target / OPENCODE / "storage"))
    while flows:
        flow = rng.choice(flows)
        path = next(flow, None)
        if path is None:
            flows.remove(flow)
        else:
            yield path


def _through_link(path: Path, root: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents if root in parent.parents)


def _grow(source: Path, target: Path, rng: random.Random) -> Iterator[str]:
    target.parent.mkdir(parents=True, exist_ok=True)
    data = source.read_bytes()
    position = 0
    while position < len(data) or not data:
        step = rng.choice((rng.randint(1, 400), rng.randint(400, 9_000), 60_000))
        with target.open("ab") as file:
            file.write(data[position : position + step])
        position += step
        yield str(target)
        if not data:
            return


def _one_after_another(source: Path, target: Path, rng: random.Random) -> Iterator[str]:
    for folder in ("sessions", "archived_sessions"):
        found = sorted((source / CODEX / folder).rglob("*.jsonl"), key=lambda path: path.name)
        for path in found:
            yield from _grow(path, target / path.relative_to(source), rng)


def _copy_tree(source: Path, target: Path) -> Iterator[str]:
    for path in sorted(source.rglob("*.json")):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        temporary = copy.with_suffix(".tmp")
        shutil.copyfile(path, temporary)
        temporary.rename(copy)
        yield str(copy)


def _insert_rows(source: Path, target: Path, rng: random.Random) -> Iterator[str]:
    target.parent.mkdir(parents=True, exist_ok=True)
    reader = sqlite3.connect(source)
    writer = sqlite3.connect(target, isolation_level=None)
    try:
        writer.execute("PRAGMA journal_mode=WAL")
        if not writer.execute("SELECT 1 FROM sqlite_master WHERE name='message'").fetchone():
            writer.executescript(SCHEMA.read_text(encoding="utf-8"))
        columns = (
            "id, project_id, parent_id, slug, directory, title, version, time_created, time_updated"
        )
        sessions = reader.execute(f"SELECT {columns} FROM session").fetchall()
        gen_opencode.insert(writer, gen_opencode.Rows(session=sessions))
        rows = reader.execute("SELECT * FROM message ORDER BY time_created, id").fetchall()
        while rows:
            count = rng.randint(1, 12)
            now, rows = rows[:count], rows[count:]
            parts = [
                part
                for row in now
                for part in reader.execute("SELECT * FROM part WHERE message_id=?", (row[0],))
            ]
            gen_opencode.insert(writer, gen_opencode.Rows(message=now, part=parts))
            yield str(target)
    finally:
        reader.close()
        writer.close()
