"""The OpenCode plugin under node, fed with recorded events, against a real socket and spool."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from openusage_proto import locations
from openusaged.core.identity import identity_of
from openusaged.core.models import MESSAGE_USAGE, TOOL_USAGE, UsageEvent
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.opencode import PROVIDER
from tests.support.hook_socket import HookSocket, answer_error, answer_stored, close_at_once
from tests.support.hooks import spooled

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "hooks" / "opencode" / "openusage.ts"
DRIVER = Path(__file__).with_name("drive_plugin.mjs")
CAPTURES = ROOT / "tests" / "data" / "providers" / "opencode" / "captures"
EVENT_FILES = sorted(CAPTURES.glob("*/plugin_*.jsonl"))
CANARY = "CANARY joe@example.com sk-ant-secret"
# Strings the plugin may pass on; all others of a recorded event are replaced by the canary.
KEPT = frozenset(
    {"type", "id", "sessionID", "parentID", "messageID", "callID", "role", "mode", "agent", "tool"}
    | {"providerID", "modelID", "cwd", "finish", "status", "name", "directory"}
)

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def run_plugin(events: Path, ending: str = "dispose", *, pause_ms: int = 0, **env: str) -> None:
    """Run one agent life; the plugin must not print and must not break the process."""
    done = subprocess.run(
        ["node", str(DRIVER), str(PLUGIN), str(events), ending, str(pause_ms)],
        capture_output=True,
        env=dict(os.environ, **env),
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def write_events(tmp_path: Path, *events: dict) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps({"event": event}) + "\n" for event in events))
    return path


def message(**changes: object) -> dict:
    info = {
        "id": "msg_1",
        "sessionID": "ses_1",
        "parentID": "msg_0",
        "role": "assistant",
        "providerID": "anthropic",
        "modelID": "m",
        "path": {"cwd": "/w"},
        "time": {"created": 1_800_000_000_000, "completed": 1_800_000_001_000},
        "finish": "stop",
        "cost": 0.5,
        "tokens": {"input": 1, "output": 2, "reasoning": 0, "cache": {"read": 3, "write": 4}},
    }
    return {"type": "message.updated", "properties": {"info": info | changes}}


def hook_events(params: list[dict], home: str) -> list[UsageEvent]:
    machine = Machine(env={}, home=home)
    events: list[UsageEvent] = []
    for each in params:
        assert each["source"] == "opencode"
        # recorded events lie in another time than this test: they count as just observed
        info = each["payload"]["event"]["properties"].get("info") or {}
        observed = (info.get("time") or {}).get("completed") or each["observed_at"]
        events += PROVIDER.hook(each["payload"], observed, machine).events
    return events


def stored_events(home: Path) -> list[UsageEvent]:
    machine = Machine(env={}, home=str(home))
    [account] = PROVIDER.discover(machine)
    return [
        event
        for unit in PROVIDER.units(account, machine)
        for chunk in PROVIDER.collect(account, unit, None, CollectContext(machine=machine))
        for event in chunk.events
    ]


def facts(event: UsageEvent) -> dict[str, object]:
    """All of an event that must not depend on which way it came."""
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    del values["channel"]
    return values


def told(server: HookSocket, home: str) -> list[UsageEvent]:
    """What the plugin has told: to the daemon, or to the spool where that was too slow for it."""
    return hook_events([*server.params, *spooled()], home)


@pytest.mark.parametrize("version", ["run-1.18.33", "run-1.1.11"])
def test_plugin_and_store_agree(version: str, isolated_home: str) -> None:
    """Every event of the plugin equals the store's of the same identity, and none is missing."""
    stored = {identity_of(event): event for event in stored_events(CAPTURES / version / "home")}
    with HookSocket(locations.socket_path()) as server:
        for path in sorted((CAPTURES / version).glob("plugin_*.jsonl")):
            run_plugin(path)
    hooked = {identity_of(event): event for event in told(server, isolated_home)}
    assert hooked.keys() == stored.keys()
    for identity, event in hooked.items():
        assert facts(event) == facts(stored[identity])


