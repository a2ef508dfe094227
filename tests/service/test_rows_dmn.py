"""`openusaged install` and what follows, on machines with systemd, launchd, a desktop or cron."""

from __future__ import annotations

import os
import plistlib
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_proto import locations
from openusaged import cli, doctor
from openusaged.core.errors import LifecycleError
from openusaged.instance_lock import holder_pid
from openusaged.probe import NothingAnswers, call
from openusaged.service import environment, installing, program, units
from openusaged.service.launchd import Launchd
from tests.support.daemon import running_daemon
from tests.support.stand_in_systemctl import StandInSystemctl
from tests.support.waiting import wait_until

KEY = "sk-planted-0001"
OTHER_KEY = "sk-planted-0002"


@pytest.fixture
def tools(isolated_home: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path on which no service manager of the machine is."""
    directory = Path(isolated_home) / "tools"
    (directory / "bin").mkdir(parents=True)
    # what the stand-in programs themselves need
    for name in ("sh", "cat"):
        (directory / "bin" / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", os.fspath(directory / "bin"))
    for name in ("XDG_CURRENT_DESKTOP", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return directory


@pytest.fixture
def systemctl(tools: Path) -> Iterator[StandInSystemctl]:
    """A user manager that obeys unit files."""
    stand_in = StandInSystemctl(tools)
    yield stand_in
    subprocess.run([stand_in.bin / "systemctl", "--user", "stop"], check=False)


def program_that(tools: Path, name: str, script: str) -> Path:
    """Put a shell script on the path; it writes its arguments to a file beside it."""
    path = tools / "bin" / name
    path.write_text(f'#!/bin/sh\necho "$*" >> {tools / name}.calls\n{script}\n')
    path.chmod(0o755)
    return tools / f"{name}.calls"


def unit_dir() -> Path:
    return Path(locations.config_home()) / "systemd" / "user"


def daemon_pid() -> int:
    return int(call(locations.socket_path(), "status")["pid"])


def answers() -> bool:
    try:
        return bool(daemon_pid())
    except NothingAnswers:
        return False


def service_checks() -> list[doctor.Check]:
    return list(doctor._service(os.environ))


def test_dmn_08_i02_whole_life_under_systemd(
    systemctl: StandInSystemctl,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Installed, it answers with its key; killed, it comes back; removed, nothing is left."""
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    assert cli.main(["install"]) == 0
    assert KEY not in capsys.readouterr().out
    first = daemon_pid()
    assert first == systemctl.service_pid
    assert f"GROQ_API_KEY={KEY}".encode() in Path(f"/proc/{first}/environ").read_bytes()
    assert stat.S_IMODE(os.stat(environment.path_of(os.environ)).st_mode) == 0o600
    for unit in (units.SERVICE, units.SOCKET):
        assert KEY not in (unit_dir() / unit).read_text()

    os.kill(first, signal.SIGKILL)
    # The socket is the manager's: a client that comes now waits instead of being refused.
    second = daemon_pid()
    assert second not in (0, first)

    assert cli.main(["stop"]) == 0
    assert holder_pid(locations.lock_path()) is None
    with pytest.raises(NothingAnswers):
        daemon_pid()
    assert cli.main(["start"]) == 0
    assert "by its service" in capsys.readouterr().out
    assert daemon_pid() == systemctl.service_pid

    assert cli.main(["uninstall"]) == 0
    assert list(unit_dir().iterdir()) == []
    assert not os.path.exists(environment.path_of(os.environ))
    assert holder_pid(locations.lock_path()) is None
    assert os.path.exists(locations.database_path())
    assert cli.main(["uninstall"]) == 0
    assert "no service is installed" in capsys.readouterr().out


def test_dmn_11_installing_again_restarts_with_new_keys(
    systemctl: StandInSystemctl,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An upgrade takes effect at once; what the new shell lacks is kept."""
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    monkeypatch.setenv("MISTRAL_API_KEY", OTHER_KEY)
    assert cli.main(["install"]) == 0
    first = daemon_pid()
    monkeypatch.setenv("GROQ_API_KEY", OTHER_KEY)
    monkeypatch.delenv("MISTRAL_API_KEY")
    assert cli.main(["install"]) == 0
    assert "service updated" in capsys.readouterr().out
    second = daemon_pid()
    assert second != first
    given = Path(f"/proc/{second}/environ").read_bytes().split(b"\0")
    assert f"GROQ_API_KEY={OTHER_KEY}".encode() in given


def test_dmn_02_the_service_takes_over_from_a_daemon_started_by_hand(
    systemctl: StandInSystemctl,
) -> None:
    """A client may have started one while the service was away: there is one in the end."""
    with running_daemon() as by_hand:
        old = by_hand.process
        assert old is not None
        assert cli.main(["install"]) == 0
        assert daemon_pid() == systemctl.service_pid != old.pid
        assert wait_until(lambda: old.poll() is not None)


def test_dmn_08_never_downgraded(
    systemctl: StandInSystemctl,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A newer service that can run is left alone, and the sentence says how to insist."""
    monkeypatch.setattr(program, "version", lambda: "9.0")
    host = installing.host_of(os.environ)
    newer = installing.plan(host)
    for path, data in newer.texts.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).write_bytes(data)
    before = {path: Path(path).read_bytes() for path in newer.texts}
    monkeypatch.setattr(program, "version", lambda: "8.9")
    assert cli.main(["install"]) == 1
    assert "not replaced by an older one" in capsys.readouterr().err
    assert {path: Path(path).read_bytes() for path in newer.texts} == before
    assert not [one for one in systemctl.calls if one != "show-environment"]


def test_dmn_08_a_newer_one_that_has_gone_is_replaced(
    systemctl: StandInSystemctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to go back from when the newer program is no longer on the machine."""
    text = units.systemd_service(["/nowhere/python"], version="9.0", environment="/e")
    unit_dir().mkdir(parents=True)
    (unit_dir() / units.SERVICE).write_text(text)
    (found,) = [check for check in service_checks() if "has gone" in check.found]
    assert (found.state, found.fix) == ("warning", "openusaged install")
    assert cli.main(["install"]) == 0
    assert units.installed_version((unit_dir() / units.SERVICE).read_text()) == program.version()


def test_dmn_10_doctor_notices_changed_keys(
    systemctl: StandInSystemctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was exported or changed after the installation is named, never shown."""
    (before,) = service_checks()
    assert (before.state, before.fix) == ("ok", "openusaged install")
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    assert cli.main(["install"]) == 0
    assert [check.state for check in service_checks()] == ["ok"]
    monkeypatch.setenv("GROQ_API_KEY", OTHER_KEY)
    monkeypatch.setenv("MISTRAL_API_KEY", OTHER_KEY)
    (changed,) = [check for check in service_checks() if check.state != "ok"]
    assert changed.found.endswith("GROQ_API_KEY, MISTRAL_API_KEY")
    assert changed.fix == "openusaged install"
    assert OTHER_KEY not in changed.found
    os.chmod(environment.path_of(os.environ), 0o644)
    assert any(check.fix.startswith("chmod 600") for check in service_checks())


def test_dmn_10_doctor_notices_another_version(
    systemctl: StandInSystemctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that an older version set up wants to be set up again."""
    assert cli.main(["install"]) == 0
    monkeypatch.setattr(program, "version", lambda: "99.0")
    assert service_checks()[0].fix == "openusaged install"
    monkeypatch.setattr(program, "version", lambda: "0.0.1")
    assert "is newer" in service_checks()[0].fix


def test_lingering_is_explained(
    systemctl: StandInSystemctl, tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who is logged out keeps nothing running, unless told how."""
    program_that(tools, "loginctl", "echo Linger=no")
    assert cli.main(["install"]) == 0
    assert "loginctl enable-linger" in capsys.readouterr().out
    program_that(tools, "loginctl", "echo Linger=yes")
    assert cli.main(["install"]) == 0
    assert "enable-linger" not in capsys.readouterr().out


def test_dry_run_writes_nothing(
    systemctl: StandInSystemctl,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The files are shown, the values of keys are not."""
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    assert cli.main(["install", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "[Socket]" in shown
    assert "would hold: GROQ_API_KEY" in shown
    assert KEY not in shown
    assert not unit_dir().exists()
    assert not os.path.exists(environment.path_of(os.environ))


def test_dmn_08_launchd_agent_without_keys(
    tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent is loaded into the log-in session; the keys lie in the file it names."""
    calls = program_that(tools, "launchctl", 'case "$1" in bootout) exit 3;; esac')
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    host = installing.host_of(os.environ, platform="darwin")
    planned = installing.plan(host)
    installing.install(host, planned)
    path = Launchd(host).path
    agent = plistlib.loads(Path(path).read_bytes())
    assert KEY not in Path(path).read_text()
    assert agent["ProgramArguments"][-1] == environment.path_of(os.environ)
    assert environment.read(agent["ProgramArguments"][-1])["GROQ_API_KEY"] == KEY
    uid = os.geteuid()
    assert f"bootstrap gui/{uid} {path}" in calls.read_text().splitlines()
    found = installing.existing(host)
    assert found is not None
    assert (found[1].version, found[1].program) == (program.version(), program.command()[0])
    assert installing.uninstall(host) == [path, environment.path_of(os.environ)]
    assert not os.path.exists(path)


def test_launchd_over_ssh_uses_the_other_domain(tools: Path) -> None:
    """Without a log-in session the user's own domain takes it; when none does, it is said."""
    calls = program_that(tools, "launchctl", 'case "$2" in user/*) exit 0;; esac\nexit 5')
    host = installing.host_of(os.environ, platform="darwin")
    installing.install(host, installing.plan(host))
    assert f"bootstrap user/{os.geteuid()}" in calls.read_text()
    assert Launchd(host).start()
    program_that(tools, "launchctl", "echo no such domain >&2; exit 5")
    with pytest.raises(LifecycleError, match="no such domain"):
        installing.install(host, installing.plan(host))
    assert not Launchd(host).start()


def test_fallback_of_a_desktop(
    tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without systemd the desktop starts it; now it is started by hand, with the same keys."""
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "XFCE")
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    entry = Path(locations.config_home()) / "autostart" / units.DESKTOP
    try:
        assert cli.main(["install"]) == 0
        assert daemon_pid()
        assert KEY not in entry.read_text()
        assert "nothing restarts it after a crash" in capsys.readouterr().out
    finally:
        assert cli.main(["uninstall"]) == 0
    assert not entry.exists()
    assert holder_pid(locations.lock_path()) is None


def test_fallback_of_cron(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a desktop cron starts it at boot; foreign lines stay."""
    table = tools / "table"
    table.write_text("@daily backup\n")
    program_that(tools, "crontab", f'if [ "$1" = -l ]; then cat {table}; else cat > {table}; fi')
    try:
        assert cli.main(["install"]) == 0
        assert daemon_pid()
        assert cli.main(["install"]) == 0
        lines = table.read_text().splitlines()
        assert lines[0] == "@daily backup"
        assert [line.startswith("@reboot") for line in lines] == [False, True]
        assert service_checks()[0].state == "ok"
    finally:
        assert cli.main(["uninstall"]) == 0
    assert table.read_text() == "@daily backup\n"


def test_i03_no_manager_at_all(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing can keep it running (or on an unknown system) one sentence says what to do."""
    assert cli.main(["install"]) == 1
    said = capsys.readouterr().err
    for words in ("systemd:", "launchd:", "autostart:", "cron:", "run --foreground"):
        assert words in said
    assert cli.main(["install", "--manager", "launchd"]) == 1
    assert "macOS" in capsys.readouterr().err


def test_user_manager_that_does_not_answer(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After `su` there is a systemctl and no bus: what it says is handed on."""
    program_that(tools, "systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    assert cli.main(["install", "--manager", "systemd"]) == 1
    assert "Failed to connect to bus" in capsys.readouterr().err


def test_changing_the_manager_leaves_one(
    systemctl: StandInSystemctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine has one service: choosing another manager takes the first one out."""
    assert cli.main(["install"]) == 0
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "XFCE")
    try:
        assert cli.main(["install", "--manager", "autostart"]) == 0
        assert list(unit_dir().iterdir()) == []
        assert systemctl.service_pid == 0
        assert daemon_pid()
    finally:
        assert cli.main(["uninstall"]) == 0


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="systemd is not installed"
)
def test_dmn_01_systemd_hands_over_its_socket(isolated_home: str) -> None:
    """The first connection starts the daemon, and is answered by it, through systemd's own tool."""
    path = locations.socket_path()
    os.makedirs(os.path.dirname(path), mode=0o700)
    process = subprocess.Popen(
        ["systemd-socket-activate", "-E", "HOME", "-E", "XDG_STATE_HOME", "-E", "XDG_CONFIG_HOME",
         "-l", path, *program.command()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        # between bind and listen the file is there and refuses
        assert wait_until(answers)
        # systemd-socket-activate becomes the daemon: same process id
        assert daemon_pid() == process.pid
    finally:
        process.terminate()
        assert process.wait(10) == 0
    # the socket is systemd's to remove
    assert os.path.exists(path)


def test_dmn_09_environment_file_of_run(
    tools: Path, monkeypatch: pytest.MonkeyPatch, isolated_home: str
) -> None:
    """`run --environment-file` takes over what is not set, for managers that cannot do it."""
    path = os.path.join(isolated_home, "e")
    environment.write(path, {"GROQ_API_KEY": KEY, "TZ": "Asia/Tokyo"})
    with running_daemon({"TZ": "UTC"}, args=("--environment-file", path)) as daemon:
        accounts = call(daemon.socket_path, "accounts")["accounts"]
        assert [one["account_id"] for one in accounts if one["account_id"] == "groq"] == ["groq"]
