"""
Figures Cursor keeps on this machine: lines suggested and accepted today, AI's share of commits.

They are counts of Cursor's own, no usage of ours, and so part of the poll's snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from openusaged.core.models import LimitMetric
from openusaged.providers.cursor.records import Composer
from openusaged.providers.cursor.state_store import composers
from openusaged.providers.shared.json_values import as_count, as_number, as_object
from openusaged.providers.shared.sqlite_ro import open_read_only

_DAYS: Final = 3
_DAILY: Final = f"""
    SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM ItemTable
    WHERE key >= 'aiCodeTracking.dailyStats.' AND key < 'aiCodeTracking.dailyStats/'
    ORDER BY key DESC LIMIT {_DAYS}
"""
_COUNTERS: Final = (
    ("tabSuggestedLines", "tab_suggested_lines", "Lines Tab suggested"),
    ("tabAcceptedLines", "tab_accepted_lines", "Lines of Tab accepted"),
    ("composerSuggestedLines", "composer_suggested_lines", "Lines the agent suggested"),
    ("composerAcceptedLines", "composer_accepted_lines", "Lines of the agent accepted"),
)
# A commit is scored once per branch it is on; the newest score of each counts.
_COMMITS: Final = """
    SELECT COUNT(*), AVG(share) FROM (
        SELECT CASE WHEN v2AiPercentage <> '' THEN CAST(v2AiPercentage AS REAL) END AS share,
               MAX(scoredAt)
        FROM scored_commits WHERE linesAdded > 0 GROUP BY commitHash
    )
"""
_COMMIT_COLUMNS: Final = {"commitHash", "scoredAt", "linesAdded", "v2AiPercentage"}


def daily_metrics(state_db: str, now_ms: int) -> list[LimitMetric]:
    """
    Today's lines by the date on the user's clock; nothing on a day without any.

    Raises:
        DatabaseUnreadable: the database is locked or damaged.
    """
    with open_read_only(state_db) as database:
        if not {"key", "value"} <= database.columns("ItemTable"):
            return []
        rows = database.rows(_DAILY)
    for key, value in rows:
        date = bytes(key)[-10:].decode("utf-8", "replace")
        counters = _counters(value) if _is_today(date, now_ms) else {}
        if counters:
            return [
                LimitMetric(key=metric, unit="lines", window="1d", label=label, used=float(lines))
                for name, metric, label in _COUNTERS
                if (lines := as_count(counters.get(name))) is not None
            ]
    return []


def commit_metrics(tracking_db: str) -> list[LimitMetric]:
    """
    How many commits Cursor has scored, and how much of them AI wrote on average.

    Raises:
        DatabaseUnreadable: the database is locked or damaged.
    """
    with open_read_only(tracking_db) as database:
        if not database.columns("scored_commits") >= _COMMIT_COLUMNS:
            return []
        commits, share = database.rows(_COMMITS)[0]
    percent = as_number(share)
    metrics = []
    if commits:
        metrics.append(
            LimitMetric(
                key="scored_commits",
                unit="commits",
                window="all-commits",
                label="Commits with AI lines",
                used=float(commits),
            )
        )
    if percent is not None:
        metrics.append(
            LimitMetric(
                key="ai_code_percentage",
                unit="%",
                window="all-commits",
                label="AI share of commits",
                used=round(percent, 1),
                limit=100.0,
            )
        )
    return metrics


def conversations(state_db: str, ids: list[str]) -> dict[str, Composer]:
    """
    What this machine knows of these conversations: their folder and branch.

    Raises:
        DatabaseUnreadable: the database is locked or damaged.
    """
    with open_read_only(state_db) as database, database.snapshot():
        if not {"key", "value"} <= database.columns("cursorDiskKV"):
            return {}
        return composers(database, ids)


def _counters(value: Any) -> Mapping[str, Any]:
    try:
        return as_object(msgspec.json.decode(value))
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return {}


def _is_today(date: str, now_ms: int) -> bool:
    """Whether it is that date anywhere between UTC+14 and UTC-12: Cursor's dates are local."""
    try:
        midnight = datetime.fromisoformat(date).replace(tzinfo=UTC)
    except ValueError:
        return False
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return midnight - timedelta(hours=14) <= now < midnight + timedelta(hours=36)
