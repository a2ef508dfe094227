"""
One line of text for Claude Code's status bar.

What the host itself says comes first: it knows the model, its official 5-hour and weekly
percentages and the context window.  The store adds what only we know: today's cost over all
sessions, this session's cost by the same prices as every report, the block that runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from openusage_proto.line_messages import STATUSLINE_DEFAULT, STATUSLINE_SEGMENTS
from openusage_proto.messages import CostMode, ReportRow
from openusage_proto.values import dataclass
from openusaged.core.errors import InvalidParams
from openusaged.core.models import NANO
from openusaged.storage.store import SessionRecord, UsageRow
from openusaged.usecases.lines.figures import WINDOW_MS, Window
from openusaged.usecases.totals import sum_rows

SOURCE: Final = "claude_code"
RESET: Final = "\x1b[0m"
GREEN: Final = "\x1b[32m"
YELLOW: Final = "\x1b[33m"
RED: Final = "\x1b[31m"
ORANGE: Final = "\x1b[38;5;208m"
WARN_PERCENT: Final = 50.0
HIGH_PERCENT: Final = 80.0
MAX_NAME: Final = 40
MIN_CONTEXT: Final = 200_000
LARGE_CONTEXT: Final = 1_000_000
SEGMENT_WORDS: Final[Mapping[str, str]] = {
    "model": "the model",
    "session": "cost of this session",
    "today": "cost since local midnight, all sessions",
    "block": "cost of the running 5-hour block and time left in it",
    "burn": "cost per hour in the block",
    "window5h": "used of the official 5-hour limit",
    "reset": "time until the 5-hour limit starts anew",
    "pace": "used of the 5-hour limit beyond the time that has passed",
    "weekly": "used of the official weekly limits",
    "context": "how full the context window is",
    "project": "the project",
    "branch": "the git branch",
    "lines": "lines added and removed in this session",
}
_SGR: Final = re.compile(r"\x1b\[[0-9;]*m")
_MONEY: Final = frozenset({"session", "today", "block"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Estimated costs in USD; None when nothing is known."""

    session: float | None
    today: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What we know beside the host's input."""

    costs: Costs
    now_ms: int = 0
    block: ReportRow | None = None
    five_hour: Window | None = None
    """The vendor's figures of the account, for a host that does not state them itself."""
    weekly: Window | None = None
    project: str = ""
    branch: str = ""
    hide_costs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How the line is wanted."""

    color: bool = True
    ascii_only: bool = False
    segments: Sequence[str] | None = None
    context_medium: float = WARN_PERCENT
    context_high: float = HIGH_PERCENT
    width: int = 0

    def check(self) -> None:
        """
        Refuse what makes no sense.

        Raises:
            InvalidParams: a segment that there is not, none at all, thresholds in no order.
        """
        for name in self.segments or ():
            if name not in STATUSLINE_SEGMENTS:
                known = ", ".join(STATUSLINE_SEGMENTS)
                raise InvalidParams(f"segments: no segment {name!r}; known: {known}")
        if self.segments is not None and not self.segments:
            raise InvalidParams("segments: an empty list leaves nothing to show")
        if not 0 <= self.context_medium <= self.context_high:
            raise InvalidParams("context_medium: must lie between 0 and context_high")
        if self.width < 0:
            raise InvalidParams("width: must not be negative")


def costs_of(
    session: SessionRecord | None,
    today: Iterable[UsageRow],
    accounts: frozenset[str],
    mode: CostMode = "calculate",
) -> Costs:
    """Cost of a session and, of these accounts (none: of all), of what was used today."""
    day = sum_rows([row for row in today if not accounts or row.account in accounts], mode)
    spent = sum_rows(session.rows, mode) if session is not None else None
    return Costs(
        session=spent.cost_nano / NANO if spent is not None and spent.requests else None,
        today=day.cost_nano / NANO if day.requests else None,
    )


def render(payload: Mapping[str, Any], facts: Facts, drawing: Drawing) -> str:
    """The line; parts that are not known are left out."""
    line = _Line(payload, facts, drawing)
    wanted = frozenset(STATUSLINE_DEFAULT if drawing.segments is None else drawing.segments)
    names = [name for name in STATUSLINE_SEGMENTS if name in wanted]
    text = line.joined(names)
    while drawing.width and _cells(text) > drawing.width and len(names) > 1:
        names.pop()
        text = line.joined(names)
    return text


def _cells(text: str) -> int:
    return len(_SGR.sub("", text))


class _Line:
    """Draws one line's segments."""

    def __init__(self, payload: Mapping[str, Any], facts: Facts, drawing: Drawing) -> None:
        self._payload = payload
        self._facts = facts
        self._drawing = drawing
        self._about = "~$" if drawing.ascii_only else "≈$"
        self._draw: dict[str, Callable[[], str]] = {
            "model": self._model,
            "session": self._session,
            "today": self._today,
            "block": self._block,
            "burn": self._burn,
            "window5h": lambda: self._used("5h", self._five_hour()),
            "reset": self._reset,
            "pace": self._pace,
            "weekly": self._weekly,
            "context": self._context,
            "project": lambda: _text(facts.project),
            "branch": lambda: _text(facts.branch),
            "lines": self._lines,
        }

    def joined(self, names: Sequence[str]) -> str:
        """The segments that say something; those about money are one group."""
        bar = " | " if self._drawing.ascii_only else " │ "
        parts: list[str] = []
        money: list[str] = []
        for name in names:
            if name in _MONEY:
                money.append(self._draw[name]())
                continue
            parts.append(" / ".join(part for part in money if part))
            money = []
            parts.append(self._draw[name]())
        parts.append(" / ".join(part for part in money if part))
        return bar.join(part for part in parts if part)

    def _model(self) -> str:
        name = self._get("model", "display_name") or self._get("model", "id")
        return _text(name.rpartition("/")[2] if isinstance(name, str) else name)

    def _money(self, amount: float | None, words: str) -> str:
        if amount is None or self._facts.hide_costs:
            return ""
        return f"{self._about}{amount:.2f}{words}"

    def _session(self) -> str:
        cost = self._facts.costs.session
        if cost is None:
            cost = _number(self._get("cost", "total_cost_usd"))
        return self._money(cost, " session")

    def _today(self) -> str:
        return self._money(self._facts.costs.today, " today")

    def _block(self) -> str:
        block = self._facts.block
        if block is None or not block.requests:
            return ""
        left = block.time_remaining_seconds
        words = f" block ({duration(left)} left)" if left is not None else " block"
        return self._money(block.cost_usd, words)

    def _burn(self) -> str:
        block = self._facts.block
        if block is None or not block.burn_rate_usd_per_hour:
            return ""
        text = self._money(block.burn_rate_usd_per_hour, "/h")
        return f"{ORANGE}{text}{RESET}" if text and self._drawing.color else text

    def _five_hour(self) -> Window | None:
        return self._host_window("five_hour", "5h") or self._facts.five_hour

    def _host_window(self, key: str, window: str) -> Window | None:
        used = _number(self._get("rate_limits", key, "used_percentage"))
        if used is None:
            return None
        resets = instant(self._get("rate_limits", key, "resets_at"))
        if resets is not None and resets <= self._facts.now_ms:
            # The host repeats what it was last told; the window has begun anew since.
            return Window(used=0.0, length_ms=WINDOW_MS[window])
        return Window(used=used, resets_ms=resets, length_ms=WINDOW_MS[window])

    def _used(self, label: str, window: Window | None) -> str:
        if window is None:
            return ""
        about = "~" if window.stale else ""
        return self._paint(f"{label} {about}{whole(window.used)}% used", window.used)

    def _weekly(self) -> str:
        parts = [self._used("week", self._host_window("seven_day", "7d") or self._facts.weekly)]
        limits = self._get("rate_limits")
        for key in sorted(limits) if isinstance(limits, Mapping) else ():
            # Windows of single models: `seven_day_opus`.
            if isinstance(key, str) and key.startswith("seven_day_"):
                label = f"{_text(key.removeprefix('seven_day_').replace('_', ' '))} week"
                parts.append(self._used(label, self._host_window(key, "7d")))
        return " / ".join(part for part in parts if part)

    def _reset(self) -> str:
        window = self._five_hour()
        if window is None or window.resets_ms is None:
            return ""
        return f"resets {duration((window.resets_ms - self._facts.now_ms) / 1000)}"

    def _pace(self) -> str:
        window = self._five_hour()
        pace = window.pace(self._facts.now_ms) if window is not None else None
        if pace is None:
            return ""
        return f"pace {'+' if pace >= 0 else '-'}{abs(round(pace))}%"

    def _context(self) -> str:
        tokens, percent = context_of(self._payload)
        if percent is None:
            return ""
        shown = f"context {whole(percent)}%"
        if tokens:
            shown += f" ({compact(tokens)})"
        drawing = self._drawing
        return self._paint(shown, percent, drawing.context_medium, drawing.context_high)

    def _lines(self) -> str:
        added = _number(self._get("cost", "total_lines_added"))
        removed = _number(self._get("cost", "total_lines_removed"))
        if not added and not removed:
            return ""
        return f"+{int(added or 0)} -{int(removed or 0)}"

    def _paint(
        self, text: str, percent: float, medium: float = WARN_PERCENT, high: float = HIGH_PERCENT
    ) -> str:
        if not self._drawing.color:
            return text
        tint = RED if percent >= high else YELLOW if percent >= medium else GREEN
        return f"{tint}{text}{RESET}"

    def _get(self, *path: str) -> Any:
        return _get(self._payload, *path)


