"""
Rows of Claude Code transcripts as its versions write them, and their count in the truth.

Apart from the sessions and traps of `gen_claude` because the shapes of rows change with the vendor's
releases and the traps do not.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from tests.support.activity import Planner, Session, Step, Turn, iso
from tests.support.aged_file import leave
from tests.support.prose import Canaries, Prose
from tests.support.truth import Call, ToolCall, Truth

SOURCE = "claude_code"
MODELS = ("claude-sonnet-4-5-20250929", "claude-opus-4-6", "claude-haiku-4-5-20251001")
TOOLS = ("Bash", "Read", "Edit", "Grep", "Write", "mcp__github__list_issues", "WebFetch")
ADVISOR_MODEL = "claude-opus-4-8"

CURRENT = "2.1.330"
PARTIAL = "2.1.75"
"""Only the last row of an answer has its output count, the earlier ones say 1."""
LOWER_BOUND = "2.1.19"
"""Every row says 1 and nothing corrects it: 1 is all that can be recovered."""
FLAT = "2.0.77"
"""No split of cache writes: all of them are five-minute ones."""
WITH_COST = "1.0.60"
VERSIONS = (CURRENT, CURRENT, CURRENT, PARTIAL, FLAT, WITH_COST)


@dataclass(slots=True)
class Style:
    """How one session's rows look."""

    version: str = CURRENT
    request_ids: bool = True
    speed: str = "standard"
    order: str = "same"
    """Output counts over the rows of one answer: `same`, `up` or `down`."""
    advisor: bool = False


@dataclass(slots=True)
class Written:
    """A session on disk, with what a fork of it needs."""

    session: Session
    path: Path
    lines: list[str]
    style: Style


