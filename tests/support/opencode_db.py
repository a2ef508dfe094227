"""Writes an OpenCode database of the real schema, as the agent would: in WAL mode, row by row."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Self

SCHEMA = (
    Path(__file__).resolve().parents[1] / "data" / "providers" / "opencode" / "schema-1.18.33.sql"
)
T0 = 1_800_000_000_000


def tokens(
    given: int = 0, output: int = 0, reasoning: int = 0, read: int = 0, write: int = 0, **more: int
) -> dict:
    """A token object; `total=` to add one."""
    cache = {"read": read, "write": write}
    return {"input": given, "output": output, "reasoning": reasoning, "cache": cache, **more}


class OpenCodeDb:
    """One database that stays open, with a row counter for times."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.executescript(SCHEMA.read_text())
        self.clock = T0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.connection.close()

    def session(
        self, session_id: str = "ses_1", *, parent: str | None = None, created: int = T0
    ) -> None:
        """A session row."""
        self.connection.execute(
            "INSERT INTO session (id, project_id, parent_id, slug, directory, title, version,"
            " time_created, time_updated) VALUES (?, 'global', ?, 's', '/w', 'secret title',"
            " '1.18.33', ?, ?)",
            (session_id, parent, created, created),
        )

    def message(
        self,
        message_id: str,
        session_id: str = "ses_1",
        *,
        data: str | None = None,
        **fields: object,
    ) -> None:
        """Insert or update a message; assistant unless `role=` says otherwise; done by default."""
        self.clock += 1000
        info = {
            "role": "assistant",
            "parentID": "msg_user",
            "agent": "build",
            "path": {"cwd": "/w", "root": "/"},
            "modelID": "m",
            "providerID": "Anthropic",
            "time": {"created": self.clock, "completed": self.clock + 500},
            "finish": "stop",
            "cost": 0,
        } | fields
        self.connection.execute(
            "INSERT INTO message (id, session_id, time_created, time_updated, data)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " data = excluded.data, time_updated = excluded.time_updated",
            (message_id, session_id, self.clock, self.clock, data or json.dumps(info)),
        )

    def part(self, part_id: str, message_id: str, **data: object) -> None:
        """Insert or update a part."""
        self.clock += 10
        self.connection.execute(
            "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)"
            " VALUES (?, ?, 'ses_1', ?, ?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data",
            (part_id, message_id, self.clock, self.clock, json.dumps(data)),
        )

    def tool(
        self, part_id: str, message_id: str, status: str = "completed", **changes: object
    ) -> None:
        """Insert or update a tool part."""
        state = {
            "status": status,
            "input": {"filePath": "/w/a.py", "oldString": "secret old"},
            "output": "secret output",
            "time": {"start": T0 + 77},
        } | changes
        call = f"call_{part_id}"
        self.part(part_id, message_id, type="tool", tool="edit", callID=call, state=state)

    def step(self, part_id: str, message_id: str, used: dict, cost: float = 0) -> None:
        """Insert a step-finish part."""
        self.part(part_id, message_id, type="step-finish", reason="stop", tokens=used, cost=cost)
