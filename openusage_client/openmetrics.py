"""
Snapshots as an OpenMetrics text file, for node_exporter's textfile collector and its kin.

Only gauges and info-like gauges: a sum over a moving window may fall, so none of it is a counter.
The names are a contract: spec/schemas/README.md lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from openusage_client.formatting import parse_iso
from openusage_proto.messages import AccountSnapshot, Metric, ReadModel, Totals

STATUSES: Final = (
    "OK",
    "NEAR_LIMIT",
    "LIMITED",
    "AUTH_REQUIRED",
    "ERROR",
    "UNSUPPORTED",
    "UNKNOWN",
)
_TOKEN_KINDS: Final = (
    ("input", "input_tokens"),
    ("output", "output_tokens"),
    ("cache_read", "cache_read_tokens"),
    ("cache_creation", "cache_creation_tokens"),
)


class Family(NamedTuple):
    """One metric family: its name, what it is, and its unit, which the name ends in."""

    name: str
    help: str
    unit: str = ""


STATUS: Final = Family("openusage_account_status", "1 for the account's present status.")
FETCHED: Final = Family(
    "openusage_snapshot_timestamp_seconds", "When the vendor last answered.", "seconds"
)
STALE: Final = Family("openusage_account_stale", "1 when polls have failed since then.")
USED: Final = Family("openusage_limit_used", "Used of a limit, in the unit of the label.")
LIMIT: Final = Family("openusage_limit_max", "The limit, in the unit of the label.")
REMAINING: Final = Family("openusage_limit_remaining", "Left of a limit or balance.")
RESETS: Final = Family(
    "openusage_limit_reset_timestamp_seconds", "When the limit starts over.", "seconds"
)
TOKENS: Final = Family("openusage_window_tokens", "Tokens used in the window.", "tokens")
REQUESTS: Final = Family("openusage_window_requests", "Requests in the window.", "requests")
COST: Final = Family(
    "openusage_window_cost_usd", "Cost in the window; the basis says what it is.", "usd"
)
UNPRICED: Final = Family(
    "openusage_window_unpriced_requests", "Requests whose cost is unknown.", "requests"
)
FAMILIES: Final = (
    STATUS,
    FETCHED,
    STALE,
    USED,
    LIMIT,
    REMAINING,
    RESETS,
    TOKENS,
    REQUESTS,
    COST,
    UNPRICED,
)


def exposition(model: ReadModel, window: str) -> str:
    """The whole file; unknown figures have no sample."""
    samples: dict[Family, list[str]] = {family: [] for family in FAMILIES}
    for account in sorted(model.accounts, key=lambda item: (item.provider_id, item.account_id)):
        who = {"provider": account.provider_id, "account": account.account_id}
        _add_account(samples, account, who)
        for metric in account.metrics:
            _add_metric(samples, metric, who)
        if account.usage is not None:
            for row in account.usage.models:
                labels = {**who, "model": row.name, "window": window}
                _add_totals(samples, row.totals, labels)
    lines = []
    for family in FAMILIES:
        if samples[family]:
            lines.append(f"# TYPE {family.name} gauge")
            if family.unit:
                lines.append(f"# UNIT {family.name} {family.unit}")
            lines.append(f"# HELP {family.name} {family.help}")
            lines += samples[family]
    return "\n".join([*lines, "# EOF"]) + "\n"


_Samples = Mapping[Family, list[str]]


def _add_account(samples: _Samples, account: AccountSnapshot, who: dict[str, str]) -> None:
    for status in dict.fromkeys((*STATUSES, account.status)):
        _add(samples, STATUS, {**who, "status": status}, float(status == account.status))
    if account.fetched_at:
        _add(samples, FETCHED, who, parse_iso(account.fetched_at).timestamp())
        _add(samples, STALE, who, float(bool(account.stale_since)))


def _add_metric(samples: _Samples, metric: Metric, who: dict[str, str]) -> None:
    labels = {**who, "metric": metric.key, "unit": metric.unit, "limit_window": metric.window}
    for family, value in (
        (USED, metric.used),
        (LIMIT, metric.limit),
        (REMAINING, metric.remaining),
    ):
        if value is not None:
            _add(samples, family, labels, value)
    if metric.resets_at:
        _add(samples, RESETS, labels, parse_iso(metric.resets_at).timestamp())


def _add_totals(samples: _Samples, totals: Totals, labels: dict[str, str]) -> None:
    for kind, field in _TOKEN_KINDS:
        _add(samples, TOKENS, {**labels, "kind": kind}, float(getattr(totals, field)))
    _add(samples, REQUESTS, labels, float(totals.requests))
    if totals.cost_basis != "unpriced":
        _add(samples, COST, {**labels, "basis": totals.cost_basis}, totals.cost_usd)
    if totals.unpriced_requests:
        _add(samples, UNPRICED, labels, float(totals.unpriced_requests))


def _add(samples: _Samples, family: Family, labels: dict[str, str], value: float) -> None:
    text = ",".join(f'{name}="{_escaped(label)}"' for name, label in labels.items())
    samples[family].append(f"{family.name}{{{text}}} {_number(value)}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
