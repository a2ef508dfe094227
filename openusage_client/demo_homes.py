"""
Invented activity of three AI coding tools, written as those tools write it.

The demo daemon reads it like any real home, so what the demo shows is what the program does.  The
same seed and end time give the same files.  All names are made up; there is no text of any prompt.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from openusage_proto.values import dataclass

DAYS: Final = 40
SEED: Final = 20260301
PROJECTS: Final = ("harbor-api", "lantern-web", "meadow-cli", "quarry-etl", "tidal-docs")

_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_CLAUDE_MODELS: Final = (
    ("claude-sonnet-4-5-20250929", 6),
    ("claude-opus-4-5-20251101", 3),
    ("claude-haiku-4-5-20251001", 2),
)
_CODEX_MODELS: Final = (("gpt-5.1-codex", 4), ("gpt-5.1", 1))
_OPENCODE_MODEL: Final = ("google", "gemini-2.5-pro")
# (tool name, file or None, weight), in each tool's own words.
_CLAUDE_TOOLS: Final = (("Read", 5), ("Edit", 4), ("Bash", 4), ("Grep", 2), ("Write", 1))
_OPENCODE_TOOLS: Final = (("read", 4), ("edit", 3), ("bash", 3), ("grep", 1))
_FILES: Final = ("src/main.py", "src/store.py", "web/app.ts", "web/grid.tsx", "docs/guide.md")
_RESPONSES: Final = (2, 9)
_CONTEXT_START: Final = (9_000, 28_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer of a model; buckets are disjoint, `output` includes `reasoning`."""

    ts_ms: int
    fresh: int
    cached: int
    written: int
    output: int
    reasoning: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSession:
    """One conversation of one tool in one project."""

    tool: str
    project: str
    start_ms: int
    responses: tuple[Response, ...]


def write_homes(home: str, now_ms: int, *, seed: int = SEED, days: int = DAYS) -> int:
    """
    Write the homes of Claude Code, Codex and OpenCode and their projects below `home`.

    Args:
        home: the directory that stands for the user's home.
        now_ms: end of the activity; nothing is written for later than this.
        seed: another seed invents other people.
        days: how far the activity reaches back.

    Returns:
        How many responses were written.
    """
    rng = random.Random(seed)
    for project in PROJECTS:
        _write_text(os.path.join(home, "work", project, ".git", "HEAD"), "ref: refs/heads/main\n")
    written = 0
    for session in sessions(rng, now_ms, days):
        writer = {"claude": _write_claude, "codex": _write_codex, "opencode": _write_opencode}
        writer[session.tool](rng, home, session, now_ms)
        written += len(session.responses)
    return written


def sessions(rng: random.Random, now_ms: int, days: int) -> Iterator[DemoSession]:
    """Sessions in order of time: busy weekdays, quiet weekends, one that has just been active."""
    midnight = now_ms // _DAY_MS * _DAY_MS
    for day in range(days, -1, -1):
        start = midnight - day * _DAY_MS
        weekend = datetime.fromtimestamp(start / 1000, UTC).weekday() >= 5
        count = rng.choice((0, 0, 1)) if weekend else rng.choice((2, 3, 3, 4, 5))
        for _ in range(count):
            begin = start + rng.randrange(8 * 60, 19 * 60) * _MINUTE_MS
            session = _session(rng, begin)
            if session.responses[-1].ts_ms < now_ms - 10 * _MINUTE_MS:
                yield session
    for tool, minutes in (("codex", 55), ("claude", 20)):
        begin = now_ms - minutes * _MINUTE_MS
        session = _session(rng, begin, tool)
        kept = tuple(item for item in session.responses if item.ts_ms < now_ms)
        yield DemoSession(tool=tool, project=session.project, start_ms=begin, responses=kept)


def _session(rng: random.Random, start_ms: int, tool: str = "") -> DemoSession:
    tool = tool or _pick(rng, (("claude", 6), ("codex", 3), ("opencode", 2)))
    project = _pick(rng, tuple(zip(PROJECTS, (5, 4, 2, 2, 1), strict=True)))
    context = rng.randrange(*_CONTEXT_START)
    ts_ms = start_ms + 5_000
    responses: list[Response] = []
    for turn in range(rng.randrange(2, 12)):
        for step in range(rng.randrange(*_RESPONSES)):
            # Later steps read back what earlier ones put into the cache.
            fresh = rng.randrange(4, 60) if responses else rng.randrange(300, 1_500)
            written = rng.randrange(300, 4_500)
            output = int(rng.lognormvariate(5.7, 0.9)) + 20
            responses.append(
                Response(
                    ts_ms=ts_ms,
                    fresh=fresh,
                    cached=context if turn or step else 0,
                    written=written if turn or step else context,
                    output=output,
                    reasoning=output * rng.randrange(0, 60) // 100,
                )
            )
            context = min(150_000, context + fresh + written + output)
            ts_ms += rng.randrange(4_000, 45_000)
        ts_ms += rng.randrange(20_000, 400_000)
    return DemoSession(tool=tool, project=project, start_ms=start_ms, responses=tuple(responses))


