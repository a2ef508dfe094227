"""All keys of an OpenRouter account, page by page; only a management key may ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import ReportedUsage
from openusaged.providers.base import FetchContext
from openusaged.providers.shared.json_values import as_list, as_number, as_object, as_text

PAGE_KEYS: Final = 100
MAX_PAGES: Final = 20

_AMOUNTS: Final = ("usage", "usage_daily", "usage_weekly", "usage_monthly")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the vendor lists it: masked label, given name, what it spent."""

    name: str
    label: str
    is_disabled: bool
    spent: Mapping[str, float]

    def reported(self) -> ReportedUsage:
        """The key's spend of this month, for comparison."""
        return ReportedUsage(
            window="month",
            group=self.name or self.label,
            cost=self.spent.get("usage_monthly"),
            currency="USD",
            money_kind="billed",
        )


def list_keys(context: FetchContext, base: str, headers: Mapping[str, str]) -> list[ApiKey]:
    """
    Every key of the account, also the disabled ones.

    Raises:
        UpstreamChanged: no list, or more keys than twenty pages hold: sums would be too small.
        ProviderError: as the call failed.
    """
    found: dict[str, ApiKey] = {}
    for _ in range(MAX_PAGES):
        url = f"{base}/keys?include_disabled=true&offset={len(found)}"
        body = context.http.get_json(url, headers=headers)
        rows = as_object(body).get("data")
        if not isinstance(rows, list):
            raise UpstreamChanged("/keys $.data", "no list of keys in the answer")
        known = len(found)
        for row in as_list(rows):
            entry = as_object(row)
            identity = as_text(entry.get("hash")) or as_text(entry.get("label"))
            if identity:
                found[identity] = _key_of(entry)
        # A server that ignores the offset would send the same page for ever.
        if len(rows) < PAGE_KEYS or len(found) == known:
            return list(found.values())
    raise UpstreamChanged("/keys", f"more than {MAX_PAGES * PAGE_KEYS} keys")


def _key_of(entry: Mapping[str, Any]) -> ApiKey:
    amounts = {name: as_number(entry.get(name)) for name in _AMOUNTS}
    return ApiKey(
        name=as_text(entry.get("name")),
        label=as_text(entry.get("label")),
        is_disabled=entry.get("disabled") is True,
        spent={name: amount for name, amount in amounts.items() if amount is not None},
    )
