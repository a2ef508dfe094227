"""`tmux`: what the status bar of tmux shows; data for the client, checked here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from openusage_proto.values import dataclass
from openusaged.config.reading import Section

COLOR_MODES: Final = ("truecolor", "256", "ansi", "none")
GLYPHS: Final = ("ascii", "unicode", "nerdfont")
SOURCES: Final = ("auto", "daemon", "direct")
ALERT_MODES: Final = ("message", "bell", "both", "none")
DEFAULT_STRATEGY: Final = "recency,priority"
DEFAULT_RECENCY_S: Final = 4 * 3600.0

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorRule:
    """From which values a variable turns to which colour."""

    low_at: float | None = None
    medium_at: float | None = None
    high_at: float | None = None
    low_color: str = ""
    medium_color: str = ""
    high_color: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TmuxAlerts:
    """When to interrupt; nothing is watched where the figure is None."""

    burn_rate_per_hour: float | None = None
    block_minutes_remaining: int | None = None
    cooldown_minutes: int = 15
    mode: str = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class TmuxSettings:
    """`tmux`; `format` beats `preset`, an empty theme is the dashboard's."""

    preset: str = ""
    format: str = ""
    provider: str = ""
    active_strategy: str = DEFAULT_STRATEGY
    priority_order: tuple[str, ...] = ()
    recency_window_s: float = DEFAULT_RECENCY_S
    color_mode: str = "truecolor"
    glyphs: str = "unicode"
    theme: str = ""
    source: str = "auto"
    interval: int = 5
    max_runtime_ms: int = 800
    variables: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    color_rules: Mapping[str, ColorRule] = field(default_factory=dict)
    alerts: TmuxAlerts = TmuxAlerts()


def read(section: Section) -> TmuxSettings:
    """The settings of `tmux`."""
    rules = section.section("color_rules")
    return TmuxSettings(
        preset=section.text("preset"),
        format=section.text("format"),
        provider=section.text("provider"),
        active_strategy=_strategy(section),
        priority_order=section.words("priority_order"),
        recency_window_s=_duration(section, "recency_window", DEFAULT_RECENCY_S),
        color_mode=section.choice("color_mode", "truecolor", COLOR_MODES),
        glyphs=section.choice("glyphs", "unicode", GLYPHS),
        theme=section.text("theme"),
        source=section.choice("source", "auto", SOURCES),
        interval=section.integer("interval", 5, 1, 3600),
        max_runtime_ms=section.integer("max_runtime_ms", 800, 50, 60_000),
        variables=section.texts("variables"),
        segments=section.texts("segments"),
        color_rules={name: _rule(rules.section(name)) for name in rules.names()},
        alerts=_alerts(section.section("alerts")),
    )


def _strategy(section: Section) -> str:
    """A comma list of `recency` and `priority`."""
    value = section.text("active_strategy", DEFAULT_STRATEGY)
    words = [word.strip().lower() for word in value.split(",") if word.strip()]
    if words and set(words) <= {"recency", "priority"}:
        return ",".join(dict.fromkeys(words))
    section.warn(
        "active_strategy",
        value,
        "a comma list of recency and priority",
        f"{DEFAULT_STRATEGY} is used",
    )
    return DEFAULT_STRATEGY


def _duration(section: Section, key: str, default_s: float) -> float:
    """`4h`, `90m`, `1h30m`: as Go writes durations."""
    value = section.raw(key)
    if value is None:
        return default_s
    if isinstance(value, str):
        text = value.strip().lower()
        parts = _DURATION.findall(text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    section.warn(key, value, "a duration such as 4h or 90m", f"{default_s / 3600:g}h is used")
    return default_s


def _rule(section: Section) -> ColorRule:
    at = {
        key: section.number(key, 0.0, -1e12, 1e12) if section.raw(key) is not None else None
        for key in ("low_at", "medium_at", "high_at")
    }
    return ColorRule(
        low_at=at["low_at"],
        medium_at=at["medium_at"],
        high_at=at["high_at"],
        low_color=section.text("low_color"),
        medium_color=section.text("medium_color"),
        high_color=section.text("high_color"),
    )


def _alerts(section: Section) -> TmuxAlerts:
    burn, block = section.raw("burn_rate_per_hour"), section.raw("block_minutes_remaining")
    return TmuxAlerts(
        burn_rate_per_hour=(
            None if burn is None else section.number("burn_rate_per_hour", 0.0, 0.0, 1e9)
        ),
        block_minutes_remaining=(
            None if block is None else section.integer("block_minutes_remaining", 0, 0, 300)
        ),
        cooldown_minutes=section.integer("cooldown_minutes", 15, 0, 1440),
        mode=section.choice("mode", "message", ALERT_MODES),
    )