def test_captured_totals(isolated_home: str) -> None:
    """What the plugin sends of the 1.18.33 runs sums to the served tokens, fork copies excluded."""
    with HookSocket(locations.socket_path()) as server:
        for path in sorted((CAPTURES / "run-1.18.33").glob("plugin_*.jsonl")):
            run_plugin(path)
    events = {identity_of(event): event for event in told(server, isolated_home)}.values()
    usage = [event for event in events if event.event_type == MESSAGE_USAGE]
    expected = json.loads((CAPTURES / "run-1.18.33" / "expected.json").read_text())
    rows = expected["assistant_rows_in_db"]["without_fork_copies"]
    assert len(usage) == len({event.message_id for event in usage}) == rows["messages"]
    assert sum(event.input for event in usage) == rows["input"]
    assert sum(event.cache_read for event in usage) == rows["cache_read"]
    assert sum(event.cache_write_5m for event in usage) == rows["cache_write"]
    assert sum(event.output for event in usage) == rows["output"] + rows["reasoning"]
    assert sum(event.cost_nano or 0 for event in usage) == round(rows["cost"] * 1e9)


@pytest.mark.parametrize("ending", ["dispose", "exit"])
@pytest.mark.parametrize("path", EVENT_FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_absent_daemon_spools_everything(path: Path, ending: str, isolated_home: str) -> None:
    """Without a daemon the same events lie in the spool, also when the agent just exits."""
    run_plugin(path, ending)
    events = hook_events(spooled(), isolated_home)
    finished, began = set(), 0
    for line in path.read_text().splitlines():
        bus_event = json.loads(line)["event"]
        info = bus_event["properties"].get("info") or {}
        if bus_event["type"] == "session.created":
            began = began or info["time"]["created"]
        is_done = info.get("role") == "assistant" and info["time"].get("completed")
        # older ones are copies made by a fork
        if is_done and info["time"]["created"] >= began:
            finished.add(info["id"])
    assert finished
    assert {event.message_id for event in events if event.event_type == MESSAGE_USAGE} == finished
    for file in Path(locations.spool_dir()).iterdir():
        assert file.suffix == ".json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def _canaries(value: object, key: str = "") -> object:
    if isinstance(value, dict):
        return {name: _canaries(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_canaries(item) for item in value]
    if isinstance(value, str) and key == "filePath":
        return f"/{CANARY}/a.py"
    return CANARY if isinstance(value, str) and key not in KEPT else value


@pytest.mark.parametrize("path", EVENT_FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_text_leaves_the_process(path: Path, tmp_path: Path) -> None:
    """Titles, prompts, answers, tool input and output of recorded events are nowhere in the spool."""
    events = [json.loads(line)["event"] for line in path.read_text().splitlines()]
    changed = []
    for event in events:
        part = event["properties"].get("part") or {}
        changed.append(_canaries(event))
        # inside input, output and metadata every string is private, whatever its key
        if "state" in part:
            kept = {name: part["state"].get(name) for name in ("status", "time")}
            texts = {name: _canaries({"x": "y"}) for name in ("input", "output", "metadata")}
            changed[-1]["properties"]["part"]["state"] = {**texts, **kept, "title": CANARY}
    run_plugin(write_events(tmp_path, *changed))
    raw = b"".join(file.read_bytes() for file in Path(locations.spool_dir()).iterdir())
    assert raw
    assert b"CANARY" not in raw
    assert b"example.com" not in raw


class TestDelivery:
    def test_params(self, tmp_path: Path) -> None:
        """A request carries source, reduced payload, time, delivery id and the account variable."""
        session = {"id": "ses_1", "title": CANARY, "directory": "/w", "time": {"created": 5}}
        events = write_events(
            tmp_path,
            {"type": "session.created", "properties": {"info": session}},
            message(time={"created": 1_800_000_000_000}, tokens={"input": 0, "output": 0}),
            message(error=None),
        )
        with HookSocket(locations.socket_path()) as server:
            run_plugin(events, OPENUSAGE_TELEMETRY_ACCOUNT_ID="work")
        [params] = server.params
        assert params["account_id"] == "work"
        assert params["delivery_id"]
        assert params["payload"]["event"]["properties"]["info"]["tokens"]["input"] == 1
        assert params["payload"]["session"] == {
            "id": "ses_1",
            "directory": "/w",
            "time": {"created": 5},
        }
        assert spooled() == []

    def test_repeated_report_is_sent_once(self, tmp_path: Path) -> None:
        """OpenCode repeats the last state of a message; only a change is sent again."""
        events = write_events(tmp_path, message(), message(), message(cost=0.75))
        with HookSocket(locations.socket_path()) as server:
            run_plugin(events)
        assert [p["payload"]["event"]["properties"]["info"]["cost"] for p in server.params] == [
            0.5,
            0.75,
        ]

    def test_steps_of_a_message_travel_with_it(self, tmp_path: Path, isolated_home: str) -> None:
        """A message of several requests reports their sum, as the database does."""
        tokens = {"input": 10, "output": 5, "reasoning": 0, "cache": {"read": 1, "write": 0}}
        parts = [
            {
                "type": "message.part.updated",
                "properties": {
                    "part": {
                        "id": f"prt_{number}",
                        "messageID": "msg_1",
                        "type": "step-finish",
                        "cost": 0.25,
                        "tokens": tokens,
                    }
                },
            }
            for number in (1, 2, 2)
        ]
        with HookSocket(locations.socket_path()) as server:
            run_plugin(write_events(tmp_path, *parts, message(tokens=tokens)))
        [event] = [
            event
            for event in hook_events(server.params, isolated_home)
            if event.event_type == MESSAGE_USAGE
        ]
        assert (event.input, event.output, event.cache_read, event.requests) == (20, 10, 2, 2)
        assert event.cost_nano == 500_000_000

    def test_file_extension_and_lines_of_a_tool(self, tmp_path: Path, isolated_home: str) -> None:
        """An edit tells its language and line counts, not its path."""
        part = {
            "id": "prt_1",
            "type": "tool",
            "callID": "call_1",
            "tool": "edit",
            "messageID": "msg_1",
            "sessionID": "ses_1",
            "state": {
                "status": "completed",
                "input": {"filePath": f"/{CANARY}/a.py", "oldString": CANARY},
                "metadata": {"filediff": {"additions": 3, "deletions": 1, "before": CANARY}},
                "time": {"start": 1_800_000_000_500},
            },
        }
        part_event = {"type": "message.part.updated", "properties": {"part": part}}
        with HookSocket(locations.socket_path()) as server:
            run_plugin(write_events(tmp_path, part_event, part_event))
        assert b"CANARY" not in server.lines[0]
        [event] = hook_events(server.params, isolated_home)
        assert event.event_type == TOOL_USAGE
        assert (event.language, event.lines_added, event.lines_removed) == ("python", 3, 1)

    @pytest.mark.parametrize("value", ["0", "false", " No ", "OFF"])
    def test_switched_off(self, tmp_path: Path, value: str) -> None:
        """OPENUSAGE_TELEMETRY_ENABLED=0 sends and spools nothing."""
        with HookSocket(locations.socket_path()) as server:
            run_plugin(write_events(tmp_path, message()), OPENUSAGE_TELEMETRY_ENABLED=value)
        assert server.lines == []
        assert spooled() == []

    def test_hanging_daemon(self, tmp_path: Path) -> None:
        """Events a hanging daemon does not acknowledge end up in the spool."""
        with HookSocket(locations.socket_path()) as server:
            server.behave = server.hang
            run_plugin(write_events(tmp_path, message(), message(id="msg_2")))
        assert len(spooled()) == 2

    @pytest.mark.parametrize("behave", [close_at_once, answer_error("shutting_down")])
    def test_unstored_events_are_spooled(self, tmp_path: Path, behave) -> None:
        """A closed connection and a temporary error prove no commit."""
        with HookSocket(locations.socket_path(), behave):
            run_plugin(write_events(tmp_path, message()))
        assert len(spooled()) == 1

    def test_refused_events_are_not(self, tmp_path: Path) -> None:
        """An event the daemon refused is not offered again."""
        with HookSocket(locations.socket_path(), answer_error("invalid_event")):
            run_plugin(write_events(tmp_path, message()))
        assert spooled() == []

    def test_garbage_answers_are_survived(self, tmp_path: Path) -> None:
        """Something that is no JSON-RPC answer leaves the event to the spool."""
        with HookSocket(
            locations.socket_path(), lambda connection, line: connection.sendall(b"{]\n")
        ):
            run_plugin(write_events(tmp_path, message()))
        assert len(spooled()) == 1

    def test_exit_in_the_middle_loses_nothing(self, tmp_path: Path) -> None:
        """Many events and a sudden process.exit: each is on the wire or in the spool."""
        events = [message(id=f"msg_{number}") for number in range(50)]
        with HookSocket(locations.socket_path(), answer_stored) as server:
            run_plugin(write_events(tmp_path, *events), "exit")
        got = [*server.params, *spooled()]
        ids = {each["payload"]["event"]["properties"]["info"]["id"] for each in got}
        assert ids == {f"msg_{number}" for number in range(50)}

    def test_daemon_gone_after_the_first_events(self, tmp_path: Path) -> None:
        """Without dispose a running agent delivers as it goes."""
        events = [message(id=f"msg_{number}") for number in range(5)]
        with HookSocket(locations.socket_path()) as server:
            run_plugin(write_events(tmp_path, *events), "idle", pause_ms=20)
        got = [*server.params, *spooled()]
        assert {each["payload"]["event"]["properties"]["info"]["id"] for each in got} == {
            f"msg_{number}" for number in range(5)
        }

    def test_one_flush_covers_the_file_and_its_name(self, tmp_path: Path) -> None:
        """What is flushed has its last name by then; elsewhere than on Linux that is flushed, too."""
        directory, flushes = Path(locations.spool_dir()), tmp_path / "flushes"
        run_plugin(write_events(tmp_path, message()), FLUSHES=str(flushes), SPOOL=str(directory))
        [file] = directory.iterdir()
        flushed = [file] if sys.platform == "linux" else [file, directory]
        assert flushes.read_text().splitlines() == [
            f"{path.stat().st_ino} {file.name}" for path in flushed
        ]

    def test_unwritable_state_directory(self, tmp_path: Path) -> None:
        """No daemon and no disk: the agent notices nothing."""
        Path(os.environ["HOME"], ".local").write_text("a file where a directory should be")
        run_plugin(write_events(tmp_path, message()))

    def test_full_spool_counts_what_it_drops(self, tmp_path: Path) -> None:
        """At the limit a new event is dropped and counted."""
        directory = Path(locations.spool_dir())
        directory.mkdir(parents=True)
        for number in range(10_000):
            os.close(os.open(directory / f"{number:019d}.json", os.O_CREAT | os.O_WRONLY))
        run_plugin(write_events(tmp_path, message()))
        assert (directory / ".overflow").read_bytes() == b"."

    def test_malformed_events_are_survived(self, tmp_path: Path) -> None:
        """Events of a shape no version has yet sent neither throw nor print."""
        run_plugin(
            write_events(
                tmp_path,
                {},
                {"type": "message.updated"},
                {"type": "message.updated", "properties": {"info": {"role": "assistant"}}},
                {"type": "message.updated", "properties": {"info": {"role": "assistant", "id": 1}}},
                {"type": "message.part.updated", "properties": {"part": None}},
                {"type": "session.created", "properties": {"info": 5}},
                message(tokens=5, path=None, time={"created": "x", "completed": True}),
            )
        )


def test_one_export_and_no_dependency() -> None:
    """OpenCode calls every export of the file; imports are node's own."""
    text = PLUGIN.read_text()
    lines = text.splitlines()
    assert sum(line.startswith("export ") for line in lines) == 1
    imports = [line for line in lines if ' from "' in line]
    assert len(imports) >= 4
    assert all('from "node:' in line for line in imports)
