"""Rows SEC-01 to SEC-05 and SEC-07 to SEC-09 of the feature table: what a secret may reach."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openusage_proto import locations
from openusage_proto.errors import RpcError
from openusaged.detect import sign_ins
from tests.support import hooks
from tests.support.client import run_client
from tests.support.daemon import REPOSITORY, Daemon
from tests.support.key_table import bare_machine, write
from tests.support.vendor_server import vendor
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

KEY = "gsk_planted_0123456789abcdef"
HOSTILE = ("x'; DROP TABLE events; --", 'x"; ATTACH ":memory:" AS y; --', "x' OR '1'='1", "%_\\")


def mode_of(path: str | os.PathLike[str]) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(os.stat(path).st_mode)


def kept() -> list[Path]:
    """Every file the product keeps."""
    roots = (locations.state_dir(), locations.config_dir(), locations.cache_dir())
    return [path for root in roots for path in Path(root).rglob("*") if path.is_file()]


def test_sec_01_keys_never_reach_the_settings(home: Path, daemon: Daemon) -> None:
    """Neither a stored key, nor one that was found, nor one that somebody puts there through the
    daemon is ever in the settings."""
    daemon.env["XAI_API_KEY"] = "xai-planted-0001"
    daemon.start()
    run_client(daemon.env, "accounts", "set-key", "groq", "--no-check", stdin=KEY + "\n")
    for account in (
        {"id": "a", "provider": "groq", "token": KEY},
        {"id": "a", "provider": "groq", "api_key": KEY},
        {"id": "a", "provider": "groq", "api_key_env": KEY},
    ):
        with pytest.raises(RpcError) as refused:
            daemon.call("settings_update", put_accounts=[account])
        assert KEY not in str(refused.value.detail)
    daemon.call("settings_update", put_accounts=[{"id": "work", "provider": "groq"}])
    daemon.stop()
    text = Path(locations.settings_path()).read_text()
    assert '"work"' in text
    assert "planted" not in text


def test_sec_02_credentials_are_private_and_say_what_they_are(home: Path, daemon: Daemon) -> None:
    """Keys by account and sessions with their origin, in a file only its owner may read, in a
    directory only its owner may enter; a loose mode is tightened at the next write."""
    path = write(Path(locations.credentials_path()), '{"keys": {"xai": "xai-0123456789"}}')
    path.chmod(0o644)
    daemon.start()
    run_client(daemon.env, "accounts", "set-key", "groq", "--no-check", stdin=KEY + "\n")
    run_client(
        daemon.env,
        "accounts",
        "connect",
        "perplexity",
        "--paste",
        "--no-check",
        stdin="cookie-01\n",
    )
    document = json.loads(path.read_text())
    assert document["keys"] == {"xai": "xai-0123456789", "groq": KEY}
    session = document["sessions"]["perplexity"]
    assert {"domain", "cookie_name", "value", "captured_at"} <= session.keys()
    assert mode_of(path) == 0o600


def test_sec_03_secrets_are_masked_wherever_they_are_said(home: Path, daemon: Daemon) -> None:
    """Commands show the ends of a key, the log nothing of it, although a vendor that refuses it
    quotes every header back."""
    with vendor() as refusing:
        account = {"id": "groq", "provider": "groq", "base_url": refusing.url}
        write(Path(locations.settings_path()), json.dumps({"accounts": [account]}))
        daemon.env |= {"GROQ_API_KEY": KEY, "https_proxy": "http://127.0.0.1:9"}
        daemon.args = ("--log-level", "debug")
        daemon.start()
        wait_until(lambda: bool(refusing.asked), 20.0, "the poll that is refused")
        wait_until(lambda: _status(daemon, "groq") == "AUTH_REQUIRED", 20.0, "its state")
        said = "".join(
            run_client(daemon.env, *words).stdout
            for words in (("detect", "--all"), ("accounts",), ("overview",), ("detect", "--json"))
        )
        daemon.stop()
    assert "gsk_...cdef" in said
    logs = [path.read_text(errors="replace") for path in kept() if path.suffix == ".log"]
    assert logs
    for text in (said, daemon.output, *logs):
        assert KEY not in text
        assert KEY[4:-4] not in text


def test_sec_04_only_the_owner_reaches_the_daemon(home: Path, daemon: Daemon) -> None:
    """The socket is the owner's alone, and the process listens nowhere else: no port is open."""
    daemon.start()
    path = daemon.socket_path
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    assert mode_of(path) & 0o077 == 0
    assert mode_of(os.path.dirname(path)) & 0o077 == 0
    inodes = _socket_inodes(daemon.pid)
    for table in ("tcp", "tcp6", "udp", "udp6"):
        rows = Path(f"/proc/{daemon.pid}/net/{table}").read_text().splitlines()[1:]
        mine = [row for row in rows if row.split()[9] in inodes]
        assert mine == [], table
    rows = Path(f"/proc/{daemon.pid}/net/unix").read_text().splitlines()[1:]
    listening = [
        row.split()[7] for row in rows if row.split()[6] in inodes and len(row.split()) > 7
    ]
    assert set(listening) == {path}