# ---------------------------------------------------------------- Claude Code


def _write_claude(rng: random.Random, home: str, session: DemoSession, _now_ms: int) -> None:
    ident = _uuid(rng)
    cwd = os.path.join(home, "work", session.project)
    model = _pick(rng, _CLAUDE_MODELS)
    base = {
        "isSidechain": False,
        "userType": "external",
        "cwd": cwd,
        "sessionId": ident,
        "version": "2.1.330",
        "gitBranch": "main",
    }
    prompt = {"role": "user", "content": ""}
    rows: list[dict[str, Any]] = [
        base
        | {
            "type": "user",
            "parentUuid": None,
            "uuid": _uuid(rng),
            "timestamp": _iso(session.start_ms),
            "message": prompt,
        }
    ]
    for response in session.responses:
        parent = rows[-1]["uuid"]
        rows.append(
            base
            | {
                "type": "assistant",
                "parentUuid": parent,
                "uuid": _uuid(rng),
                "timestamp": _iso(response.ts_ms),
                "requestId": f"req_{_ident(rng)}",
                "message": {
                    "id": f"msg_{_ident(rng)}",
                    "type": "message",
                    "role": "assistant",
                    "model": model,
                    "content": _claude_content(rng, cwd),
                    "stop_reason": "tool_use",
                    "usage": {
                        "input_tokens": response.fresh,
                        "cache_creation_input_tokens": response.written,
                        "cache_read_input_tokens": response.cached,
                        "output_tokens": response.output,
                        "service_tier": "standard",
                        "cache_creation": {
                            "ephemeral_5m_input_tokens": 0,
                            "ephemeral_1h_input_tokens": response.written,
                        },
                    },
                },
            }
        )
    folder = "".join(char if char.isalnum() else "-" for char in cwd)
    path = os.path.join(home, ".claude", "projects", folder, f"{ident}.jsonl")
    _write_rows(path, rows)


def _claude_content(rng: random.Random, cwd: str) -> list[dict[str, Any]]:
    name = _pick(rng, _CLAUDE_TOOLS)
    given: dict[str, Any] = {}
    if name in {"Read", "Edit", "Write"}:
        given["file_path"] = os.path.join(cwd, rng.choice(_FILES))
    return [{"type": "tool_use", "id": f"toolu_{_ident(rng)}", "name": name, "input": given}]


# ---------------------------------------------------------------------- Codex


def _write_codex(rng: random.Random, home: str, session: DemoSession, now_ms: int) -> None:
    ident = _uuid(rng)
    cwd = os.path.join(home, "work", session.project)
    model = _pick(rng, _CODEX_MODELS)
    turn_id = _uuid(rng)
    rows = [
        _codex_row(
            session.start_ms,
            "session_meta",
            {
                "id": ident,
                "timestamp": _iso(session.start_ms),
                "cwd": cwd,
                "originator": "codex_cli_rs",
                "cli_version": "0.98.0",
                "source": "cli",
                "model_provider": "openai",
                "git": {"branch": "main"},
            },
        ),
        _codex_row(
            session.start_ms + 3, "turn_context", {"turn_id": turn_id, "cwd": cwd, "model": model}
        ),
    ]
    total = dict.fromkeys(
        ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens"), 0
    )
    for response in session.responses:
        last = {
            # Codex counts cached tokens into the input and has no price for writing the cache.
            "input_tokens": response.fresh + response.written + response.cached,
            "cached_input_tokens": response.cached,
            "output_tokens": response.output,
            "reasoning_output_tokens": response.reasoning,
        }
        total = {key: total[key] + last[key] for key in total}
        info = {
            "total_token_usage": _codex_sum(total),
            "last_token_usage": _codex_sum(last),
            "model_context_window": 272_000,
        }
        limits = _codex_limits(response.ts_ms, now_ms)
        payload = {"type": "token_count", "info": info, "rate_limits": limits}
        rows.append(_codex_row(response.ts_ms, "event_msg", payload))
    moment = datetime.fromtimestamp(session.start_ms / 1000, UTC)
    name = f"rollout-{moment:%Y-%m-%dT%H-%M-%S}-{ident}.jsonl"
    _write_rows(os.path.join(home, ".codex", "sessions", f"{moment:%Y/%m/%d}", name), rows)


