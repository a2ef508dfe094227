"""Builds Codex homes and rollouts by hand, row by row, and reads them through the provider."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openusaged.core.models import Account, SourceCursor, UsageEvent, UsageSnapshot
from openusaged.providers.base import Chunk, CollectContext, Machine
from openusaged.providers.codex import PROVIDER
from openusaged.providers.shared.files import stat_unit

CAPTURES = Path(__file__).parent.parent / "data" / "providers" / "codex" / "captures"
PARENT = "0199a000-0000-4000-8000-00000000aaaa"
CHILD = "0199a000-0000-4000-8000-00000000bbbb"
START_S = 1_780_308_000  # 2026-06-01T10:00:00Z
LIMITS = {
    "limit_id": "codex",
    "primary": {"used_percent": 20.0, "window_minutes": 300, "resets_at": 1_780_320_000},
    "secondary": {"used_percent": 92.0, "window_minutes": 10080, "resets_at": 1_780_900_000},
    "credits": {"has_credits": True, "unlimited": False, "balance": "50.5"},
    "plan_type": "team",
}
"""A `rate_limits` object with everything in it."""


def at(second: float) -> str:
    """ISO time stamp of a second after 2026-06-01T10:00:00Z."""
    hours, rest = divmod(second, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"2026-06-01T{10 + int(hours):02}:{int(minutes):02}:{seconds:06.3f}Z"


def ms(second: float) -> int:
    """Epoch milliseconds of a second after 2026-06-01T10:00:00Z."""
    return START_S * 1000 + round(second * 1000)


def row(second: float, kind: str, payload: Any) -> dict[str, Any]:
    return {"timestamp": at(second), "type": kind, "payload": payload}


def event(second: float, kind: str, **fields: Any) -> dict[str, Any]:
    return row(second, "event_msg", {"type": kind, **fields})


def item(second: float, kind: str, **fields: Any) -> dict[str, Any]:
    return row(second, "response_item", {"type": kind, **fields})


def meta(second: float = 0, thread: str = PARENT, **fields: Any) -> dict[str, Any]:
    return row(
        second,
        "session_meta",
        {
            "id": thread,
            "timestamp": at(second),
            "cwd": "/home/dev/shop",
            "originator": "codex_cli_rs",
            "cli_version": "0.98.0",
            "source": "cli",
            "model_provider": "openai",
            **fields,
        },
    )


def context(second: float, model: str = "gpt-5.3-codex", **fields: Any) -> dict[str, Any]:
    return row(second, "turn_context", {"cwd": "/home/dev/shop", "model": model, **fields})


def usage(
    tokens_in: int = 0, cached: int = 0, out: int = 0, reasoning: int = 0, written: int = 0
) -> dict[str, int]:
    return {
        "input_tokens": tokens_in,
        "cached_input_tokens": cached,
        "cache_write_input_tokens": written,
        "output_tokens": out,
        "reasoning_output_tokens": reasoning,
        "total_tokens": tokens_in + out,
    }


def count(
    second: float, total: Any = None, last: Any = None, limits: Any = None, **fields: Any
) -> dict[str, Any]:
    info = None if total is None and last is None else {"total_token_usage": total}
    if info is not None and last is not None:
        info["last_token_usage"] = last
    return event(second, "token_count", info=info, rate_limits=limits, **fields)


def record(
    second: float, used: Any, total: Any, response: str = "", thread: str = PARENT, **fields: Any
) -> dict[str, Any]:
    return row(
        second,
        "token_usage_record",
        {
            "thread_id": thread,
            "session_id": thread,
            "turn_id": "turn-1",
            "response_id": response,
            "usage": used,
            "thread_token_usage": total,
            **fields,
        },
    )


def machine(home: str | Path, **env: str) -> Machine:
    return Machine(env=env, home=str(home))


def account(home: str | Path, **fields: Any) -> Account:
    return Account(id="codex-cli", provider_id="codex", home=str(home), **fields)


def rollout_path(
    home: str | Path, thread: str = PARENT, folder: str = "sessions/2026/06/01"
) -> Path:
    path = Path(home) / folder / f"rollout-2026-06-01T10-00-00-{thread}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write(path: Path, rows: Iterable[Any], *, spaces: bool = False) -> Path:
    separators = (" , ", " : ") if spaces else (",", ":")
    lines = (
        each if isinstance(each, str) else json.dumps(each, separators=separators) for each in rows
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def chunks(
    path: str | Path,
    home: str | Path,
    cursor: SourceCursor | None = None,
    *,
    max_events: int = 2000,
) -> list[Chunk]:
    unit = stat_unit(str(path))
    assert unit is not None
    assert PROVIDER.collect is not None
    ctx = CollectContext(machine=machine(home), max_chunk_events=max_events)
    return list(PROVIDER.collect(account(home), unit, cursor, ctx))


def read(path: str | Path, home: str | Path) -> list[UsageEvent]:
    return [each for chunk in chunks(path, home) for each in chunk.events]


def snapshot_of(path: str | Path, home: str | Path) -> UsageSnapshot | None:
    return chunks(path, home)[-1].snapshot


def messages(events: Iterable[UsageEvent]) -> list[UsageEvent]:
    return [each for each in events if each.event_type == "message_usage"]


def tool_calls(events: Iterable[UsageEvent]) -> list[UsageEvent]:
    return [each for each in events if each.event_type == "tool_usage"]


def turns(events: Iterable[UsageEvent]) -> list[UsageEvent]:
    return [each for each in events if each.event_type == "turn_completed"]


def buckets(each: UsageEvent) -> tuple[int | None, ...]:
    """(input, cache read, cache write, output, reasoning)."""
    return (each.input, each.cache_read, each.cache_write_5m, each.output, each.reasoning)


def read_home(home: str | Path, **env: str) -> dict[tuple[str, str], UsageEvent]:
    """All events of every account of a machine, one per identity as the store keeps them."""
    here = machine(home, **env)
    found: dict[tuple[str, str], UsageEvent] = {}
    assert PROVIDER.units is not None
    assert PROVIDER.collect is not None
    for each in PROVIDER.discover(here):
        for unit in PROVIDER.units(each, here):
            for chunk in PROVIDER.collect(each, unit, None, CollectContext(machine=here)):
                for one in chunk.events:
                    identity = one.tool_call_id or one.message_id or one.turn_id
                    found.setdefault((one.event_type, identity), one)
    return found


def capture_home(name: str) -> str:
    return os.path.join(CAPTURES, name, "home")
