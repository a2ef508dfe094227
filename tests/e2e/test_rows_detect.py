"""Rows DET-01 to DET-13 of the feature table: what a real daemon finds on a machine, and why."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from tests.support.client import run_client
from tests.support.daemon import Daemon
from tests.support.key_table import program, write
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

KEYS = {
    "OPENAI_API_KEY": "openai",
    "ANTHROPIC_API_KEY": "anthropic",
    "AZURE_OPENAI_API_KEY": "azure_openai",
    "AZURE_API_KEY": "azure_openai",
    "OPENROUTER_API_KEY": "openrouter",
    "GROQ_API_KEY": "groq",
    "MISTRAL_API_KEY": "mistral",
    "DEEPSEEK_API_KEY": "deepseek",
    "MOONSHOT_API_KEY": "moonshot-ai",
    "XAI_API_KEY": "xai",
    "ZAI_API_KEY": "zai",
    "ZHIPUAI_API_KEY": "zhipuai-auto",
    "ZEN_API_KEY": "opencode",
    "OPENCODE_API_KEY": "opencode",
    "GEMINI_API_KEY": "gemini-api",
    "GOOGLE_API_KEY": "gemini-google",
    "OLLAMA_API_KEY": "ollama-cloud",
    "ALIBABA_CLOUD_API_KEY": "alibaba_cloud",
}
"""The 18 variables and the account each makes."""

RECORDS = {
    "claude-code": ".claude/projects/p/s.jsonl",
    "codex-cli": ".codex/sessions/2026/06/01/rollout-x.jsonl",
    "ollama-local": ".ollama/server.json",
    "gemini-cli": ".gemini/settings.json",
    "copilot": ".copilot/config.json",
    "amp": ".local/share/amp/threads/T-1.json",
    "mux": ".mux/sessions/ws/chat.jsonl",
    "droid": ".factory/sessions/a.settings.json",
    "roocode": ".config/Code/User/globalStorage/rooveterinaryinc.roo-cline/tasks/1/ui_messages.json",
    "kilo_code": ".config/Cursor/User/globalStorage/kilocode.kilo-code/tasks/1/ui_messages.json",
    "kiro-cli": ".kiro/sessions/cli/s.json",
    "codebuff": ".config/manicode/projects/p/chats/c/chat-messages.json",
    "kimi_cli": ".kimi/sessions/g/u/wire.jsonl",
    "openclaw": ".openclaw/agents/main/sessions/s.jsonl",
    "pi": ".pi/agent/sessions/p/s.jsonl",
    "qwen_cli": ".qwen/projects/p/chats/s.jsonl",
}
"""Something that each tool has written, by the account it makes."""

DATABASES = {
    "cursor-ide": ".config/Cursor/User/globalStorage/state.vscdb",
    "goose": ".local/share/goose/sessions/sessions.db",
    "hermes": ".hermes/state.db",
    "crush": "proj/.crush/crush.db",
    "zed": ".local/share/zed/threads/threads.db",
}


def write_settings(**more: Any) -> Path:
    """Settings that forbid polling, and whatever else."""
    text = json.dumps({"telemetry": {"poll": False}, **more})
    return write(Path(locations.settings_path()), text)


def accounts_of(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """Accounts by id."""
    return {item["account_id"]: item for item in daemon.call("accounts")["accounts"]}


def detected(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """Detected accounts by id, after looking anew."""
    return {item["account_id"]: item for item in daemon.call("detect")["accounts"]}


def id_token(**claims: Any) -> str:
    """A token as Codex keeps it: only its middle part says anything."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{body}.signature"


