"""A temporary home of one tool, written by a test and read as the collector reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from openusaged.core.merge import CountedEvent
from openusaged.core.models import Account, SourceCursor, UsageEvent
from openusaged.providers.base import CollectContext, Machine, Provider
from openusaged.providers.shared.files import is_unchanged
from tests.support.provider_case import counted


class LocalHome:
    """Files below `home`, the account found there (or the one given) and its cursors."""

    def __init__(self, provider: Provider, home: Path, *, platform: str = "linux", **env: str):
        self.provider = provider
        self.home = home
        self.machine = Machine(env=env, home=str(home), platform=platform)
        self.cursors: dict[str, SourceCursor] = {}
        self.fields: dict[str, Any] = {}
        """Laid over the account that is found."""

    def write(self, path: str, *records: object) -> Path:
        """A file of JSON lines; text is written as it stands."""
        place = self.home / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(_line(record) for record in records), encoding="utf-8")
        return place

    def append(self, path: str, *records: object) -> None:
        """More lines of a file."""
        with (self.home / path).open("a", encoding="utf-8") as file:
            file.writelines(_line(record) for record in records)

    def accounts(self) -> list[Account]:
        """What is found on this machine."""
        assert self.provider.discover is not None
        return list(self.provider.discover(self.machine))

    @property
    def account(self) -> Account:
        """The first account found, with the test's own fields."""
        return msgspec.structs.replace(self.accounts()[0], **self.fields)

    def unit_names(self) -> list[str]:
        """Paths of the units, relative to the home."""
        assert self.provider.units is not None
        return [
            str(Path(unit.path).relative_to(self.home))
            for unit in self.provider.units(self.account, self.machine)
        ]

    def read(self, *, chunk_events: int = 2000) -> list[UsageEvent]:
        """Events of the units that have changed since the last call."""
        assert self.provider.units is not None
        assert self.provider.collect is not None
        context = CollectContext(machine=self.machine, max_chunk_events=chunk_events)
        account = self.account
        events: list[UsageEvent] = []
        for unit in self.provider.units(account, self.machine):
            cursor = self.cursors.get(unit.path)
            if is_unchanged(unit, cursor):
                continue
            for chunk in self.provider.collect(account, unit, cursor, context):
                events += chunk.events
                self.cursors[chunk.cursor.path] = chunk.cursor
        return events

    def counted(self, events: Iterable[UsageEvent] | None = None) -> list[CountedEvent]:
        """What a store would hold of these events, or of all that is read anew."""
        return counted(list(self.read() if events is None else events), self.account.id)


def _line(record: object) -> str:
    return record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) + "\n"
