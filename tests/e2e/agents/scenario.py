"""
Runs inside the sandbox: the mock server, the real agents, the daemon before or after them.

    python -m tests.e2e.agents.scenario RESULT.json up|down|restarted CLAUDE CODEX OPENCODE

The daemon answers all the time, only afterwards, or is killed after each agent's first run and
comes back after its second.

Writes what was served and what the daemon found; the test outside compares.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from watchdog.events import FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from openusage_proto import locations
from tests.e2e.agents import wiring
from tests.support import client
from tests.support.daemon import Daemon
from tests.support.mock_dialects import agent_ids
from tests.support.mock_llm import MockLLM
from tests.support.waiting import wait_until

Json = dict[str, Any]
AGENT_TIMEOUT_S = 90
COUNTED = ("input", "cache_read", "cache_write", "output")
"""The sums of `client.Counts`, in its order."""
HOME = Path(os.environ["HOME"])

TURN = [
    {
        "text": "Running it.",
        "think": "Planning.",
        "shell": "echo hello-from-mock",
        "usage": {"input": 101, "cache_read": 2003, "cache_write": 307, "output": 53},
    },
    {
        "text": "All done.",
        "usage": {"input": 59, "cache_read": 2310, "cache_write": 83, "output": 29},
    },
]
REASONING_TURN = [
    {**TURN[0], "usage": {**TURN[0]["usage"], "output": 67, "reasoning": 19}},
    TURN[1],
]
"""For the dialects that report reasoning."""
DELEGATION = [
    {
        "match": "delegate",
        "text": "Delegating.",
        "tools": [
            {
                "name": "Agent",
                "input": {
                    "description": "count files",
                    "prompt": "SUBTASK count files",
                    "subagent_type": "general-purpose",
                    "run_in_background": False,
                },
            }
        ],
        "usage": {"input": 211, "cache_read": 1009, "cache_write": 401, "output": 61},
    },
    {
        "match": "SUBTASK",
        "text": "Looking.",
        "shell": "echo sub-hello",
        "usage": {"input": 307, "cache_read": 503, "cache_write": 109, "output": 37},
    },
    {
        "match": "SUBTASK",
        "text": "There are 2 files.",
        "usage": {"input": 311, "cache_read": 613, "cache_write": 13, "output": 41},
    },
    {
        "text": "The agent says 2.",
        "usage": {"input": 223, "cache_read": 1411, "cache_write": 97, "output": 43},
    },
]


def wait_for_all(body: Json) -> Json:
    """Codex's tool that waits for the sub-agents of this conversation."""
    return {"targets": agent_ids(body), "timeout_ms": 60_000}


def codex_delegation(*, copied: bool) -> list[Json]:
    """A sub-agent that runs a command; `copied`: its thread begins with the parent's history."""
    task = {"message": "SUBTASK count files", "fork_context": copied}
    return [
        {
            "match": "delegate",
            "text": "Delegating.",
            "tools": [{"name": "multi_agent_v1/spawn_agent", "input": task}],
            "usage": {"input": 211, "cache_read": 1009, "cache_write": 401, "output": 61},
        },
        {
            "match": "SUBTASK",
            "text": "Looking.",
            "shell": "echo hello-from-mock",
            "usage": {"input": 307, "cache_read": 503, "cache_write": 109, "output": 37},
        },
        {
            "match": "SUBTASK",
            "text": "There are 2 files.",
            "usage": {"input": 311, "cache_read": 613, "cache_write": 13, "output": 41},
        },
        {
            "match": "delegate",
            "text": "Waiting.",
            "tools": [{"name": "multi_agent_v1/wait_agent", "input": wait_for_all}],
            "usage": {"input": 227, "cache_read": 1201, "cache_write": 19, "output": 23},
        },
        {
            "text": "The agent says 2.",
            "usage": {"input": 223, "cache_read": 1411, "cache_write": 97, "output": 43},
        },
    ]


