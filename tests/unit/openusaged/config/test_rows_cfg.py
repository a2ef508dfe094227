"""
Rows CFG-* of the feature table: a settings file, a real daemon that reads it, and what follows.

What each key does to what is drawn is tested beside the screens; which values it takes, in
`test_settings` and `test_schema`.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openusage_client import preferences
from openusage_client.rpc import Connection
from openusage_client.tui.limits import severity
from openusage_proto import locations
from openusage_proto.errors import RpcError
from tests.support.client import run_client
from tests.support.daemon import REPOSITORY, Daemon, running_daemon
from tests.support.waiting import wait_until

POLL_OFF = {"telemetry": {"poll": False}}
ACCOUNTS = {
    **POLL_OFF,
    "auto_detect": False,
    "accounts": [
        {"id": name, "title": name.upper(), "provider": "claude_code", "home": f"~/{name}"}
        for name in ("aaa", "bbb", "ccc")
    ],
}


@pytest.fixture
def file(isolated_home: str) -> Path:
    """Where the settings lie; nothing there yet."""
    path = Path(locations.settings_path())
    path.parent.mkdir(parents=True)
    return path


def write(file: Path, document: Any) -> None:
    file.write_text(document if isinstance(document, str) else json.dumps(document))


def effective(daemon: Daemon) -> dict[str, Any]:
    settings: dict[str, Any] = daemon.call("settings_get")["settings"]
    return settings


def shown(daemon: Daemon) -> preferences.Preferences:
    """What a client makes of the daemon's settings."""
    with Connection(daemon.socket_path) as connection:
        return preferences.read(connection)


def ingest(daemon: Daemon, **turn: Any) -> None:
    daemon.call("ingest_turn", source="mine", turn={"model": "m", "output_tokens": 1, **turn})


def test_cfg_01_refresh_and_thresholds(file: Path) -> None:
    """CFG-01: out of range is the nearest value and a warning; the thresholds colour the gauges."""
    wrong = {"refresh_interval_seconds": 1, "warn_threshold": 7, "crit_threshold": "x"}
    write(file, {"ui": wrong, **POLL_OFF})
    with running_daemon() as daemon:
        assert effective(daemon)["ui"]["refresh_interval_seconds"] == 10
        assert effective(daemon)["ui"]["warn_threshold"] == 1.0
        assert effective(daemon)["ui"]["crit_threshold"] == 0.05
        warnings = "\n".join(daemon.call("status")["warnings"])
        assert all(f"ui.{key}:" in warnings for key in wrong)
        daemon.call(
            "settings_update", changes={"ui": {"warn_threshold": 0.5, "crit_threshold": 0.3}}
        )
        thresholds = shown(daemon).thresholds
        percents = (49, 51, 69, 71)
        assert [severity(percent, thresholds) for percent in percents] == [
            "ok",
            "warn",
            "warn",
            "crit",
        ]


def test_cfg_02_theme(file: Path) -> None:
    """CFG-02: any theme's name is kept, also of one that only the client's folder has."""
    with running_daemon() as daemon:
        assert effective(daemon)["theme"] == "openusage-dark"
        daemon.call("settings_update", changes={"theme": "mine"})
        assert json.loads(file.read_text()) == {"theme": "mine"}
        daemon.restart()
        assert shown(daemon).theme == "mine"


def test_cfg_03_window_and_retention(file: Path) -> None:
    """CFG-03: the window is the client's first; retention is clamped, and keeps no total away."""
    write(file, {"data": {"time_window": "all", "retention_days": 1}, **POLL_OFF})
    with running_daemon() as daemon:
        ingest(daemon, message_id="m1", occurred_at="2026-01-01T12:00:00Z")
        # a window longer than the retention needs no shrinking: sums are kept for ever
        assert shown(daemon).window == "all"
        model = daemon.call("read_model", window="all", tz="UTC")
        assert model["totals"]["output_tokens"] == 1
        # 0 means "for ever" elsewhere: it must not delete all but a day
        for given, taken in ((0, 30), (-1, 30), (99_999, 3650), ("soon", 30)):
            write(file, {"data": {"retention_days": given, "time_window": "2d"}, **POLL_OFF})
            wanted = {"retention_days": taken, "time_window": "30d"}
            wait_until(lambda wanted=wanted: effective(daemon)["data"] == wanted)
        with pytest.raises(RpcError, match="config_invalid"):
            daemon.call("settings_update", changes={"data": {"retention_days": 0}})


def test_cfg_04_experimental(file: Path) -> None:
    """CFG-04: the switch of other versions is accepted and kept; analytics needs it no more."""
    write(file, {"experimental": {"analytics": True}, **POLL_OFF})
    with running_daemon() as daemon:
        assert effective(daemon)["experimental"] == {"analytics": True}
        assert daemon.call("status")["warnings"] == []
        daemon.call("settings_update", changes={"experimental": {"analytics": False}})
        assert daemon.call("analytics", window="7d")["seq"] >= 0


