"""The texts of units, agent, autostart entry and cron line, read back by other programs' rules."""

from __future__ import annotations

import configparser
import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.service import units

PLAIN = ["/usr/bin/python3", "-P", "-m", "openusaged", "run"]
ODD = ['/opt/my "py"/100% $HOME/a\\b/python', "-P", "-m", "openusaged", "run"]
AGENT = {"version": "1.2.3", "environment": "/c/service.env"}
ARGUMENTS = st.lists(
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f\x85")),
    min_size=1,
    max_size=4,
)


def sections(text: str) -> dict[str, dict[str, str]]:
    """A unit or desktop file as systemd's and the desktops' readers see it."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def systemd_words(text: str) -> list[str]:
    """Arguments by the rules of systemd.service(5): quotes, backslashes, then % and $."""
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(text)]
    return words[1:] if words[0] == "/usr/bin/env" else words


class TestSystemd:
    def test_service_says_how_to_run_and_when_to_come_back(self) -> None:
        """A crash is answered by a restart within bounds; a wanted end is not."""
        unit = sections(units.systemd_service(PLAIN, **AGENT))
        service = unit["Service"]
        assert systemd_words(service["ExecStart"]) == PLAIN
        assert (service["Type"], service["Restart"]) == ("notify", "on-failure")
        assert int(unit["Unit"]["StartLimitBurst"]) > 1
        assert unit["Install"]["WantedBy"] == "default.target"
        assert service["EnvironmentFile"] == "-/c/service.env"

    def test_service_is_hardened(self) -> None:
        """What a daemon of this kind never does, it cannot do."""
        service = sections(units.systemd_service(PLAIN, **AGENT))["Service"]
        assert service["NoNewPrivileges"] == "yes"
        assert service["RestrictNamespaces"] == "yes"
        assert service["UMask"] == "0077"
        families = service["RestrictAddressFamilies"].split()
        assert sorted(families) == ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX"]

    def test_socket_belongs_to_the_user_alone(self) -> None:
        """Nobody else may connect, and no file stays behind."""
        socket = sections(units.systemd_socket("/run/user/1000/50% off.sock", version="1"))
        assert socket["Socket"]["ListenStream"] == "/run/user/1000/50%% off.sock"
        assert (socket["Socket"]["SocketMode"], socket["Socket"]["RemoveOnStop"]) == ("0600", "yes")
        assert socket["Install"]["WantedBy"] == "sockets.target"

    def test_paths_with_special_characters_reach_the_program(self) -> None:
        """Spaces, quotes, percent and dollar signs in a path are characters like others."""
        unit = units.systemd_service(ODD, **AGENT)
        assert systemd_words(sections(unit)["Service"]["ExecStart"]) == ODD
        assert units.installed_program(unit) == ODD[0]
        assert units.installed_version(unit) == "1.2.3"

    @pytest.mark.skipif(
        shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
    )
    @pytest.mark.parametrize("folder", ["plain", 'with space $x 5% "q"'])
    def test_dmn_08_systemd_accepts_the_units(self, tmp_path: Path, folder: str) -> None:
        """systemd's own checker has nothing to say about either unit, odd paths included."""
        python = tmp_path / folder / "python"
        python.parent.mkdir()
        python.symlink_to(sys.executable)
        directory = tmp_path / "units"
        directory.mkdir()
        command = [os.fspath(python), *PLAIN[1:]]
        environment = os.fspath(tmp_path / folder / "service.env")
        service = units.systemd_service(command, version="1", environment=environment)
        socket = units.systemd_socket(os.fspath(tmp_path / folder / "s"), version="1")
        (directory / units.SERVICE).write_text(service)
        (directory / units.SOCKET).write_text(socket)
        runtime = tmp_path / "run"
        runtime.mkdir(0o700)
        done = subprocess.run(
            ["systemd-analyze", "--user", "--man=no", "verify", directory / units.SERVICE,
             directory / units.SOCKET],
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": os.fspath(runtime)},
            check=False,
        )  # fmt: skip
        said = [line for line in done.stderr.splitlines() if "openusaged" in line]
        assert (done.returncode, said) == (0, []), done.stderr


class TestLaunchd:
    def test_dmn_08_agent(self) -> None:
        """It starts at log-in and after a crash, not in a tight loop, and not after a stop."""
        data = units.launchd_agent(ODD, log="/l", variables={"XDG_STATE_HOME": "/s"}, **AGENT)
        agent = plistlib.loads(data)
        assert agent["ProgramArguments"] == [*ODD, "--environment-file", "/c/service.env"]
        assert agent["RunAtLoad"] is True
        assert agent["KeepAlive"] == {"SuccessfulExit": False}
        assert agent["ThrottleInterval"] >= 10
        assert agent["EnvironmentVariables"] == {"XDG_STATE_HOME": "/s"}


class TestFallbacks:
    def test_autostart_entry(self) -> None:
        """Exec is quoted as the Desktop Entry Specification demands, twice escaped."""
        entry = sections(units.autostart_entry(ODD, **AGENT))["Desktop Entry"]
        assert entry["Exec"].startswith(
            '"/opt/my \\\\"py\\\\"/100%% \\\\$HOME/a\\\\\\\\b/python" "-P" "-m"'
        )
        assert units.installed_program(units.autostart_entry(ODD, **AGENT)) == ODD[0]

    def test_cron_line_stands_among_foreign_lines(self) -> None:
        """Our line is replaced and removed alone; the table is otherwise byte for byte the same."""
        table = "MAILTO=me\n@daily backup 50\\%\n# no newline at the end"
        first = units.with_cron_line(table, units.cron_line(PLAIN, **AGENT))
        second = units.with_cron_line(first, units.cron_line(ODD, **AGENT))
        assert second.count("@reboot") == 1
        assert units.cron_program(second.splitlines()[-1]) == ODD[0]
        assert units.with_cron_line(second, None) == table + "\n"
        assert units.with_cron_line("", None) == ""

    @given(ARGUMENTS)
    def test_cron_hands_over_every_argument(self, command: list[str]) -> None:
        """What the shell makes of the line is what was put in."""
        line = units.cron_line(command, **AGENT)
        words = shlex.split(line.removeprefix("@reboot ").replace("\\%", "%"), comments=True)
        assert words[: len(command)] == command


@given(ARGUMENTS)
def test_systemd_hands_over_every_argument(command: list[str]) -> None:
    """What systemd makes of the line is what was put in."""
    text = units.systemd_service(command, **AGENT)
    line = next(line for line in text.split("\n") if line.startswith("ExecStart="))
    assert systemd_words(line.removeprefix("ExecStart=")) == command


def test_foreign_or_broken_text_says_nothing() -> None:
    """A unit that somebody else wrote has no version; one without a command no program."""
    assert units.installed_version("[Unit]\nDescription=x\n") == ""
    assert units.installed_program("[Unit]\n") == ""
    assert units.cron_program("@reboot 'unbalanced") == ""