BUSY = [
    {"status": 529, "error": {"type": "overloaded_error", "message": "scripted"}},
    {
        "text": "After a retry.",
        "usage": {"input": 71, "cache_read": 5, "cache_write": 0, "output": 19},
    },
]


def without_cache_writes(turns: list[Json]) -> list[Json]:
    """The chat dialect has no field for cache writes."""
    return [{**turn, "usage": {**turn["usage"], "cache_write": 0}} for turn in turns]


def run(command: list[str], extra: Mapping[str, str]) -> str:
    """Run an agent in the project directory; its standard output."""
    project = str(HOME / "proj")
    done = subprocess.run(
        command,
        env={**os.environ, **extra, "PWD": project},
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=AGENT_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def claude(binary: str, mock: MockLLM) -> Iterator[str]:
    """A turn, the same session resumed and forked, a sub-agent, a retried request."""
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-dummy",
        "ANTHROPIC_BASE_URL": mock.url,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
    }
    base = [binary, "--output-format", "json", "--model", wiring.MODELS["claude"]]

    def ask(turns: list[Json], text: str, *flags: str) -> str:
        mock.load(turns)
        return str(json.loads(run([*base, "-p", text, *flags], env))["session_id"])

    session = ask(TURN, "hi")
    yield session
    yield ask(TURN, "again", "--resume", session)
    yield ask(TURN, "forked", "--resume", session, "--fork-session")
    yield ask(DELEGATION, "delegate please")
    yield ask(BUSY, "busy")


def codex(binary: str, mock: MockLLM) -> Iterator[str]:
    """A turn, resumed, forked; a sub-agent with a thread of its own and one with a copied one."""
    env = {"MOCK_KEY": "dummy"}
    flags = ["--skip-git-repo-check", "--json", "--dangerously-bypass-hook-trust"]

    def ask(turns: list[Json], text: str, *middle: str) -> str:
        mock.load(turns)
        lines = run([binary, "exec", *middle, *flags, text], env).splitlines()
        rows = [json.loads(line) for line in lines if line.startswith("{")]
        return next((row["thread_id"] for row in rows if row["type"] == "thread.started"), "")

    thread = ask(REASONING_TURN, "first")
    yield thread
    yield ask(REASONING_TURN, "second", "resume", thread)
    yield ask(REASONING_TURN, "forked", "fork", thread)
    yield ask(codex_delegation(copied=False), "delegate please")
    yield ask(codex_delegation(copied=True), "delegate please", "resume", thread)


def opencode(binary: str, mock: MockLLM) -> Iterator[str]:
    """A turn, the same session continued, forked, and continued with another provider's model."""
    env = {
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        "npm_config_fetch_retries": "0",
    }
    for text, flags, turns in (
        ("hi", (), without_cache_writes(REASONING_TURN)),
        ("again", ("--continue",), without_cache_writes(REASONING_TURN)),
        ("fork", ("--continue", "--fork"), without_cache_writes(REASONING_TURN)),
        ("other", ("--continue", "--model", f"anthropic/{wiring.SECOND}"), TURN),
        ("new", ("--model", f"anthropic/{wiring.SECOND}"), TURN),
    ):
        mock.load(turns)
        yield run([binary, "run", *flags, text], env)


RUNS: dict[str, Callable[[str, MockLLM], Iterator[str]]] = {
    "claude_code": claude,
    "codex": codex,
    "opencode": opencode,
}


def found(daemon: Daemon) -> dict[str, Json]:
    """What the daemon holds per provider module."""
    model = daemon.call("read_model", window="all", tz="UTC")
    out: dict[str, Json] = {}
    for account in model["accounts"]:
        usage = account["usage"]
        totals = usage["totals"]
        out[account["provider_id"]] = {
            "input": totals["input_tokens"],
            "cache_read": totals["cache_read_tokens"],
            "cache_write": totals["cache_creation_tokens"],
            "output": totals["output_tokens"],
            "reasoning": totals["reasoning_tokens"],
            "requests": totals["requests"],
            "turns": usage["turns"],
            "tools": {row["name"]: row["calls"] for row in usage["tools"]},
            "models": [row["name"] for row in usage["models"]],
        }
    return out


