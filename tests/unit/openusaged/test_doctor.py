"""Single checks of the doctor that no healthy machine shows."""

from __future__ import annotations

import os
import sqlite3

import pytest

from openusage_proto import VERSION, locations
from openusage_proto.errors import RpcError
from openusage_proto.methods import PROTOCOL_VERSION
from openusaged import doctor


def test_running_version_differs() -> None:
    """A daemon of another version, or of another protocol, asks for a restart."""
    same = doctor._version({"version": VERSION, "protocol": PROTOCOL_VERSION})
    assert (same.state, same.fix) == ("ok", "")
    for other in (
        {"version": "0.0.1", "protocol": PROTOCOL_VERSION},
        {"version": VERSION, "protocol": PROTOCOL_VERSION + 1},
    ):
        check = doctor._version(other)
        assert (check.state, check.fix) == ("warning", "openusaged restart")


def test_database_that_is_open_to_others(isolated_home: str) -> None:
    """Rights that are too wide are told beside the state of the file."""
    os.makedirs(locations.state_dir())
    connection = sqlite3.connect(locations.database_path())
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    os.chmod(locations.database_path(), 0o644)
    wide, fine = doctor._database(os.environ)
    assert (wide.state, wide.fix.split()[0]) == ("warning", "chmod")
    assert "1 tables" in fine.found


def test_daemon_that_answers_with_an_error(
    isolated_home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error instead of a status is a failure with a fix."""
    import socket

    def refuse(*_: object) -> None:
        raise RpcError(1003, "shutting_down")

    monkeypatch.setattr(doctor, "call", refuse)
    path = os.path.join(isolated_home, "s.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        os.chmod(path, 0o600)
        (check,) = doctor._socket(path, running=True)
    assert (check.state, check.fix) == ("failed", "openusaged restart")
    assert "shutting_down" in check.found


def test_unreachable_directory(isolated_home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory below a file cannot even be looked at."""
    blocker = os.path.join(isolated_home, "file")
    with open(blocker, "w"):
        pass
    env = {"HOME": isolated_home, "XDG_STATE_HOME": blocker, "XDG_CONFIG_HOME": blocker}
    assert [check.state for check in doctor._directories(env)] == ["failed", "failed"]


def test_system_without_inotify(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no such limit there is no check."""

    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    assert list(doctor._inotify({})) == []


def test_a_valid_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zone by its name is fine."""
    checks = {check.name: check for check in doctor._clock({"TZ": ":Asia/Kathmandu"})}
    assert (checks["zone"].state, checks["zone"].found) == ("ok", "Asia/Kathmandu")


def hook(**more: object) -> dict[str, object]:
    """What the daemon says about a tool that is wired and delivers."""
    given: dict[str, object] = {
        "id": "codex",
        "state": "ready",
        "reasons": [],
        "places": [{"reasons": []}],
        "delivery": "delivering",
        "delivery_reason": "",
        "last_event_at": "2026-03-01T10:00:00Z",
    }
    return given | more


def test_a_hook_that_delivers() -> None:
    """When it last reported is told; nothing is to be done."""
    check = doctor._hook(hook())
    assert (check.state, check.fix) == ("ok", "")
    assert "last event 2026-03-01T10:00:00Z" in check.found


def test_a_silent_hook() -> None:
    """The log grows and the hook says nothing: a warning with what to look at."""
    check = doctor._hook(
        hook(delivery="silent", delivery_reason="start it anew", last_event_at=None)
    )
    assert (check.state, check.fix) == ("warning", "start it anew")
    assert "last event never" in check.found


@pytest.mark.parametrize(
    ("state", "level", "verb"),
    [("missing", "ok", "install"), ("partial", "warning", "install"),
     ("outdated", "warning", "upgrade"), ("broken", "warning", "upgrade")],
)  # fmt: skip
def test_a_hook_that_needs_a_command(state: str, level: str, verb: str) -> None:
    """The command is named; not to be wired is a choice, half wired is not."""
    check = doctor._hook(hook(state=state, places=[{"reasons": ["no hook for Stop"]}]))
    assert (check.state, check.fix) == (level, f"openusage integrations {verb} codex")
    assert ("no hook for Stop" in check.found) is (state != "missing")