def test_cfg_05_provider_links(file: Path) -> None:
    """CFG-05: usage that names another provider is listed, and belongs to whom the link names."""
    write(file, {**ACCOUNTS, "accounts": ACCOUNTS["accounts"][:1]})
    with running_daemon() as daemon:
        ingest(daemon, message_id="m1", provider="acme")
        unmapped = daemon.call("read_model", window="30d")["unmapped"]
        assert [row["provider"] for row in unmapped] == ["acme"]
        links = {"acme": "claude_code"}
        daemon.call("settings_update", changes={"telemetry": {"provider_links": links}})
        model = daemon.call("read_model", window="30d")
        assert model["unmapped"] == []
        (account,) = model["accounts"]
        assert account["usage"]["totals"]["output_tokens"] == 1
        assert effective(daemon)["telemetry"]["provider_links"]["anthropic"] == "claude_code"


def test_cfg_06_dashboard(file: Path) -> None:
    """CFG-06: order, switched-off accounts, costs, view and sections reach who draws them."""
    dashboard = {
        "view": "List",
        "providers": [
            {"account_id": "ccc"},
            {"account_id": "aaa", "enabled": False},
            {"account_id": "bbb", "hide_costs": True},
            {"account_id": "bbb", "hide_costs": False},
        ],
        "widget_sections": [{"id": "tool_usage"}, {"id": "code_stats", "enabled": False}],
        "hide_sections_with_no_data": False,
    }
    write(file, {**ACCOUNTS, "dashboard": dashboard})
    with running_daemon() as daemon:
        model = daemon.call("read_model", window="1d")
        assert {one["account_id"] for one in model["accounts"]} == {"bbb", "ccc"}
        wishes = shown(daemon)
        assert (wishes.order, wishes.view) == (("ccc", "aaa", "bbb"), "split")
        assert (wishes.hides_costs_of("bbb"), wishes.hides_costs_of("ccc")) == (True, False)
        assert wishes.sections == (("tool_usage", True), ("code_stats", False))
        assert not wishes.hide_empty
        overview = run_client(daemon.env, "overview", "--no-autostart").stdout
        assert "AAA" not in overview
        assert overview.index("CCC") < overview.index("BBB")


def test_cfg_07_model_normalization(file: Path) -> None:
    """CFG-07: given without `enabled` it stays on; an override that says nothing is left out."""
    good = {"raw_model_id": "claude-x-1", "canonical_lineage_id": "claude-x"}
    given = {"group_by": "family", "overrides": [good, {"raw_model_id": "y"}]}
    write(file, {"model_normalization": given, **POLL_OFF})
    with running_daemon() as daemon:
        found = effective(daemon)["model_normalization"]
        assert (found["enabled"], found["group_by"], found["min_confidence"]) == (
            True,
            "lineage",
            0.8,
        )
        assert [one["raw_model_id"] for one in found["overrides"]] == ["claude-x-1"]
        warnings = "\n".join(daemon.call("status")["warnings"])
        assert "model_normalization.group_by: 'family'" in warnings
        assert "overrides[y].canonical_lineage_id" in warnings


def test_cfg_07_it_groups_what_a_report_shows(file: Path) -> None:
    """CFG-07: an override makes two names one row, and a change of the file two of them again."""
    write(file, POLL_OFF)
    with running_daemon() as daemon:
        for number, model in enumerate(("own-model-a", "own-model-b")):
            ingest(daemon, message_id=f"m{number}", model=model)

        def rows() -> dict[str, int]:
            found = daemon.call("report", kind="models", tz="UTC")["rows"]
            return {row["label"]: row["output_tokens"] for row in found}

        apart = {"own-model-a": 1, "own-model-b": 1}
        assert rows() == apart
        overrides = [{"raw_model_id": name, "canonical_lineage_id": "own-model"} for name in apart]
        daemon.call("settings_update", changes={"model_normalization": {"overrides": overrides}})
        assert rows() == {"own-model": 2}
        write(file, {"model_normalization": {"enabled": False, "overrides": overrides}, **POLL_OFF})
        wait_until(lambda: rows() == apart, 10.0, "the names as they are")


def test_cfg_08_accounts(file: Path) -> None:
    """CFG-08: blank, repeated and unknown ones are named and left out; detection can be off."""
    (file.parents[2] / ".claude" / "projects").mkdir(parents=True)
    accounts = [
        {"id": " work ", "provider": "claude_code", "home": "~/work"},
        {"id": "work", "provider": "codex"},
        {"id": " ", "provider": "codex"},
        {"id": "odd", "provider": "nobody-knows"},
    ]
    document = {"auto_detect": False, "accounts": accounts, **POLL_OFF}
    write(file, document)

    def listed() -> dict[str, str]:
        found = daemon.call("accounts")["accounts"]
        return {one["account_id"]: one["provider_id"] for one in found}

    with running_daemon() as daemon:
        assert listed() == {"work": "claude_code"}
        warnings = daemon.call("status")["warnings"]
        assert [text.partition(":")[0] for text in sorted(warnings)] == [
            "accounts[2].id",
            "accounts[odd].provider",
            "accounts[work].id",
        ]
        write(file, {**document, "auto_detect": True})
        wait_until(lambda: "claude-code" in listed(), 10.0, "the detected account")


