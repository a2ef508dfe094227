"""Words for figures, ages and states: the phrases that every screen shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from openusage_client.formatting import (
    format_clock,
    format_cost,
    format_count,
    format_duration,
    format_money,
    format_percent,
    format_tokens,
)
from openusage_client.preferences import HIDDEN
from openusage_client.tui.layout import Line
from openusage_client.tui.limits import moment
from openusage_client.tui.state import WINDOW_TITLES
from openusage_client.tui.text import clean
from openusage_proto.messages import (
    AccountSnapshot,
    Metric,
    NamedTotals,
    ProviderInfo,
    Totals,
)

UNPRICED_MARK: Final = "+?"
UNKNOWN: Final = "—"
"""What is not known: never a zero, never an empty place."""

STATUS: Final[Mapping[str, tuple[str, str]]] = {
    "OK": ("● ok", "ok"),
    "NEAR_LIMIT": ("◐ near limit", "warn"),
    "LIMITED": ("◌ limit reached", "crit"),
    "AUTH_REQUIRED": ("◈ sign in needed", "warn"),
    "ERROR": ("✗ error", "crit"),
    "UNSUPPORTED": ("◇ local logs only", "muted"),
    "UNKNOWN": ("◇ no check yet", "muted"),
}
ATTENTION: Final = frozenset({"LIMITED", "AUTH_REQUIRED", "ERROR"})

_ADVICE: Final[Mapping[str, str]] = {
    "AUTH_REQUIRED": "Sign in with the tool itself, then press r here.",
    "ERROR": "The daemon tries again by itself; r tries now.",
    "LIMITED": "Requests are refused until the reset.",
}
_KEY_ADVICE: Final = "Set {variable}, or enter a key in the settings (press ,)."


def status_words(account: AccountSnapshot) -> tuple[str, str]:
    """An account's status as words and their role; a status from the future is shown as it is."""
    status = account.status
    if status == "UNKNOWN" and account.usage is not None and not account.metrics:
        # Nobody to ask: what the tool wrote down is all there is, and that is no fault.
        status = "UNSUPPORTED"
    return STATUS.get(status, (f"◇ {clean(status.lower())}", "muted"))


def advice(account: AccountSnapshot, provider: ProviderInfo | None = None) -> str:
    """What is wrong and what to do, empty when there is nothing to say."""
    message = clean(account.message).strip()
    if account.status not in ATTENTION:
        # A message that repeats what a gauge shows takes a line and says nothing.
        return "" if account.metrics or account.usage else message
    todo = _ADVICE.get(account.status, "")
    if account.status == "AUTH_REQUIRED" and provider is not None and provider.variables:
        todo = _KEY_ADVICE.format(variable=clean(provider.variables[0]))
    if not message:
        return "The last check failed. " + todo if account.status == "ERROR" else todo
    if account.status == "LIMITED" or any(word in message.lower() for word in _TOLD):
        return message
    return f"{message} · {todo}"


_TOLD: Final = ("sign in", "log in", "press r", "run `")
"""A message with one of these says itself what to do."""


def nothing_yet(account: AccountSnapshot) -> str:
    """Why a tile is empty: not asked yet, or nothing to tell."""
    if account.status == "UNKNOWN" and account.fetched_at is None:
        return "Not asked yet: the first answer takes a moment."
    return "No figures yet: use the tool once, or press r."


def title(account: AccountSnapshot) -> str:
    """The account's name for people."""
    return clean(account.title or account.account_id)


def name(row: NamedTotals) -> str:
    """A breakdown row's name for people."""
    return clean(row.label or row.name) or "(none)"


def cost(totals: Totals) -> str:
    """
    A group's cost: `≈$1.20` estimated, `$1.20` recorded, `≈$1.20+?` with something unpriced.

    Nothing priced at all is `—`, not zero; other currencies stand beside it.  Empty where the user
    does not want to see costs.
    """
    if totals.cost_basis == HIDDEN:
        return ""
    unpriced = totals.unpriced_requests > 0 or totals.cost_basis == "unpriced"
    if totals.cost_basis == "unpriced":
        text = UNKNOWN
    else:
        text = format_cost(totals.cost_usd, estimate=totals.cost_basis != "recorded")
        text += UNPRICED_MARK if unpriced else ""
    for currency, amount in sorted(totals.other_costs.items()):
        text += f" + {format_money(amount, clean(currency))}"
    return text


def kinds(totals: Totals) -> str:
    """The disjoint kinds of tokens that add up to all of them."""
    return (
        f"{format_tokens(totals.input_tokens)} in, "
        f"{format_tokens(totals.cache_read_tokens)} from cache, "
        f"{format_tokens(totals.cache_creation_tokens)} to cache, "
        f"{format_tokens(totals.output_tokens)} out"
    )


