"""
What is remembered of every condition, and what becomes of its news: told, held, or kept quiet.

Plain bookkeeping on the hub, no waiting: findings go in, what is to be stored and delivered comes
out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from openusage_proto.alert_messages import AlertFacts
from openusage_proto.values import dataclass
from openusaged.storage.alerts import HELD, PENDING
from openusaged.storage.store import AlertRecord, AlertState
from openusaged.usecases.alerts.memory import Edge, Finding, step

MUTED: Final = "muted"
COOLDOWN: Final = "cooldown"
SILENT: Final = "silent"
DROPPED: Final = "dropped"

Key = tuple[str, str]
"""(rule, subject)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How news is told at the moment."""

    now_ms: int
    cooldown_ms: int
    quiet: bool
    has_channels: bool


class Ledger:
    """The memory of all rules."""

    def __init__(self) -> None:
        self._states: dict[Key, AlertState] = {}
        self.mutes: dict[str, int] = {}
        """Until when a rule, or all of them (`""`), is silent."""

    def load(self, states: Iterable[AlertState], mutes: Mapping[str, int]) -> None:
        """Take over what a former run remembered."""
        self._states = {(state.rule, state.subject): state for state in states}
        self.mutes = dict(mutes)

    def forget(self, known_rules: Iterable[str]) -> tuple[str, ...]:
        """Drop what is remembered of rules that are no more; their names."""
        known = set(known_rules)
        gone = tuple(sorted({rule for rule, _ in self._states} - known))
        self._states = {key: state for key, state in self._states.items() if key[0] in known}
        return gone

    def take(
        self, findings: Sequence[Finding], manners: Manners
    ) -> tuple[list[AlertState], list[AlertRecord]]:
        """How the conditions are now: the states that changed, and the news with its outcome."""
        edges = [
            (finding, step(self._known(finding), finding, manners.now_ms, manners.cooldown_ms))
            for finding in findings
        ]
        best = _highest(edges)
        states, records = [], []
        for finding, edge in edges:
            state = edge.state
            told = edge.is_news and (not finding.group or best[finding.group] is finding)
            if edge.is_news and not edge.is_repeated:
                # Also of those that a higher one speaks for: they have been told with it.
                state = msgspec.structs.replace(state, fired_ms=manners.now_ms)
            if state != self._known(finding):
                known = self._known(finding) is not None
                self._states[finding.rule, finding.subject] = state
                if known or state.active:
                    states.append(state)
            if told:
                records.append(self._record(finding, edge, manners))
        return states, records

    def _known(self, finding: Finding) -> AlertState | None:
        return self._states.get((finding.rule, finding.subject))

    def _record(self, finding: Finding, edge: Edge, manners: Manners) -> AlertRecord:
        if self.muted_until(finding.rule, manners.now_ms):
            outcome = MUTED
        elif edge.is_repeated:
            outcome = COOLDOWN
        elif not manners.has_channels:
            outcome = SILENT
        else:
            outcome = HELD if manners.quiet else PENDING
        return AlertRecord(
            ts_ms=manners.now_ms,
            rule=finding.rule,
            outcome=outcome,
            facts=msgspec.json.encode(finding.facts()),
        )

    def muted_until(self, rule: str, now_ms: int) -> int | None:
        """Until when a rule is silent; None when it is not.  A budget is muted as a whole."""
        until = max(self.mutes.get(name, 0) for name in ("", rule, rule.partition("@")[0]))
        return until if until > now_ms else None

    def active(self, rule: str) -> list[str]:
        """The subjects for which a rule's condition holds; any thread."""
        # A copy is made at once; the hub may add to the original meanwhile.
        states = list(self._states.values())
        return sorted(state.subject for state in states if state.rule == rule and state.active)

    def fired_ms(self, rule: str) -> int | None:
        """When a rule was last news."""
        times = [state.fired_ms for state in self._states.values() if state.rule == rule]
        return max(times, default=0) or None

    def still_holds(self, record: AlertRecord) -> bool:
        """Whether what was held back is still worth telling: a reset is, the rest if it lasts."""
        facts = msgspec.json.decode(record.facts, type=AlertFacts)
        if facts.kind == "reset":
            return True
        return any(
            state.active and state.fired_ms == record.ts_ms
            for state in self._states.values()
            if state.rule == record.rule
        )


def _highest(edges: Iterable[tuple[Finding, Edge]]) -> dict[str, Finding]:
    best: dict[str, Finding] = {}
    for finding, edge in edges:
        if edge.is_news and finding.group:
            known = best.get(finding.group)
            if known is None or finding.rank > known.rank:
                best[finding.group] = finding
    return best
