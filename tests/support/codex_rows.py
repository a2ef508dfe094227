"""
Rows of Codex rollouts as its versions write them, and their count in the truth.

Apart from the threads and traps of `gen_codex` because the shapes of rows change with the vendor's
releases and the traps do not.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.activity import Planner, Session, Step, Turn, Usage, iso
from tests.support.aged_file import leave
from tests.support.prose import Canaries, Prose
from tests.support.truth import Call, ToolCall, Truth

SOURCE = "codex"
MODELS = ("gpt-5.1-codex", "gpt-5.1-codex-mini", "gpt-5.3-codex")
TOOLS = ("exec_command", "apply_patch", "exec_command", "web_search", "mcp__docs__search")

EARLY = "0.30.0"
"""September 2025: no turn_context, so no model; readers fall back to gpt-5."""
EARLY_MODEL = "gpt-5"
OLD = "0.98.0"
"""token_count only, repeated when the next request starts; no turn ids."""
LEGACY = "0.145.0"
"""token_count only, forks copy the parent's rows."""
CURRENT = "0.169.0"
"""token_usage_record rows before the token_count that repeats them; paginated forks."""
ERAS = (OLD, LEGACY, LEGACY, CURRENT, CURRENT, CURRENT)


@dataclass(slots=True)
class Totals:
    """The cumulative counter of a thread, in the format's own (overlapping) terms."""

    input: int = 0
    cached: int = 0
    write: int = 0
    output: int = 0
    reasoning: int = 0

    def add(self, used: Usage) -> None:
        """Count one response."""
        self.input += used.input + used.cache_read + used.cache_write_5m
        self.cached += used.cache_read
        self.write += used.cache_write_5m
        self.output += used.output
        self.reasoning += used.reasoning

    def json(self, *, writes: bool) -> str:
        """The usage object; older versions have no field for cache writes."""
        write = f'"cache_write_input_tokens":{self.write},' if writes else ""
        return (
            f'{{"input_tokens":{self.input},"cached_input_tokens":{self.cached},{write}'
            f'"output_tokens":{self.output},"reasoning_output_tokens":{self.reasoning},'
            f'"total_tokens":{self.input + self.output}}}'
        )


@dataclass(slots=True)
class Thread:
    """A rollout while it is written."""

    session: Session
    era: str
    lines: list[str] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    ordinal: int = 0
    root: str = ""
    parent: str = ""
    agent: str = ""
    records: bool = False
    last: Usage | None = None
    """Usage of the latest response, which stale counts repeat."""

    @property
    def id(self) -> str:
        """The thread id."""
        return self.session.id

    @property
    def writes(self) -> bool:
        """Whether usage objects have a field for cache writes."""
        return self.era in (LEGACY, CURRENT)


