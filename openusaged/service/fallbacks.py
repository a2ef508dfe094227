"""Where no service manager is: a desktop's autostart folder, else a line for cron."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import field

from openusage_proto import locations
from openusage_proto.values import dataclass
from openusaged.service import units
from openusaged.service.managers import Host, Installed, Wanted, installed_from


@dataclass(frozen=True, slots=True)
class Autostart:
    """The autostart folder of a desktop: started at login, by nobody after a crash."""

    host: Host
    name: str = "autostart"
    starts: bool = False
    _desktops: tuple[str, ...] = field(
        default=("XDG_CURRENT_DESKTOP", "WAYLAND_DISPLAY", "DISPLAY"), repr=False
    )

    @property
    def path(self) -> str:
        """The entry."""
        return os.path.join(locations.config_home(self.host.env), "autostart", units.DESKTOP)

    def usable(self) -> str:
        """In a desktop session."""
        if any(self.host.env.get(name) for name in self._desktops):
            return ""
        return "no desktop runs here"

    def texts(self, wanted: Wanted) -> Mapping[str, bytes]:
        """The desktop entry."""
        entry = units.autostart_entry(
            wanted.command, version=wanted.version, environment=wanted.environment
        )
        return {self.path: os.fsencode(entry)}

    def installed(self) -> Installed:
        """From the desktop entry."""
        return installed_from([self.path])

    def enable(self, wanted: Wanted) -> None:
        """The file is enough."""

    def start(self) -> bool:
        """It starts nothing now."""
        return False

    def stop(self) -> None:
        """It watches nothing."""

    def disable(self) -> None:
        """The file is all there is."""

    def forgotten(self) -> None:
        """Nothing is left to tell it."""

    def notes(self) -> Iterator[str]:
        """What it cannot do."""
        yield (
            "your desktop starts it at log-in; nothing restarts it after a crash but the next"
            " `openusage` command"
        )


@dataclass(frozen=True, slots=True)
class Cron:
    """A line of the user's crontab: started at boot, by nobody after a crash."""

    host: Host
    name: str = "cron"
    starts: bool = False

    def usable(self) -> str:
        """Where there is a crontab."""
        return "" if self.host.has("crontab") else "there is no crontab here"

    def texts(self, wanted: Wanted) -> Mapping[str, bytes]:
        """It lives in no file of ours."""
        del wanted
        return {}

    def installed(self) -> Installed:
        """From the crontab."""
        for line in self._table().splitlines():
            if units.CRON_MARK in line:
                version = line.rpartition(units.CRON_MARK)[2].strip()
                program = units.cron_program(line)
                return Installed(files=("crontab",), version=version, program=program)
        return Installed()

    def enable(self, wanted: Wanted) -> None:
        """Put the line in."""
        line = units.cron_line(
            wanted.command, version=wanted.version, environment=wanted.environment
        )
        self.host.must("crontab", "-", given=units.with_cron_line(self._table(), line))

    def start(self) -> bool:
        """It starts nothing now."""
        return False

    def stop(self) -> None:
        """It watches nothing."""

    def disable(self) -> None:
        """Take the line out."""
        table = self._table()
        rest = units.with_cron_line(table, None)
        if rest != table:
            self.host.must("crontab", "-", given=rest)

    def forgotten(self) -> None:
        """Nothing is left to tell it."""

    def notes(self) -> Iterator[str]:
        """What it cannot do."""
        yield (
            "cron starts it at boot; nothing restarts it after a crash but the next `openusage`"
            " command"
        )

    def _table(self) -> str:
        done = self.host.run("crontab", "-l")
        # exit code 1 with "no crontab for ..." is an empty table
        return done.stdout if done.returncode == 0 else ""
