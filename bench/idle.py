"""What the daemon costs while nothing happens, and what one new event costs the disk."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import corpus, process_figures
from tests.support import hooks
from tests.support.daemon import Daemon
from tests.support.waiting import wait_until

MB = 1_000_000
RESPONSES = 5
TOOLS = 8
ROW_PAUSE_S = 0.1
"""A fast agent: real ones take seconds between rows, which share fewer commits."""


def run(quick: bool) -> list[tuple[str, float, str]]:
    """CPU as % of a core, memory, bytes written; then a stream of turns with logs and hooks."""
    seconds = 5.0 if quick else 60.0
    turns = 5 if quick else 25
    with corpus.fresh_home() as (home, daemon):
        corpus.put_events(daemon, 20_000 if quick else 200_000)
        corpus.put_logs(home, True)
        daemon.start()
        corpus.settle(daemon)
        _quiet(daemon)
        before = process_figures.of(daemon.pid)
        time.sleep(seconds)
        after = process_figures.of(daemon.pid)
        rows = [
            ("idle_cpu", (after.cpu_s - before.cpu_s) / seconds * 100, "%"),
            ("idle_rss", after.rss_bytes / MB, "MB"),
            ("idle_written", float(after.written_bytes - before.written_bytes), "B"),
            ("idle_wakeups", (after.wakeups - before.wakeups) / seconds, "/s"),
        ]
        rows += _stream(daemon, home, turns)
        # The same with a hook after every tool call, each of which is a commit of its own.
        return rows + _stream(daemon, home, turns, tool_hooks=True)


def _quiet(daemon: Daemon) -> None:
    """Wait until the process has written nothing for two seconds."""
    last = [-1, 0.0]

    def quiet() -> bool:
        written = process_figures.of(daemon.pid).written_bytes
        if written != last[0]:
            last[:] = [written, time.monotonic()]
        return time.monotonic() - last[1] > 2.0

    wait_until(quiet, 60.0, "a quiet daemon")


def _stream(
    daemon: Daemon, home: Path, turns: int, *, tool_hooks: bool = False
) -> list[tuple[str, float, str]]:
    """Turns of one live session at an agent's pace: rows one by one, a hook after each turn."""
    session = f"11111111-2222-4333-8444-{tool_hooks:012d}"
    suffix = "_with_tool_hooks" if tool_hooks else ""
    path = home / ".claude" / "projects" / "-home-dev-shop" / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = daemon.call("status")["events"]["stored"]
    before = process_figures.of(daemon.pid)
    lags = []
    for turn in range(turns):
        for number in range(RESPONSES):
            ident = f"{tool_hooks:d}{turn:05d}{number}"
            time.sleep(ROW_PAUSE_S)
            tools = 2 if number < TOOLS // 2 else 0
            _append(path, _response(session, ident, tools))
            for tool in range(tools):
                time.sleep(ROW_PAUSE_S)
                _append(path, _result(session, f"{ident}{tool}"))
                if not tool_hooks:
                    continue
                payload = hooks.post_tool_use(
                    session, f"toolu_{ident}{tool}", transcript=str(path), tool="Bash"
                )
                hooks.finish_hook(hooks.start_hook(hooks.CLAUDE_HOOK, daemon.env, payload))
        payload = hooks.stop(session, f"prompt-{tool_hooks:d}{turn}", transcript=str(path))
        hooks.finish_hook(hooks.start_hook(hooks.CLAUDE_HOOK, daemon.env, payload))
        began = time.monotonic()
        goal = stored + (turn + 1) * (RESPONSES + TOOLS + 1)
        wait_until(lambda: daemon.call("status")["events"]["stored"] >= goal, 10.0, f"turn {turn}")  # noqa: B023
        lags.append((time.monotonic() - began) * 1000)
    after = process_figures.of(daemon.pid)
    events = turns * (RESPONSES + TOOLS + 1)
    found = daemon.call("status")["events"]["stored"] - stored
    if found != events:
        raise AssertionError(f"{found} events stored of {events}")
    return [
        (f"stream_events{suffix}", float(events), "events"),
        (f"written_per_event{suffix}", (after.written_bytes - before.written_bytes) / events, "B"),
        (f"stream_cpu_per_event{suffix}", (after.cpu_s - before.cpu_s) / events * 1000, "ms"),
        (f"turn_visible_after_hook_p50{suffix}", process_figures.quantile(lags, 0.5), "ms"),
        (f"turn_visible_after_hook_p99{suffix}", process_figures.quantile(lags, 0.99), "ms"),
    ]


def _append(path: Path, row: dict[str, object]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, separators=(",", ":")) + "\n")


def _base(session: str) -> dict[str, object]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "isSidechain": False,
        "timestamp": now,
        "cwd": "/home/dev/shop",
        "sessionId": session,
        "version": "2.1.330",
        "gitBranch": "main",
    }


def _response(session: str, ident: str, tools: int) -> dict[str, object]:
    blocks: list[dict[str, object]] = [{"type": "text", "text": "word " * 200}]
    for tool in range(tools):
        call = {"id": f"toolu_{ident}{tool}", "name": "Bash", "input": {"command": "echo " * 20}}
        blocks.append({"type": "tool_use", **call})
    usage = {
        "input_tokens": 12,
        "cache_creation_input_tokens": 900,
        "cache_read_input_tokens": 40_000,
        "output_tokens": 210,
        "cache_creation": {"ephemeral_5m_input_tokens": 900, "ephemeral_1h_input_tokens": 0},
    }
    message = {
        "id": f"msg_live{ident}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": blocks,
        "stop_reason": "tool_use" if tools else "end_turn",
        "usage": usage,
    }
    return {
        **_base(session),
        "type": "assistant",
        "uuid": f"u-{ident}",
        "requestId": f"req_live{ident}",
        "message": message,
    }


def _result(session: str, ident: str) -> dict[str, object]:
    block = {"tool_use_id": f"toolu_{ident}", "type": "tool_result", "content": "line\n" * 300}
    return {
        **_base(session),
        "type": "user",
        "uuid": f"r-{ident}",
        "message": {"role": "user", "content": [block]},
    }
