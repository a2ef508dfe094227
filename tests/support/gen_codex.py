"""
Writes Codex homes: rollouts of four eras with every trap of the format, and what they truly hold.

Row shapes follow captures of 0.98, 0.145 and 0.169.  The plan comes first and is the truth; the
writer keeps the running totals that the format wants, exactly as the agent does.
"""

from __future__ import annotations

import base64
import copy
import json
import os
from pathlib import Path

from tests.support.activity import Session, Step, Turn, Usage, iso
from tests.support.codex_rows import (
    CURRENT,
    EARLY,
    EARLY_MODEL,
    ERAS,
    LEGACY,
    MODELS,
    OLD,
    TOOLS,
    CodexRows,
    Thread,
    Totals,
)
from tests.support.prose import Canaries

SESSION_TRAPS = (
    "plain_early",
    "plain_old",
    "plain_legacy",
    "plain_current",
    "resume",
    "counter_reset",
    "legacy_fork",
    "legacy_fork_of_fork",
    "legacy_subagent_copy",
    "paginated_fork",
    "paginated_fork_of_fork",
    "paginated_fork_counts_only",
    "subagents",
    "archived_only",
    "archived_twice",
    "limits_only",
    "compaction",
    "spaced_json",
    "unix_timestamps",
    "huge_row",
    "late_count",
    "half_row",
    "all_cached",
)
WEIGHTED = ("plain_current",) * 5 + ("plain_old", "plain_legacy", "resume", "compaction")