def _codex_row(ts_ms: int, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": _iso(ts_ms), "type": kind, "payload": payload}


def _codex_sum(tokens: dict[str, int]) -> dict[str, int]:
    return tokens | {"total_tokens": tokens["input_tokens"] + tokens["output_tokens"]}


def _codex_limits(ts_ms: int, now_ms: int) -> dict[str, Any]:
    """Windows that end two hours and four days after the demo's own now, filling as time passes."""
    primary_end = now_ms + 2 * 60 * _MINUTE_MS
    secondary_end = now_ms + 4 * _DAY_MS
    back = (primary_end - ts_ms) // (300 * _MINUTE_MS)
    age = 1 - (primary_end - back * 300 * _MINUTE_MS - ts_ms) / (300 * _MINUTE_MS)
    week_back = (secondary_end - ts_ms) // (7 * _DAY_MS)
    week_age = 1 - (secondary_end - week_back * 7 * _DAY_MS - ts_ms) / (7 * _DAY_MS)
    return {
        "limit_id": "codex",
        "primary": {
            "used_percent": round(62.0 * age, 1),
            "window_minutes": 300,
            "resets_at": (primary_end - back * 300 * _MINUTE_MS) // 1000,
        },
        "secondary": {
            "used_percent": round(81.0 * week_age, 1),
            "window_minutes": 10_080,
            "resets_at": (secondary_end - week_back * 7 * _DAY_MS) // 1000,
        },
        "plan_type": "plus",
    }


# ------------------------------------------------------------------- OpenCode


def _write_opencode(rng: random.Random, home: str, session: DemoSession, _now_ms: int) -> None:
    storage = os.path.join(home, ".local", "share", "opencode", "storage")
    cwd = os.path.join(home, "work", session.project)
    provider, model = _OPENCODE_MODEL
    ident = f"ses_{_ident(rng)}"
    info = {
        "id": ident,
        "version": "1.1.11",
        "projectID": "global",
        "directory": cwd,
        "title": "",
        "time": {"created": session.start_ms, "updated": session.responses[-1].ts_ms},
    }
    _write_json(os.path.join(storage, "session", "global", f"{ident}.json"), info)
    for response in session.responses:
        message = f"msg_{_ident(rng)}"
        body = {
            "id": message,
            "sessionID": ident,
            "role": "assistant",
            "time": {"created": response.ts_ms, "completed": response.ts_ms + 2_500},
            "modelID": model,
            "providerID": provider,
            "mode": "build",
            "agent": "build",
            "path": {"cwd": cwd, "root": cwd},
            "cost": 0,
            "tokens": {
                "input": response.fresh + response.written,
                "output": response.output,
                "reasoning": response.reasoning,
                "cache": {"read": response.cached, "write": 0},
            },
            "finish": "tool-calls",
        }
        _write_json(os.path.join(storage, "message", ident, f"{message}.json"), body)
        part = {
            "id": f"prt_{_ident(rng)}",
            "sessionID": ident,
            "messageID": message,
            "type": "tool",
            "callID": f"call_{_ident(rng)}",
            "tool": _pick(rng, _OPENCODE_TOOLS),
            "state": {
                "status": "completed",
                "input": {},
                "time": {"start": response.ts_ms, "end": response.ts_ms + 900},
            },
        }
        _write_json(os.path.join(storage, "part", message, f"{part['id']}.json"), part)


# -------------------------------------------------------------------- writing


def _pick(rng: random.Random, weighted: tuple[tuple[str, int], ...]) -> str:
    names, weights = zip(*weighted, strict=True)
    return str(rng.choices(names, weights)[0])


def _ident(rng: random.Random) -> str:
    return f"demo{rng.getrandbits(80):020x}"


def _uuid(rng: random.Random) -> str:
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _iso(ts_ms: int) -> str:
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ts_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_rows(path: str, rows: list[dict[str, Any]]) -> None:
    _write_text(path, "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


def _write_json(path: str, value: dict[str, Any]) -> None:
    _write_text(path, json.dumps(value))


def _write_text(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
