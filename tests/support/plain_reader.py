"""
A slow, straightforward reader of the three formats: checks the generator, not the product.

It applies the published rules of the references with whole files in memory and no cleverness.  When
it agrees with a generated truth, the logs really say what the truth claims, so that a difference
found by a product test is the product's.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.truth import Call

Json = dict[str, Any]
VERSION = re.compile(r"\d+\.\d+\.\d+")


def read_home(root: str | Path) -> list[Call]:
    """Every response the logs below `root` state, once each."""
    root = Path(root)
    return [
        *read_claude(root / ".claude" / "projects"),
        *read_codex(root / ".codex"),
        *read_opencode(root / ".local" / "share" / "opencode"),
    ]


def _lines(path: Path) -> Iterator[Json]:
    for line in path.read_bytes().split(b"\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _files(root: Path, suffix: str) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            if name.endswith(suffix):
                yield Path(folder) / name


def _ms(value: str | float) -> int:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value).timestamp()
    return round(value * 1000)


# ----------------------------------------------------------------------- Claude


def read_claude(projects: Path) -> list[Call]:
    """One call per message id (and per request id where a proxy reuses message ids)."""
    rows: list[Json] = []
    for path in _files(projects, ".jsonl"):
        for row in _lines(path):
            data = row.get("data")
            if row.get("type") == "progress" and isinstance(data, dict):
                inner = data.get("message")
                row = {**row, **inner} if isinstance(inner, dict) else row
            if row.get("type") == "assistant" and _is_response(row):
                rows.append(row)
    # in the order they happened, main rows before side rows: the first one names the response
    rows.sort(key=lambda row: (row["timestamp"], row.get("isSidechain", False)))
    kept: dict[tuple[str, str], Json] = {}
    for row in rows:
        key = _claude_key(kept, row)
        if key in kept:
            _merge(kept[key], row)
        else:
            kept[key] = row
    calls = []
    for row in kept.values():
        calls.extend(_claude_calls(row))
    return calls


def _is_response(row: Json) -> bool:
    message = row.get("message", {})
    if not isinstance(message.get("usage"), dict) or message.get("model") in ("", "<synthetic>"):
        return False
    if any(name in row and row[name] is None for name in ("requestId", "sessionId", "cwd")):
        return False
    return bool(message.get("id")) and bool(VERSION.fullmatch(row.get("version", "")))


def _claude_key(kept: dict[tuple[str, str], Json], row: Json) -> tuple[str, str]:
    key = (row["message"]["id"], "")
    first = kept.get(key)
    if first is None or first.get("requestId") == row.get("requestId"):
        return key
    if first.get("isSidechain") or row.get("isSidechain"):
        return key
    if first["message"]["usage"]["output_tokens"] == row["message"]["usage"]["output_tokens"]:
        return key
    return (key[0], row["requestId"])


def _merge(first: Json, row: Json) -> None:
    old, new = first["message"]["usage"], row["message"]["usage"]
    for name, value in new.items():
        if isinstance(value, int):
            old[name] = max(old.get(name, 0), value)


def _claude_calls(row: Json) -> list[Call]:
    message = row["message"]
    used = message["usage"]
    split = used.get("cache_creation", {})
    hour = split.get("ephemeral_1h_input_tokens", 0)
    base: dict[str, Any] = {
        "source": "claude_code",
        "provider": "anthropic",
        "ts_ms": _ms(row["timestamp"]),
        "session": row["sessionId"],
        "cwd": row["cwd"],
    }
    calls = [
        Call(
            **base,
            model=message["model"],
            input=used["input_tokens"],
            cache_read=used["cache_read_input_tokens"],
            cache_write_5m=used["cache_creation_input_tokens"] - hour,
            cache_write_1h=hour,
            output=used["output_tokens"],
        )
    ]
    for item in used.get("iterations", []):
        if "advisor" in item["type"]:
            extra = Call(
                **base,
                model=item["model"],
                input=item["input_tokens"],
                cache_read=item["cache_read_input_tokens"],
                output=item["output_tokens"],
            )
            calls.append(extra)
    return calls


# ------------------------------------------------------------------------ Codex

FIELDS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)
Numbers = tuple[int, int, int, int, int]
ZERO: Numbers = (0, 0, 0, 0, 0)


def read_codex(home: Path) -> list[Call]:
    """One call per record, else per growth of the counter that no other thread has shown."""
    seen_threads: set[str] = set()
    shown: dict[str, set[Numbers]] = {}
    calls: list[Call] = []
    paths = sorted(_files(home, ".jsonl"), key=lambda path: path.name)
    for path in paths:
        rows = list(_lines(path))
        meta = rows[0]["payload"]
        if meta["id"] in seen_threads:
            continue  # an archived copy
        seen_threads.add(meta["id"])
        calls.extend(_rollout(rows, meta, shown))
    return calls


def _rollout(rows: list[Json], meta: Json, shown: dict[str, set[Numbers]]) -> Iterator[Call]:
    thread = meta["id"]
    parent = meta.get("forked_from_id") or meta.get("parent_thread_id") or ""
    inherited = shown.get(parent, set())
    mine = shown.setdefault(thread, set(inherited))
    records = any(row["type"] == "token_usage_record" for row in rows)
    previous: Numbers | None = None if meta.get("history_base") and not records else ZERO
    model, cwd = "gpt-5", meta["cwd"]
    for row in rows[1:]:
        payload = row["payload"]
        if row["type"] == "turn_context":
            model, cwd = payload["model"], payload["cwd"]
        used: Numbers | None = None
        if row["type"] == "token_usage_record":
            used = _numbers(payload["usage"])
        elif payload.get("type") == "token_count" and payload["info"] and not records:
            total = _numbers(payload["info"]["total_token_usage"])
            last = _numbers(payload["info"]["last_token_usage"])
            if previous is None:
                previous = _minus(total, last)
            if total != previous and total not in inherited:
                grown = _minus(total, previous)
                used = total if min(grown) < 0 else grown
            previous = total
            mine.add(total)
        if used is not None and any(used):
            yield Call(
                source="codex",
                provider=meta["model_provider"],
                model=model,
                ts_ms=_ms(row["timestamp"]),
                session=thread,
                cwd=cwd,
                input=used[0] - used[1] - used[2],
                cache_read=used[1],
                cache_write_5m=used[2],
                output=used[3],
                reasoning=used[4],
            )


def _numbers(usage: Json) -> Numbers:
    values = [usage.get(name, 0) for name in FIELDS]
    return (values[0], values[1], values[2], values[3], values[4])


def _minus(one: Numbers, other: Numbers) -> Numbers:
    values = [a - b for a, b in zip(one, other, strict=True)]
    return (values[0], values[1], values[2], values[3], values[4])


# --------------------------------------------------------------------- OpenCode


def read_opencode(home: Path) -> list[Call]:
    """One call per assistant message id over all databases and the tree, fork copies left out."""
    messages: dict[str, tuple[Json, int, list[Json]]] = {}
    owners: dict[str, str] = {}
    for path in sorted((home / "storage" / "message").rglob("*.json")):
        info = json.loads(path.read_text(encoding="utf-8"))
        owners[info["id"]] = info["sessionID"]
        messages[info["id"]] = (info, 0, [])
    for path in sorted(home.glob("*.db")):
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            for key, session, created, data in database.execute(
                "SELECT m.id, m.session_id, s.time_created, m.data FROM message m"
                " JOIN session s ON s.id = m.session_id"
            ):
                owners[key] = session
                messages[key] = (json.loads(data), created, [])
            for key, data in database.execute("SELECT message_id, data FROM part"):
                part = json.loads(data)
                if part["type"] == "step-finish":
                    messages[key][2].append(part)
        finally:
            database.close()
    calls = []
    for key, (info, session_created, parts) in messages.items():
        if info["role"] != "assistant" or info["time"]["created"] < session_created:
            continue
        stated = [info["tokens"]] if "tokens" in info else [part["tokens"] for part in parts]
        counts = [_opencode_numbers(tokens) for tokens in stated]
        used = [sum(column) for column in zip(*counts, strict=True)]
        if any(used):
            calls.append(
                Call(
                    source="opencode",
                    provider=info["providerID"],
                    model=info["modelID"],
                    ts_ms=info["time"]["created"],
                    session=owners[key],
                    cwd=info["path"]["cwd"],
                    input=used[0],
                    cache_read=used[1],
                    cache_write_5m=used[2],
                    output=used[3],
                    reasoning=used[4],
                )
            )
    return calls


def _opencode_numbers(tokens: Json) -> Numbers:
    cache = tokens["cache"]
    read, write = cache["read"], cache["write"]
    output, reasoning = tokens["output"], tokens["reasoning"]
    apart = tokens["input"] + read + write + output + reasoning
    if reasoning and tokens.get("total") == apart:
        output += reasoning
    return (tokens["input"], read, write, output, reasoning)
