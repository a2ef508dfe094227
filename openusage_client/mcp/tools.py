"""
The tools that `openusage mcp` offers an agent: names, words and JSON schemas of both directions.

Data only: what a tool does is in `answers`, how it is offered in `server`.  The schemas are closed
(a mistyped argument is refused, not ignored) and every field of a result is always there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from openusage_client.commands.explain import KEYS

PERIODS: Final = ("today", "yesterday", "week", "month", "7d", "30d", "all")
GROUPS: Final = {
    "total": "monthly",
    "day": "daily",
    "week": "weekly",
    "month": "monthly",
    "model": "models",
    "project": "projects",
    "branch": "branches",
    "session": "session",
    "block": "blocks",
}
"""What `usage` groups by, and the report that has it."""
MAX_ROWS: Final = 200
DEFAULT_ROWS: Final = 20

Schema = Mapping[str, Any]


class Tool(NamedTuple):
    """One tool as an agent sees it."""

    name: str
    title: str
    description: str
    input_schema: Schema
    output_schema: Schema


def _object(properties: Mapping[str, Schema], *required: str) -> dict[str, Any]:
    """A closed object; without names every property is required."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required or properties),
        "additionalProperties": False,
    }


def _arguments(properties: Mapping[str, Schema], *required: str) -> dict[str, Any]:
    return _object(properties) | {"required": list(required)}


def _text(description: str = "") -> Schema:
    return {"type": "string"} | ({"description": description} if description else {})


def _one_of(words: tuple[str, ...], description: str, default: str | None = None) -> Schema:
    schema = {"type": "string", "enum": list(words), "description": description}
    return schema | ({"default": default} if default else {})