def test_cfg_10_hub_keys_are_kept_and_said_to_do_nothing(file: Path) -> None:
    """CFG-10: a target of another version survives our writes; that nothing is sent is said."""
    export = {"target": "http://127.0.0.1:9/", "machine_name": "desk"}
    write(file, {"export": export, "hub": {"listen_addr": ":1"}, **POLL_OFF})
    with running_daemon() as daemon:
        assert "sends nothing" in "\n".join(daemon.call("status")["warnings"])
        daemon.call("settings_update", changes={"theme": "Nord"})
        kept = json.loads(file.read_text())
        assert (kept["export"], kept["hub"]) == (export, {"listen_addr": ":1"})


def test_cfg_11_tmux(file: Path) -> None:
    """CFG-11: the line of `openusage tmux` is that of the settings, own variables included."""
    tmux = {"format": "<{greeting}>", "variables": {"greeting": "hello"}, "color_mode": "none"}
    write(file, {"tmux": tmux, **ACCOUNTS})
    with running_daemon() as daemon:

        def shown() -> str:
            return run_client(daemon.env, "tmux", "--no-autostart").stdout.strip()

        # A busy machine may not let the line be asked for in its time.
        wait_until(lambda: shown() == "<hello>", 20.0, "the line of the settings")


WRITER = """
import sys
from openusaged.config.settings_file import patch
for number in range(30):
    patch(sys.argv[1], {"future": {f"{sys.argv[2]}{number}": number}})
"""


def test_cfg_12_writers_side_by_side_lose_nothing(file: Path, tmp_path: Path) -> None:
    """CFG-12: two programs and the daemon write through a link; the file is whole at each look."""
    real = tmp_path / "dotfiles" / "settings.json"
    real.parent.mkdir()
    real.write_text(json.dumps({"mine": [1, {"x": None}], **POLL_OFF}))
    real.chmod(0o640)
    file.symlink_to(real)
    with running_daemon() as daemon:
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(file), name], cwd=REPOSITORY)
            for name in "ab"
        ]
        wanted = 0
        while any(writer.poll() is None for writer in writers) or wanted < 20:
            wanted += 1
            daemon.call("settings_update", changes={"data": {"retention_days": wanted % 90 + 1}})
            assert json.loads(real.read_text())["mine"] == [1, {"x": None}]
        assert [writer.wait(60) for writer in writers] == [0, 0]
    document = json.loads(file.read_text())
    assert len(document["future"]) == 60
    assert document["data"]["retention_days"] == wanted % 90 + 1
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert {path.name for path in real.parent.iterdir()} == {"settings.json"}


def test_cfg_13_salvage(file: Path) -> None:
    """CFG-13: a document with stale bytes behind it is used; the next write repairs, with a copy."""
    damaged = '{"data": {"retention_days": 77}}\nold_tail": 5}}'
    write(file, damaged)
    with running_daemon() as daemon:
        assert effective(daemon)["data"]["retention_days"] == 77
        assert "behind the JSON document" in daemon.call("status")["warnings"][0]
        assert file.read_text() == damaged
        daemon.call("settings_update", changes={"telemetry": {"poll": False}})
        assert json.loads(file.read_text())["data"] == {"retention_days": 77}
        assert daemon.call("status")["warnings"] == []
    copy = file.with_name("settings.json.corrupt")
    assert copy.read_text() == damaged
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", '{"data": ', "[1]", "nonsense"])
def test_cfg_14_unreadable(file: Path, text: str) -> None:
    """CFG-14: commands go on with defaults and say so; the file is never written over."""
    write(file, text)
    with running_daemon() as daemon:
        assert str(file) in daemon.call("status")["warnings"][0]
        assert run_client(daemon.env, "daily", "--no-autostart").returncode == 0
        assert str(file) in run_client(daemon.env, "status", "--no-autostart").stdout
        with pytest.raises(RpcError, match="config_invalid"):
            daemon.call("settings_update", changes={"theme": "Nord"})
    assert file.read_text() == text


def replaced(file: Path, text: str) -> None:
    """As an editor saves: another file is renamed over it."""
    other = file.with_name("settings.json.new")
    other.write_text(text)
    os.replace(other, file)


@pytest.mark.parametrize("save", [write, replaced], ids=["in-place", "renamed"])
def test_cfg_15_reload(file: Path, save: Callable[[Path, str], None]) -> None:
    """CFG-15: a changed file is taken over while the daemon runs, intervals and accounts, too."""
    with running_daemon() as daemon:
        changed = {**ACCOUNTS, "ui": {"refresh_interval_seconds": 900}}
        save(file, json.dumps(changed))
        wait_until(
            lambda: effective(daemon)["ui"]["refresh_interval_seconds"] == 900, 10.0, "the reload"
        )

        def ids() -> set[str]:
            return {one["account_id"] for one in daemon.call("status")["sources"]}

        wait_until(lambda: ids() == {"aaa", "bbb", "ccc"}, 10.0, "the new accounts")
        file.unlink()
        wait_until(
            lambda: effective(daemon)["ui"]["refresh_interval_seconds"] == 300, 10.0, "defaults"
        )
