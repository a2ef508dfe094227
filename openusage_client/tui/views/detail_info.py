"""The card of what a provider says about an account, and of every figure as it came."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from openusage_client.formatting import format_local
from openusage_client.tui import limits
from openusage_client.tui.layout import Line
from openusage_client.tui.text import clean, pad, wrap
from openusage_client.tui.views.detail_cards import Given
from openusage_client.tui.views.detail_page import Card, widest
from openusage_proto.messages import Metric

_SECRET: Final = re.compile(
    r"(?:sk-|ghp_|gho_|ghu_|ghs_|github_pat_|xox[abp]-|eyJ)[\w.\-]{6,}|[\w.+-]+@[\w-]+\.[\w.-]+"
)
"""What no card shows, whatever a provider has put into an attribute."""
_EPOCH: Final = re.compile(r"1[0-9]{9}(?:[0-9]{3})?")


def info_card(given: Given) -> Card:
    """Plan and source as reported, what went wrong, and every figure as it came."""
    account, now = given.account, given.state.now
    rows = [
        (clean(name).replace("_", " "), readable(value, given), "text")
        for name, value in sorted(account.attributes.items())
        if not name.endswith("_error")
    ]
    rows.append(("account", clean(account.account_id), "text"))
    rows.append(("provider", clean(account.provider_id), "text"))
    if account.fetched_at:
        moment = limits.moment(account.fetched_at).isoformat()
        rows.append(("last good check", format_local(moment, now), "text"))
    for name, value in sorted(account.attributes.items()):
        if name.endswith("_error"):
            words = clean(name.removesuffix("_error")).replace("_", " ")
            rows.append((f"no {words}", readable(value, given), "warn"))
    if account.stale_reason:
        rows.append(("limits are old", readable(account.stale_reason, given), "warn"))
    if account.message:
        rows.append(("message", readable(account.message, given), "text"))
    rows += [(clean(metric.key), _raw(metric), "muted") for metric in account.metrics]
    names = widest([name for name, _, _ in rows], max(8, given.width // 2))
    lines: list[Line] = [[("About", "heading")]]
    for name, value, role in rows:
        parts = wrap(value, max(1, given.width - names - 4)) or ["—"]
        for index, part in enumerate(parts):
            start = pad(name if index == 0 else "", names)
            lines.append([("  ", "text"), (start, "label"), ("  ", "text"), (part, role)])
    return Card(id="info", title="About", lines=lines)


def readable(value: str, given: Given) -> str:
    """An attribute for people: no control characters, no secrets, times as times."""
    text = _SECRET.sub("••••", clean(value)).strip()
    if _EPOCH.fullmatch(text):
        seconds = int(text) / (1000 if len(text) == 13 else 1)
        return format_local(datetime.fromtimestamp(seconds, UTC).isoformat(), given.state.now)
    return text


def _raw(metric: Metric) -> str:
    """A metric as it came: every number it has, unrounded."""
    parts = [
        f"{name} {value:g}"
        for name, value in (
            ("used", metric.used),
            ("limit", metric.limit),
            ("remaining", metric.remaining),
        )
        if value is not None
    ]
    unit = f" {clean(metric.unit)}" if metric.unit else ""
    window = f" per {clean(metric.window)}" if metric.window else ""
    return (", ".join(parts) or "—") + unit + window
