"""
Throw-away homes for measurements: generated logs, stored events, a daemon on them.

Nothing of the machine's own tools is visible to what is measured; everything is removed at the end.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from openusage_proto import locations
from openusaged.core.models import MESSAGE_USAGE, RPC, TOOL_USAGE, UsageEvent, UsageSnapshot
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.storage.store import Store, WriteBatch
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories
from tests.support import corpus
from tests.support.daemon import Daemon
from tests.support.truth import Truth
from tests.support.waiting import wait_until

MB: Final = 1_000_000
QUICK_BYTES: Final = 24 * MB
DAY_MS: Final = 86_400_000
BATCH: Final = 2_000
ACCOUNTS: Final = (
    ("claude-code", "claude_code", "anthropic", ("claude-sonnet-4-5", "claude-opus-4-6")),
    ("codex-cli", "codex", "openai", ("gpt-5.1-codex", "gpt-5.1-codex-mini")),
    ("opencode", "opencode", "openrouter", ("moonshotai/kimi-k2", "qwen3-coder")),
)
TOOLS: Final = ("Bash", "Read", "Edit", "Grep", "Write", "mcp__github__list_issues")


@contextlib.contextmanager
def fresh_home() -> Iterator[tuple[Path, Daemon]]:
    """An empty home with the three tools' directories, and a daemon for it that is not started."""
    with tempfile.TemporaryDirectory(prefix="ou-bench-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        daemon = Daemon()
        daemon.env = clean_environment(home)
        for name in (f"{corpus.CLAUDE}/projects", f"{corpus.CODEX}/sessions", corpus.OPENCODE):
            (home / name).mkdir(parents=True)
        settings = Path(locations.settings_path(daemon.env))
        settings.parent.mkdir(parents=True)
        # detail for ever, so that nothing is pruned while something else is measured
        document = {"telemetry": {"poll": False}, "data": {"retention_days": 3650}}
        settings.write_text(json.dumps(document), encoding="utf-8")
        try:
            yield home, daemon
        finally:
            daemon.kill()


def clean_environment(home: Path) -> dict[str, str]:
    """Only what a program needs to run, with `home` as its home."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "TZ": "UTC",
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_CACHE_HOME": str(home / "cache"),
    }


@functools.cache
def logs(quick: bool) -> tuple[Path, Truth]:
    """Generated homes of three agents (240 MB, or 24 MB), made once per run of the benches."""
    root = Path(tempfile.mkdtemp(prefix="ou-bench-logs-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    if quick:
        return root, corpus.build(root, seed=1, target_bytes=QUICK_BYTES)
    return root, corpus.build(root, seed=1, size="medium")


def put_logs(home: Path, quick: bool) -> Truth:
    """The generated logs in `home`, in the page cache as after a day's work."""
    source, truth = logs(quick)
    corpus.copy_home(source, home)
    return truth


def put_events(daemon: Daemon, count: int) -> None:
    """A database with so many stored events in the daemon's home."""
    target = Path(locations.database_path(daemon.env))
    target.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    shutil.copyfile(database(count), target)
    target.chmod(0o600)


@functools.cache
def database(count: int) -> Path:
    """A database filled through the real pipeline and store, made once per run of the benches."""
    root = Path(tempfile.mkdtemp(prefix="ou-bench-db-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    path = root / "state" / "telemetry.db"
    fill(path, batches(count))
    return path


def fill(
    path: Path,
    events: Iterable[tuple[str, list[UsageEvent]]],
    snapshots: Sequence[UsageSnapshot] = (),
) -> None:
    """Events of accounts and what vendors said of them, stored in a database at `path`."""
    store = Store.open(str(path), app_version="bench", now_ms=lambda: round(time.time() * 1000))
    pipeline = Pipeline(PriceBook(shipped(), {}), Repositories())
    try:
        for account, part in events:
            _apply(store, WriteBatch(events=pipeline.prepare(part, account)))
        _apply(store, WriteBatch(snapshots=snapshots))
        store.checkpoint()
    finally:
        store.close()


def _apply(store: Store, batch: WriteBatch) -> None:
    result = store.apply([batch])[0]
    if result.error is not None:
        raise result.error


def batches(
    count: int,
    *,
    days: int = 180,
    seed: int = 1,
    accounts: Sequence[tuple[str, str, str, tuple[str, ...]]] = ACCOUNTS,
) -> Iterator[tuple[str, list[UsageEvent]]]:
    """
    (account, events): sessions over `days` up to now, two fifths messages, the rest tools.

    `accounts` are (id, tool, provider of the models, models).
    """
    rng = random.Random(seed)
    now = round(time.time() * 1000)
    made = 0
    while made < count:
        account, source, provider, models = rng.choice(accounts)
        events: list[UsageEvent] = []
        while len(events) < min(BATCH, count - made):
            session = f"{rng.getrandbits(128):032x}"
            cwd = f"/home/dev/project-{rng.randrange(20)}"
            model = rng.choice(models)
            ts_ms = now - rng.randrange(days * DAY_MS)
            for _ in range(rng.randint(20, 200)):
                ts_ms = min(now, ts_ms + rng.randint(1_000, 60_000))
                ident = f"{rng.getrandbits(96):024x}"
                message = len(events) % 5 < 2
                events.append(
                    UsageEvent(
                        source=source,
                        channel=RPC,
                        event_type=MESSAGE_USAGE if message else TOOL_USAGE,
                        ts_ms=ts_ms,
                        provider=provider,
                        client=source,
                        session_id=session,
                        message_id=f"msg_{ident}" if message else "",
                        request_id=f"req_{ident}" if message else "",
                        tool_call_id="" if message else f"toolu_{ident}",
                        cwd=cwd,
                        branch="main",
                        model=model,
                        input=rng.randint(1, 4_000) if message else None,
                        cache_read=rng.randint(0, 100_000) if message else None,
                        cache_write_5m=rng.randint(0, 4_000) if message else None,
                        output=rng.randint(1, 900) if message else None,
                        tool_name="" if message else rng.choice(TOOLS),
                    )
                )
        events = events[: count - made]
        made += len(events)
        yield account, events


def settle(daemon: Daemon, deadline_s: float = 120.0) -> None:
    """Wait until the first import is over and nothing waits anywhere."""
    wait_until(
        lambda: daemon.call("status")["importing"]["finished_at"], deadline_s, "the first import"
    )
    daemon.call("refresh", wait=True)
    wait_until(lambda: not daemon.call("status")["spool"]["pending"], 60.0, "an empty spool")
    daemon.wait_idle()
