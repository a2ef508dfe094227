"""
Writes OpenCode data directories: databases, the older JSON tree, and what they truly hold.

The schema is the one of 1.18.33, taken from a capture.  The database is left with a write-ahead
log, as a running or killed agent leaves it.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.activity import Planner, Session, Step, Turn, Usage
from tests.support.opencode_db import SCHEMA
from tests.support.prose import Canaries, Prose
from tests.support.truth import Call, ToolCall, Truth

SOURCE = "opencode"
TOOLS = ("bash", "edit", "read", "grep")
MODELS = (
    ("anthropic", "claude-sonnet-4-5"),
    ("openai", "gpt-5.1"),
    ("opencode", "qwen3-coder"),
    ("openrouter", "moonshotai/kimi-k2"),
    ("github-copilot", "gpt-4.1"),
)

CURRENT = "1.18.33"
"""`output` without reasoning, `total` with everything."""
MIDDLE = "1.2.27"
"""`output` with reasoning, `total` = input + output + cache."""
JSON_TREE = "1.1.11"
"""`output` with reasoning, no `total`, one file per message."""

SESSION_TRAPS = (
    "plain_current",
    "plain_middle",
    "fork",
    "subagent",
    "errors",
    "unfinished",
    "parts_only",
    "several_steps",
    "json_tree",
    "json_and_database",
    "channel_database",
    "zero_cost",
)
WEIGHTED = ("plain_current",) * 6 + ("plain_middle", "subagent", "zero_cost", "json_tree")


@dataclass(slots=True)
class Rows:
    """Rows of one database, inserted together."""

    session: list[tuple[Any, ...]] = field(default_factory=list)
    message: list[tuple[Any, ...]] = field(default_factory=list)
    part: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass(slots=True)
class Chat:
    """One session of OpenCode while it is written."""

    session: Session
    version: str
    provider: str
    cost: bool
    store: Rows | None
    """None: only the JSON tree."""
    tree: bool = False
    parent: str = ""
    agent: str = "build"
    created_ms: int = 0
    tokens_on_message: bool = True
    steps_per_message: int = 1


class OpenCodeHome:
    """Grows one `~/.local/share/opencode`; `finish` writes the databases."""

    def __init__(
        self,
        home: Path,
        planner: Planner,
        prose: Prose,
        marks: Canaries,
        truth: Truth,
        *,
        bulk: float,
    ) -> None:
        self.home = home
        self.bytes = 0
        self._plan = planner
        self._rng: random.Random = planner.rng
        self._prose = prose
        self._marks = marks
        self._truth = truth
        self._bulk = bulk
        self._stores = {"opencode.db": Rows(), "opencode-next.db": Rows()}
        self._count_ids = 0
        home.mkdir(parents=True, exist_ok=True)

    def add(self, trap: str | None = None) -> None:
        """Write one more session (and its forks or children)."""
        kind = trap or self._rng.choice(WEIGHTED)
        self._truth.traps[f"opencode:{kind}"] += 1
        chat = self._chat(kind)
        messages = self._write(chat, kind)
        if kind == "fork":
            self._fork(chat, messages)
        if kind == "subagent":
            self._subagent(chat)

    def finish(self) -> None:
        """Write the databases: most of each in the file, the last rows only in its log."""
        for name, rows in self._stores.items():
            if rows.session:
                self._database(name, rows)

    def _chat(self, kind: str) -> Chat:
        provider, model = self._rng.choice(MODELS)
        session = self._plan.session((model,), TOOLS, reasoning=True)
        session.id = self._id("ses", session.start_ms)
        tree = kind in ("json_tree", "json_and_database")
        version = CURRENT
        if kind == "plain_middle" or (kind == "parts_only" and self._rng.random() < 0.5):
            version = MIDDLE
        elif tree:
            version = JSON_TREE
        store = self._stores["opencode-next.db" if kind == "channel_database" else "opencode.db"]
        return Chat(
            session=session,
            version=version,
            provider=provider,
            cost=kind != "zero_cost" and provider == "opencode",
            store=None if kind == "json_tree" else store,
            tree=tree,
            created_ms=session.start_ms,
            tokens_on_message=kind != "parts_only",
            steps_per_message=3 if kind == "several_steps" else 1,
        )

    # ------------------------------------------------------------ messages

    def _write(self, chat: Chat, kind: str) -> list[tuple[str, dict[str, Any]]]:
        messages: list[tuple[str, dict[str, Any]]] = []
        self._session_row(chat)
        for turn in chat.session.turns:
            user = self._id("msg", turn.ts_ms)
            info: dict[str, Any] = {
                "role": "user",
                "time": {"created": turn.ts_ms},
                "agent": chat.agent,
                "summary": {"title": self._marks.title, "diffs": []},
            }
            self._message(chat, user, info, turn.ts_ms)
            self._part(
                chat,
                user,
                turn.ts_ms,
                {"type": "text", "text": f"{self._marks.prompt} {self._text(300)}"},
            )
            messages.append((user, info))
            messages.extend(self._assistant(chat, turn, step, user) for step in turn.steps)
            if kind == "errors":
                self._failed(chat, turn, user)
        if kind == "unfinished":
            self._unfinished(chat)
        return messages

    def _assistant(
        self, chat: Chat, turn: Turn, step: Step, user: str
    ) -> tuple[str, dict[str, Any]]:
        created = step.ts_ms
        message = self._id("msg", created)
        done = created + step.duration_ms
        parts = [step.usage]
        parts.extend(
            self._plan.usage(reasoning=True, write_1h=False)
            for _ in range(chat.steps_per_message - 1)
        )
        used = _sum(parts)
        info: dict[str, Any] = {
            "parentID": user,
            "role": "assistant",
            "mode": chat.agent,
            "agent": chat.agent,
            "path": {"cwd": turn.cwd, "root": "/"},
            "modelID": step.model,
            "providerID": chat.provider,
            "time": {"created": created, "completed": done},
            "finish": "tool-calls" if step.tools else "stop",
        }
        if chat.tokens_on_message:
            info["cost"] = 0.0123 if chat.cost else 0
            info["tokens"] = tokens(used, chat.version)
        self._message(chat, message, info, done)
        self._part(chat, message, created, {"type": "step-start"})
        self._part(chat, message, created, {"type": "reasoning", "text": self._marks.thinking})
        answer = f"{self._marks.answer} {self._text(900)}"
        self._part(chat, message, created, {"type": "text", "text": answer})
        for name in step.tools:
            self._tool(chat, message, created, name)
        for part in parts:
            finish: dict[str, Any] = {"type": "step-finish", "reason": info["finish"]}
            finish["tokens"] = tokens(part, chat.version)
            finish["cost"] = 0.0123 / len(parts) if chat.cost else 0
            self._part(chat, message, done, finish)
        self._truth.rows_with_usage[SOURCE] += 1 + len(parts)
        self._truth.calls.append(
            Call(
                source=SOURCE,
                provider=chat.provider,
                model=step.model,
                ts_ms=created,
                session=chat.session.id,
                cwd=turn.cwd,
                input=used.input,
                cache_read=used.cache_read,
                cache_write_5m=used.cache_write_5m,
                output=used.output,
                reasoning=used.reasoning,
                agent="" if not chat.parent else chat.agent,
                parent=chat.parent,
            )
        )
        return message, info

    def _tool(self, chat: Chat, message: str, ts_ms: int, name: str) -> None:
        call = f"call_{self._rng.getrandbits(96):024x}"
        failed = self._rng.random() < 0.08
        size = int(self._bulk * self._rng.lognormvariate(7.2, 0.8))
        state: dict[str, Any] = {
            "status": "error" if failed else "completed",
            "input": {"filePath": f"/home/dev/{self._marks.path}.ts", "x": self._marks.tool_input},
            "output": f"{self._marks.tool_output} {self._text(size)}",
            "title": self._marks.title,
            "time": {"start": ts_ms, "end": ts_ms + 50},
        }
        part = {"type": "tool", "tool": name, "callID": call, "state": state}
        self._part(chat, message, ts_ms, part)
        self._truth.tools.append(
            ToolCall(
                source=SOURCE,
                id=call,
                name=name,
                ts_ms=ts_ms,
                session=chat.session.id,
                failed=failed,
            )
        )

    def _failed(self, chat: Chat, turn: Turn, user: str) -> None:
        created = turn.steps[-1].ts_ms + 4_000
        info = {
            "parentID": user,
            "role": "assistant",
            "mode": chat.agent,
            "agent": chat.agent,
            "path": {"cwd": turn.cwd, "root": "/"},
            "cost": 0,
            "tokens": {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}},
            "modelID": turn.steps[-1].model,
            "providerID": chat.provider,
            "time": {"created": created, "completed": created + 5},
            "error": {
                "name": "APIError",
                "data": {"message": self._marks.answer, "statusCode": 400},
            },
        }
        self._message(chat, self._id("msg", created), info, created)

    def _unfinished(self, chat: Chat) -> None:
        """A message whose answer never came: zeros and no `completed`."""
        created = chat.session.end_ms + 9_000
        info = {
            "parentID": "msg_x",
            "role": "assistant",
            "agent": chat.agent,
            "path": {"cwd": chat.session.cwd, "root": "/"},
            "cost": 0,
            "tokens": {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}},
            "modelID": chat.session.turns[-1].steps[-1].model,
            "providerID": chat.provider,
            "time": {"created": created},
        }
        self._message(chat, self._id("msg", created), info, created)

    # --------------------------------------------------- forks and children

    def _fork(self, origin: Chat, messages: list[tuple[str, dict[str, Any]]]) -> None:
        """`--fork`: every message again under new ids, with its old times, then a turn of its own."""
        moment = origin.session.end_ms + 3_600_000
        plan = self._plan.session(
            (origin.session.turns[0].steps[0].model,),
            TOOLS,
            turns=1,
            start_ms=moment,
            cwd=origin.session.cwd,
            reasoning=True,
        )
        plan.id = self._id("ses", moment)
        child = Chat(
            session=plan,
            version=origin.version,
            provider=origin.provider,
            cost=origin.cost,
            store=origin.store,
            created_ms=moment,
        )
        for _, info in messages:
            copied = self._id("msg", moment)
            self._message(child, copied, info, moment)
            if "tokens" in info:
                finish = {
                    "type": "step-finish",
                    "reason": "stop",
                    "tokens": info["tokens"],
                    "cost": 0,
                }
                self._part(child, copied, moment, finish)
                self._truth.rows_with_usage[SOURCE] += 2
        self._truth.shared |= {origin.session.id, plan.id}
        self._write(child, "")

    def _subagent(self, origin: Chat) -> None:
        plan = self._plan.session(
            (origin.session.turns[0].steps[0].model,),
            TOOLS,
            turns=1,
            start_ms=origin.session.end_ms + 100,
            cwd=origin.session.cwd,
        )
        plan.id = self._id("ses", plan.start_ms)
        child = Chat(
            session=plan,
            version=origin.version,
            provider=origin.provider,
            cost=origin.cost,
            store=origin.store,
            parent=origin.session.id,
            agent="general",
            created_ms=plan.start_ms,
        )
        self._write(child, "")

    # -------------------------------------------------------------- on disk

    def _session_row(self, chat: Chat) -> None:
        session = chat.session
        if chat.tree:
            info: dict[str, Any] = {
                "id": session.id,
                "version": chat.version,
                "projectID": "global",
                "directory": session.cwd,
                "title": self._marks.title,
                "time": {"created": chat.created_ms, "updated": session.end_ms},
            }
            if chat.parent:
                info["parentID"] = chat.parent
            self._file(f"storage/session/global/{session.id}.json", info)
        if chat.store is not None:
            row = (
                session.id,
                "global",
                chat.parent or None,
                "slug",
                session.cwd,
                self._marks.title,
            )
            chat.store.session.append((*row, chat.version, chat.created_ms, session.end_ms))

    def _message(self, chat: Chat, key: str, info: dict[str, Any], updated_ms: int) -> None:
        created = info["time"]["created"]
        if chat.tree:
            full = {"id": key, "sessionID": chat.session.id, **info}
            self._file(f"storage/message/{chat.session.id}/{key}.json", full)
        if chat.store is not None:
            row = (key, chat.session.id, created, updated_ms, _compact(info))
            chat.store.message.append(row)
            self.bytes += len(row[4]) + 260

    def _part(self, chat: Chat, message: str, ts_ms: int, part: dict[str, Any]) -> None:
        key = self._id("prt", ts_ms)
        if chat.tree:
            full = {"id": key, "messageID": message, "sessionID": chat.session.id, **part}
            self._file(f"storage/part/{message}/{key}.json", full)
        if chat.store is not None:
            text = _compact(part)
            chat.store.part.append((key, message, chat.session.id, ts_ms, ts_ms + 1, text))
            self.bytes += len(text) + 330

    def _file(self, relative: str, content: dict[str, Any]) -> None:
        path = self.home / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=1, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")
        self.bytes += len(text)
        self._truth.bytes_by_source[SOURCE] += len(text)

    def _database(self, name: str, rows: Rows) -> None:
        # A database that is closed loses its log, so the pair is copied while it is still open.
        staging = self.home / f".{name}.staging"
        staging.mkdir()
        source = sqlite3.connect(staging / name, isolation_level=None)
        try:
            source.execute("PRAGMA journal_mode=WAL")
            source.execute("PRAGMA synchronous=OFF")
            source.executescript(SCHEMA.read_text(encoding="utf-8"))
            half = len(rows.message) // 2
            insert(source, Rows(rows.session, rows.message[:half], []))
            source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            source.execute("PRAGMA wal_autocheckpoint=0")
            insert(source, Rows([], rows.message[half:], rows.part))
            self._secrets(source)
            for suffix in ("", "-wal"):
                shutil.copyfile(staging / (name + suffix), self.home / (name + suffix))
                size = (self.home / (name + suffix)).stat().st_size
                self._truth.bytes_by_source[SOURCE] += size
        finally:
            source.close()
        shutil.rmtree(staging)
        self._truth.traps["opencode:rows_only_in_wal"] += 1

    def _secrets(self, database: sqlite3.Connection) -> None:
        marks = self._marks
        database.execute(
            "INSERT INTO account VALUES ('a', ?, 'https://example.com', ?, ?, 0, 0, 0)",
            (marks.email, marks.anthropic_key, marks.github_token),
        )
        database.execute(
            "INSERT INTO credential VALUES ('c', NULL, 'x', ?, NULL, NULL, 1, 0, 0)",
            (marks.openai_key,),
        )

    def _id(self, kind: str, ts_ms: int) -> str:
        self._count_ids += 1
        return f"{kind}_{ts_ms:012x}{self._count_ids:06x}{self._rng.getrandbits(32):08x}"

    def _text(self, chars: int) -> str:
        text = self._prose.take(int(chars * min(1.0, self._bulk * 2)))
        return text.replace("\\n", "\n").replace('\\"', '"')


def tokens(used: Usage, version: str) -> dict[str, Any]:
    """The tokens object as the given version writes it."""
    out: dict[str, Any] = {}
    cache = used.cache_read + used.cache_write_5m
    if version == CURRENT:
        out["total"] = used.input + used.output + cache
        out["input"] = used.input
        out["output"] = used.output - used.reasoning
    else:
        if version == MIDDLE:
            out["total"] = used.input + used.output + cache
        out["input"] = used.input
        out["output"] = used.output
    out["reasoning"] = used.reasoning
    out["cache"] = {"write": used.cache_write_5m, "read": used.cache_read}
    return out


def insert(database: sqlite3.Connection, rows: Rows) -> None:
    """Insert rows in one transaction."""
    database.execute("BEGIN")
    database.execute(
        "INSERT OR IGNORE INTO project(id, worktree, time_created, time_updated, sandboxes)"
        " VALUES ('global', '/', 0, 0, '[]')"
    )
    database.executemany(
        "INSERT INTO session(id, project_id, parent_id, slug, directory, title, version,"
        " time_created, time_updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows.session,
    )
    database.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?)", rows.message)
    database.executemany("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", rows.part)
    database.execute("COMMIT")


def _sum(parts: list[Usage]) -> Usage:
    return Usage(
        input=sum(part.input for part in parts),
        cache_read=sum(part.cache_read for part in parts),
        cache_write_5m=sum(part.cache_write_5m for part in parts),
        cache_write_1h=0,
        output=sum(part.output for part in parts),
        reasoning=sum(part.reasoning for part in parts),
    )


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