class CodexRows:
    """Draws rows for one home; every response it writes is counted."""

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
        (home / "sessions").mkdir(parents=True, exist_ok=True)

    def _turn(self, thread: Thread, turn: Turn, *, late: bool = False) -> None:
        turn_id = self._plan.uuid7(turn.ts_ms)
        lines = thread.lines
        if thread.era in (LEGACY, CURRENT):
            lines.append(self._event(thread, turn.ts_ms, self._started(turn, turn_id)))
        lines.append(self._row(thread, turn.ts_ms + 1, "response_item", self._environment()))
        if thread.era != EARLY:
            lines.append(self._context(thread, turn, turn.steps[0].model, turn_id))
        lines.append(self._event(thread, turn.ts_ms + 4, self._user()))
        model = turn.steps[0].model
        for number, step in enumerate(turn.steps):
            if step.model != model and thread.era != EARLY:
                model = step.model
                lines.append(self._context(thread, turn, model, turn_id))
            last = late and number == len(turn.steps) - 1
            self._step(thread, turn, step, turn_id, late=last)
        if thread.era in (LEGACY, CURRENT):
            done = (
                f'"type":"task_complete","turn_id":"{turn_id}","last_agent_message":'
                f'"{self._marks.answer}","completed_at":{turn.steps[-1].ts_ms // 1000}'
            )
            lines.append(self._event(thread, turn.steps[-1].ts_ms + 40, done))

    def _step(self, thread: Thread, turn: Turn, step: Step, turn_id: str, *, late: bool) -> None:
        lines, now = thread.lines, step.ts_ms
        if thread.era == OLD:
            # a request that starts writes the last count again, with fresh limits
            before = now - step.duration_ms
            if thread.totals.input:
                lines.append(self._count(thread, before, thread.last))
            else:
                lines.append(self._count(thread, before, None, info=False))
        lines.extend(self._items(thread, step))
        thread.totals.add(step.usage)
        thread.last = step.usage
        self._account(thread, turn, step)
        if thread.records:
            lines.append(self._record(thread, now, step, turn_id))
        results = self._results(thread, step)
        if thread.records:
            lines.extend(results)
        # with records the count follows the tools, which may take minutes: the record's time rules
        delay = self._rng.randint(60_000, 400_000) if late else self._rng.randint(1, 900)
        lines.append(self._count(thread, now + (delay if thread.records else 0), step.usage))
        if not thread.records:
            lines.extend(results)
        if thread.era == LEGACY and self._rng.random() < 0.3:
            lines.append(self._count(thread, now + 30, step.usage))

    def _row(self, thread: Thread, ts_ms: int, kind: str, payload: str) -> str:
        ordinal = ""
        if thread.era == CURRENT:
            ordinal = f'"ordinal":{thread.ordinal},'
            thread.ordinal += 1
        return f'{{"timestamp":"{iso(ts_ms)}",{ordinal}"type":"{kind}","payload":{payload}}}'

    def _event(self, thread: Thread, ts_ms: int, body: str) -> str:
        return self._row(thread, ts_ms, "event_msg", f"{{{body}}}")

    def _meta(self, thread: Thread, *, forked: bool = False) -> str:
        session = thread.session
        parts = [f'"id":"{thread.id}"', f'"timestamp":"{iso(session.start_ms)}"']
        if thread.era in (LEGACY, CURRENT):
            parts.insert(0, f'"session_id":"{thread.root}"')
        if forked:
            parts.append(f'"forked_from_id":"{thread.parent}"')
        if thread.agent:
            parts.append(
                f'"parent_thread_id":"{thread.parent}","thread_source":"subagent","source":'
                f'{{"subagent":{{"thread_spawn":{{"parent_thread_id":"{thread.parent}","depth":1,'
                f'"agent_nickname":"{thread.agent}","agent_role":"worker"}}}}}}'
            )
        else:
            parts.append('"source":"cli"')
            if thread.era in (LEGACY, CURRENT):
                parts.append('"thread_source":"user"')
        if thread.era == CURRENT:
            parts.append('"history_mode":"paginated"')
            if forked:
                parts.append(
                    f'"history_base":{{"thread_id":"{thread.parent}","end_ordinal_exclusive":'
                    f'{thread.ordinal},"end_byte_offset":1}}'
                )
        parts.append(
            f'"cwd":"{session.cwd}","originator":"codex_cli_rs","cli_version":"{thread.era}",'
            f'"model_provider":"openai","git":{{"branch":"{session.branch}"}},'
            f'"base_instructions":{{"text":"{self._text(int(9000 * self._bulk))}"}}'
        )
        return self._row(thread, session.start_ms, "session_meta", "{" + ",".join(parts) + "}")

    def _context(self, thread: Thread, turn: Turn, model: str, turn_id: str) -> str:
        own = f'"turn_id":"{turn_id}",' if thread.era in (LEGACY, CURRENT) else ""
        payload = (
            f'{{{own}"cwd":"{turn.cwd}","approval_policy":"never","model":"{model}",'
            f'"user_instructions":"{self._marks.prompt} {self._text(600)}","summary":"auto"}}'
        )
        return self._row(thread, turn.ts_ms + 3, "turn_context", payload)

    def _started(self, turn: Turn, turn_id: str) -> str:
        return (
            f'"type":"task_started","turn_id":"{turn_id}","started_at":{turn.ts_ms // 1000},'
            f'"model_context_window":258400'
        )

    def _user(self) -> str:
        return f'"type":"user_message","message":"{self._marks.prompt} {self._text(200)}"'

    def _environment(self) -> str:
        return (
            f'{{"type":"message","role":"user","content":[{{"type":"input_text","text":'
            f'"{self._marks.prompt} {self._text(500)}"}}]}}'
        )

    def _items(self, thread: Thread, step: Step) -> list[str]:
        now = step.ts_ms - 3
        reasoning = (
            f'{{"type":"reasoning","summary":[{{"type":"summary_text","text":'
            f'"{self._marks.thinking}"}}],"encrypted_content":"{self._text(700)}"}}'
        )
        answer = (
            f'{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":'
            f'"{self._marks.answer} {self._text(300)}"}}]}}'
        )
        return [
            self._row(thread, now, "response_item", reasoning),
            self._row(thread, now + 1, "response_item", answer),
        ]

    def _results(self, thread: Thread, step: Step) -> list[str]:
        rows = []
        for index, name in enumerate(step.tools):
            call = f"call_{self._rng.getrandbits(96):024x}"
            failed = name == "exec_command" and self._rng.random() < 0.1
            rows.extend(self._tool(thread, step.ts_ms + 2 + index, name, call, failed=failed))
            if name == "web_search":
                continue  # the row has no call id of its own
            self._truth.tools.append(
                ToolCall(
                    source=SOURCE,
                    id=call,
                    name=name,
                    ts_ms=step.ts_ms,
                    session=thread.id,
                    failed=failed,
                )
            )
        return rows

    def _tool(self, thread: Thread, ts_ms: int, name: str, call: str, *, failed: bool) -> list[str]:
        text = f"{self._marks.tool_output} {self._text(int(3000 * self._rng.random()))}"
        if name == "web_search":
            row = (
                f'{{"type":"web_search_call","status":"completed","action":{{"type":"search",'
                f'"query":"{self._marks.tool_input}"}}}}'
            )
            return [self._row(thread, ts_ms, "response_item", row)]
        if name == "apply_patch":
            patch = (
                f"*** Begin Patch\\n*** Update File: {self._marks.path}.go\\n@@\\n-old\\n+new\\n"
                f"+{self._marks.tool_input}\\n*** End Patch\\n"
            )
            call_row = (
                f'{{"type":"custom_tool_call","status":"completed","name":"apply_patch",'
                f'"call_id":"{call}","input":"{patch}"}}'
            )
            output = (
                r'"{\"output\":\"'
                + self._marks.tool_output
                + r'\",\"metadata\":{\"exit_code\":0}}"'
            )
            out_row = f'{{"type":"custom_tool_call_output","call_id":"{call}","output":{output}}}'
        else:
            arguments = r"{\"cmd\":\"" + self._marks.tool_input + r"\"}"
            call_row = (
                f'{{"type":"function_call","name":"{name}","arguments":"{arguments}",'
                f'"call_id":"{call}"}}'
            )
            code = f"Process exited with code {1 if failed else 0}\\n{text}"
            output = f'"{code}"'
            if name.startswith("mcp__"):
                output = f'[{{"type":"input_text","text":"{text}"}}]'
            out_row = f'{{"type":"function_call_output","call_id":"{call}","output":{output}}}'
        return [
            self._row(thread, ts_ms, "response_item", call_row),
            self._row(thread, ts_ms + 90, "response_item", out_row),
        ]

    def _record(self, thread: Thread, ts_ms: int, step: Step, turn_id: str) -> str:
        once = Totals()
        once.add(step.usage)
        self._truth.rows_with_usage[SOURCE] += 1
        payload = (
            f'{{"thread_id":"{thread.id}","turn_id":"{turn_id}","session_id":"{thread.root}",'
            f'"root_turn_id":"{turn_id}","response_id":"resp_{self._rng.getrandbits(128):032x}",'
            f'"usage":{once.json(writes=True)},"turn_token_usage":{once.json(writes=True)},'
            f'"thread_token_usage":{thread.totals.json(writes=True)}}}'
        )
        return self._row(thread, ts_ms, "token_usage_record", payload)

    def _count(
        self,
        thread: Thread,
        ts_ms: int,
        last: Usage | None,
        *,
        info: bool = True,
        estimate: int = 0,
    ) -> str:
        once = Totals()
        if last is not None:
            once.add(last)
        text = once.json(writes=thread.writes)
        if estimate:
            text = text.replace('"total_tokens":0', f'"total_tokens":{estimate}')
        body = "null"
        if info:
            self._truth.rows_with_usage[SOURCE] += 1
            body = (
                f'{{"total_token_usage":{thread.totals.json(writes=thread.writes)},'
                f'"last_token_usage":{text},"model_context_window":258400}}'
            )
        return self._event(
            thread, ts_ms, f'"type":"token_count","info":{body},"rate_limits":{self._limits(ts_ms)}'
        )

    def _limits(self, ts_ms: int) -> str:
        seconds = ts_ms // 1000
        balance = self._rng.choice(
            ("null", '{"has_credits":true,"unlimited":false,"balance":"9.5"}')
        )
        return (
            f'{{"limit_id":"codex","limit_name":null,"primary":{{"used_percent":12.5,'
            f'"window_minutes":300,"resets_at":{seconds + 7200}}},"secondary":{{"used_percent":'
            f'40.0,"window_minutes":10080,"resets_at":{seconds + 86400}}},"credits":{balance},'
            f'"plan_type":"plus"}}'
        )

    # -------------------------------------------------------------- on disk

    def _account(self, thread: Thread, turn: Turn, step: Step) -> None:
        used = step.usage
        self._truth.calls.append(
            Call(
                source=SOURCE,
                provider="openai",
                model=step.model,
                ts_ms=step.ts_ms,
                session=thread.id,
                cwd=turn.cwd,
                input=used.input,
                cache_read=used.cache_read,
                cache_write_5m=used.cache_write_5m,
                output=used.output,
                reasoning=used.reasoning,
                agent=thread.agent,
                parent=thread.parent,
            )
        )

    def _write(self, thread: Thread, kind: str) -> None:
        when = dt.datetime.fromtimestamp(thread.session.start_ms / 1000, dt.UTC)
        name = f"rollout-{when:%Y-%m-%dT%H-%M-%S}-{thread.id}.jsonl"
        day = f"{when:%Y/%m/%d}"
        data = self._encode(thread, kind)
        if kind == "half_row":
            # behind a complete file: the beginning of a row that repeats the last count
            half = self._count(thread, thread.session.end_ms + 50_000, thread.last).encode()
            data += half[: len(half) // 2]
        if kind != "archived_only":
            self._save(self.home / "sessions" / day / name, data)
        if kind == "archived_only":
            self._save(self.home / "archived_sessions" / name, data)
        elif kind == "archived_twice":
            self._save(self.home / "archived_sessions" / day / name, data)
            self._save(self.home / "archived_sessions" / name, data)

    def _encode(self, thread: Thread, kind: str) -> bytes:
        lines = thread.lines
        if kind == "spaced_json":
            lines = [json.dumps(json.loads(line), ensure_ascii=False) for line in lines]
        if kind == "unix_timestamps":
            lines = [_with_unix_time(line) for line in lines]
        return "\n".join(lines).encode() + b"\n"

    def _save(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        leave(path, data)
        self.bytes += len(data)
        self._truth.bytes_by_source[SOURCE] += len(data)

    def _text(self, chars: int) -> str:
        return self._prose.take(int(chars * min(1.0, self._bulk * 2)))


def _with_unix_time(line: str) -> str:
    """The row with its time as a number of seconds; milliseconds stay as the fraction."""
    stamp = line[14:38]
    seconds = dt.datetime.fromisoformat(stamp).timestamp()
    return f'{{"timestamp":{seconds:.3f}{line[39:]}'
