"""
Version 2: what alerts remember, so that a crossing is told once, over restarts, too.

`alert_state` is the edge detector's memory per rule and subject, `alert_log` what was told (or
held back, and why), `alert_mute` until when a rule is silent (`''`: all of them).
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 2
NAME: Final = "alerts"

STATEMENTS: Final = (
    """CREATE TABLE alert_state (
    rule TEXT NOT NULL, subject TEXT NOT NULL,
    active INTEGER NOT NULL, window_ms INTEGER NOT NULL, fired_ms INTEGER NOT NULL,
    PRIMARY KEY (rule, subject)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE alert_log (
    id INTEGER PRIMARY KEY, ts_ms INTEGER NOT NULL, rule TEXT NOT NULL,
    outcome TEXT NOT NULL, facts BLOB NOT NULL, deliveries BLOB NOT NULL) STRICT""",
    """CREATE TABLE alert_mute (
    rule TEXT NOT NULL PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
)
