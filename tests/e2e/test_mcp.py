"""`openusage mcp` as an agent uses it: the protocol's own client over stdio, a real daemon."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import Client, StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, Tool

from openusage_client.mcp.tools import TOOLS
from openusage_proto import locations
from tests.support.client import ENTRY, report, run_client
from tests.support.daemon import REPOSITORY, Daemon
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SONNET = "claude-sonnet-4-5"
SECRETS = ("someone@example.com", "sk-ant-planted", "the prompt text", ".jsonl")


def connected(
    home: Path, scenario: Callable[[Client], Awaitable[Any]], *flags: str, mode: str = "auto"
) -> Any:
    """What the scenario returns of a client that has started the server itself."""

    async def go() -> Any:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=[str(ENTRY), "mcp", *flags],
            env=dict(os.environ),
            cwd=REPOSITORY,
        )
        with (home / "server.stderr").open("w") as errors:
            async with Client(stdio_client(parameters, errlog=errors), mode=mode) as client:
                return await scenario(client)

    found = asyncio.run(go())
    assert (home / "server.stderr").read_text() == ""
    return found


def called(home: Path, *calls: tuple[str, dict[str, Any]], mode: str = "auto") -> list[Any]:
    """The structured answers of several calls to one server, each checked."""

    async def scenario(client: Client) -> list[CallToolResult]:
        return [await client.call_tool(name, arguments) for name, arguments in calls]

    answers = []
    for (name, _), result in zip(calls, connected(home, scenario, mode=mode), strict=True):
        assert not result.is_error, result.content[0].text
        (schema,) = (tool.output_schema for tool in TOOLS if tool.name == name)
        assert list(Draft202012Validator(schema).iter_errors(result.structured_content)) == []
        assert json.loads(result.content[0].text) == result.structured_content
        answers.append(result.structured_content)
    return answers


def refused(home: Path, *calls: tuple[str, dict[str, Any]], flags: tuple[str, ...] = ()) -> Any:
    """The sentences of calls that are all tool errors."""

    async def scenario(client: Client) -> list[str]:
        results = [await client.call_tool(name, arguments) for name, arguments in calls]
        assert all(result.is_error and not result.structured_content for result in results)
        return [result.content[0].text for result in results]

    return connected(home, scenario, *flags)


def at(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


@pytest.fixture
def filled(daemon: Daemon, home: Path) -> Daemon:
    """Three days, two projects, a session with a tool call, limits from a status line."""
    shop, api = home / "shop", home / "api"
    for repository in (shop, api):
        (repository / ".git").mkdir(parents=True)
    (home / ".claude" / "projects").mkdir(parents=True)
    daemon.start()
    for number, (when, cwd, model, more) in enumerate(
        [
            (at(), shop, SONNET, {}),
            (at(days=3), shop, SONNET, {"session_id": "older"}),
            (at(days=60), api, "mystery-1", {"session_id": "oldest"}),
        ]
    ):
        turn = {
            "occurred_at": when,
            "provider": "anthropic",
            "model": model,
            "session_id": "newest",
            "message_id": f"msg_{number}",
            "cwd": str(cwd),
            "branch": "main",
            "input_tokens": 1000 * (number + 1),
            "cache_read_tokens": 10,
            "output_tokens": 100,
            **more,
        }
        daemon.call("ingest_turn", source="claude_code", account_id="claude-code", turn=turn)
    daemon.call(
        "ingest_turn",
        source="claude_code",
        account_id="claude-code",
        turn={
            "event_type": "tool_usage",
            "occurred_at": at(),
            "session_id": "newest",
            "tool_call_id": "toolu_1",
            "tool_name": "Bash",
        },
    )
    line = {
        "session_id": "newest",
        "rate_limits": {"five_hour": {"used_percentage": 42.0, "resets_at": time.time() + 9000}},
    }
    run_client(os.environ, "statusline", stdin=json.dumps(line))
    return daemon


@pytest.mark.measured
@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_tools_are_offered_with_their_schemas(home: Path, daemon: Daemon, mode: str) -> None:
    """Hosts of either protocol see every tool, read-only, with closed and valid schemas."""
    daemon.start()

    async def scenario(client: Client) -> list[Tool]:
        return (await client.list_tools()).tools

    tools = connected(home, scenario, mode=mode)
    assert [tool.name for tool in tools] == [tool.name for tool in TOOLS]
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.output_schema is not None
        for schema in (tool.input_schema, tool.output_schema):
            Draft202012Validator.check_schema(schema)
            assert schema["additionalProperties"] is False
        assert all(
            len(part.get("description", "")) for part in tool.input_schema["properties"].values()
        )
    (answer,) = called(home, ("usage", {"period": "all"}), mode=mode)
    assert answer["totals"]["requests"] == 0


@pytest.mark.measured
def test_usage_is_what_the_reports_say(home: Path, filled: Daemon) -> None:
    """Every group has the rows of its report, every period its days, to the token."""
    daily, models, projects, today, week, total, top = called(
        home,
        ("usage", {"period": "all", "group": "day", "timezone": "UTC"}),
        ("usage", {"period": "all", "group": "model"}),
        ("usage", {"period": "30d", "group": "project"}),
        ("usage", {}),
        ("usage", {"period": "7d", "project": "shop"}),
        ("usage", {"period": "all", "model": SONNET, "provider": "anthropic"}),
        ("usage", {"period": "all", "group": "model", "top": 1}),
    )
    wanted = report(os.environ, "daily", "-z", "UTC")
    assert [(row["key"], row["total_tokens"], row["cost_usd"]) for row in daily["rows"]] == [
        (row["key"], row["total_tokens"], row["cost_usd"] or None) for row in wanted["rows"]
    ]
    assert daily["totals"]["total_tokens"] == wanted["totals"]["total_tokens"] == 6330
    assert {row["name"]: row["cost_usd"] for row in models["rows"]}["mystery-1"] is None
    assert models["unpriced_models"] == ["mystery-1"]
    assert any("no price is known for: mystery-1" in note for note in models["notes"])
    assert [(row["name"], row["total_tokens"]) for row in projects["rows"]] == [("shop", 3220)]
    assert (today["rows"], today["totals"]["total_tokens"]) == ([], 1110)
    assert today["period"]["since"] == today["period"]["until"]
    assert week["totals"]["total_tokens"] == 3220
    assert total["totals"]["input_tokens"] == 3000
    assert [row["key"] for row in top["rows"]] == [SONNET, "(others)"]


def test_limits_sessions_and_explanations(home: Path, filled: Daemon) -> None:
    """Limits are per cent used with their reset; a session opens; parts add up to the figure."""

    def five_hours() -> Any:
        (found,) = called(home, ("limits", {"account": "claude-code"}))
        return [item for item in found["accounts"][0]["limits"] if item["window"] == "5h"]

    (limit,) = wait_until(five_hours, 20.0, "the limit that the status line told")
    assert limit["used_percent"] == 42.0
    assert 8000 < limit["resets_in_seconds"] <= 9000
    assert limit["projected_percent"] == pytest.approx(84.0, abs=2)

    listed, everything, opened, explained = called(
        home,
        ("sessions", {}),
        ("sessions", {"period": "all", "sort": "tokens", "limit": 1}),
        ("sessions", {"session": "newest"}),
        ("explain", {"report": "models", "key": SONNET}),
    )
    assert [row["session_id"] for row in listed["sessions"]] == ["newest", "older"]
    assert listed["sessions"][0]["project"] == "shop"
    assert listed["sessions"][0]["tool_calls"] == 1
    assert (everything["total"], everything["sessions"][0]["session_id"]) == (3, "oldest")
    assert [turn["input_tokens"] for turn in opened["turns"]] == [1000]
    assert opened["turns"][0]["tools"] == [{"name": "Bash", "calls": 1, "errors": 0}]
    assert explained["totals"]["total_tokens"] == 3220
    assert sum(part["total_tokens"] for part in explained["parts"]) == 3220
    assert explained["cost"]["calculated_usd"] == pytest.approx(explained["totals"]["cost_usd"])


def test_budgets_stand_as_the_command_says(home: Path, filled: Daemon) -> None:
    """What may be spent and what is; no directory; an unknown budget is named."""
    (none,) = called(home, ("budget", {}))
    assert none == {
        "timezone": none["timezone"],
        "budgets": [],
        "notes": ["the user has set no budget"],
    }
    run_client(os.environ, "budget", "set", "all", "200")
    run_client(os.environ, "budget", "set", "shop", "0.01", "--project", str(home / "shop"))
    everything, one = called(home, ("budget", {}), ("budget", {"id": "shop"}))
    wanted = json.loads(run_client(os.environ, "budget", "--json").stdout)["budgets"]
    assert [(item["id"], item["spent"], item["over"]) for item in everything["budgets"]] == [
        (item["id"], item["spent"], item["over"]) for item in wanted
    ]
    (shop,) = one["budgets"]
    assert (shop["project"], shop["amount"], shop["currency"]) == ("shop", 0.01, "USD")
    assert shop["used_percent"] == pytest.approx(shop["spent"] / 0.01 * 100)
    assert shop["spent"] > 0.004
    assert str(home) not in json.dumps(everything)
    assert "there is no 'nope'" in refused(home, ("budget", {"id": "nope"}))[0]


def test_nothing_private_is_answered(home: Path, daemon: Daemon) -> None:
    """No directory, file name, address or text of the user's records reaches the host."""
    logs = home / ".claude" / "projects" / "-h-shop"
    logs.mkdir(parents=True)
    (home / "shop" / ".git").mkdir(parents=True)
    (home / ".claude.json").write_text('{"oauthAccount": {"emailAddress": "someone@example.com"}}')
    line = {
        "type": "assistant",
        "sessionId": "s1",
        "requestId": "req_1",
        "uuid": "u1",
        "timestamp": at(minutes=5),
        "cwd": str(home / "shop"),
        "message": {
            "id": "msg_1",
            "model": SONNET,
            "role": "assistant",
            "content": [{"type": "text", "text": "the prompt text sk-ant-planted"}],
            "usage": {"input_tokens": 7, "output_tokens": 3},
        },
    }
    (logs / "s1.jsonl").write_text(json.dumps(line) + "\n")
    daemon.start()
    daemon.wait_idle()
    answers = called(
        home,
        ("usage", {"group": "session", "period": "30d"}),
        ("limits", {}),
        ("sessions", {}),
        ("sessions", {"session": "s1"}),
        ("explain", {"report": "session", "key": "s1"}),
        ("explain", {"report": "total"}),
    )
    assert answers[0]["totals"]["total_tokens"] == 10
    text = json.dumps(answers)
    for secret in (*SECRETS, str(home)):
        assert secret not in text


