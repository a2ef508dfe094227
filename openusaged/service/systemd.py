"""User units of systemd."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping

from openusage_proto import locations
from openusage_proto.values import dataclass
from openusaged.service import units
from openusaged.service.managers import Host, Installed, Wanted, installed_from


@dataclass(frozen=True, slots=True)
class Systemd:
    """User units of systemd: a service and the socket that activates it."""

    host: Host
    name: str = "systemd"
    starts: bool = True

    @property
    def directory(self) -> str:
        """Where the user's units lie."""
        return os.path.join(locations.config_home(self.host.env), "systemd", "user")

    def usable(self) -> str:
        """Whether the user's manager runs and answers."""
        if self.host.platform != "linux" or not self.host.has("systemctl"):
            return "there is no systemd here"
        done = self._systemctl("show-environment")
        said = done.stderr.strip().splitlines()
        return f"systemctl --user: {said[0] if said else 'fails'}" if done.returncode else ""

    def texts(self, wanted: Wanted) -> Mapping[str, bytes]:
        """Service and socket unit."""
        service = units.systemd_service(
            wanted.command, version=wanted.version, environment=wanted.environment
        )
        socket = units.systemd_socket(wanted.socket, version=wanted.version)
        return {
            os.path.join(self.directory, units.SERVICE): os.fsencode(service),
            os.path.join(self.directory, units.SOCKET): os.fsencode(socket),
        }

    def installed(self) -> Installed:
        """From the unit files."""
        names = (units.SERVICE, units.SOCKET)
        return installed_from([os.path.join(self.directory, name) for name in names])

    def enable(self, wanted: Wanted) -> None:
        """Reload, enable both, and restart what runs, so that an upgrade takes effect."""
        del wanted
        for arguments in (
            ("daemon-reload",),
            ("enable", units.SOCKET, units.SERVICE),
            # The path of the socket may have changed, and systemd refuses to listen for a service
            # that already runs.
            ("stop", units.SOCKET, units.SERVICE),
            ("reset-failed", units.SOCKET, units.SERVICE),
            ("start", units.SOCKET, units.SERVICE),
        ):
            if arguments[0] in ("stop", "reset-failed"):
                self._systemctl(*arguments)
            else:
                self.host.must("systemctl", "--user", *arguments)

    def start(self) -> bool:
        """Start both."""
        return self._systemctl("start", units.SOCKET, units.SERVICE).returncode == 0

    def stop(self) -> None:
        """Stop both: a socket that stays would start the daemon for the next client."""
        self._systemctl("stop", units.SOCKET, units.SERVICE)

    def disable(self) -> None:
        """Stop both (the socket first, or the next client would start the service again)."""
        self._systemctl("disable", "--now", units.SOCKET, units.SERVICE)

    def forgotten(self) -> None:
        """Let the manager see that the files have gone."""
        self._systemctl("daemon-reload")
        self._systemctl("reset-failed", units.SOCKET, units.SERVICE)

    def notes(self) -> Iterator[str]:
        """Whether it outlives the last log-out."""
        done = self.host.run("loginctl", "show-user", str(self.host.uid), "--property=Linger")
        if done.returncode == 0 and "Linger=yes" not in done.stdout:
            yield (
                "it runs from your first log-in to your last log-out; to keep it running between"
                " them and from boot on: loginctl enable-linger"
            )

    def _systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.host.run("systemctl", "--user", *arguments)
