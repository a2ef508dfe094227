"""Nothing a person or a model wrote, and no secret, is found in anything the product keeps."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from openusage_proto import locations
from tests.support import corpus, hooks
from tests.support.client import run_client, settle
from tests.support.daemon import Daemon
from tests.support.truth import Truth

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def kept_files() -> list[Path]:
    """Every file below the product's own directories."""
    roots = (locations.state_dir(), locations.config_dir(), locations.cache_dir())
    return [path for root in roots for path in Path(root).rglob("*") if path.is_file()]


def assert_clean(truth: Truth, what: str, data: bytes) -> None:
    """None of the canaries is in `data`, in any of the spellings a writer might use."""
    for canary in truth.canaries:
        for spelling in (
            canary.encode(),
            canary.encode("utf-16-le"),
            canary.encode().hex().encode(),
        ):
            assert spelling not in data, f"{canary} in {what}"


def assert_nothing_kept(truth: Truth) -> set[str]:
    """No canary in any kept file; the names of the files that were looked at."""
    names = set()
    for path in kept_files():
        assert_clean(truth, str(path), path.read_bytes())
        names.add(path.name)
    return names


def fire_hooks(truth: Truth, home: Path) -> None:
    """Each kind of hook with canaries in every field that holds text."""
    text = " ".join(truth.canaries)
    transcript = str(next((home / ".claude" / "projects").rglob("*.jsonl")))
    for payload in (
        hooks.post_tool_use("s-1", "toolu_privacy", transcript=transcript, text=text),
        hooks.stop("s-1", "prompt-privacy", transcript=transcript, text=text),
        {
            "session_id": "s-1",
            "transcript_path": transcript,
            "hook_event_name": "UserPromptSubmit",
            "prompt": text,
            "cwd": "/home/dev/shop",
        },
        {"hook_event_name": "PostToolUse", "tool_name": "Read", "tool_use_id": "toolu_p2"}
        | {"session_id": "s-1", "tool_input": {"file_path": f"/x/{text}.py"}},
    ):
        hooks.finish_hook(hooks.start_hook(hooks.CLAUDE_HOOK, os.environ, payload))
    notify = hooks.agent_turn_complete("no-such-thread", "t-1", text=text)
    hooks.finish_hook(hooks.start_hook(hooks.CODEX_HOOK, os.environ, notify))


def test_no_text_and_no_secret_is_kept(home: Path, daemon: Daemon) -> None:
    """Database, its log, spool, daemon log and every export are free of texts, e-mails and keys."""
    truth = corpus.build(home, seed=301, secrets=True)
    fire_hooks(truth, home)
    spooled = list(Path(locations.spool_dir()).glob("*.json"))
    assert len(spooled) >= 3, "the spool was not used while the daemon was away"
    assert_nothing_kept(truth)

    daemon.start()
    settle(daemon)
    fire_hooks(truth, home)
    settle(daemon)
    outputs = command_outputs(daemon)
    daemon.kill()  # leaves the write-ahead log as it is
    names = assert_nothing_kept(truth)
    assert "telemetry.db" in names
    for what, text in outputs.items():
        assert_clean(truth, what, text.encode())
    assert_clean(truth, "daemon output", daemon.output.encode())


def command_outputs(daemon: Daemon) -> dict[str, str]:
    """What every command says, as text and as JSON."""
    outputs = {}
    for command in ("overview", "daily", "weekly", "monthly", "session", "blocks", "status"):
        for flags in ((), ("--json",)):
            done = run_client(daemon.env, command, "--no-autostart", *flags, check=False)
            outputs[f"{command} {flags}"] = done.stdout + done.stderr
    for kind in ("json", "csv"):
        done = run_client(
            daemon.env, "export", "--no-autostart", "--format", kind, "-o", "-", check=False
        )
        outputs[f"export {kind}"] = done.stdout + done.stderr
    for method, params in (
        ("read_model", {"window": "all"}),
        ("status", {}),
        ("sessions", {"limit": 1000}),
        ("accounts", {}),
        ("providers", {}),
        ("settings_get", {}),
    ):
        outputs[method] = json.dumps(daemon.call(method, **params), ensure_ascii=False)
    assert all(outputs.values())
    return outputs


def test_rejected_hooks_keep_no_text(home: Path, daemon: Daemon) -> None:
    """A delivery that cannot be used is put aside or dropped without the text that was in it."""
    truth = corpus.build(home, seed=302)
    text = " ".join(truth.canaries)
    daemon.start()
    settle(daemon)
    for payload in ({"hook_event_name": text}, {"prompt": text}, {"session_id": text, "x": text}):
        hooks.finish_hook(hooks.start_hook(hooks.CLAUDE_HOOK, os.environ, payload))
    with daemon.wire() as wire:
        wire.request("ingest_turn", {"source": "claude_code", "payload": {"prompt": text}})
        wire.request("ingest_turn", {"source": "x", "turn": {"event_type": text}})
    settle(daemon)
    daemon.stop()
    assert_nothing_kept(truth)
