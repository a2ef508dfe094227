"""
What the tools of `openusage mcp` answer: one function per tool, from the daemon's own methods.

Results are made for a model to read: few fields, no directories, file names, queries or e-mail
addresses, because what a tool answers is sent to the model's vendor.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from openusage_client import arguments
from openusage_client.commands.explain import question
from openusage_client.decode import decode
from openusage_client.errors import UsageError
from openusage_client.formatting import parse_iso
from openusage_client.headroom import most_room
from openusage_client.mcp.tools import DEFAULT_ROWS, GROUPS
from openusage_client.report_tables import report_notes
from openusage_client.rpc import Connection
from openusage_client.terminal import Style
from openusage_client.tui import limits as shares
from openusage_proto import methods
from openusage_proto.alert_messages import Budgets, BudgetState
from openusage_proto.explain_messages import Explanation
from openusage_proto.messages import AccountSnapshot, Metric, ReadModel, Report, ReportRow, Totals
from openusage_proto.session_messages import SessionRow, Sessions, SessionTurn

Given = Mapping[str, Any]
"""The arguments of a call, already checked against the tool's schema."""

_PLAIN: Final = Style(color=False, unicode=True)
_COUNTS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "total_tokens",
    "requests",
    "cost_basis",
    "unpriced_requests",
)
_UNPRICED: Final = "unpriced"
_UNREADABLE: Final = "its records could not all be read, see `openusage status`"


def usage(connection: Connection, given: Given) -> dict[str, Any]:
    """Answer the tool `usage`: totals and rows of one report."""
    zone = _zone(given)
    since, until = _range(given, zone, "today")
    group = given.get("group", "total")
    answer = connection.call(
        methods.REPORT,
        kind=GROUPS[group],
        since=since,
        until=until,
        tz=zone,
        mode=given.get("mode"),
        top=given.get("top", DEFAULT_ROWS),
        **_filters(given, "provider", "account", "model", "branch"),
    )
    report = decode(answer, Report)
    # What could not be read is named with its path, which is nobody's business.
    sources = [replace(item, note=item.note and _UNREADABLE) for item in report.sources]
    return {
        "period": {"since": report.since, "until": report.until, "timezone": report.timezone},
        "group": group,
        "rows": [] if group == "total" else [_usage_row(row) for row in report.rows],
        "totals": _counts(report.totals),
        "unpriced_models": report.unpriced_models,
        "notes": report_notes(replace(report, sources=sources), _PLAIN),
    }


def limits(connection: Connection, given: Given) -> dict[str, Any]:
    """Answer the tool `limits`: every account's windows, quotas and balances."""
    # The shortest window: usage is not what is asked for.
    model = decode(connection.call(methods.READ_MODEL, window="1d"), ReadModel)
    now = parse_iso(model.generated_at)
    accounts = [account for account in model.accounts if _is_meant(account, given)]
    if not accounts and model.accounts:
        known = ", ".join(sorted(account.account_id for account in model.accounts))
        raise UsageError(f"no account matches; known: {known}")
    notes = [] if model.accounts else ["no AI tool or key was found on this machine"]
    free = most_room(accounts)
    return {
        "generated_at": model.generated_at,
        "accounts": [_account(account, now) for account in accounts],
        "most_room": free.account_id if free is not None else None,
        "notes": notes,
    }


def sessions(connection: Connection, given: Given) -> dict[str, Any]:
    """Answer the tool `sessions`: a list, or one session with its turns."""
    zone = _zone(given)
    opened = given.get("session")
    since, until = (None, None) if opened else _range(given, zone, "7d")
    answer = connection.call(
        methods.SESSIONS,
        since=since,
        until=until,
        tz=zone,
        session=opened,
        turns=given.get("turns", DEFAULT_ROWS) if opened else None,
        text=given.get("text"),
        sort=given.get("sort"),
        limit=given.get("limit", DEFAULT_ROWS),
        **_filters(given, "client", "account", "model"),
    )
    found = decode(answer, Sessions)
    if opened and not found.sessions:
        raise UsageError(f"there is no session {opened!r}")
    return {
        "timezone": found.timezone,
        "total": found.total,
        "sessions": [_session(row) for row in found.sessions],
        "turns": [_turn(turn) for turn in found.turns],
        "turns_kept": found.turns_kept,
        "notes": [],
    }


def explain(connection: Connection, given: Given) -> dict[str, Any]:
    """Answer the tool `explain`: what a row of a report is made of."""
    names = ("key", "since", "until", "model", "provider", "branch", "account", "client")
    options = argparse.Namespace(
        report=given["report"],
        project=arguments.project(given.get("project")),
        timezone=_zone(given),
        mode=given.get("mode", "calculate"),
        week_start="monday",
        events=0,
        **{name: given.get(name) for name in names},
    )
    for name in ("since", "until"):
        setattr(options, name, _day(given, name))
    found = decode(connection.call(methods.EXPLAIN, **question(options)), Explanation)
    return {
        "period": {"since": found.since, "until": found.until, "timezone": found.timezone},
        "totals": _counts(found.totals),
        "cost": asdict(found.cost),
        "parts": [
            {
                "account": part.account,
                "client": part.client,
                "provider": part.provider,
                "model": part.model,
                **_counts(part.totals),
            }
            for part in found.parts
        ],
        "prices": [
            _picked(
                price, "model", "provider", "source", "requests", "calculated_usd", "recorded_usd"
            )
            for price in found.prices
        ],
        "channels": [_picked(item, "channel", "events", "requests") for item in found.channels],
        "requests_with_detail": found.requests_with_detail,
        "requests_without_detail": found.requests_without_detail,
        "sessions_total": found.sessions_total,
        "notes": found.notes,
    }