WRONG = (
    ("usage", {"perid": "7d"}, "there is no argument 'perid'; did you mean period?"),
    ("usage", {"xyz": 1}, "there is no argument 'xyz'; known: period, since"),
    ("usage", {"period": "fortnight"}, "period: 'fortnight' is not one of ['today'"),
    ("usage", {"top": 0}, "top: 0 is less than the minimum of 1"),
    ("usage", {"since": "2026-13-01"}, "since: '2026-13-01' is no date; write YYYY-MM-DD"),
    (
        "usage",
        {"since": "2026-03-02", "until": "2026-03-01"},
        "since 2026-03-02 is after until 2026-03-01; swap them",
    ),
    ("usage", {"timezone": "Europe/Berlyn"}, "did you mean Europe/Berlin"),
    ("usage", {"project": "shpo"}, "did you mean shop"),
    ("limits", {"account": "nobody"}, "no account matches; known: "),
    ("sessions", {"session": "nope"}, "there is no session 'nope'"),
    ("explain", {}, "'report' is a required property"),
    ("explain", {"report": "daily"}, "`explain daily` needs a day, YYYY-MM-DD"),
    ("explain", {"report": "daily", "key": "today"}, "'today' is no date"),
)


@pytest.mark.measured
def test_mistakes_are_tool_errors_with_helpful_sentences(home: Path, filled: Daemon) -> None:
    """A model can correct itself by what an error says; a tool that is none is the host's."""
    said = refused(home, *((name, arguments) for name, arguments, _ in WRONG))
    for sentence, (name, arguments, wanted) in zip(said, WRONG, strict=True):
        assert wanted in sentence, (name, arguments)

    async def unknown(client: Client) -> str:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("delete_everything", {})
        return str(caught.value)

    assert "there is no tool 'delete_everything'" in connected(home, unknown)