def totals_line(totals: Totals) -> Line:
    """`1.2M tokens · ≈$3.42 · 41 requests`; its first three pieces are the short form."""
    if not totals.requests and not totals.total_tokens:
        return [("nothing used", "muted")]
    unit = "request" if totals.requests == 1 else "requests"
    amount = cost(totals)
    return [
        (format_tokens(totals.total_tokens), "value"),
        (" tokens · " if amount else " tokens", "muted"),
        (amount, "cost"),
        (f" · {format_count(totals.requests)} {unit}", "muted"),
    ]


def period_title(window: str) -> str:
    """A window's name at the start of a line."""
    words = WINDOW_TITLES.get(window, clean(window))
    return words[:1].upper() + words[1:]


def share(fraction: float) -> str:
    """A share of a whole: `27%`, `<1%` for a trace."""
    return format_percent(fraction * 100)


def ago(iso: str | None, now: datetime) -> str:
    """`just now` below a minute (the screen is drawn once a minute), then `3m ago`."""
    if not iso:
        return ""
    age = (now - moment(iso)).total_seconds()
    return "just now" if age < 60 else f"{format_duration(age)} ago"


def reset_forms(metric: Metric, now: datetime) -> list[str]:
    """When a limit starts over, from the fullest form to the shortest; empty when unknown."""
    if not metric.resets_at:
        return []
    left = (moment(metric.resets_at) - now).total_seconds()
    if left <= 0:
        return ["reset due", "reset due", "due"]
    span = "under 1m" if left < 60 else format_duration(left)
    clock = format_clock(moment(metric.resets_at).isoformat(), now)
    return [f"resets {clock} (in {span})", f"resets in {span}", f"in {span}"]


_SOON_S: Final = 1800
_AT_ONCE_S: Final = 600


def reset_role(metric: Metric, now: datetime) -> str:
    """A reset that is near stands out, one that is at hand even more."""
    if not metric.resets_at:
        return "muted"
    left = (moment(metric.resets_at) - now).total_seconds()
    if left < _AT_ONCE_S:
        return "ok"
    return "accent" if left < _SOON_S else "muted"


def amounts(metric: Metric) -> str:
    """`$8.40 of $20.00` of a limit that is counted in something; empty for bare per cent."""
    if metric.unit == "%" or metric.limit is None or not math.isfinite(metric.limit):
        return ""
    used = metric.used
    if used is None and metric.remaining is not None:
        used = metric.limit - metric.remaining
    if used is None or not math.isfinite(used):
        return ""
    if metric.unit in {"tokens", "requests"}:
        return f"{format_tokens(round(used))} of {format_tokens(round(metric.limit))}"
    if metric.unit == "USD" or metric.money_kind:
        unit = clean(metric.unit)
        return f"{format_money(used, unit)} of {format_money(metric.limit, unit)}"
    return f"{used:,.0f} of {metric.limit:,.0f} {clean(metric.unit)}".strip()


def metric_value(metric: Metric) -> str:
    """A balance or sum: `$12.40 left (billed)`, `250.00 credits used`."""
    kind = f" ({clean(metric.money_kind)})" if metric.money_kind else ""
    return f"{amount_left(metric)}{kind}"


def amount_left(metric: Metric) -> str:
    """`$12.40 left`, or what was used where what is left is not known."""
    amount, word = (
        (metric.remaining, "left") if metric.remaining is not None else (metric.used, "used")
    )
    if metric.unit in {"tokens", "requests"} and amount is not None and math.isfinite(amount):
        text = f"{format_tokens(round(amount))} {metric.unit}"
    else:
        text = format_money(amount, clean(metric.unit))
    return f"{text} {word}"


def plain_value(metric: Metric) -> str:
    """Any figure in its unit, without a word for its direction; empty when it is not known."""
    amount = metric.used if metric.used is not None else metric.remaining
    if amount is None or not math.isfinite(amount):
        return ""
    if metric.unit == "%":
        return format_percent(amount)
    if metric.money_kind or (len(metric.unit) == 3 and metric.unit.isupper()):
        return metric_value(metric)
    text = format_count(round(amount)) if amount == int(amount) else f"{amount:,.2f}"
    return f"{text} {clean(metric.unit)}".strip()


def staleness(account: AccountSnapshot, now: datetime) -> tuple[str, str]:
    """How old what is shown is, and the role of saying so; empty when nothing is known."""
    if account.stale_since or account.stale_reason:
        age = ago(account.fetched_at or account.stale_since, now)
        reason = clean(account.stale_reason)
        text = f"limits from {age}" if age else "limits out of date"
        return (f"{text}: {reason}" if reason else text), "warn"
    parts = []
    if account.usage and account.usage.last_event_at:
        parts.append(f"last used {ago(account.usage.last_event_at, now)}")
    if account.fetched_at:
        parts.append(f"checked {ago(account.fetched_at, now)}")
    return " · ".join(parts), "muted"