def _number(least: int, most: int, default: int, description: str) -> Schema:
    return {
        "type": "integer",
        "minimum": least,
        "maximum": most,
        "default": default,
        "description": description,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _maybe(kind: str, description: str = "") -> Schema:
    """A value that is null when it is unknown."""
    return {"type": [kind, "null"]} | ({"description": description} if description else {})


_INTEGER: Final[Schema] = {"type": "integer"}
_BOOLEAN: Final[Schema] = {"type": "boolean"}

# ------------------------------------------------------------------ arguments

_DATE: Final[Schema] = {"type": "string", "description": "inclusive local day, YYYY-MM-DD"}
_FILTERS: Final[Mapping[str, Schema]] = {
    "provider": _text("only this service, tool or biller, e.g. codex, anthropic"),
    "account": _text("only this account, as `limits` names it"),
    "model": _text("only this model"),
    "project": _text("only this project; a path means its repository, `.` the one you work in"),
    "branch": _text("only this branch"),
}
_ZONE: Final[Schema] = _text("IANA zone that days are counted in (default: the machine's)")
_PERIOD: Final[Schema] = _one_of(
    PERIODS,
    "local days: `week` since Monday, `month` since the 1st, `7d` and `30d` with today",
    "today",
)
_RANGE: Final[Mapping[str, Schema]] = {"since": _DATE, "until": _DATE}
_MODE: Final[Schema] = _one_of(
    ("calculate", "display", "auto"),
    "cost from tokens and list prices, as the tool logged it, or logged else calculated",
    "calculate",
)

# -------------------------------------------------------------------- results

_COUNTS: Final[Mapping[str, Schema]] = {
    "input_tokens": {"type": "integer", "description": "uncached input"},
    "output_tokens": {"type": "integer", "description": "with reasoning"},
    "cache_read_tokens": _INTEGER,
    "cache_creation_tokens": _INTEGER,
    "total_tokens": {"type": "integer", "description": "sum of the four above"},
    "requests": _INTEGER,
    "cost_usd": _maybe("number", "null when no price is known for any of it"),
    "cost_basis": _text(
        "`estimate` (API list price, not a bill), `recorded` (as logged), `mixed` or `unpriced`"
    ),
    "unpriced_requests": {"type": "integer", "description": "requests that `cost_usd` misses"},
}
_NOTES: Final[Schema] = {**_list(_text()), "description": "what to know about these figures"}
_SPAN: Final[Schema] = _object(
    {"since": _maybe("string"), "until": _maybe("string"), "timezone": _text()}
)
_USAGE_ROW: Final[Schema] = _object(
    {
        "key": _text("what `explain` takes for this row"),
        "name": _text(),
        **_COUNTS,
        "models": _list(_text()),
        "account": _maybe("string"),
        "project": _maybe("string"),
        "branch": _maybe("string"),
        "last_activity": _maybe("string"),
        "active": _maybe("boolean", "of a block: it is the running one"),
        "used_percent": _maybe("number", "of a block: what the vendor says is used of its limit"),
    }
)
_LIMIT: Final[Schema] = _object(
    {
        "name": _text(),
        "window": _text("length of the window, e.g. 5h, 7d; empty when unknown"),
        "unit": _text("`%` or what is counted"),
        "used_percent": _maybe("number", "per cent USED, never remaining"),
        "used": _maybe("number"),
        "limit": _maybe("number"),
        "remaining": _maybe("number"),
        "resets_at": _maybe("string", "ISO 8601, UTC"),
        "resets_in_seconds": _maybe("integer"),
        "projected_percent": _maybe("number", "used at the reset if it goes on like this"),
        "full_in_seconds": _maybe("integer", "until 100 %, when that comes before the reset"),
    }
)
_BALANCE: Final[Schema] = _object(
    {"name": _text(), "unit": _text(), "used": _maybe("number"), "remaining": _maybe("number")}
)
_ACCOUNT: Final[Schema] = _object(
    {
        "account": _text(),
        "provider": _text(),
        "title": _text(),
        "status": _text(
            "OK, NEAR_LIMIT, LIMITED, AUTH_REQUIRED, ERROR, UNSUPPORTED (usage only) or UNKNOWN"
        ),
        "message": _text(),
        "checked_at": _maybe("string", "when the vendor last told these figures"),
        "stale_reason": _text("why they are older than they should be; empty when they are not"),
        "limits": _list(_LIMIT),
        "balances": _list(_BALANCE),
    }
)
_SESSION: Final[Schema] = _object(
    {
        "session_id": _text(),
        "parent_session_id": _text(),
        "client": _text("the tool"),
        "account": _text(),
        "project": _text(),
        "branch": _text(),
        "first_activity": _text(),
        "last_activity": _text(),
        "models": _list(_text()),
        "tool_calls": _INTEGER,
        **_COUNTS,
    }
)
_TURN: Final[Schema] = _object(
    {
        "at": _text(),
        "model": _text(),
        "agent": _text("empty for the main agent"),
        "status": _text(),
        "input_tokens": _maybe("integer"),
        "output_tokens": _maybe("integer"),
        "cache_read_tokens": _maybe("integer"),
        "cache_creation_tokens": _maybe("integer"),
        "estimate_usd": _maybe("number"),
        "recorded": _maybe("number", "what the tool logged, in `currency`"),
        "currency": _text(),
        "tools": _list(_object({"name": _text(), "calls": _INTEGER, "errors": _INTEGER})),
    }
)
_EXPLAINED: Final[Mapping[str, Schema]] = {
    "cost": _object(
        {
            "mode": _text(),
            "basis": _text(),
            "calculated_usd": {"type": "number"},
            "recorded_usd": {"type": "number"},
            "recorded_requests": _INTEGER,
            "filled_usd": {"type": "number"},
            "unpriced_requests": _INTEGER,
            "approximate_requests": _INTEGER,
            "recalculated_usd": _maybe("number", "by the prices of now"),
        }
    ),
    "parts": _list(
        _object(
            {
                "account": _text(),
                "client": _text(),
                "provider": _text(),
                "model": _text(),
                **_COUNTS,
            }
        )
    ),
    "prices": _list(
        _object(
            {
                "model": _text(),
                "provider": _text(),
                "source": _text("the price list; empty: no list knew the model"),
                "requests": _INTEGER,
                "calculated_usd": {"type": "number"},
                "recorded_usd": {"type": "number"},
            }
        )
    ),
    "channels": _list(
        _object({"channel": _text(), "events": _INTEGER, "requests": _INTEGER})
        | {"description": "what reported the events: hook, logs, database, vendor"}
    ),
    "requests_with_detail": _INTEGER,
    "requests_without_detail": _INTEGER,
    "sessions_total": _INTEGER,
}

_BUDGET: Final[Schema] = _object(
    {
        "id": _text(),
        "period": _text("day, week or month"),
        "amount": {"type": "number", "description": "what may be spent, in `currency`"},
        "currency": _text(),
        "spent": {"type": "number"},
        "used_percent": {"type": "number"},
        "over": _BOOLEAN,
        "account": _text("only this account; empty for all, as the three below"),
        "provider": _text(),
        "project": _text(),
        "model": _text(),
        "since": _text(),
        "until": _text("end of the period, exclusive"),
        "basis": _text("`estimate`, `recorded`, `mixed` or `unpriced`"),
        "unpriced_requests": {"type": "integer", "description": "requests that `spent` misses"},
        "projected": _maybe("number", "spent at the period's end if it goes on as usual"),
        "over_at": _maybe("string", "when the amount is reached if it goes on as usual"),
        "problem": _text("a name in it that nothing is known by; empty when there is none"),
    }
)

# ------------------------------------------------------------------ the tools

TOOLS: Final = (
    Tool(
        "usage",
        "Token usage and cost",
        "Tokens, requests and cost of the AI tools on this machine in a period, as one total or per"
        " day, week, month, model, project, branch, session or 5-hour block. Costs are API list"
        " prices unless `cost_basis` says otherwise: under a subscription they are not a bill.",
        _arguments(
            {
                "period": _PERIOD,
                **_RANGE,
                "group": _one_of(tuple(GROUPS), "one row per", "total"),
                **_FILTERS,
                "timezone": _ZONE,
                "mode": _MODE,
                "top": _number(
                    1,
                    MAX_ROWS,
                    DEFAULT_ROWS,
                    "rows; the others are one row (of days, sessions and blocks the newest stay)",
                ),
            }
        ),
        _object(
            {
                "period": _SPAN,
                "group": _text(),
                "rows": _list(_USAGE_ROW),
                "totals": _object(_COUNTS),
                "unpriced_models": _list(_text()),
                "notes": _NOTES,
            }
        ),
    ),
    Tool(
        "limits",
        "Limits, resets and balances",
        "How much of each plan window, quota and balance is used, when it resets, and whether it"
        " will last at the present pace. Ask before long work, or when requests are refused.",
        _arguments({"provider": _FILTERS["provider"], "account": _FILTERS["account"]}),
        _object(
            {
                "generated_at": _text(),
                "accounts": _list(_ACCOUNT),
                "most_room": _maybe("string", "the account to use next; null without a choice"),
                "notes": _NOTES,
            }
        ),
    ),
    Tool(
        "sessions",
        "Sessions and their turns",
        "The agent sessions of a period with tokens and cost, the newest first; with `session` one"
        " of them and its latest turns. Prompts and answers are never stored, so none are here.",
        _arguments(
            {
                "period": {**_PERIOD, "default": "7d"},
                **_RANGE,
                "session": _text("id of the one session to open; the period does not matter then"),
                "turns": _number(0, MAX_ROWS, DEFAULT_ROWS, "latest turns of the opened session"),
                "client": _text("only this tool"),
                **{name: _FILTERS[name] for name in ("account", "model", "project")},
                "text": _text("words that id, project, branch, tool, account or model contain"),
                "sort": _one_of(
                    ("activity", "started", "duration", "tokens", "requests", "cost"),
                    "largest or newest first",
                    "activity",
                ),
                "limit": _number(1, MAX_ROWS, DEFAULT_ROWS, "sessions listed"),
                "timezone": _ZONE,
            }
        ),
        _object(
            {
                "timezone": _text(),
                "total": {"type": "integer", "description": "sessions that match"},
                "sessions": _list(_SESSION),
                "turns": _list(_TURN),
                "turns_kept": {"type": "integer", "description": "turns whose detail is kept"},
                "notes": _NOTES,
            }
        ),
    ),
    Tool(
        "explain",
        "Where a number comes from",
        "What a figure of `usage` is made of: its parts by account and model, kinds of tokens,"
        " price lists, and which sources reported it. `report` and `key` name a row.",
        _arguments(
            {
                "report": _one_of(
                    tuple(KEYS),
                    "; ".join(f"{name}: key is {key or 'not given'}" for name, key in KEYS.items()),
                ),
                "key": _text("the row's key"),
                **_RANGE,
                **_FILTERS,
                "client": _text("only this tool"),
                "timezone": _ZONE,
                "mode": _MODE,
            },
            "report",
        ),
        _object(
            {
                "period": _SPAN,
                "totals": _object(_COUNTS),
                **_EXPLAINED,
                "notes": _NOTES,
            }
        ),
    ),
    Tool(
        "budget",
        "Budgets and what is left of them",
        "What the user allows to be spent per day, week or month, how much of it is, and whether"
        " the rest will do. Ask before work that may cost much; a budget that is over is for the"
        " user to decide about.",
        _arguments({"id": _text("only this budget (default: all)")}),
        _object({"timezone": _text(), "budgets": _list(_BUDGET), "notes": _NOTES}),
    ),
)