class ClaudeRows:
    """Draws rows for one home; every answer it writes is counted."""

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
        self._projects = home / "projects"
        self._plan = planner
        self._rng: random.Random = planner.rng
        self._prose = prose
        self._marks = marks
        self._truth = truth
        self._bulk = bulk
        self._last = "null"
        self._proxy_id = f"msg_proxy{self._rng.getrandbits(40):010x}"
        self._projects.mkdir(parents=True, exist_ok=True)

    def _opening(self, written: Written) -> list[str]:
        session = written.session
        stamp = iso(session.start_ms)
        size = int(self._bulk * self._rng.choice((4_000, 20_000, 60_000, 140_000)))
        return [
            (
                f'{{"type":"queue-operation","operation":"enqueue","timestamp":"{stamp}",'
                f'"sessionId":"{session.id}","content":"{self._marks.prompt}"}}'
            ),
            self._attachment(written, session.start_ms, size),
            (
                f'{{"type":"api-request-blob","sessionId":"{session.id}","hash":"{self._hex(32)}",'
                f'"message":{{"role":"user","content":[{{"type":"text","text":'
                f'"{self._marks.prompt} {self._text(900)}"}}]}}}}'
            ),
            f'{{"type":"summary","summary":"{self._marks.title}","leafUuid":"{self._plan.uuid()}"}}',
        ]

    def _attachment(self, written: Written, ts_ms: int, size: int) -> str:
        session = written.session
        return (
            f'{{"parentUuid":{self._last},"isSidechain":false,"attachment":{{"type":"file",'
            f'"filename":"/x/{self._marks.path}.txt","content":"{self._text(size)}"}},'
            f'"type":"attachment","uuid":"{self._plan.uuid()}","timestamp":"{iso(ts_ms)}",'
            f"{self._tail(session.id, session.cwd, session.branch, written.style.version)}"
        )

    def _turn(self, written: Written, turn: Turn) -> list[str]:
        lines = [self._prompt(written, turn)]
        for step in turn.steps:
            lines.extend(self._answer(written, turn, step))
        lines.append(
            f'{{"type":"system","subtype":"turn_duration","durationMs":1234,"isMeta":true,'
            f'"timestamp":"{iso(turn.steps[-1].ts_ms + 20)}","uuid":"{self._plan.uuid()}",'
            f'"sessionId":"{written.session.id}","version":"{written.style.version}"}}'
        )
        return lines

    def _prompt(self, written: Written, turn: Turn) -> str:
        return (
            f'{{"parentUuid":{self._last},"isSidechain":false,"type":"user","message":'
            f'{{"role":"user","content":"{self._marks.prompt} {self._text(300)}"}},'
            f'"uuid":"{self._next_uuid()}","timestamp":"{iso(turn.ts_ms)}",'
            + self._tail(
                written.session.id, turn.cwd, written.session.branch, written.style.version
            )
        )

    def _answer(
        self, written: Written, turn: Turn, step: Step, *, agent: str = "", agent_name: str = ""
    ) -> list[str]:
        """All rows of one response and of the results of its tools, counted in the truth."""
        ids = (f"msg_{self._hex(24)}", f"req_{self._hex(24)}")
        rows = self._rows(written, turn.cwd, step, ids, agent=agent)
        self._count(written, turn.cwd, step, agent_name)
        for index, name in enumerate(step.tools):
            rows.append(self._result(written, turn, step, f"{ids[0]}_{index}", name, agent))
        return rows

    def _rows(
        self,
        written: Written,
        cwd: str,
        step: Step,
        ids: tuple[str, str],
        *,
        agent: str = "",
        side: bool = False,
        end_ms: int | None = None,
    ) -> list[str]:
        style = written.style
        blocks = self._blocks(step, ids[0])
        last = len(blocks) - 1
        outputs = self._outputs(style, step.usage.output, len(blocks))
        spread = (end_ms or step.ts_ms) - step.ts_ms
        rows = []
        for index, block in enumerate(blocks):
            usage = self._usage(style, step, outputs[index])
            stop = '"end_turn"' if not step.tools else '"tool_use"'
            if style.version in (LOWER_BOUND, FLAT, PARTIAL) and (
                index < last or style.version == LOWER_BOUND
            ):
                stop = "null"
            request = f'"requestId":"{ids[1]}",' if style.request_ids else ""
            cost = '"costUSD":0.0123,' if style.version == WITH_COST else ""
            marker = f'"agentId":"{agent}",' if agent else ""
            when = iso(step.ts_ms + (spread * index // last if last else 0) + 3 * index)
            rows.append(
                f'{{"parentUuid":{self._last},"isSidechain":{_bool(side or bool(agent))},{marker}'
                f'"message":{{"id":"{ids[0]}","type":"message","role":"assistant",'
                f'"model":"{step.model}","content":[{block}],"stop_reason":{stop},'
                f'"stop_sequence":null,"usage":{usage}}},{request}{cost}'
                f'"type":"assistant","uuid":"{self._next_uuid()}","timestamp":"{when}",'
                + self._tail(written.session.id, cwd, written.session.branch, style.version)
            )
        self._truth.rows_with_usage[SOURCE] += len(rows)
        return rows

    def _blocks(self, step: Step, message_id: str) -> list[str]:
        rng = self._rng
        blocks = []
        if rng.random() < 0.25:
            blocks.append(
                f'{{"type":"thinking","thinking":"{self._marks.thinking} {self._text(500)}",'
                f'"signature":"{self._hex(200)}"}}'
            )
        if not step.tools or rng.random() < 0.4:
            blocks.append(f'{{"type":"text","text":"{self._marks.answer} {self._text(700)}"}}')
        for index, name in enumerate(step.tools):
            call = f"toolu_{message_id}_{index}"
            blocks.append(
                f'{{"type":"tool_use","id":"{call}","name":"{name}","input":{self._input(name)}}}'
            )
        return blocks

    def _input(self, name: str) -> str:
        text = f"{self._marks.tool_input} {self._text(200)}"
        path = f"/home/dev/shop/{self._marks.path}.py"
        if name in ("Read", "Edit", "Write"):
            return f'{{"file_path":"{path}","old_string":"{text}","new_string":"{text}\\nmore"}}'
        return f'{{"command":"{text}","description":"{self._marks.tool_input}"}}'

    def _result(
        self, written: Written, turn: Turn, step: Step, call: str, name: str, agent: str
    ) -> str:
        failed = self._rng.random() < 0.08
        done = step.ts_ms + self._rng.randint(5, 900)
        self._truth.tools.append(
            ToolCall(
                source=SOURCE,
                id=f"toolu_{call}",
                name=name,
                ts_ms=step.ts_ms,
                session=written.session.id,
                failed=failed,
            )
        )
        size = int(self._bulk * self._rng.lognormvariate(8.45, 0.9))
        text = f"{self._marks.tool_output} {self._text(size)}"
        marker = f'"agentId":"{agent}",' if agent else ""
        return (
            f'{{"parentUuid":{self._last},"isSidechain":{_bool(bool(agent))},{marker}'
            f'"type":"user","message":{{"role":"user","content":[{{"tool_use_id":"toolu_{call}",'
            f'"type":"tool_result","content":"{text}","is_error":{_bool(failed)}}}]}},'
            f'"uuid":"{self._next_uuid()}","timestamp":"{iso(done)}",'
            f'"toolUseResult":{{"stdout":"{self._marks.tool_output}","interrupted":false}},'
            + self._tail(
                written.session.id, turn.cwd, written.session.branch, written.style.version
            )
        )

    def _outputs(self, style: Style, output: int, rows: int) -> list[int]:
        if style.version == LOWER_BOUND:
            return [1] * rows
        if style.order == "up":
            return [1] * (rows - 1) + [output]
        if style.order == "down":
            return [output] + [max(1, output // 2)] * (rows - 1)
        return [output] * rows

    def _usage(self, style: Style, step: Step, output: int) -> str:
        used = step.usage
        flat = used.cache_write_5m + used.cache_write_1h
        text = (
            f'{{"input_tokens":{used.input},"cache_creation_input_tokens":{flat},'
            f'"cache_read_input_tokens":{used.cache_read},"output_tokens":{output}'
        )
        if style.version in (FLAT, WITH_COST) and not used.cache_write_1h:
            return text + ',"service_tier":"standard"}'
        iterations = ""
        if style.advisor:
            iterations = (
                f'{{"type":"message","input_tokens":{used.input},'
                f'"cache_creation_input_tokens":{flat},'
                f'"cache_read_input_tokens":{used.cache_read},"output_tokens":{output}}},'
                f'{{"type":"advisor_message","model":"{ADVISOR_MODEL}","input_tokens":1500,'
                f'"cache_creation_input_tokens":0,"cache_read_input_tokens":300,'
                f'"output_tokens":70}}'
            )
        return text + (
            f',"output_tokens_details":{{"thinking_tokens":0}},"server_tool_use":'
            f'{{"web_search_requests":0,"web_fetch_requests":0}},"service_tier":"standard",'
            f'"cache_creation":{{"ephemeral_1h_input_tokens":{used.cache_write_1h},'
            f'"ephemeral_5m_input_tokens":{used.cache_write_5m}}},"inference_geo":"",'
            f'"iterations":[{iterations}],"speed":"{style.speed}"}}'
        )

    # -------------------------------------------------------------- on disk

    def _encode(self, kind: str, lines: list[str]) -> bytes:
        if kind == "spaced_json":
            lines = [json.dumps(json.loads(line), ensure_ascii=False) for line in lines]
        raw = [line.encode() for line in lines]
        if kind == "junk_row":
            junk = b'\x00\xff\xfe{"type":"assistant","message":{"usage":{"input_tokens":9\x80\x81'
            raw.insert(len(raw) // 2, junk)
            raw.insert(0, b"")
        return b"\n".join(raw) + b"\n"

    def _save(self, path: Path, data: bytes, *, append: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if append else "wb") as file:
            file.write(data)
        leave(path, data)
        self.bytes += len(data)
        self._truth.bytes_by_source[SOURCE] += len(data)

    def _count(self, written: Written, cwd: str, step: Step, agent: str) -> None:
        self._truth.calls.append(self._call(written, cwd, step, agent))
        if written.style.advisor:
            self._truth.calls.append(
                Call(
                    source=SOURCE,
                    provider="anthropic",
                    model=ADVISOR_MODEL,
                    ts_ms=step.ts_ms,
                    session=written.session.id,
                    cwd=cwd,
                    input=1500,
                    cache_read=300,
                    output=70,
                )
            )

    def _call(self, written: Written, cwd: str, step: Step, agent: str) -> Call:
        used = step.usage
        return Call(
            source=SOURCE,
            provider="anthropic",
            model=step.model,
            ts_ms=step.ts_ms,
            session=written.session.id,
            cwd=cwd,
            input=used.input,
            cache_read=used.cache_read,
            cache_write_5m=used.cache_write_5m,
            cache_write_1h=used.cache_write_1h,
            output=1 if written.style.version == LOWER_BOUND else used.output,
            agent=agent,
        )

    def _path(self, cwd: str, session_id: str) -> Path:
        slug = "".join(char if char.isalnum() else "-" for char in cwd)
        return self._projects / slug / f"{session_id}.jsonl"

    def _tail(self, session_id: str, cwd: str, branch: str, version: str) -> str:
        return (
            f'"userType":"external","entrypoint":"cli","cwd":"{cwd}","sessionId":"{session_id}",'
            f'"version":"{version}","gitBranch":"{branch}"}}'
        )

    def _text(self, chars: int) -> str:
        return self._prose.take(int(chars * min(1.0, self._bulk * 2)))

    def _hex(self, digits: int) -> str:
        return f"{self._rng.getrandbits(4 * digits):0{digits}x}"

    def _next_uuid(self) -> str:
        value = self._plan.uuid()
        self._last = f'"{value}"'
        return value


def _bool(value: bool) -> str:
    return "true" if value else "false"
