"""
Which limit is tightest, and which account has most room: what to use next.

An account is as free as its tightest limit: the rest of a week helps nobody whose five hours are
used up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openusage_client.tui.limits import is_limit, used_percent
from openusage_proto.messages import AccountSnapshot, Metric

_USABLE: Final = frozenset({"OK", "NEAR_LIMIT"})
_FULL: Final = 100.0


def tightest_limit(metrics: Sequence[Metric]) -> tuple[Metric, float] | None:
    """The limit with the highest per cent used, and that; None when none is known."""
    known = [
        (percent, -index, metric)
        for index, metric in enumerate(metrics)
        if is_limit(metric) and (percent := used_percent(metric)) is not None
    ]
    if not known:
        return None
    percent, _, metric = max(known, key=lambda item: item[:2])
    return metric, percent


def most_room(accounts: Sequence[AccountSnapshot]) -> AccountSnapshot | None:
    """
    The account whose tightest limit is used least; None where there is no choice.

    Only accounts that may be used, by a vendor who has answered lately, are compared.
    """
    known = [
        (found[1], account)
        for account in accounts
        if account.status in _USABLE and not account.stale_since
        if (found := tightest_limit(account.metrics)) is not None
    ]
    if len(known) < 2:
        return None
    percent, account = min(known, key=lambda item: item[0])
    return account if percent < _FULL else None
