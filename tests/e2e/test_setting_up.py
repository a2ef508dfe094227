"""Detection, accounts, keys and settings of a real daemon, as a user meets them."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from openusage_proto.errors import CONFIG_INVALID, INVALID_PARAMS, UNKNOWN_ACCOUNT, RpcError
from tests.support.client import run_client
from tests.support.daemon import Daemon
from tests.support.firefox_profile import profile
from tests.support.key_table import write
from tests.support.vendor_server import Vendor, vendor
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PLANTED = {
    "environment": "sk-planted-environment-0001",
    "shell file": "gsk_planted-shell-file-0002",
    "opencode": "sk-or-planted-opencode-0003",
    "codex": "sk-planted-codex-sign-in-0004",
    "stored": "mistral-planted-stored-0005",
    "stored earlier": "xai-planted-stored-earlier-0006",
    "cookie": "planted-cookie-value-0007",
    "other cookie": "planted-other-cookie-0008",
    "gh": "gho_plantedgithubtoken0009",
    "claude": "sk-ant-oat01-planted-claude-0010",
    "typing error": "sk-planted-in-settings-0011",
    "argument": "sk-planted-argument-0012",
    "aider": "planted-aider-deepseek-0013",
}
KEYED = {
    **{name: name for name in ("openai", "groq", "openrouter", "mistral", "xai", "deepseek")},
    "perplexity": "perplexity",
    "copilot": "copilot",
    "claude-code": "claude_code",
    "codex-cli": "codex",
}


@pytest.fixture
def refusing():
    """A vendor that refuses every key and quotes it in its answer."""
    with vendor() as server:
        yield server


def settings(home: Path, refusing: Vendor | None = None, **more: Any) -> Path:
    """Settings whose key accounts all ask our own server, never a real one."""
    accounts = [
        {"id": name, "provider": provider, "base_url": refusing.url}
        for name, provider in KEYED.items()
        if refusing is not None
    ]
    text = json.dumps({"telemetry": {"poll": refusing is not None}, "accounts": accounts, **more})
    return write(Path(locations.settings_path()), text)


def credentials() -> Path:
    return Path(locations.credentials_path())


def account(daemon: Daemon, account_id: str) -> dict[str, Any]:
    listed = daemon.call("accounts")["accounts"]
    return next((item for item in listed if item["account_id"] == account_id), {})


def plant(home: Path) -> None:
    """A key of every source, and settings into which somebody pasted one."""
    write(home / ".zshrc", f"export GROQ_API_KEY='{PLANTED['shell file']}'\n")
    opencode = {"openrouter": {"type": "api", "key": PLANTED["opencode"]}}
    write(home / ".local/share/opencode/auth.json", json.dumps(opencode))
    write(home / ".codex/auth.json", json.dumps({"OPENAI_API_KEY": PLANTED["codex"]}))
    write(home / ".config/gh/hosts.yml", f"github.com:\n  oauth_token: {PLANTED['gh']}\n")
    claude = {"claudeAiOauth": {"accessToken": PLANTED["claude"], "expiresAt": 1}}
    write(home / ".claude/.credentials.json", json.dumps(claude))
    write(home / ".aider.conf.yml", f"api-key:\n  - deepseek={PLANTED['aider']}\n")
    aider = write(home / "bin/aider", "#!/bin/sh\n")
    aider.chmod(0o755)
    write(credentials(), json.dumps({"keys": {"xai": PLANTED["stored earlier"]}}))
    profile(
        home / ".mozilla/firefox/p.default",
        [
            (
                ".perplexity.ai",
                "__Secure-next-auth.session-token",
                PLANTED["cookie"],
                2_000_000_000,
            ),
            (".perplexity.ai", "unasked", PLANTED["other cookie"], 2_000_000_000),
        ],
    )


def everything_said(daemon: Daemon) -> dict[str, str]:
    """What every command and method that could know a secret says."""
    said = {}
    for words in (
        ("detect",), ("detect", "--all"), ("detect", "--json"), ("accounts",), ("accounts", "--json"),
        ("providers",), ("providers", "--json"), ("status", "--json"), ("overview", "--json"),
        ("export", "-o", "-"), ("accounts", "set-key", "openai", PLANTED["argument"]),
    ):  # fmt: skip
        done = run_client(daemon.env, *words, check=False)
        said[" ".join(words[:2])] = done.stdout + done.stderr
    for method in ("read_model", "status", "detect", "accounts", "settings_get", "providers"):
        said[method] = json.dumps(daemon.call(method))
    return said


def test_planted_keys_are_nowhere_else(
    isolated_home: str, daemon: Daemon, refusing: Vendor
) -> None:
    """Keys of the environment, shell files, other tools, cookies and typing errors appear nowhere
    but in credentials.json, although every vendor refused them and quoted them back."""
    home = Path(isolated_home)
    plant(home)
    path = settings(home, refusing)
    document = json.loads(path.read_text())
    document["accounts"][0]["token"] = PLANTED["typing error"]
    path.write_text(json.dumps(document))
    daemon.env |= {
        "OPENAI_API_KEY": PLANTED["environment"],
        "PATH": f"{home}/bin:{os.environ['PATH']}",
        "OPENUSAGE_DETECT_BIN_DIRS": "",
    }
    daemon.args = ("--log-level", "debug")
    # whatever is asked beside our own server finds nobody
    daemon.env |= {"https_proxy": "http://127.0.0.1:9", "http_proxy": "", "no_proxy": "127.0.0.1"}
    daemon.start()
    wait_until(
        lambda: all(account(daemon, name).get("status") for name in ("openai", "groq", "xai")),
        30.0,
        "the first polls",
    )
    stdin = PLANTED["stored"] + "\n"
    run_client(daemon.env, "accounts", "set-key", "mistral", "--no-check", stdin=stdin)
    refused = run_client(daemon.env, "accounts", "set-key", "mistral", stdin=stdin, check=False)
    assert refused.returncode == 4
    run_client(
        daemon.env,
        "accounts",
        "connect",
        "perplexity",
        "--browser",
        "firefox",
        "--yes",
        "--no-check",
    )
    said = everything_said(daemon)
    asked = {key for _, key in refusing.asked}
    assert {PLANTED[name] for name in ("environment", "shell file", "opencode")} <= asked
    daemon.kill()  # leaves the write-ahead log as it is

    kept = json.loads(credentials().read_text())
    assert kept["keys"] == {"xai": PLANTED["stored earlier"], "mistral": PLANTED["stored"]}
    assert kept["sessions"]["perplexity"]["value"] == PLANTED["cookie"]
    assert (credentials().stat().st_mode & 0o777) == 0o600
    said["daemon output"] = daemon.output
    for root in (locations.state_dir(), locations.config_dir(), locations.cache_dir()):
        for file in Path(root).rglob("*"):
            if file.is_file() and file not in (credentials(), path):
                said[str(file)] = file.read_bytes().decode("latin-1")
    assert any(name.endswith("telemetry.db") for name in said)
    assert any(name.endswith("openusaged.log") for name in said)
    for where, text in said.items():
        for what, secret in PLANTED.items():
            assert secret not in text, f"key of {what} in {where}"


class TestLiveDetection:
    def test_new_key_in_a_shell_file_is_found(self, home: Path, daemon: Daemon) -> None:
        """`detect` looks anew: an account comes with its key and goes with it."""
        daemon.start()
        assert account(daemon, "groq") == {}
        path = write(home / ".zshrc", "export GROQ_API_KEY=gsk_0123456789abcdef\n")
        daemon.call("detect")
        found = account(daemon, "groq")
        assert (found["credential"], found["source"]) == ("gsk_...cdef", f"shell_rc:{path}")
        path.unlink()
        daemon.call("refresh")
        assert account(daemon, "groq") == {}

    def test_stored_key_is_noticed_without_asking(self, home: Path, daemon: Daemon) -> None:
        """A key that somebody puts into credentials.json counts at once."""
        daemon.start()
        write(credentials(), '{"keys":{"groq":"gsk-stored-0123456789"}}')
        wait_until(lambda: account(daemon, "groq") != {}, 20.0, "the account of the stored key")
        assert account(daemon, "groq")["source"] == "credentials.json"

    def test_settings_switch_sources_off(self, home: Path, daemon: Daemon) -> None:
        """`detect.shell_rc: false` and `auto_detect: false` take effect without a restart."""
        write(home / ".zshrc", "export GROQ_API_KEY=gsk_0123456789abcdef\n")
        daemon.start()
        assert account(daemon, "groq")
        daemon.call("settings_update", changes={"detect": {"shell_rc": False}})
        assert account(daemon, "groq") == {}
        daemon.call("settings_update", changes={"detect": {"shell_rc": True}})
        assert account(daemon, "groq")
        daemon.call("settings_update", changes={"auto_detect": False})
        assert account(daemon, "groq") == {}
        answer = daemon.call("detect")
        assert (answer["sources"], answer["accounts"]) == ([], [])

    def test_detect_says_why_and_where(self, home: Path, daemon: Daemon) -> None:
        """Every provider is either an account with reasons or missing with the places looked at."""
        write(home / ".bashrc", "export GROQ_API_KEY=gsk_0123456789abcdef\n")
        daemon.env["GROQ_API_KEY"] = "gsk_from_environment"
        daemon.start()
        answer = daemon.call("detect")
        (groq,) = [item for item in answer["accounts"] if item["account_id"] == "groq"]
        assert groq["why"] == [
            "key gsk_...ment in $GROQ_API_KEY from env",
            f"key gsk_...cdef in $GROQ_API_KEY from shell_rc:{home}/.bashrc",
        ]
        missing = {item["provider_id"]: item["looked"] for item in answer["missing"]}
        owners = {item["provider_id"] for item in answer["accounts"]}
        assert set(missing) | owners == set(answer["providers"])
        assert "env $OPENAI_API_KEY: missed" in missing["openai"]
        assert f"records {home}/.claude/projects: not there" in missing["claude_code"]
        assert account(daemon, "groq")["unused_sources"] == [f"shell_rc:{home}/.bashrc"]

    def test_detection_writes_nothing(self, home: Path, daemon: Daemon) -> None:
        """What was found is kept in memory: settings and home stay as they were."""
        write(home / ".zshrc", "export GROQ_API_KEY=gsk_0123456789abcdef\n")
        before = Path(locations.settings_path()).read_text()
        daemon.start()
        daemon.call("detect")
        assert Path(locations.settings_path()).read_text() == before
        assert not credentials().exists()


class TestAccounts:
    def test_two_accounts_of_one_service(self, home: Path, daemon: Daemon) -> None:
        """A second key under a name of its own stands beside the first, each masked."""
        daemon.env |= {"GROQ_API_KEY": "gsk_first_0123456789", "WORK": "gsk_second_012345678"}
        daemon.start()
        run_client(daemon.env, "accounts", "add", "work", "--provider", "groq", "--key-env", "WORK")
        assert account(daemon, "groq")["credential"] == "gsk_...6789"
        assert account(daemon, "work")["credential"] == "gsk_...5678"
        assert account(daemon, "work")["title"] != account(daemon, "groq")["title"]
        run_client(daemon.env, "accounts", "remove", "work")
        assert account(daemon, "work") == {}

    def test_two_homes_of_one_tool(self, home: Path, daemon: Daemon) -> None:
        """A second home is an account with records of its own."""
        for name in (".claude", "office"):
            write(home / name / "projects/p/x.jsonl", "")
        daemon.start()
        run_client(
            daemon.env, "accounts", "add", "office", "--provider", "claude_code",
            "--home", "~/office", "--title", "Office",
        )  # fmt: skip
        assert account(daemon, "claude-code")["home"] == f"{home}/.claude"
        office = account(daemon, "office")
        assert (office["home"], office["title"]) == (f"{home}/office", "Office")

    def test_switched_off_and_on(self, home: Path, daemon: Daemon) -> None:
        """A detected account can be hidden and comes back; the list says so."""
        daemon.env["GROQ_API_KEY"] = "gsk_first_0123456789"
        daemon.start()
        run_client(daemon.env, "accounts", "disable", "groq")
        assert account(daemon, "groq")["enabled"] is False
        assert "disabled" in run_client(daemon.env, "accounts").stdout
        run_client(daemon.env, "accounts", "enable", "groq")
        assert account(daemon, "groq")["enabled"] is True

    def test_account_switched_off_by_its_own_record(self, home: Path, daemon: Daemon) -> None:
        """Enabling reaches the record in the settings, too."""
        record = {"id": "work", "provider": "groq", "enabled": False}
        settings(home, accounts=[record])
        daemon.start()
        run_client(daemon.env, "accounts", "enable", "work")
        assert account(daemon, "work")["enabled"] is True

    def test_key_that_does_not_count_is_said(self, home: Path, daemon: Daemon) -> None:
        """Whoever stores a key that the environment overrides is told."""
        daemon.env["GROQ_API_KEY"] = "gsk_first_0123456789"
        daemon.start()
        done = run_client(
            daemon.env, "accounts", "set-key", "groq", "--no-check", stdin="gsk_stored_012345"
        )
        assert "the key from $GROQ_API_KEY (env) counts before" in done.stderr
        assert account(daemon, "groq")["unused_sources"] == ["credentials.json"]

    def test_cookie_by_hand(self, home: Path, daemon: Daemon) -> None:
        """A pasted cookie makes the account of a service that has no keys."""
        daemon.start()
        assert account(daemon, "perplexity") == {}
        run_client(
            daemon.env, "accounts", "connect", "perplexity", "--paste", "--no-check",
            stdin="cookie-0123456789\n",
        )  # fmt: skip
        found = account(daemon, "perplexity")
        assert (found["credential"], found["source"]) == ("cook...6789", "pasted cookie")
        run_client(daemon.env, "accounts", "delete-key", "perplexity")
        assert account(daemon, "perplexity") == {}

    @pytest.mark.parametrize(
        ("params", "slug", "says"),
        [
            ({"account_id": "groq"}, INVALID_PARAMS, "exactly one"),
            ({"account_id": "groq", "key": "a", "cookie": "b"}, INVALID_PARAMS, "exactly one"),
            ({"account_id": "groq", "key": "  "}, INVALID_PARAMS, "exactly one"),
            ({"account_id": "groq", "cookie": "x"}, INVALID_PARAMS, "takes no cookie"),
            ({"account_id": "perplexity", "key": "x"}, INVALID_PARAMS, "takes no API key"),
            ({"account_id": "nobody", "key": "x"}, UNKNOWN_ACCOUNT, "no account 'nobody'"),
        ],
    )
    def test_credential_that_cannot_be_taken(
        self, home: Path, daemon: Daemon, params: dict[str, Any], slug: str, says: str
    ) -> None:
        """What makes no sense is refused with words, and nothing is stored."""
        daemon.start()
        with pytest.raises(RpcError) as refused:
            daemon.call("credential_set", **params)
        assert refused.value.slug == slug
        assert says in refused.value.detail
        assert not credentials().exists()

    def test_browser_without_the_cookie(self, home: Path, daemon: Daemon) -> None:
        """Nothing to read is exit code 4 with what to do."""
        daemon.start()
        done = run_client(
            daemon.env, "accounts", "connect", "perplexity", "--browser", "firefox", "--yes",
            check=False,
        )  # fmt: skip
        assert done.returncode == 4
        assert "no Firefox profile" in done.stderr

    def test_forgetting_what_is_not_there(self, home: Path, daemon: Daemon) -> None:
        """Deleting nothing is said."""
        daemon.start()
        done = run_client(daemon.env, "accounts", "delete-key", "groq", check=False)
        assert done.returncode == 2
        assert "nothing is stored for the account 'groq'" in done.stderr


class TestSettings:
    def test_change_is_taken_over_before_the_answer(self, home: Path, daemon: Daemon) -> None:
        """The answer shows the new values, and the next `settings_get` the same."""
        daemon.start()
        answer = daemon.call("settings_update", changes={"data": {"retention_days": 90}})
        assert answer["settings"]["data"]["retention_days"] == 90
        assert daemon.call("settings_get")["settings"]["data"]["retention_days"] == 90

    @pytest.mark.parametrize(
        ("params", "slug"),
        [
            ({"changes": {"data": {"retention_days": "soon"}}}, CONFIG_INVALID),
            ({"changes": {"no_such_key": 1}}, CONFIG_INVALID),
            ({"remove_accounts": ["gone"]}, CONFIG_INVALID),
            ({"put_accounts": [{"id": "a", "provider": "nobody"}]}, INVALID_PARAMS),
            ({"changes": 5}, INVALID_PARAMS),
        ],
    )
    def test_unusable_change_is_refused(
        self, home: Path, daemon: Daemon, params: dict[str, Any], slug: str
    ) -> None:
        """Nothing is written, and the daemon goes on as before."""
        before = Path(locations.settings_path()).read_text()
        daemon.start()
        with pytest.raises(RpcError) as refused:
            daemon.call("settings_update", **params)
        assert refused.value.slug == slug
        assert Path(locations.settings_path()).read_text() == before

    def test_damaged_credentials_are_a_warning(self, home: Path, daemon: Daemon) -> None:
        """The daemon runs on and says which file is damaged, without its content."""
        write(credentials(), '{"keys": {"groq": "gsk-planted')
        daemon.start()
        warnings = daemon.call("status")["warnings"]
        assert any(str(credentials()) in warning for warning in warnings)
        assert "planted" not in json.dumps(warnings)


def test_no_key_is_in_the_database(home: Path, daemon: Daemon) -> None:
    """Not one column of any table holds a key, not even of an account that was polled."""
    daemon.env["GROQ_API_KEY"] = PLANTED["shell file"]
    daemon.start()
    daemon.call("detect")
    daemon.stop()
    with sqlite3.connect(locations.database_path()) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert "planted" not in dump
