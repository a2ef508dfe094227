"""
What one session used per model, from records that each say it in another way.

Pure.  Messages carry only their output; a process that ends writes the totals of its life, which
in some versions begin anew with every resume and in others go on; a log of single calls is rarely
written.  All of them describe the same requests: they are never added, the larger figure counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from openusaged.providers.copilot.tokens import Counts
from openusaged.providers.shared.json_values import as_count, as_object, count_or_zero


class Sums(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Counters as the CLI writes them: gross input, output with reasoning, nano-AIU if known."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    requests: int = 0
    nano_aiu: int | None = None

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        costs = [cost for cost in (self.nano_aiu, other.nano_aiu) if cost is not None]
        return Sums(
            **{name: getattr(self, name) + getattr(other, name) for name in _COUNTERS},
            nano_aiu=sum(costs) if costs else None,
        )

    def since(self, earlier: Sums) -> Sums:
        """
        What came after the report `earlier`.

        Counters that went on show the difference; any that is smaller began anew, and then so did
        all of them.
        """
        pairs = [(getattr(self, name), getattr(earlier, name)) for name in _COUNTERS]
        pairs.append((self.nano_aiu or 0, earlier.nano_aiu or 0))
        if any(now < before for now, before in pairs):
            return self
        *counters, nano = [now - before for now, before in pairs]
        return Sums(
            **dict(zip(_COUNTERS, counters, strict=True)),
            nano_aiu=None if self.nano_aiu is None else nano,
        )


_COUNTERS = ("input", "cache_read", "cache_write", "output", "reasoning", "requests")
_NOTHING = Sums()


class ModelUse(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One model's use in a session, as far as it has been read."""

    reported: Sums = _NOTHING
    """All processes that have ended, together."""
    last: Sums = _NOTHING
    """The latest report as it was."""
    called: Sums = _NOTHING
    """Single calls."""
    output: int = 0
    """Output of messages since the latest report."""
    messages: int = 0

    def report(self, sums: Sums) -> None:
        """A process has ended and says what it used."""
        self.reported = self.reported.plus(sums.since(self.last))
        self.last = sums
        self.output = self.messages = 0

    def call(self, sums: Sums) -> None:
        """A single call was recorded."""
        self.called = self.called.plus(sums)

    def message(self, output: int) -> None:
        """A message with so many output tokens arrived."""
        self.output += output
        self.messages += 1

    def counts(self, *, with_messages: bool) -> tuple[Counts, int, int | None]:
        """(tokens, requests, nano-AIU) by the fullest record; without tokens all is unknown."""
        best = max(self.reported, self.called, key=lambda sums: sums.input + sums.output)
        known = best.input or best.output
        counts = Counts()
        if known:
            counts = Counts.of_gross(
                best.input, best.output, best.cache_read, best.cache_write, best.reasoning
            )
        requests = best.requests
        if with_messages and self.messages:
            output = max(self.reported.output + self.output, counts.output or 0)
            counts = msgspec.structs.replace(counts, output=output)
            requests = max(requests, self.reported.requests + self.messages)
        return counts, requests, best.nano_aiu


def shutdown_sums(data: Mapping[str, Any]) -> dict[str, Sums]:
    """Counters per model of a `session.shutdown` record."""
    metrics = as_object(data.get("modelMetrics"))
    found = {}
    for model, entry in metrics.items():
        source = as_object(entry)
        usage, requests = as_object(source.get("usage")), as_object(source.get("requests"))
        nano = as_count(source.get("totalNanoAiu"))
        if nano is None and len(metrics) == 1:
            nano = as_count(data.get("totalNanoAiu"))
        found[model] = Sums(
            input=count_or_zero(usage.get("inputTokens")),
            cache_read=count_or_zero(usage.get("cacheReadTokens")),
            cache_write=count_or_zero(usage.get("cacheWriteTokens")),
            output=count_or_zero(usage.get("outputTokens")),
            reasoning=count_or_zero(usage.get("reasoningTokens")),
            requests=count_or_zero(requests.get("count")),
            nano_aiu=nano,
        )
    return found


def call_sums(data: Mapping[str, Any]) -> Sums:
    """Counters of an `assistant.usage` record; its `cost` is premium requests, no money."""
    return Sums(
        input=count_or_zero(data.get("inputTokens")),
        cache_read=count_or_zero(data.get("cacheReadTokens")),
        cache_write=count_or_zero(data.get("cacheWriteTokens")),
        output=count_or_zero(data.get("outputTokens")),
        reasoning=count_or_zero(data.get("reasoningTokens")),
        requests=1,
    )
