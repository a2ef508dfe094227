"""
The price book: one answer to "what did this request cost", always local and immediate.

Order: the user's custom prices, then the shipped table.  A price that only fits loosely is used and
flagged; an unknown model has no price, never a price of zero.  No network is reachable from here,
because the ingest path calls it.
"""

from __future__ import annotations

from typing import Final

from openusaged.core.models import UsageEvent
from openusaged.pricing.catalogue import Catalogue, DatedRates
from openusaged.pricing.rates import Rates

CUSTOM: Final = "custom"
APPROXIMATE: Final = "approximate"

Estimate = tuple[int | None, str]
"""(1e-9 USD or None, where the price came from or "")."""

UNPRICED: Final[Estimate] = (None, "")


class PriceBook:
    """Prices events; remembers every (provider, model, tier) it has looked up, misses too."""

    def __init__(self, catalogue: Catalogue, custom: dict[str, Rates] | None = None) -> None:
        self._catalogue = catalogue
        self._custom = custom or {}
        self._known: dict[tuple[str, str, str], tuple[Rates | DatedRates, str] | None] = {}

    def estimate(self, event: UsageEvent) -> Estimate:
        """API-equivalent cost of a message, by the prices in force when it happened."""
        key = (event.provider, event.model, event.service_tier)
        try:
            known = self._known[key]
        except KeyError:
            known = self._known[key] = self._look_up(*key)
        if known is None:
            return UNPRICED
        rates, source = known
        if not isinstance(rates, Rates):
            rates = rates.at(event.ts_ms)
        return (
            rates.cost_nano(
                event.input or 0,
                event.cache_read or 0,
                event.cache_write_5m or 0,
                event.cache_write_1h or 0,
                event.output or 0,
            ),
            source,
        )

    def _look_up(
        self, provider: str, model: str, tier: str
    ) -> tuple[Rates | DatedRates, str] | None:
        if not model:
            return None
        name = model.strip().lower()
        for spelling in (f"{provider}/{name}", name):
            rates = self._custom.get(spelling)
            if rates is not None:
                return rates, CUSTOM
        dated = self._catalogue.find(provider, model, tier)
        if dated is None:
            return None
        # A price that never changed needs no look at the event's time.
        rates_now = dated.entries[0][2] if len(dated.entries) == 1 else dated
        return rates_now, APPROXIMATE if dated.approximate else self._catalogue.source