class CodexHome(CodexRows):
    """Grows one `~/.codex` thread by thread."""

    # -------------------------------------------------------------- threads

    def add(self, trap: str | None = None) -> None:
        """Write one more thread (and its forks or children)."""
        kind = trap or self._rng.choice(WEIGHTED)
        self._truth.traps[f"codex:{kind}"] += 1
        thread = self._thread(kind)
        if kind == "all_cached":
            for turn in thread.session.turns:
                for step in turn.steps:
                    step.usage.input = step.usage.cache_write_5m = 0
        thread.lines.append(self._meta(thread))
        self._turns(thread, kind)
        if kind == "limits_only":
            thread.lines.append(self._count(thread, thread.session.end_ms + 900, None, info=False))
        if kind == "huge_row":
            thread.lines.insert(3, self._huge(thread))
        if kind == "compaction":
            self._compact(thread)
        if kind == "resume":
            self._resume(thread)
        if kind.startswith("legacy_fork") or kind == "legacy_subagent_copy":
            self._legacy_child(
                thread, again=kind == "legacy_fork_of_fork", agent="subagent" in kind
            )
        if kind.startswith("paginated_fork"):
            self._paginated_child(
                thread, again=kind.endswith("of_fork"), records=not kind.endswith("counts_only")
            )
        if kind == "subagents":
            for _ in range(self._rng.choice((1, 2))):
                self._child(thread)
        self._write(thread, kind)

    def _thread(self, kind: str) -> Thread:
        era = self._rng.choice(ERAS)
        fixed = {
            "plain_early": EARLY,
            "plain_old": OLD,
            "plain_legacy": LEGACY,
            "legacy_fork": LEGACY,
            "legacy_fork_of_fork": LEGACY,
            "legacy_subagent_copy": LEGACY,
            "counter_reset": self._rng.choice((OLD, LEGACY)),
            "unix_timestamps": OLD,
        }
        current = ("plain_current", "compaction", "subagents", "late_count", "half_row")
        if kind in fixed:
            era = fixed[kind]
        elif kind in current or kind.startswith("paginated"):
            era = CURRENT
        turns = 2 if "fork" in kind or kind in ("resume", "counter_reset") else None
        session = self._session(turns=turns, era=era)
        if kind == "late_count":
            _end_before_midnight(session)
        return Thread(session, era, root=session.id, records=self._has_records(era, kind))

    @staticmethod
    def _has_records(era: str, kind: str) -> bool:
        return era == CURRENT and kind != "paginated_fork_counts_only"

    def _session(
        self, *, turns: int | None, era: str, start_ms: int | None = None, cwd: str | None = None
    ) -> Session:
        session = self._plan.session(
            (EARLY_MODEL,) if era == EARLY else MODELS,
            TOOLS,
            turns=turns,
            start_ms=start_ms,
            cwd=cwd,
            reasoning=True,
            uuid7=True,
        )
        if era in (EARLY, OLD):
            for turn in session.turns:
                for step in turn.steps:
                    step.usage.cache_write_5m = 0
        return session

    def _turns(self, thread: Thread, kind: str) -> None:
        for number, turn in enumerate(thread.session.turns):
            if kind == "counter_reset" and number:
                self._reset(thread, turn.steps[0].usage)
            late = kind == "late_count" and turn is thread.session.turns[-1]
            self._turn(thread, turn, late=late)

    @staticmethod
    def _reset(thread: Thread, upcoming: Usage) -> None:
        # only a component that shrank shows that a counter began again
        upcoming.output = max(1, thread.totals.output // 2)
        upcoming.reasoning = min(upcoming.reasoning, upcoming.output)
        thread.totals = Totals()
        thread.last = None

    # ---------------------------------------------------------------- traps

    def _resume(self, thread: Thread) -> None:
        """Days later in the same file; the totals go on."""
        later = self._session(
            turns=1,
            era=thread.era,
            start_ms=thread.session.end_ms + self._rng.randint(1, 90_000_000),
            cwd=thread.session.cwd,
        )
        for turn in later.turns:
            self._turn(thread, turn)

    def _compact(self, thread: Thread) -> None:
        """A compaction: a stale count, the call itself, and an estimate that is no usage."""
        now = thread.session.end_ms + 5_000
        lines = thread.lines
        lines.append(self._count(thread, now, thread.last))
        step = Step(
            ts_ms=now + 2_000,
            model=thread.session.turns[-1].steps[-1].model,
            usage=self._codex_usage(thread),
        )
        turn = Turn(ts_ms=now, steps=[step], cwd=thread.session.cwd)
        thread.totals.add(step.usage)
        self._account(thread, turn, step)
        lines.append(self._record(thread, step.ts_ms, step, self._plan.uuid7(now)))
        compacted = f'{{"message":"{self._marks.answer} {self._text(800)}"}}'
        lines.append(self._row(thread, step.ts_ms + 3, "compacted", compacted))
        lines.append(
            self._count(thread, step.ts_ms + 9, None, estimate=self._rng.randint(900, 9000))
        )
        later = self._session(
            turns=1, era=thread.era, start_ms=step.ts_ms + 10_000, cwd=thread.session.cwd
        )
        for after in later.turns:
            self._turn(thread, after)

    def _codex_usage(self, thread: Thread) -> Usage:
        used = self._plan.usage(reasoning=True, write_1h=False)
        if not thread.writes:
            used.cache_write_5m = 0
        return used

    def _legacy_child(self, parent: Thread, *, again: bool, agent: bool) -> None:
        """A fork that copies the parent's rows, stamped with the moment of the fork."""
        session = self._session(
            turns=1,
            era=LEGACY,
            # whole seconds between: the first task_started decides where the copy ends
            start_ms=parent.session.end_ms + 600_000,
            cwd=parent.session.cwd,
        )
        child = Thread(
            session,
            LEGACY,
            totals=copy.copy(parent.totals),
            root=parent.root if agent else session.id,
            parent=parent.id,
            agent="Parfit" if agent else "",
        )
        child.lines.append(self._meta(child, forked=not agent))
        stamp = iso(session.start_ms + 1)
        child.lines += [f'{{"timestamp":"{stamp}"{line[39:]}' for line in parent.lines]
        for turn in session.turns:
            self._turn(child, turn)
        self._truth.shared |= {parent.id, child.id}
        self._write(child, "")
        if again:
            self._legacy_child(child, again=False, agent=False)

    def _paginated_child(self, parent: Thread, *, again: bool, records: bool) -> None:
        """A fork without copied rows whose first total already holds the parent's."""
        session = self._session(
            turns=1, era=CURRENT, start_ms=parent.session.end_ms + 600_000, cwd=parent.session.cwd
        )
        child = Thread(
            session,
            CURRENT,
            totals=copy.copy(parent.totals),
            root=session.id,
            parent=parent.id,
            ordinal=parent.ordinal,
            records=records,
        )
        child.lines.append(self._meta(child, forked=True))
        for turn in session.turns:
            self._turn(child, turn)
        self._write(child, "")
        if again:
            self._paginated_child(child, again=False, records=records)

    def _child(self, parent: Thread) -> None:
        """A sub-agent: a rollout and totals of its own, `source` is an object."""
        session = self._session(
            turns=1, era=CURRENT, start_ms=parent.session.start_ms + 3_000, cwd=parent.session.cwd
        )
        child = Thread(
            session, CURRENT, root=parent.root, parent=parent.id, agent="Parfit", records=True
        )
        child.lines.append(self._meta(child))
        for turn in session.turns:
            self._turn(child, turn)
        self._write(child, "")

    def _huge(self, thread: Thread) -> str:
        size = int(1_500_000 * self._bulk) + 100_000
        image = (
            f'"type":"message","role":"user","content":[{{"image_url":"{"QUJD" * (size // 4)}"}}]'
        )
        return self._row(thread, thread.session.start_ms + 2, "response_item", f"{{{image}}}")


def _end_before_midnight(session: Session) -> None:
    """Move the session so that its last response comes two seconds before a UTC midnight."""
    shift = (session.end_ms // 86_400_000 + 1) * 86_400_000 - 2_000 - session.end_ms
    session.start_ms += shift
    for turn in session.turns:
        turn.ts_ms += shift
        for step in turn.steps:
            step.ts_ms += shift


def write_account_files(home: Path, marks: Canaries) -> None:
    """`auth.json` with an e-mail address and tokens; nothing of it may leave it."""
    home.mkdir(parents=True, exist_ok=True)
    claims = base64.urlsafe_b64encode(json.dumps({"email": marks.email}).encode()).decode()
    path = home / "auth.json"
    path.write_text(
        json.dumps(
            {
                "OPENAI_API_KEY": None,
                "tokens": {
                    "id_token": f"e30.{claims.rstrip('=')}.x",
                    "access_token": marks.openai_key,
                    "refresh_token": marks.github_token,
                    "account_id": "acct-1",
                },
            }
        ),
        encoding="utf-8",
    )
    os.chmod(path, 0o600)