def test_det_01_accounts_appear_without_configuration(home: Path, daemon: Daemon) -> None:
    """A tool, a key of the environment and one of a file make accounts by themselves; of one key
    that several sources hold the first in order counts."""
    write(home / ".claude/projects/p/s.jsonl", "")
    write(
        home / ".zshrc", "export GROQ_API_KEY=gsk_from_the_file\nexport XAI_API_KEY=xai_file_0001\n"
    )
    opencode = {"xai": {"type": "api", "key": "xai_opencode_0002"}}
    write(home / ".local/share/opencode/auth.json", json.dumps(opencode))
    daemon.env["GROQ_API_KEY"] = "gsk_from_the_environment"
    daemon.start()
    found = accounts_of(daemon)
    assert {"claude-code", "groq", "xai"} <= found.keys()
    assert found["claude-code"]["home"] == f"{home}/.claude"
    assert (found["groq"]["source"], found["groq"]["credential"]) == ("env", "gsk_...ment")
    assert found["groq"]["unused_sources"] == [f"shell_rc:{home}/.zshrc"]
    assert found["xai"]["source"] == f"shell_rc:{home}/.zshrc"


def test_det_02_programs_are_found_with_a_short_path(home: Path, daemon: Daemon) -> None:
    """A daemon that a desktop started with a bare PATH looks where installers put programs; the
    override replaces those places, not PATH."""
    local = program(home / ".local/bin/codex")
    mine = program(home / "tools/goose")
    daemon.env["PATH"] = "/usr/bin:/bin"
    daemon.env.pop("OPENUSAGE_DETECT_BIN_DIRS", None)
    daemon.start()
    tools = {tool["provider_id"]: tool["binary"] for tool in daemon.call("detect")["tools"]}
    assert (tools.get("codex"), tools.get("goose", "")) == (str(local), "")
    daemon.env["OPENUSAGE_DETECT_BIN_DIRS"] = str(mine.parent)
    daemon.restart()
    tools = {tool["provider_id"]: tool["binary"] for tool in daemon.call("detect")["tools"]}
    assert (tools.get("goose"), tools.get("codex", "")) == (str(mine), "")


def test_det_03_every_tool_is_known_by_its_records(home: Path, daemon: Daemon) -> None:
    """Each of the 22 tools makes its account, under the id that settings and reports use."""
    for path in RECORDS.values():
        write(home / path, "")
    for path in DATABASES.values():
        place = write(home / path, "")
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("CREATE TABLE anything (id INTEGER)")
    crush = {"projects": [{"path": f"{home}/proj", "data_dir": ".crush"}]}
    write(home / ".local/share/crush/projects.json", json.dumps(crush))
    helper = "plan: glm_coding_plan_global\napi_key: zai-helper-key-0001\n"
    write(home / ".chelper/config.yaml", helper)
    daemon.start()
    found = detected(daemon)
    wanted = RECORDS.keys() | DATABASES.keys() | {"zai-coding-plan-auto"}
    assert wanted - found.keys() == set()
    assert all(found[name]["why"] for name in wanted)


def test_det_04_keys_of_the_environment_make_accounts(home: Path, daemon: Daemon) -> None:
    """All 18 variables are known; each account says which one and never the value."""
    values = {name: f"planted-{name.lower()}-0001" for name in KEYS}
    daemon.env |= values
    daemon.start()
    found = accounts_of(daemon)
    for account_id in KEYS.values():
        first = next(name for name, owner in KEYS.items() if owner == account_id)
        assert (found[account_id]["variable"], found[account_id]["source"]) == (first, "env")
    daemon.stop()
    kept = [path for path in Path(locations.state_dir()).rglob("*") if path.is_file()]
    kept.append(Path(locations.settings_path()))
    for path in kept:
        for value in values.values():
            assert value.encode() not in path.read_bytes(), path


def test_det_05_keys_of_shell_files_are_read_as_text(home: Path, daemon: Daemon) -> None:
    """Literal assignments of every shell count; what a shell would have to compute is skipped, and
    nothing in the files is run."""
    ran = home / "ran"
    write(home / ".zshrc", f"export GROQ_API_KEY='gsk_zsh_0001'\nOPENAI_API_KEY=$(touch {ran})\n")
    write(home / ".bashrc.d/keys.sh", 'XAI_API_KEY="xai-bash-0002" # mine\n')
    write(home / ".profile", "export MISTRAL_API_KEY=$SECRET\nexport DEEPSEEK_API_KEY=ds_0003;\n")
    write(home / ".config/fish/config.fish", "set -gx OPENROUTER_API_KEY or-fish-0004\n")
    write(home / ".config/fish/conf.d/k.fish", "set -g ANTHROPIC_API_KEY not-exported\n")
    daemon.start()
    found = accounts_of(daemon)
    assert {name: found[name]["source"] for name in ("groq", "xai", "deepseek", "openrouter")} == {
        "groq": f"shell_rc:{home}/.zshrc",
        "xai": f"shell_rc:{home}/.bashrc.d/keys.sh",
        "deepseek": f"shell_rc:{home}/.profile",
        "openrouter": f"shell_rc:{home}/.config/fish/config.fish",
    }
    assert not {"openai", "mistral", "anthropic"} & found.keys()
    assert not ran.exists()


