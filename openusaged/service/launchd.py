"""An agent of launchd, on a Mac."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Iterator, Mapping
from typing import Final

from openusage_proto.values import dataclass
from openusaged.service import units
from openusaged.service.managers import Host, Installed, Wanted

_DIRECTORIES: Final = (
    "OPENUSAGE_CONFIG_DIR",
    "OPENUSAGE_TELEMETRY_SOCKET",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
)
"""What a property list may hold of the environment: directories, never a key."""


@dataclass(frozen=True, slots=True)
class Launchd:
    """An agent of macOS's launchd."""

    host: Host
    name: str = "launchd"
    starts: bool = True

    @property
    def path(self) -> str:
        """The agent's property list."""
        return os.path.join(self.host.home, "Library", "LaunchAgents", f"{units.LABEL}.plist")

    def usable(self) -> str:
        """On a Mac."""
        return "" if self.host.platform == "darwin" else "launchd is macOS's"

    def texts(self, wanted: Wanted) -> Mapping[str, bytes]:
        """The property list, without any key."""
        variables = {name: self.host.env[name] for name in _DIRECTORIES if self.host.env.get(name)}
        agent = units.launchd_agent(
            wanted.command,
            version=wanted.version,
            environment=wanted.environment,
            log=wanted.log,
            variables=variables,
        )
        return {self.path: agent}

    def installed(self) -> Installed:
        """From the property list."""
        try:
            with open(self.path, "rb") as file:
                document = plistlib.load(file)
        except FileNotFoundError:
            return Installed()
        except (OSError, plistlib.InvalidFileException, ValueError):
            return Installed(files=(self.path,))
        return Installed(
            files=(self.path,),
            version=str(document.get("OpenUsageVersion", "")),
            program=str(next(iter(document.get("ProgramArguments", [])), "")),
        )

    def enable(self, wanted: Wanted) -> None:
        """Replace the loaded agent, in the log-in session or (over ssh) in the user's domain."""
        del wanted
        self.disable()
        domains = self._domains()
        for domain in domains[:-1]:
            if self.host.run("launchctl", "bootstrap", domain, self.path).returncode == 0:
                return
        self.host.must("launchctl", "bootstrap", domains[-1], self.path)

    def start(self) -> bool:
        """Start the loaded agent, or load it."""
        domains = self._domains()
        return any(
            self.host.run("launchctl", "kickstart", f"{domain}/{units.LABEL}").returncode == 0
            or self.host.run("launchctl", "bootstrap", domain, self.path).returncode == 0
            for domain in domains
        )

    def stop(self) -> None:
        """A daemon that ends well is not started again: the caller's signal is enough."""

    def disable(self) -> None:
        """Unload it from wherever it was loaded."""
        for domain in self._domains():
            self.host.run("launchctl", "bootout", f"{domain}/{units.LABEL}")

    def forgotten(self) -> None:
        """Nothing is left to tell it."""

    def notes(self) -> Iterator[str]:
        """Nothing beyond the ordinary."""
        yield from ()

    def _domains(self) -> tuple[str, ...]:
        return f"gui/{self.host.uid}", f"user/{self.host.uid}"