def context_of(payload: Mapping[str, Any]) -> tuple[int | None, float | None]:
    """
    Tokens in the context window and the share of it that they take, as the host knows them.

    The size that hosts state has been 200 000 for models that take a million: a share is worked
    out anew when more tokens are in the window than it is said to hold.
    """
    window = _get(payload, "context_window")
    percent = _number(_get(window, "used_percentage"))
    counts = [
        _number(_get(window, "current_usage", key))
        for key in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    ]
    known = [count for count in counts if count is not None]
    tokens = int(sum(known)) if known else None
    size = _number(_get(window, "context_window_size"))
    if tokens is not None and size and tokens > size:
        return tokens, min(100.0, 100.0 * tokens / LARGE_CONTEXT)
    if percent is not None:
        return tokens, min(percent, 100.0)
    if not tokens:
        return tokens, None
    model = _get(payload, "model", "id")
    large = tokens > MIN_CONTEXT or (isinstance(model, str) and "1m" in model)
    size = size or (LARGE_CONTEXT if large else MIN_CONTEXT)
    return tokens, min(100.0, 100.0 * tokens / size)


def instant(value: Any) -> int | None:
    """Epoch milliseconds of epoch seconds or an ISO text with zone; None for anything else."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        except (ValueError, OverflowError):
            return None
    seconds = _number(value)
    return int(seconds * 1000) if seconds is not None else None


def whole(percent: float) -> int:
    """Whole per cent, rounded down: 99.6 is not all of it (and 29.0 that came out as 28.999 is)."""
    return math.floor(percent + 1e-6)


def duration(seconds: float) -> str:
    """`2h41m`, `3d4h`, `12m`."""
    minutes = max(0, int(seconds)) // 60
    if minutes >= 24 * 60:
        return f"{minutes // 1440}d{minutes % 1440 // 60}h"
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"


def compact(tokens: float) -> str:
    """`96k`, `1.2M`, a plain number below a thousand."""
    if tokens >= 999_500:
        return f"{tokens / 1e6:.1f}M"
    return f"{tokens / 1e3:.0f}k" if tokens >= 1000 else f"{tokens:.0f}"


def _get(payload: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(payload, Mapping):
            return None
        payload = payload.get(name)
    return payload


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and abs(value) < 1e15 else None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    clean = "".join(character for character in value if character.isprintable())
    return clean[:MAX_NAME]
