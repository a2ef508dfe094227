"""
Reads daily reports of ccusage (`ccusage daily --json`, `ccusage codex daily --json`).

A report is a sum per day and model: it fills days whose logs are gone, whole, and never a day of
which our own collectors hold anything of that tool.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.core.errors import ConfigError
from openusaged.core.model_names import vendor_of_model
from openusaged.importing.sending import CCUSAGE_MARK

SOURCE: Final = "ccusage"
CLAUDE: Final = "claude_code"
CODEX: Final = "codex"
MAX_BYTES: Final = 64 << 20

_SHAPES: Final = ("%Y-%m-%d", "%b %d, %Y", "%Y%m%d")


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySum:
    """One model's usage on one day."""

    tool: str
    day: str
    """The day of ccusage's zone, as YYYY-MM-DD."""
    turn: Mapping[str, Any]


def read(path: str) -> Any:
    """
    The report in a file.

    Raises:
        ConfigError: it cannot be read, or is no JSON.
    """
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file)
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"{path} is no JSON: {exc}") from exc


def day_sums(document: Any, zone: tzinfo) -> Iterator[DaySum | str]:
    """
    Every day and model, or why one cannot be used.

    Raises:
        ConfigError: it is no daily report.
    """
    for entry in _entries(document):
        day = _day(entry.get("date"))
        if day is None:
            yield "a date that cannot be read"
            continue
        models = _models(entry)
        tool = CODEX if "costUSD" in entry or isinstance(entry.get("models"), dict) else CLAUDE
        if models is None:
            yield "a day without figures by model"
            continue
        for name, figures in models.items():
            turn = _turn(tool, day, name, figures, zone)
            yield (
                DaySum(tool=tool, day=day.isoformat(), turn=turn)
                if turn is not None
                else "a model without tokens"
            )


def _entries(document: Any) -> list[Mapping[str, Any]]:
    if isinstance(document, dict):
        days = document.get("daily")
        if days is None and isinstance(document.get("projects"), dict):
            # `--instances`: the same days per project, added up below
            days = [day for project in document["projects"].values() for day in _list(project)]
            return _added(days)
        if isinstance(days, list):
            return [day for day in days if isinstance(day, dict)]
    raise ConfigError("no daily report: make it with `ccusage daily --json`")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _added(days: list[Any]) -> list[Mapping[str, Any]]:
    """Days of several projects as one entry per day."""
    merged: dict[str, dict[str, Any]] = {}
    for day in days:
        if not isinstance(day, dict):
            continue
        entry = merged.setdefault(str(day.get("date")), {"date": day.get("date")})
        entry.setdefault("modelBreakdowns", []).extend(_list(day.get("modelBreakdowns")))
    return list(merged.values())


def _day(value: Any) -> date | None:
    for shape in _SHAPES:
        try:
            return datetime.strptime(str(value), shape).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def _models(entry: Mapping[str, Any]) -> dict[str, dict[str, float]] | None:
    """Figures by model, rows of one model added up."""
    found: dict[str, dict[str, float]] = {}
    named: list[tuple[Any, Any]] = []
    breakdowns, models = entry.get("modelBreakdowns"), entry.get("models")
    if isinstance(breakdowns, list):
        named = [(row.get("modelName"), row) for row in breakdowns if isinstance(row, dict)]
    elif isinstance(models, dict):
        named = list(models.items())
    else:
        return None
    for name, row in named:
        if not isinstance(row, dict):
            continue
        sums = found.setdefault(str(name or ""), {})
        for key, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
                sums[key] = sums.get(key, 0) + value
    return found


def _turn(
    tool: str, day: date, model: str, figures: Mapping[str, float], zone: tzinfo
) -> dict[str, Any] | None:
    cached = int(figures.get("cacheReadTokens", figures.get("cachedInputTokens", 0)))
    given = int(figures.get("inputTokens", 0))
    if tool == CODEX:
        # OpenAI's input includes what came from the cache
        given = max(0, given - cached)
    output = int(figures.get("outputTokens", 0))
    written = int(figures.get("cacheCreationTokens", 0))
    if not given + cached + output + written:
        return None
    noon = datetime.combine(day, time(12), zone)
    turn: dict[str, Any] = {
        "occurred_at": int(noon.timestamp() * 1000),
        "provider": vendor_of_model(model) or ("openai" if tool == CODEX else "anthropic"),
        "client": tool + CCUSAGE_MARK,
        "model": model,
        "message_id": f"{tool}:{day.isoformat()}:{model}",
        "input_tokens": given,
        "cache_read_tokens": cached,
        "cache_write_5m_tokens": written,
        "output_tokens": output,
        "is_sum": True,
    }
    reasoning = figures.get("reasoningOutputTokens")
    if reasoning is not None:
        turn["reasoning_tokens"] = min(int(reasoning), output)
    return turn
