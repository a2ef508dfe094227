"""Rows DMN-08, DMN-11 and I02 under systemd's own user manager, in namespaces of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.user_manager import KEYS, MANAGER, NO_MANAGER
from tests.support.daemon import REPOSITORY
from tests.support.isolation import temporary_home
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

SANDBOX = """
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
exec "$@"
"""
"""systemd's manager runs where the machine was booted by systemd: the directory says so."""


def missing_requirement() -> str:
    """What this machine lacks to run a user manager, or an empty string."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "namespaces need root on Linux"
    for tool in ("unshare", "systemctl", MANAGER):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    return ""


def hierarchies() -> Iterator[Path]:
    """Mounted control groups in which a manager keeps its own: systemd's, and version 2."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "name=systemd"):
            for name in ("systemd",) if controllers else ("unified", ""):
                group = Path("/sys/fs/cgroup", name, path.lstrip("/"))
                if (group / "cgroup.procs").exists():
                    yield group
                    break


@contextlib.contextmanager
def own_groups() -> Iterator[list[Path]]:
    """A control group for the manager in each hierarchy; gone afterwards with all below it."""
    name = f"openusage-test-{os.getpid()}"
    groups = [group / name for group in hierarchies()]
    try:
        try:
            for group in groups:
                group.mkdir()
        except OSError as error:
            pytest.skip(f"no control group can be made here: {error}")
        yield groups
    finally:
        for group in groups:
            for directory, _, _ in os.walk(group, topdown=False):
                # killed processes leave it a moment after they are gone
                wait_until(lambda directory=directory: _removed(directory), 10.0, directory)


def _removed(directory: str) -> bool:
    with contextlib.suppress(OSError):
        os.rmdir(directory)
    return not os.path.exists(directory)


@pytest.fixture(scope="module")
def lived() -> Iterator[dict[str, Any]]:
    """What happened to the service from its installation to its removal."""
    if missing := missing_requirement():
        pytest.skip(missing)
    with pytest.MonkeyPatch.context() as patch, temporary_home(patch) as home, own_groups() as own:
        log, result = Path(home, "manager.log"), Path(home, "result.json")
        env = {
            **os.environ,
            "XDG_RUNTIME_DIR": "/run/user/test",
            "MANAGER_LOG": str(log),
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        }
        for name in ("DBUS_SESSION_BUS_ADDRESS", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"):
            env.pop(name, None)
        joined = " ".join(f"echo $$ > {group}/cgroup.procs;" for group in own)
        inside = ["bash", "-c", SANDBOX, "sandbox", sys.executable, "-m",
                  "tests.service.user_manager", str(result)]  # fmt: skip
        outside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        done = subprocess.run(
            ["bash", "-c", f'{joined} exec "$@"', "join", *outside, *inside],
            env=env,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        told = log.read_text(errors="replace") if log.exists() else ""
        if done.returncode == NO_MANAGER:
            pytest.skip(f"no user manager comes up here: {told[-300:]}")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{told}"
        yield json.loads(result.read_text())


def running(step: dict[str, Any]) -> None:
    """The process that answers is the one that systemd looks after, and its socket is open."""
    assert step["pid"] == step["main_pid"] != 0
    assert step["active"] == ["active", "active"]


def test_i02_it_is_installed_and_starts(lived: dict[str, Any]) -> None:
    """I02: installed, it runs now and is wanted at each log-in, with its key and its sandbox."""
    step = lived["install"]
    assert step["code"] == 0, step["said"]
    running(step)
    assert step["enabled"] == ["enabled", "enabled"]
    assert (step["key"], step["sandboxed"]) == (KEYS[0], "yes")
    assert not any(key in step["said"] for key in KEYS)


def test_dmn_08_it_comes_back_after_a_crash(lived: dict[str, Any]) -> None:
    """DMN-08: killed, it is started again; a client that asks meanwhile waits; nothing is lost."""
    step = lived["crash"]
    running(step)
    assert step["pid"] != lived["install"]["pid"]
    assert (step["restarts"], step["stored"]) == (1, 1)


def test_dmn_11_an_upgrade_restarts_it(lived: dict[str, Any]) -> None:
    """DMN-11: installing a newer version over it takes effect at once, new keys included."""
    step = lived["upgrade"]
    assert step["code"] == 0, step["said"]
    assert "service updated: systemd, version 99.0" in step["said"]
    running(step)
    assert step["pid"] != lived["crash"]["pid"]
    assert (step["key"], step["stored"]) == (KEYS[1], 1)


def test_i02_stopped_is_stopped(lived: dict[str, Any]) -> None:
    """I02: `openusaged stop` ends it until `start`; no connection wakes it, nobody restarts it."""
    step = lived["stopped"]
    assert (step["stop"]["code"], step["refused"], step["held"]) == (0, True, None)
    assert step["start"]["code"] == 0
    assert "by its service" in step["start"]["said"]
    running(step)
    assert lived["ended_well"] == {"state": "inactive", "result": "success"}


def test_dmn_08_its_socket_starts_it(lived: dict[str, Any]) -> None:
    """DMN-08: the first connection after the service was stopped is answered by a new process."""
    step = lived["activated"]
    assert step["before"] == 0
    running(step)


def test_i02_it_survives_a_reboot(lived: dict[str, Any]) -> None:
    """I02: after a power cut it runs from log-in on, over the files that were left behind."""
    running(lived["booted"])
    assert lived["booted"]["stored"] == 1


def test_dmn_08_it_comes_back_without_its_state_directory(lived: dict[str, Any]) -> None:
    """DMN-08: with directory and socket removed, what systemd starts is found again, and is empty."""
    running(lived["swept"])
    assert lived["swept"]["stored"] == 0


def test_i02_it_is_removed_cleanly(lived: dict[str, Any]) -> None:
    """I02: no unit, link, environment file or process is left; the data is."""
    step = lived["uninstall"]
    assert step["code"] == 0, step["said"]
    assert step["left"] == []
    assert step["loaded"] == ["not-found", "not-found"]
    assert (step["environment"], step["held"], step["database"]) == (False, None, True)