def daily(daemon: Daemon) -> dict[str, Json]:
    """What `openusage daily` prints, summed per model."""
    sums: dict[str, Json] = {}
    for (_, model), counts in client.daily(daemon.env, "UTC").items():
        into = sums.setdefault(model, dict.fromkeys(COUNTED, 0))
        for kind, count in zip(COUNTED, counts, strict=True):
            into[kind] += count
    return sums


def spooled() -> int:
    """Files that wait for the daemon."""
    try:
        return sum(name.endswith(".json") for name in os.listdir(locations.spool_dir()))
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def put_into_the_spool() -> Iterator[set[str]]:
    """
    The names of all files that hooks leave for the daemon, however short they lie there.

    A hook whose answer comes too late leaves one beside a running daemon, too, which takes it at
    once: whether it is seen by looking now and then is chance.
    """
    names: set[str] = set()

    class Put(FileSystemEventHandler):
        def on_moved(self, event: FileSystemEvent) -> None:
            if isinstance(event, FileMovedEvent) and str(event.dest_path).endswith(".json"):
                names.add(os.path.basename(str(event.dest_path)))

    os.makedirs(locations.spool_dir(), mode=0o700, exist_ok=True)
    observer = Observer()
    observer.schedule(Put(), locations.spool_dir())
    observer.start()
    try:
        yield names
    finally:
        observer.stop()
        observer.join()


def main(argv: list[str]) -> int:
    """Run the scenario and write its result."""
    result_path, mode, *binaries = argv
    settings = Path(locations.settings_path())
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"telemetry": {"poll": False}}), encoding="utf-8")
    result: Json = {"served": {}, "runs": {}, "spooled": 0}
    daemon = Daemon()
    with MockLLM() as mock, contextlib.ExitStack() as watching:
        wiring.wire_all(HOME, mock.url)
        daemon.start()
        wiring.install_hooks(daemon.env)
        put = watching.enter_context(put_into_the_spool())
        if mode == "down":
            daemon.stop()
        try:
            for (name, agent), binary in zip(RUNS.items(), binaries, strict=True):
                before = len(mock.served)
                for number, _ in enumerate(agent(binary, mock), 1):
                    result["runs"][name] = number
                    if mode == "restarted" and number == 1:
                        daemon.kill()
                    elif mode == "restarted" and number == 2:
                        result["spooled"] += spooled()
                        daemon.start()
                result["served"][name] = mock.totals(before)
            result["spooled"] += spooled()
            result["served_by_model"] = mock.by_model()
            if mode == "down":
                daemon.start()
            wait_for_served(daemon, result["served"])
            daemon.call("refresh", wait=True)
            wait_until(lambda: spooled() == 0, 20.0, "an empty spool")
            result["found"] = found(daemon)
            result["daily"] = daily(daemon)
            result["status"] = daemon.call("status")
            result["put"] = len(put)
            daemon.restart(kill=True)
            daemon.call("refresh", wait=True)
            result["found_after_restart"] = found(daemon)
            result["integrations"] = daemon.call("integrations")["integrations"]
            result["left"] = wiring.uninstall_hooks(HOME, daemon.env)
        finally:
            daemon.kill()
    Path(result_path).write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 0


def wait_for_served(daemon: Daemon, served: dict[str, dict[str, int]]) -> None:
    """Wait, without asking for a scan, until every agent's output count has arrived."""

    def complete() -> bool:
        now = found(daemon)
        return all(
            now.get(name, {}).get("output", 0) >= counts["output"]
            for name, counts in served.items()
        )

    try:
        wait_until(complete, 30.0, "all that was served")
    except AssertionError as error:
        print(error, file=sys.stderr)  # the comparison outside says what is missing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