@pytest.mark.measured
def test_the_daemon_is_started_and_may_come_back(home: Path, daemon: Daemon) -> None:
    """The first call starts a daemon; with --no-autostart it says so until there is one again."""
    (answer,) = called(home, ("limits", {}))
    assert answer["accounts"] == []
    with Daemon().wire() as wire:
        assert wire.call("status")["uptime_s"] >= 0
    os.kill(int(Path(locations.lock_path()).read_text()), signal.SIGKILL)

    async def scenario(client: Client) -> tuple[CallToolResult, CallToolResult]:
        lost = await client.call_tool("usage", {})
        daemon.start()
        return lost, await client.call_tool("usage", {})

    lost, found = connected(home, scenario, "--no-autostart")
    assert lost.is_error
    assert "start it with `openusaged start`" in lost.content[0].text
    assert not found.is_error


def test_calls_run_side_by_side(home: Path, filled: Daemon) -> None:
    """Forty calls at once are all answered, each with its own answer."""

    async def scenario(client: Client) -> list[int]:
        periods = ("all", "7d") * 20
        results = await asyncio.gather(
            *(client.call_tool("usage", {"period": period}) for period in periods)
        )
        return [result.structured_content["totals"]["total_tokens"] for result in results]

    assert connected(home, scenario) == [6330, 3220] * 20


