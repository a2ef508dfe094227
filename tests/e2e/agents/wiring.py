"""Configuration files of the three agents: the mock as their model, our hooks by the installer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.support.client import run_client

INSTALLED = (("claude_code", "tools"), ("codex", "hooks"), ("opencode", ""))
"""Each tool with the optional part that is wired, too."""
CONFIGS = (".claude/settings.json", ".codex/config.toml", ".codex/hooks.json")
MODELS = {"claude": "claude-sonnet-4-5", "codex": "gpt-5.1-codex", "opencode": "mock-model"}
SECOND = "claude-haiku-4-5"
"""What OpenCode asks Anthropic's own API for; no other agent does."""


def wire_all(home: Path, url: str) -> None:
    """Write everything below a fresh home; the agents' project directory is `home/proj`."""
    (home / "proj").mkdir()
    _wire_claude(home)
    _wire_codex(home, url)
    _wire_opencode(home, url)


def install_hooks(env: Mapping[str, str]) -> None:
    """What a user types, once, with the daemon running."""
    for name, part in INSTALLED:
        more = ["--with", part] if part else []
        run_client(env, "integrations", "install", name, *more, "--yes", "--no-autostart")


def uninstall_hooks(home: Path, env: Mapping[str, str]) -> list[str]:
    """Take everything out again; configuration files that still name us."""
    run_client(env, "integrations", "uninstall", "--all", "--yes", "--no-autostart")
    paths = [home / path for path in CONFIGS]
    left = [path for path in paths if path.exists() and b"openusage" in path.read_bytes()]
    return [str(path) for path in left] + [
        str(path) for path in (home / ".config").rglob("openusage.ts")
    ]


def _wire_claude(home: Path) -> None:
    settings = {"permissions": {"allow": ["Bash(echo:*)", "Task", "Agent"]}}
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def _wire_codex(home: Path, url: str) -> None:
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(
        f"""\
model = "{MODELS["codex"]}"
model_provider = "mock"
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
    anthropic = {
        "options": {"baseURL": f"{url}/v1", "apiKey": "dummy"},
        "models": {SECOND: {"name": "Second", "limit": limit, "cost": cost}},
    }
    config = {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        "provider": {"mock": provider, "anthropic": anthropic},
        "model": "mock/mock-model",
        "small_model": "mock/mock-small",
    }
    folder = home / ".config" / "opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.json").write_text(json.dumps(config), encoding="utf-8")
    (home / ".local" / "share" / "opencode").mkdir(parents=True)
