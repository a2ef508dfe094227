"""
The flags of `openusage alerts set`, and the change of the settings that they mean.

What fits which kind of rule, and in which bounds, the daemon says: it reads the same from the file.
"""

from __future__ import annotations

import argparse
import re
from typing import Any, Final

from openusage_client import arguments
from openusage_client.errors import UsageError

KINDS: Final = ("limit", "balance", "pace", "reset", "spend", "stale")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_TEXTS: Final = {
    "account": ("ID", "only this account; '' for all"),
    "provider": ("NAME", "only this service; of spend also a tool or vendor"),
    "metric": ("KEY", "limit, balance, pace, reset: only this limit or balance"),
    "window": ("WINDOW", "limit, pace, reset: only limits of this length, e.g. 5h or 7d"),
    "project": ("NAME", "spend: only this repository: name or directory"),
    "model": ("NAME", "spend: only this model"),
    "currency": ("CODE", "spend: default USD"),
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Every field of a rule."""
    group = parser.add_argument_group("set")
    group.add_argument("--on", dest="kind", choices=KINDS, help="what the rule watches")
    group.add_argument(
        "--at",
        metavar="PERCENT",
        type=arguments.number,
        help="limit, pace, reset: from this share used on",
    )
    group.add_argument(
        "--below",
        metavar="AMOUNT",
        type=arguments.number,
        help="balance: this much or less is left",
    )
    group.add_argument(
        "--amount",
        metavar="AMOUNT",
        type=arguments.positive_amount,
        help="spend: this much was spent",
    )
    group.add_argument(
        "--period", choices=("day", "week", "month"), help="spend: in the running one"
    )
    group.add_argument(
        "--minutes",
        metavar="N",
        type=arguments.positive_number,
        help="stale: no figures for so long",
    )
    for name, (metavar, words) in _TEXTS.items():
        group.add_argument(f"--{name}", metavar=metavar, help=words)


def fields_of(options: argparse.Namespace) -> dict[str, Any]:
    """The fields that were given, by their names in the settings."""
    names = ("at", "below", "amount", "period", "minutes", *_TEXTS)
    given = {name: getattr(options, name) for name in names}
    given["project"] = arguments.project(options.project)
    return {name: value for name, value in given.items() if value is not None}


def change_of(options: argparse.Namespace) -> dict[str, Any]:
    """
    What `set` writes: with a kind the whole rule anew, without one the given fields.

    Raises:
        UsageError: there is no name, or nothing to set.
    """
    fields = fields_of(options)
    if not options.name or not (fields or options.kind):
        raise UsageError(
            "`openusage alerts set` needs a name and what to watch, e.g. set week --on limit"
            " --window 7d --at 60"
        )
    if not _ID.fullmatch(options.name):
        raise UsageError(
            f"{options.name!r} is no name for a rule; write up to 40 letters, digits, `.`, `_`, `-`"
        )
    if not options.kind:
        return fields
    others = ("at", "below", "amount", "period", "minutes", "enabled", *_TEXTS)
    return {"on": options.kind, **dict.fromkeys(others), **fields}