def test_det_06_api_keys_of_opencode_are_adopted(home: Path, daemon: Daemon) -> None:
    """The keys of OpenCode's file serve their own services; its sign-ins are nobody else's."""
    entries = {
        name: {"type": "api", "key": f"planted-{name}-0001"}
        for name in ("moonshotai", "openrouter", "zai", "opencode", "opencode-go", "ollama-cloud")
    }
    entries["anthropic"] = {"type": "oauth", "refresh": "r", "access": "planted-oauth-0001"}
    write(home / ".local/share/opencode/auth.json", json.dumps(entries))
    daemon.start()
    found = accounts_of(daemon)
    for account_id in ("moonshot-ai", "openrouter", "zai", "opencode", "ollama-cloud"):
        assert found[account_id]["source"].startswith("opencode_auth_json"), account_id
    assert "anthropic" not in found


def test_det_07_aiders_files_are_read_where_aider_is(home: Path, daemon: Daemon) -> None:
    """Its settings and `.env` count only with the program: any project has an `.env`."""
    write(
        home / ".aider.conf.yml", "openai-api-key: sk-aider-0001\napi-key:\n  - groq=gsk-a-0002\n"
    )
    write(home / ".env", "XAI_API_KEY=xai-dotenv-0003\n")
    tools = home / "tools"
    daemon.env["OPENUSAGE_DETECT_BIN_DIRS"] = str(tools)
    daemon.start()
    assert not {"openai", "groq", "xai"} & detected(daemon).keys()
    program(tools / "aider")
    found = detected(daemon)
    assert [found[name]["source"] for name in ("openai", "groq", "xai")] == [
        f"aider_yaml:{home}/.aider.conf.yml",
        f"aider_yaml:{home}/.aider.conf.yml",
        f"aider_dotenv:{home}/.env",
    ]


def test_det_08_the_key_in_codex_sign_in_is_an_account(home: Path, daemon: Daemon) -> None:
    """A key inside Codex's sign-in file makes `openai`; the address in its token stays unread."""
    claims = {"email": "planted@example.com"}
    tokens = {"id_token": id_token(**claims), "access_token": "planted-access-0001"}
    auth = {"OPENAI_API_KEY": "sk-codex-0001-abcdef", "tokens": tokens}
    write(home / ".codex/auth.json", json.dumps(auth))
    daemon.start()
    found = accounts_of(daemon)
    assert found["openai"]["source"].startswith("codex_auth_json")
    assert found["openai"]["credential"] == "sk-c...cdef"
    assert found["codex-cli"]["home"] == f"{home}/.codex"
    said = json.dumps([daemon.call(name) for name in ("accounts", "detect", "read_model")])
    assert "planted" not in said


def test_det_09_sign_ins_are_told_and_not_read_out(home: Path, daemon: Daemon) -> None:
    """Sign-ins of Claude, gh and gcloud are named with their files; no secret of theirs is said."""
    claude = {"claudeAiOauth": {"accessToken": "sk-ant-oat01-planted-0001", "expiresAt": 1}}
    write(home / ".claude/.credentials.json", json.dumps(claude))
    gh = write(home / ".config/gh/hosts.yml", "github.com:\n  oauth_token: gho_planted0002\n")
    adc = {"type": "authorized_user", "refresh_token": "planted-refresh-0003"}
    gcloud = home / ".config/gcloud/application_default_credentials.json"
    write(gcloud, json.dumps(adc))
    daemon.start()
    answer = daemon.call("detect")
    found = {item["account_id"]: " ".join(item["why"]) for item in answer["accounts"]}
    assert f"{home}/.claude/.credentials.json" in found["claude-code"]
    assert str(gh) in found["copilot"]
    places = {one["place"] for one in answer["sources"] if one["outcome"] == "matched"}
    assert str(gcloud) in places
    assert "planted" not in json.dumps([answer, daemon.call("accounts")])


