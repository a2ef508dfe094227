"""
The texts that make a daemon a service: systemd units, launchd agent, autostart entry, cron line.

Pure text in, text out: what is written here can be read back by `installed_*`, so that the next
installation, the removal and the doctor know what they look at.
"""

from __future__ import annotations

import plistlib
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

SERVICE: Final = "openusaged.service"
SOCKET: Final = "openusaged.socket"
LABEL: Final = "org.openusage.openusaged"
DESKTOP: Final = "openusaged.desktop"
CRON_MARK: Final = "# openusaged: written by `openusaged install`"

_NOTE: Final = """\
# Written by `openusaged install`, which replaces it: put changes into a drop-in
# (systemctl --user edit {unit}); `openusaged uninstall` removes it.
"""

_SERVICE: Final = """\
[Unit]
Description=OpenUsage daemon: what AI coding tools and model APIs use
X-OpenUsage-Version={version}
Requires={socket}
After={socket}
StartLimitIntervalSec=300
StartLimitBurst=8

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=kill -HUP $MAINPID
EnvironmentFile=-{environment}
WorkingDirectory=%h
Restart=on-failure
RestartSec=2
TimeoutStartSec=120
TimeoutStopSec=15
UMask=0077
Nice=5

# Only what a user's own service manager can enforce without name spaces, which many machines
# forbid: the daemon reads the tools' files below the home directory anyway.
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
SystemCallArchitectures=native
# the socket, the vendors, and AF_NETLINK for resolving their names
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=default.target
Also={socket}
"""

_SOCKET: Final = """\
[Unit]
Description=Socket of the OpenUsage daemon
X-OpenUsage-Version={version}

[Socket]
ListenStream={path}
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
"""

_VERSION_LINE: Final = re.compile(r"^X-OpenUsage-Version=(.*)$", re.MULTILINE)
_EXEC_LINE: Final = re.compile(r"^(?P<key>ExecStart|Exec)=(?P<words>.*)$", re.MULTILINE)
_QUOTED: Final = re.compile(r'"((?:\\.|[^"\\])*)"')
_ESCAPE: Final = re.compile(r"\\(.)")
_ENV: Final = "/usr/bin/env"
_PLAIN: Final = re.compile(r"[A-Za-z0-9@_+=:,./-]+")


def systemd_service(
    command: Sequence[str], *, version: str, environment: str, unit: str = SERVICE
) -> str:
    """The service unit; every argument and path quoted and escaped by systemd's own rules."""
    return _NOTE.format(unit=unit) + _SERVICE.format(
        version=version,
        socket=SOCKET,
        command=" ".join(_systemd_argument(part) for part in _systemd_command(command)),
        # the whole rest of the line is the path: no quotes, only `%` means something
        environment=environment.replace("%", "%%"),
    )


def systemd_socket(path: str, *, version: str) -> str:
    """The socket unit: systemd holds the socket, so no connection is refused during a restart."""
    return _NOTE.format(unit=SOCKET) + _SOCKET.format(version=version, path=path.replace("%", "%%"))


def _systemd_command(command: Sequence[str]) -> Sequence[str]:
    """Any argument works, but no quote, backslash or dollar in a program's own path."""
    return [_ENV, *command] if set(command[0]) & set("\"'\\$") else command


def _systemd_argument(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if _PLAIN.fullmatch(escaped) else f'"{escaped}"'


def launchd_agent(
    command: Sequence[str],
    *,
    version: str,
    environment: str,
    log: str,
    variables: Mapping[str, str],
) -> bytes:
    """
    The agent's property list.

    Anybody may read such a file, so keys are not in it: the daemon is told which file to read them
    from.  `variables` are directories only.
    """
    document: dict[str, Any] = {
        "Label": LABEL,
        "ProgramArguments": [*command, "--environment-file", environment],
        "RunAtLoad": True,
        # come back after a crash, stay away after `openusaged stop`
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Umask": 0o077,
        # The log proper is rotated by the daemon; this is for what goes wrong before it.
        "StandardErrorPath": log,
        "StandardOutPath": "/dev/null",
        "OpenUsageVersion": version,
    }
    if variables:
        document["EnvironmentVariables"] = dict(variables)
    return plistlib.dumps(document)


def autostart_entry(command: Sequence[str], *, version: str, environment: str) -> str:
    """A desktop entry: started by every desktop that follows XDG, at login."""
    words = " ".join(_desktop_argument(part) for part in _with_file(command, environment))
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Name=OpenUsage daemon\n"
        "Comment=Collects what AI coding tools and model APIs use\n"
        f"Exec={words}\n"
        "Terminal=false\n"
        "NoDisplay=true\n"
        f"X-OpenUsage-Version={version}\n"
    )


def _desktop_argument(text: str) -> str:
    # The Desktop Entry Specification: quoted, its four characters escaped; then the backslashes
    # once more, because every value of the file is unescaped first; `%` begins a field code.
    quoted = re.sub(r'(["`$\\])', r"\\\1", text)
    return '"' + quoted.replace("\\", "\\\\").replace("%", "%%") + '"'


def cron_line(command: Sequence[str], *, version: str, environment: str) -> str:
    """One `@reboot` line; cron reads `%` as the end of the line unless it is escaped."""
    words = shlex.join(_with_file(command, environment)).replace("%", "\\%")
    return f"@reboot {words} >/dev/null 2>&1 {CRON_MARK} {version}"


def with_cron_line(table: str, line: str | None) -> str:
    """A crontab with our line replaced, added, or (for None) taken out; other lines untouched."""
    lines = [one for one in table.splitlines(keepends=True) if CRON_MARK not in one]
    if line is not None:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines.append(line + "\n")
    return "".join(lines)


def _with_file(command: Sequence[str], environment: str) -> list[str]:
    return [*command, "--environment-file", environment]


def installed_version(text: str) -> str:
    """The version that wrote a unit or an autostart entry, "" when it does not say."""
    match = _VERSION_LINE.search(text)
    return match[1].strip() if match else ""


def installed_program(text: str) -> str:
    """The program that a unit or an autostart entry starts, "" when it names none."""
    match = _EXEC_LINE.search(text)
    if match is None:
        return ""
    words = match["words"].removeprefix(_ENV + " ").replace("%%", "%")
    service = match["key"] == "ExecStart"
    words = words.replace("$$", "$") if service else words.replace("\\\\", "\\")
    quoted = _QUOTED.match(words)
    return _ESCAPE.sub(r"\1", quoted[1]) if quoted else words.split(" ", 1)[0]


def cron_program(line: str) -> str:
    """The program that our line of a crontab starts."""
    words = line.removeprefix("@reboot ").replace("\\%", "%")
    try:
        return next(iter(shlex.split(words, comments=True)), "")
    except ValueError:
        return ""
