"""
Credits of the platform: `/api/paas/v4/user/credit_grants`, a call without a fixed shape.

Totals stand at the root or one level down, grants in a list; of amount, used and available any two
give the third.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_epoch_ms, as_number, as_object

EXPIRY_MS: Final = 30 * 86_400_000

_CONTAINERS: Final = ("data", "creditgrants", "grants")
_TOTAL: Final = {
    "available": (
        "totalavailable",
        "remainingbalance",
        "availablebalance",
        "available",
        "balance",
        "remaining",
    ),
    "used": (
        "totalused",
        "usage",
        "totalusage",
        "usedbalance",
        "spentbalance",
        "spent",
        "consumed",
    ),
    "limit": ("totalgranted", "totalcredits", "creditlimit", "limit"),
}
_GRANT: Final = {
    "available": (
        "availableamount",
        "remainingamount",
        "remainingbalance",
        "availablebalance",
        "available",
        "remaining",
    ),
    "used": ("usedamount", "used", "usage", "spent"),
    "limit": ("grantamount", "totalgranted", "amount", "totalamount"),
}
_EXPIRY: Final = ("expiresat", "expirytime", "expireat", "expirationtime")


@dataclass(frozen=True, slots=True)
class Amounts:
    """Granted, used and left; a missing third follows from the other two."""

    limit: float | None
    used: float | None
    available: float | None

    @property
    def is_known(self) -> bool:
        """Whether there is any figure at all."""
        return any(value is not None for value in (self.limit, self.used, self.available))


def note_credits(figures: Figures, body: object, currency: str, now_ms: int) -> Amounts:
    """Put balance and grants among the figures."""
    levels, rows = _levels(body)
    grants = [(_amounts([row], _GRANT), _expiry(row)) for row in rows]
    total = _amounts(levels, _TOTAL)
    total = _completed(
        *(
            _sum(getattr(grant, name) for grant, _ in grants)
            if getattr(total, name) is None
            else getattr(total, name)
            for name in ("limit", "used", "available")
        )
    )
    if total.is_known:
        figures.add(
            "credit_balance",
            used=total.used,
            limit=total.limit,
            remaining=total.available,
            unit=currency,
        )
    if grants:
        left = [expiry for grant, expiry in grants if (grant.available or 0) > 0]
        soon = [ms for ms in left if ms is not None and now_ms <= ms <= now_ms + EXPIRY_MS]
        figures.add("credit_active_grants", used=len(left))
        if soon:
            figures.add("credit_expiring_30d", used=len(soon))
    return total


def _plain(value: object) -> Mapping[str, Any]:
    """The object with names in one spelling: `totalGranted` and `total_granted` are the same."""
    return {name.replace("_", "").lower(): inner for name, inner in as_object(value).items()}


def _levels(body: object) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The objects that may hold totals, and the rows of grants."""
    levels, rows = [_plain(body)], []
    for level in levels:  # grows while it is walked: `data` may hold `grants`
        for name in _CONTAINERS:
            inner = level.get(name)
            if isinstance(inner, list):
                rows += [_plain(row) for row in inner if isinstance(row, Mapping)]
            elif isinstance(inner, Mapping):
                levels.append(_plain(inner))
    return levels, rows


def _amounts(levels: Iterable[Mapping[str, Any]], names: Mapping[str, tuple[str, ...]]) -> Amounts:
    def first(what: str) -> float | None:
        return next(
            (
                number
                for level in levels
                for name in names[what]
                if (number := as_number(level.get(name))) is not None
            ),
            None,
        )

    return _completed(first("limit"), first("used"), first("available"))


def _completed(limit: float | None, used: float | None, available: float | None) -> Amounts:
    if limit is None and used is not None and available is not None:
        limit = used + available
    elif used is None and limit is not None and available is not None:
        used = max(limit - available, 0.0)
    elif available is None and limit is not None and used is not None:
        available = max(limit - used, 0.0)
    return Amounts(limit, used, available)


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum, or unknown: a part of the grants is not the balance."""
    total, count = 0.0, 0
    for value in values:
        if value is None:
            return None
        total, count = total + value, count + 1
    return total if count else None


def _expiry(row: Mapping[str, Any]) -> int | None:
    return next((ms for name in _EXPIRY if (ms := as_epoch_ms(row.get(name)))), None)