def test_det_10_the_report_masks_and_writes_nothing(home: Path, daemon: Daemon) -> None:
    """`openusage detect` shows tools, accounts and gaps; a long key by its ends, a short one not at
    all; and the home is as it was."""
    write(
        home / ".bashrc", "export GROQ_API_KEY=gsk_0123456789abcdef\nexport XAI_API_KEY=short-key\n"
    )
    program(home / "tools/codex")
    daemon.env["OPENUSAGE_DETECT_BIN_DIRS"] = str(home / "tools")
    daemon.start()
    before = _files(home)
    page = run_client(daemon.env, "detect", "--all").stdout
    short = run_client(daemon.env, "detect").stdout
    assert _files(home) == before
    assert "gsk_...cdef" in page
    assert "****" in page
    assert str(home / "tools/codex") in page
    assert "OPENAI_API_KEY" in page
    assert len(short) < len(page)
    for secret in ("gsk_0123456789abcdef", "short-key"):
        assert secret not in page + short


def test_det_11_a_stored_key_serves_after_a_restart(home: Path, daemon: Daemon) -> None:
    """A key that a user types in makes the account at once, and still does after a restart."""
    daemon.start()
    run_client(daemon.env, "accounts", "set-key", "groq", "--no-check", stdin="gsk-typed-0123456\n")
    for restart in (False, True):
        if restart:
            daemon.restart()
        found = accounts_of(daemon)["groq"]
        assert (found["credential"], found["source"]) == ("gsk-...3456", "credentials.json")
    kept = json.loads(Path(locations.credentials_path()).read_text())
    assert kept["keys"] == {"groq": "gsk-typed-0123456"}


def test_det_12_what_was_found_is_found_again(home: Path, daemon: Daemon) -> None:
    """Detected accounts are never written down, so nothing stale can come back from the settings:
    a list that another program left there is neither believed nor changed."""
    stale = [{"id": "gone", "provider": "groq", "api_key_env": "GROQ_API_KEY"}]
    path = write_settings(auto_detected_accounts=stale)
    before = path.read_bytes()
    shell = write(home / ".zshrc", "export XAI_API_KEY=xai-0123456789\n")
    daemon.start()
    assert (accounts_of(daemon).keys() & {"gone", "groq", "xai"}) == {"xai"}
    daemon.restart()
    assert "xai" in accounts_of(daemon)
    shell.unlink()
    wait_until(lambda: "xai" not in detected(daemon), 20.0, "the account to go with its key")
    assert path.read_bytes() == before


def test_det_13_fields_of_the_settings_win(home: Path, daemon: Daemon) -> None:
    """An account of the settings keeps what it says; detection only fills in the rest."""
    for name in (".claude", "office"):
        write(home / name / "projects/p/s.jsonl", "")
    mine = {"id": "claude-code", "provider": "claude_code", "title": "Mine", "home": "~/office"}
    groq = {"id": "groq", "provider": "groq", "api_key_env": "WORK_KEY"}
    write_settings(accounts=[mine, groq])
    daemon.env |= {"GROQ_API_KEY": "gsk_first_0123456789", "WORK_KEY": "gsk_second_012345678"}
    daemon.start()
    found = accounts_of(daemon)
    assert (found["claude-code"]["title"], found["claude-code"]["home"]) == (
        "Mine",
        f"{home}/office",
    )
    assert (found["groq"]["variable"], found["groq"]["credential"]) == ("WORK_KEY", "gsk_...5678")


def _files(home: Path) -> dict[str, bytes]:
    """Every file of the home that is not the daemon's own."""
    own = (locations.state_dir(), locations.cache_dir())
    return {
        str(path): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not str(path).startswith(tuple(one + os.sep for one in own))
    }