def test_sec_05_whatever_is_written_is_private(home: Path, daemon: Daemon, tmp_path: Path) -> None:
    """Database, log, spool and lock, and an export that a user asks for, are readable by the owner
    only, whatever the umask."""
    before = os.umask(0)
    try:
        daemon.start()
        daemon.call("ingest_turn", source="my_tool", turn=_turn())
        target = tmp_path / "usage.json"
        run_client(daemon.env, "export", "-o", str(target))
        daemon.stop()
        hooks.finish_hook(hooks.start_hook(hooks.CLAUDE_HOOK, daemon.env, hooks.STOP))
    finally:
        os.umask(before)
    spooled = list(Path(locations.spool_dir()).glob("*.json"))
    assert spooled
    written = [*kept(), target]
    assert {path.name for path in written} >= {"telemetry.db", "usage.json"}
    loose = {
        str(path): oct(mode_of(path))
        for path in written
        if mode_of(path) & 0o077 and path != Path(locations.settings_path())
    }
    assert loose == {}


def test_sec_07_the_keychain_is_asked_whether_not_what(tmp_path: Path) -> None:
    """Looking for a sign-in never asks the keychain for the secret (`-g`, `-w`), and what a probe
    prints is thrown away; only a poll reads it."""
    asked: list[list[str]] = []

    def probe(command: list[str]) -> int:
        asked.append(command)
        return 0

    found, _ = sign_ins.keychain(bare_machine(tmp_path, "darwin"), probe)
    assert [one.source for one in found] == [
        "keychain:Claude Code-credentials",
        "keychain:Codex Auth",
    ]
    for command in asked:
        assert command[:2] == [sign_ins.SECURITY, "find-generic-password"]
        assert not {"-g", "-w"} & set(command)
    readers = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "openusaged").rglob("*.py")
        if '"-w"' in path.read_text(encoding="utf-8")
    }
    assert readers == {"openusaged/providers/claude_code/credentials.py"}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_sec_08_names_are_data_and_never_sql(home: Path, daemon: Daemon, hostile: str) -> None:
    """A model, project, session or account whose name is SQL is stored and found like any other."""
    daemon.start()
    turn = _turn() | {"model": hostile, "session_id": hostile, "cwd": f"/srv/{hostile}"}
    daemon.call("ingest_turn", source="my_tool", turn=turn)
    explained = daemon.call("explain", window="all", model=hostile)
    assert explained["totals"]["total_tokens"] == 1100
    (session,) = daemon.call("sessions", session=hostile)["sessions"]
    assert (session["session_id"], session["models"]) == (hostile, [hostile])
    assert daemon.call("sessions", text=hostile)["total"] == 1
    assert daemon.call("report", kind="daily", project=f"/srv/{hostile}")["rows"]
    daemon.stop()
    with closing(sqlite3.connect(locations.database_path())) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert len(tables) > 5


def test_sec_09_nobody_is_told_that_it_runs(home: Path, daemon: Daemon) -> None:
    """A daemon without accounts, started, asked and stopped, opens no connection to anywhere: what
    would go out meets a listener that counts."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}"
        settings = {"auto_detect": False, "pricing": {"refresh": False}}
        write(Path(locations.settings_path()), json.dumps(settings))
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            daemon.env[name] = address
        daemon.env.pop("no_proxy", None)
        daemon.start()
        daemon.wait_idle()
        daemon.call("refresh", wait=True)
        for words in (("overview",), ("detect",), ("privacy",), ("doctor",)):
            run_client(daemon.env, *words, check=False)
        daemon.stop()
        with pytest.raises(BlockingIOError):
            trap.accept()
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for package in ("openusaged", "openusage_client", "openusage_proto", "hooks")
        for path in (REPOSITORY / package).rglob("*.py")
    )
    assert not re.search(r"posthog|sentry|mixpanel|segment\.io|google-analytics|amplitude", code)


def _turn() -> dict[str, Any]:
    return {
        "provider": "acme",
        "model": "acme-1",
        "message_id": "m1",
        "session_id": "s1",
        "occurred_at": "2026-06-01T10:00:00Z",
        "input_tokens": 1000,
        "output_tokens": 100,
    }


def _status(daemon: Daemon, account_id: str) -> str:
    model = daemon.call("read_model", window="1d")
    return next((one["status"] for one in model["accounts"] if one["account_id"] == account_id), "")


def _socket_inodes(pid: int) -> set[str]:
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue  # closed while we looked
        if target.startswith("socket:["):
            found.add(target[len("socket:[") : -1])
    return found