@pytest.mark.measured
@pytest.mark.parametrize("missing", ["mcp", "jsonschema"])
def test_without_the_extra_it_says_what_to_install(home: Path, missing: str) -> None:
    """One sentence and exit 1; completion, manual and help need no SDK."""
    code = f"import sys; sys.modules[{missing!r}] = None; from openusage_client.cli import main;"
    for arguments, exit_code in ((["mcp"], 1), (["mcp", "--help"], 0), (["man", "mcp"], 0)):
        done = subprocess.run(
            [sys.executable, "-c", f"{code} sys.exit(main({arguments!r}))"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=REPOSITORY,
        )
        assert done.returncode == exit_code, done.stderr
        if exit_code:
            assert done.stderr.count("\n") == 1
            assert "pip install 'openusage[mcp]'" in done.stderr


@pytest.mark.measured
def test_on_a_terminal_it_says_how_it_is_used(home: Path) -> None:
    """Who types it gets the line that adds it to an agent, and the prompt back."""
    parent, child = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, str(ENTRY), "mcp"],
            stdin=child,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=REPOSITORY,
        )
    finally:
        os.close(parent)
        os.close(child)
    assert done.returncode == 0
    assert "claude mcp add openusage -- openusage mcp" in done.stdout


@pytest.mark.measured
def test_interrupt_ends_it_at_once(home: Path) -> None:
    """Ctrl-C is not kept waiting by the thread that reads stdin."""
    server = subprocess.Popen(
        [sys.executable, str(ENTRY), "mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        server.stdin.flush()
        assert server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == -signal.SIGINT
    finally:
        server.kill()
        server.communicate()
