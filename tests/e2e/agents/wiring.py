"""Configuration files of the three agents: the mock as their model, our hooks as READMEs say."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from tests.support.hooks import CLAUDE_HOOK, CODEX_HOOK, REPOSITORY

PLUGIN = REPOSITORY / "hooks" / "opencode" / "openusage.ts"
CLAUDE_EVENTS = ("Stop", "SubagentStop", "PostToolUse", "PostToolUseFailure")
MODELS = {"claude": "claude-sonnet-4-5", "codex": "gpt-5.1-codex", "opencode": "mock-model"}


def wire_all(home: Path, url: str) -> None:
    """Write everything below a fresh home; the agents' project directory is `home/proj`."""
    (home / "proj").mkdir()
    python = getattr(sys, "_base_executable", sys.executable)
    _wire_claude(home, python)
    _wire_codex(home, python, url)
    _wire_opencode(home, url)


def _wire_claude(home: Path, python: str) -> None:
    command = {"type": "command", "command": f"{python} -I -S {CLAUDE_HOOK}", "timeout": 10}
    events = {event: [{"hooks": [command]}] for event in CLAUDE_EVENTS}
    settings = {"hooks": events, "permissions": {"allow": ["Bash(echo:*)", "Task", "Agent"]}}
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def _wire_codex(home: Path, python: str, url: str) -> None:
    (home / ".codex").mkdir()
    notify = json.dumps([python, "-I", "-S", str(CODEX_HOOK)])
    (home / ".codex" / "config.toml").write_text(
        f"""\
model = "{MODELS["codex"]}"
model_provider = "mock"
notify = {notify}
check_for_update_on_startup = false
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.mock]
name = "Mock"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "MOCK_KEY"
request_max_retries = 1
stream_max_retries = 1
[analytics]
enabled = false
[features]
plugins = false
apps = false
[projects."{home}/proj"]
trust_level = "trusted"
""",
        encoding="utf-8",
    )
    command = {"type": "command", "command": f"{python} -I -S {CODEX_HOOK}", "timeout": 10}
    hooks = {event: [{"hooks": [command]}] for event in ("Stop", "PostToolUse")}
    (home / ".codex" / "hooks.json").write_text(json.dumps({"hooks": hooks}), encoding="utf-8")


def _wire_opencode(home: Path, url: str) -> None:
    limit = {"context": 200_000, "output": 32_000}
    cost = {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Mock",
        "options": {"baseURL": f"{url}/v1", "apiKey": "dummy"},
        "models": {
            "mock-model": {"name": "Mock", "limit": limit, "cost": cost},
            "mock-small": {"name": "Small", "limit": limit},
        },
    }
    config = {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        "provider": {"mock": provider},
        "model": "mock/mock-model",
        "small_model": "mock/mock-small",
    }
    folder = home / ".config" / "opencode"
    (folder / "plugins").mkdir(parents=True)
    (folder / "opencode.json").write_text(json.dumps(config), encoding="utf-8")
    shutil.copyfile(PLUGIN, folder / "plugins" / PLUGIN.name)
    (home / ".local" / "share" / "opencode").mkdir(parents=True)
