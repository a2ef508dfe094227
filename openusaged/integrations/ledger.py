"""
What installing has changed beyond our own entries, so that uninstalling can put it back exactly.

Kept beside the installed scripts in `installed.json`.  Nothing depends on it: when it is lost, our
entries are still recognised and removed, only an empty `{ }` or a notifier's own line breaks do not
come back.
"""

from __future__ import annotations

import contextlib
import os
from typing import Final

import msgspec

from openusaged.config import atomic_file
from openusaged.core.errors import ConfigError

FILE_NAME: Final = "installed.json"
_MODE: Final = 0o600


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was done to one file of a tool."""

    integration: str
    home: str
    created: bool = False
    """The file was not there."""
    blank: str | None = None
    """The whole text of a file that held only white space."""
    originals: dict[str, str] = {}
    """By the path of a value: its text before we changed it, for empty containers and values that
    ours stand in for."""
    added: str = ""
    """The text that was put into a TOML file."""
    directories: list[str] = []
    """Directories that were made for the file, outermost first."""


class _Document(msgspec.Struct, kw_only=True):
    version: int = 1
    files: dict[str, Record] = {}


class Ledger:
    """All records, by the path of their file."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, FILE_NAME)
        self.records: dict[str, Record] = {}
        try:
            with open(self.path, "rb") as file:
                self.records = msgspec.json.decode(file.read(), type=_Document).files
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            # See the module's docstring: it is a convenience, and it is written anew.
            self.records = {}

    def record(self, path: str, integration: str, home: str) -> Record:
        """The record of a file, a new one when there is none."""
        found = self.records.get(path)
        if found is None:
            found = self.records[path] = Record(integration=integration, home=home)
        return found

    def homes(self, integration: str) -> list[str]:
        """Homes that an integration has been installed in."""
        return list(
            dict.fromkeys(
                record.home
                for record in self.records.values()
                if record.integration == integration and record.home
            )
        )

    def save(self) -> None:
        """
        Write it; an empty one is removed.

        Raises:
            ConfigError: it cannot be written.
        """
        try:
            if not self.records:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path)
                return
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            data = msgspec.json.format(msgspec.json.encode(_Document(files=self.records)))
            atomic_file.replace(self.path, data + b"\n", _MODE)
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror or error}") from error
        except UnicodeEncodeError as error:
            raise ConfigError(f"{self.path}: a path in it is not text") from error
