"""
Writes Claude Code homes: transcripts with every trap of the format, and what they truly hold.

Row shapes follow captures of 2.1.330 and what the older versions are known to write.  The plan
comes first, the rows are drawn from it, and the truth is the plan: nothing here reads a transcript.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.activity import Session, Step, Turn, iso
from tests.support.claude_rows import (
    CURRENT,
    FLAT,
    LOWER_BOUND,
    MODELS,
    PARTIAL,
    SOURCE,
    TOOLS,
    VERSIONS,
    ClaudeRows,
    Style,
    Written,
)
from tests.support.prose import Canaries
from tests.support.truth import Pending, ToolCall

SESSION_TRAPS = (
    "plain",
    "resume",
    "fork",
    "fork_of_fork",
    "subagents",
    "sidechain_replay",
    "agent_progress",
    "agent_progress_only",
    "write_1h",
    "write_mixed",
    "partials_up",
    "partials_down",
    "lower_bound",
    "flat_writes",
    "missing_request_id",
    "proxy_reuse",
    "fast",
    "error_rows",
    "foreign_rows",
    "junk_row",
    "spaced_json",
    "no_final_newline",
    "half_row",
    "advisor",
    "across_midnight",
)
WEIGHTED = ("plain",) * 12 + (
    "resume",
    "fork",
    "subagents",
    "write_1h",
    "partials_up",
    "error_rows",
)


class ClaudeHome(ClaudeRows):
    """Grows one `~/.claude` session by session."""

    # ------------------------------------------------------------- sessions

    def add(self, trap: str | None = None) -> None:
        """Write one more session; `trap` names what must be in it."""
        kind = trap or self._rng.choice(WEIGHTED)
        self._truth.traps[f"claude:{kind}"] += 1
        style = self._style(kind)
        session = self._plan.session(
            MODELS, TOOLS, write_1h=kind in ("write_1h", "write_mixed"), turns=self._turns(kind)
        )
        if kind == "write_mixed":
            self._mix_writes(session)
        written = Written(session, self._path(session.cwd, session.id), [], style)
        self._last = "null"
        lines = written.lines
        lines.extend(self._opening(written))
        for turn in session.turns:
            lines.extend(self._turn(written, turn))
        self._special(kind, written)
        data = self._encode(kind, lines)
        self._save(written.path, data)
        if kind in ("fork", "fork_of_fork"):
            child = self._fork(written)
            if kind == "fork_of_fork":
                self._fork(child)
        if kind == "resume":
            self._resume(written)
        if kind == "across_midnight":
            self._truth.traps["claude:rows_across_midnight"] += 1

    def add_loop(self) -> None:
        """A symbolic link that leads back up, and a second name of a whole project."""
        (self._projects / "loop").symlink_to(".", target_is_directory=True)
        first = next(path for path in sorted(self._projects.iterdir()) if not path.is_symlink())
        (self._projects / "again").symlink_to(first.name, target_is_directory=True)
        self._truth.traps["claude:symlink_loop"] += 1

    def add_seam(self, filler_bytes: int) -> None:
        """An answer whose rows lie further apart than a reader's block is long."""
        session = self._plan.session(MODELS, ("Read",), turns=1)
        written = Written(session, self._path(session.cwd, session.id), [], Style(order="up"))
        step = session.turns[0].steps[0]
        step.tools = ["Read"]
        session.turns[0].steps = [step]
        rows = self._answer(written, session.turns[0], step)
        gap = self._attachment(written, session.start_ms, filler_bytes)
        self._save(written.path, self._encode("plain", [rows[0], gap, *rows[1:]]))
        self._truth.traps["claude:seam"] += 1

    def _style(self, kind: str) -> Style:
        style = Style(version=self._rng.choice(VERSIONS))
        if kind in ("write_1h", "write_mixed", "advisor", "fast", "partials_down"):
            style.version = CURRENT
        if kind == "partials_up":
            style.version = PARTIAL
        if kind == "lower_bound":
            style.version = LOWER_BOUND
        if kind == "flat_writes":
            style.version = FLAT
        if kind == "partials_down":
            style.order = "down"
        if style.version == PARTIAL:
            style.order = "up"
        style.request_ids = kind != "missing_request_id"
        style.speed = "fast" if kind == "fast" else "standard"
        style.advisor = kind == "advisor"
        return style

    def _turns(self, kind: str) -> int | None:
        return 2 if kind in ("fork", "fork_of_fork", "resume", "sidechain_replay") else None

    def _mix_writes(self, session: Session) -> None:
        for turn in session.turns:
            for step in turn.steps:
                step.usage.cache_write_5m = self._rng.randint(1, 4_000)
                step.usage.cache_write_1h = self._rng.randint(1, 9_000)

    def _special(self, kind: str, written: Written) -> None:
        lines, session = written.lines, written.session
        if kind == "subagents":
            lines.extend(self._subagent(written, nested=self._rng.random() < 0.3))
        elif kind == "sidechain_replay":
            self._aside(written)
        elif kind in ("agent_progress", "agent_progress_only"):
            lines.extend(self._progress(written, only=kind == "agent_progress_only"))
        elif kind == "proxy_reuse":
            lines.extend(self._proxy_turn(written))
        elif kind == "error_rows":
            lines.insert(len(lines) // 2, self._error_row(written))
            lines.append(self._error_row(written))
        elif kind == "foreign_rows":
            lines.extend(self._foreign(written))
        elif kind == "across_midnight":
            lines.extend(self._slow_answer(written))
        if written.style.version == CURRENT:
            lines.append(self._cost_state(session))

    def _fork(self, parent: Written) -> Written:
        """`--fork-session`: the parent's rows under a new session id, then turns of its own."""
        session = self._plan.session(
            MODELS, TOOLS, turns=1, start_ms=parent.session.end_ms + 60_000, cwd=parent.session.cwd
        )
        path = self._path(session.cwd, session.id)
        child = Written(session, path, [], parent.style)
        child.lines = [line.replace(parent.session.id, session.id) for line in parent.lines]
        copies = sum('"type":"assistant"' in line for line in child.lines)
        self._truth.rows_with_usage[SOURCE] += copies
        self._truth.shared |= {parent.session.id, session.id}
        for turn in session.turns:
            child.lines.extend(self._turn(child, turn))
        self._save(path, self._encode("plain", child.lines))
        return child

    def _resume(self, written: Written) -> None:
        """`--resume` days later: more rows at the end of the same file."""
        later = self._plan.session(
            MODELS,
            TOOLS,
            turns=1,
            start_ms=written.session.end_ms + self._rng.randint(1, 90_000_000),
        )
        later.id = written.session.id
        again = Written(later, written.path, [], written.style)
        for turn in later.turns:
            again.lines.extend(self._turn(again, turn))
        self._save(written.path, self._encode("plain", again.lines), append=True)

    # ---------------------------------------------------------------- traps

    def _subagent(self, written: Written, *, nested: bool) -> list[str]:
        """An Agent call: the child's rows in a file of its own, its last usage repeated here."""
        session = written.session
        name = self._rng.choice(("Explore", "general-purpose", "code-reviewer"))
        turn = self._child_turn(session)
        call_ids = (f"msg_{self._hex(24)}", f"req_{self._hex(24)}")
        asked = Step(
            ts_ms=turn.ts_ms - 50,
            model=turn.steps[0].model,
            usage=self._plan.usage(reasoning=False, write_1h=False),
            tools=["Agent"],
        )
        lines = self._rows(written, turn.cwd, asked, call_ids)
        self._count(written, turn.cwd, asked, "")
        agent = self._write_child(written, turn, name, f"toolu_{call_ids[0]}_0", nested=nested)
        last = turn.steps[-1].usage
        self._truth.tools.append(
            ToolCall(
                source=SOURCE,
                id=f"toolu_{call_ids[0]}_0",
                name="Agent",
                ts_ms=asked.ts_ms,
                session=session.id,
            )
        )
        lines.append(
            f'{{"parentUuid":{self._last},"isSidechain":false,"type":"user","message":{{"role":'
            f'"user","content":[{{"tool_use_id":"toolu_{call_ids[0]}_0","type":"tool_result",'
            f'"content":[{{"type":"text","text":"{self._marks.tool_output}"}}]}}]}},'
            f'"uuid":"{self._next_uuid()}","timestamp":"{iso(turn.steps[-1].ts_ms + 30)}",'
            f'"toolUseResult":{{"status":"completed","prompt":"{self._marks.prompt}",'
            f'"agentId":"{agent}","agentType":"{name}","totalTokens":4711,"usage":'
            f'{{"input_tokens":{last.input},"cache_creation_input_tokens":{last.cache_write_5m},'
            f'"cache_read_input_tokens":{last.cache_read},"output_tokens":{last.output}}}}},'
            + self._tail(session.id, turn.cwd, session.branch, written.style.version)
        )
        return lines

    def _child_turn(self, session: Session) -> Turn:
        child = self._plan.session(
            MODELS, TOOLS, turns=1, start_ms=session.end_ms + 2_000, cwd=session.cwd
        )
        return child.turns[0]

    def _write_child(
        self, written: Written, turn: Turn, name: str, call: str, *, nested: bool
    ) -> str:
        agent = f"a{self._hex(16)}"
        folder = written.path.with_suffix("") / "subagents"
        if nested:
            folder = folder / f"workflow-{self._hex(6)}"
        lines = [self._prompt(written, turn)]
        for step in turn.steps:
            lines.extend(self._answer(written, turn, step, agent=agent, agent_name=name))
        self._save(folder / f"agent-{agent}.jsonl", self._encode("plain", lines))
        meta = {"agentType": name, "description": self._marks.title, "toolUseId": call}
        (folder / f"agent-{agent}.meta.json").write_text(json.dumps(meta), encoding="utf-8")
        return agent

    def _aside(self, written: Written) -> None:
        """A side conversation: the parent's last answers again, under request ids of its own."""
        session = written.session
        agent = f"aside_question-{self._hex(12)}"
        lines: list[str] = []
        for line in written.lines:
            if '"type":"assistant"' not in line or '"requestId":"req_' not in line:
                continue
            head, _, tail = line.partition('"requestId":"req_')
            copied = f'{head}"requestId":"req_{self._hex(24)}{tail[24:]}'
            lines.append(
                copied.replace('"isSidechain":false,', f'"isSidechain":true,"agentId":"{agent}",')
            )
        self._truth.rows_with_usage[SOURCE] += len(lines)
        turn = self._child_turn(session)
        for step in turn.steps:
            step.tools = []
            lines.extend(self._answer(written, turn, step, agent=agent, agent_name=agent))
        folder = written.path.with_suffix("") / "subagents"
        self._save(folder / f"agent-{agent}.jsonl", self._encode("plain", lines))

    def _progress(self, written: Written, *, only: bool) -> list[str]:
        """`agent_progress` rows: a sub-agent's answers wrapped into the parent's transcript."""
        session = written.session
        turn = self._child_turn(session)
        for step in turn.steps:
            step.tools = []
        agent = f"a{self._hex(16)}"
        inner: list[str] = []
        for step in turn.steps:
            inner.extend(
                self._answer(written, turn, step, agent=agent, agent_name="" if only else "Explore")
            )
        if not only:
            folder = written.path.with_suffix("") / "subagents"
            self._save(folder / f"agent-{agent}.jsonl", self._encode("plain", inner))
            (folder / f"agent-{agent}.meta.json").write_text(
                json.dumps({"agentType": "Explore"}), encoding="utf-8"
            )
            self._truth.rows_with_usage[SOURCE] += len(inner)
        return [
            f'{{"type":"progress","data":{{"type":"agent_progress","agentId":"{agent}",'
            f'"message":{row}}},"toolUseID":"agent_msg_1","uuid":"{self._plan.uuid()}",'
            f'"timestamp":"{iso(turn.steps[-1].ts_ms + 5)}",'
            + self._tail(session.id, turn.cwd, session.branch, written.style.version)
            for row in inner
        ]

    def _proxy_turn(self, written: Written) -> list[str]:
        """Three answers of a proxy that gives every message the same id: all of them count."""
        session = written.session
        turn = self._child_turn(session)
        lines = []
        for index in range(3):
            step = Step(
                ts_ms=turn.ts_ms + 60_000 * (index + 1) + self._rng.randint(1, 999),
                model=turn.steps[0].model,
                usage=self._plan.usage(reasoning=False, write_1h=False),
            )
            # never equal counts: equal ones would be the same answer seen again
            step.usage.input = 11 + 1_000 * index + self._rng.randint(0, 900)
            step.usage.output = 7 + 1_000 * index + self._rng.randint(0, 900)
            lines += self._rows(written, turn.cwd, step, (self._proxy_id, f"req_{self._hex(24)}"))
            self._count(written, turn.cwd, step, "")
        self._proxy_id = f"msg_proxy{self._rng.getrandbits(40):010x}"
        return lines

    def _slow_answer(self, written: Written) -> list[str]:
        """An answer whose rows begin before and end after midnight of every zone around UTC+0."""
        session = written.session
        midnight = (session.end_ms // 86_400_000 + 1) * 86_400_000
        step = Step(
            ts_ms=midnight - 4_000,
            model=MODELS[0],
            usage=self._plan.usage(reasoning=False, write_1h=False),
            tools=["Bash", "Read"],
        )
        ids = (f"msg_{self._hex(24)}", f"req_{self._hex(24)}")
        self._count(written, session.cwd, step, "")
        turn = Turn(ts_ms=step.ts_ms, steps=[step], cwd=session.cwd)
        rows = self._rows(written, session.cwd, step, ids, end_ms=midnight + 9_000)
        for index, name in enumerate(step.tools):
            rows.append(self._result(written, turn, step, f"{ids[0]}_{index}", name, ""))
        return rows

    def _error_row(self, written: Written) -> str:
        session = written.session
        return (
            f'{{"parentUuid":{self._last},"isSidechain":false,"type":"assistant","uuid":'
            f'"{self._next_uuid()}","timestamp":"{iso(session.end_ms)}","message":{{"id":'
            f'"{self._plan.uuid()}","container":null,"model":"<synthetic>","role":"assistant",'
            f'"stop_reason":"stop_sequence","type":"message","usage":{{"input_tokens":0,'
            f'"output_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}},'
            f'"content":[{{"type":"text","text":"API Error: 529 {self._marks.answer}"}}]}},'
            f'"isApiErrorMessage":true,'
            + self._tail(session.id, session.cwd, session.branch, written.style.version)
        )

    def _foreign(self, written: Written) -> list[str]:
        """Rows that other programs wrote in the same folder: never a response of this tool."""
        session = written.session
        step = session.turns[-1].steps[-1]
        rows = []
        for old, new in (
            ('"requestId":"req_', '"requestId":null,"was":"req_'),
            (f'"version":"{written.style.version}"', '"version":"dev-build"'),
            (f'"model":"{step.model}"', '"model":""'),
            ('"message":{"id":"msg_', '"message":{"id":null,"was":"msg_'),
        ):
            plain = Step(ts_ms=step.ts_ms, model=step.model, usage=step.usage)
            ids = (f"msg_{self._hex(24)}", f"req_{self._hex(24)}")
            for row in self._rows(written, session.cwd, plain, ids):
                assert old in row
                rows.append(row.replace(old, new))
        return rows

    def _cost_state(self, session: Session) -> str:
        return (
            f'{{"type":"cost-state","sessionId":"{session.id}","totalCostUSD":1.5,"modelUsage":'
            f'{{"{MODELS[0]}":{{"inputTokens":555555,"outputTokens":666666,'
            f'"cacheReadInputTokens":1,"cacheCreationInputTokens":1,"costUSD":1.5}}}}}}'
        )

    # ---------------------------------------------------------- open ends

    def finish_open_ends(self) -> None:
        """One file without its last newline, and one whose last row is only half there."""
        for kind in ("no_final_newline", "half_row"):
            self._truth.traps[f"claude:{kind}"] += 1
            session = self._plan.session(MODELS, TOOLS, turns=1)
            written = Written(session, self._path(session.cwd, session.id), [], Style())
            for turn in session.turns:
                written.lines.extend(self._turn(written, turn))
            data = self._encode("plain", written.lines)
            if kind == "no_final_newline":
                self._save(written.path, data[:-1])
                continue
            turn = session.turns[-1]
            step = Step(
                ts_ms=session.end_ms + 5_000,
                model=MODELS[0],
                usage=self._plan.usage(reasoning=False, write_1h=False),
            )
            ids = (f"msg_{self._hex(24)}", f"req_{self._hex(24)}")
            row = self._rows(written, turn.cwd, step, ids)[-1].encode() + b"\n"
            # cut behind the usage: the row looks complete to who only searches for it
            cut = row.index(b'"type":"assistant"') + 9
            self._save(written.path, data + row[:cut])
            call = self._call(written, turn.cwd, step, "")
            rest = row[cut:]
            self._truth.pending.append(Pending(path=str(written.path), rest=rest, calls=(call,)))


def write_account_files(home: Path, marks: Canaries) -> None:
    """Files with an e-mail address and a token, as the tool keeps them; nothing may leave them."""
    home.mkdir(parents=True, exist_ok=True)
    (home.parent / ".claude.json").write_text(
        json.dumps({"oauthAccount": {"emailAddress": marks.email, "displayName": marks.title}}),
        encoding="utf-8",
    )
    path = home / ".credentials.json"
    path.write_text(
        json.dumps(
            {
                "claudeAiOauth": {
                    "accessToken": marks.anthropic_key,
                    "refreshToken": marks.github_token,
                    "expiresAt": 1,
                    "scopes": ["user:inference"],
                }
            }
        ),
        encoding="utf-8",
    )
    os.chmod(path, 0o600)