def budget(connection: Connection, given: Given) -> dict[str, Any]:
    """Answer the tool `budget`: what may be spent and what has been."""
    found = decode(connection.call(methods.BUDGETS, id=given.get("id")), Budgets)
    notes = [] if found.budgets else ["the user has set no budget"]
    return {
        "timezone": found.timezone,
        "budgets": [_budget(state) for state in found.budgets],
        "notes": notes,
    }


ANSWERS: Final[Mapping[str, Callable[[Connection, Given], dict[str, Any]]]] = {
    "usage": usage,
    "limits": limits,
    "sessions": sessions,
    "explain": explain,
    "budget": budget,
}


# ------------------------------------------------------------------ arguments


def _zone(given: Given) -> str | None:
    try:
        named = given.get("timezone")
        return arguments.time_zone(named) if named else arguments.local_zone()
    except argparse.ArgumentTypeError as error:
        raise UsageError(str(error)) from None


def _day(given: Given, name: str) -> str | None:
    try:
        return arguments.iso_date(given[name]) if name in given else None
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{name}: {error}") from None


def _filters(given: Given, *names: str) -> dict[str, str | None]:
    return {name: given.get(name) for name in names} | {
        "project": arguments.project(given.get("project"))
    }


def _range(given: Given, zone: str | None, period: str) -> tuple[str | None, str | None]:
    """The first and last local day, which win over the period when they are given."""
    since, until = _day(given, "since"), _day(given, "until")
    if since or until:
        if since and until and since > until:
            raise UsageError(f"since {since} is after until {until}; swap them")
        return since, until
    now = datetime.now(ZoneInfo(zone)) if zone else datetime.now().astimezone()
    first, last = days_of(given.get("period", period), now.date())
    return (first.isoformat() if first else None), (last.isoformat() if last else None)


def days_of(period: str, today: date) -> tuple[date | None, date | None]:
    """The first and the last day of a named period; None is unbounded."""
    ahead = {
        "today": 0,
        "yesterday": 1,
        "week": today.weekday(),
        "month": today.day - 1,
        "7d": 6,
        "30d": 29,
    }
    if period not in ahead:
        return None, None
    first = today - timedelta(days=ahead[period])
    return first, first if period == "yesterday" else today


# -------------------------------------------------------------------- results


def _picked(value: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _counts(totals: Totals | ReportRow) -> dict[str, Any]:
    unknown = totals.cost_basis == _UNPRICED
    return _picked(totals, *_COUNTS) | {"cost_usd": None if unknown else totals.cost_usd}


def _usage_row(row: ReportRow) -> dict[str, Any]:
    names = ("key", "models", "account", "project", "branch", "last_activity", "active")
    return _picked(row, *names, "used_percent") | {"name": row.label} | _counts(row)


def _is_meant(account: AccountSnapshot, given: Given) -> bool:
    return given.get("account") in (None, account.account_id) and given.get("provider") in (
        None,
        account.provider_id,
    )


def _account(account: AccountSnapshot, now: datetime) -> dict[str, Any]:
    return {
        "account": account.account_id,
        "provider": account.provider_id,
        "title": account.title,
        "status": account.status,
        "message": account.message,
        "checked_at": account.fetched_at,
        "stale_reason": account.stale_reason,
        "limits": [_limit(item, now) for item in account.metrics if shares.is_limit(item)],
        "balances": [
            {"name": shares.label(item), **_picked(item, "unit", "used", "remaining")}
            for item in shares.figures(account)
            if not shares.is_limit(item)
        ],
    }


def _limit(metric: Metric, now: datetime) -> dict[str, Any]:
    pace = shares.pace(metric, now)
    left = (shares.moment(metric.resets_at) - now).total_seconds() if metric.resets_at else None
    return {
        "name": shares.label(metric),
        **_picked(metric, "window", "unit", "used", "limit", "remaining", "resets_at"),
        "used_percent": shares.used_percent(metric),
        "resets_in_seconds": None if left is None else max(0, int(left)),
        "projected_percent": pace.projected_percent if pace else None,
        "full_in_seconds": int(pace.full_in_s) if pace and pace.full_in_s is not None else None,
    }


def _session(row: SessionRow) -> dict[str, Any]:
    names = ("session_id", "parent_session_id", "project", "branch", "first_activity", "models")
    return {
        **_picked(row, *names, "last_activity", "client", "tool_calls"),
        "account": row.account_id,
        **_counts(row.totals),
    }


def _turn(turn: SessionTurn) -> dict[str, Any]:
    names = ("at", "model", "agent", "status", "estimate_usd", "recorded", "currency")
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
    return {
        **_picked(turn, *names, *tokens),
        "tools": [_picked(tool, "name", "calls", "errors") for tool in turn.tools],
    }


def _budget(state: BudgetState) -> dict[str, Any]:
    names = ("id", "period", "amount", "currency", "spent", "used_percent", "over", "problem")
    filters = ("account", "provider", "model")
    return {
        **_picked(state, *names, *filters, "since", "until", "basis", "unpriced_requests"),
        **_picked(state, "projected", "over_at"),
        # Where it lies is nobody's business.
        "project": state.project.rstrip("/").rpartition("/")[2],
    }
