"""
The price book: one answer to "what did this request cost", always local and immediate.

Order: the user's custom prices, the shipped table, the fetched catalogue; then whatever fits only
loosely, flagged.  An unknown model has no price, never a price of zero.  No network is reachable
from here, because the ingest path calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from openusaged.pricing.catalogue import Catalogue
from openusaged.pricing.custom import CustomPrices
from openusaged.pricing.dated import DatedRates, always
from openusaged.pricing.names import normalised, tier_name
from openusaged.pricing.price_file import PriceFile
from openusaged.pricing.rates import Rates
from openusaged.pricing.stand_ins import in_turn, stand_ins

CUSTOM: Final = "custom"
APPROXIMATE: Final = "approximate"
LITELLM: Final = "litellm"
MAX_KNOWN: Final = 4096
"""Remembered look-ups: far more models than a machine uses, and a bound all the same."""
_FREE: Final = ":free"
_ZERO: Final = Rates(0.0, 0.0, 0.0, 0.0, 0.0)

Estimate = tuple[int | None, str]
"""(1e-9 USD or None, where the price came from or "")."""

UNPRICED: Final[Estimate] = (None, "")


class Priceable(Protocol):
    """What a price depends on: a `UsageEvent` or a `CountedEvent`."""

    @property
    def provider(self) -> str:
        """Who bills."""

    @property
    def model(self) -> str:
        """The model as the source wrote it."""

    @property
    def service_tier(self) -> str:
        """The tier as the source wrote it."""

    @property
    def ts_ms(self) -> int:
        """When."""

    @property
    def input(self) -> int | None:
        """Uncached input tokens."""

    @property
    def cache_read(self) -> int | None:
        """Cached input tokens."""

    @property
    def cache_write_5m(self) -> int | None:
        """Tokens written to the cache."""

    @property
    def cache_write_1h(self) -> int | None:
        """Tokens written to the one-hour cache."""

    @property
    def output(self) -> int | None:
        """Output tokens, reasoning included."""

    @property
    def reasoning(self) -> int | None:
        """Reasoning tokens."""

    @property
    def requests(self) -> int | None:
        """Requests the event stands for."""

    @property
    def is_sum(self) -> bool:
        """Whether it is several requests, of which no single prompt's size is known."""


class Found(msgspec.Struct, frozen=True):
    """A model's rates and where they are from."""

    rates: DatedRates
    source: str
    provider: str = ""
    """Whose price it is, as its list names them."""


class Sources(msgspec.Struct, frozen=True):
    """The price lists, replaced as a whole when one of them changes."""

    catalogue: Catalogue
    custom: CustomPrices = CustomPrices()
    fetched: PriceFile | None = None

    def find(self, provider: str, model: str, tier: str = "") -> Found | None:
        """Rates of a model, by the first list that knows it well; None when none knows it."""
        if not model.strip():
            return None
        tier = tier_name(tier)
        custom = self.custom.find(provider, model)
        if custom is not None:
            return Found(custom, CUSTOM, provider)
        if model.strip().lower().endswith(_FREE):
            # A route's own word for "costs nothing"; lists leave such models out or blank.
            return Found(always(model, _ZERO), self.catalogue.source, provider)
        listed = self._listed(provider, model, tier)
        if listed is None or listed.rates.approximate:
            return self._stood_for(provider, model, tier) or listed
        return listed

    def _stood_for(self, provider: str, model: str, tier: str) -> Found | None:
        """Rates of the models that a name stands for; None when it is no such name."""
        found = [
            (start_ms, self._listed(provider, name, tier)) for start_ms, name in stand_ins(model)
        ]
        parts = [(start_ms, one.rates) for start_ms, one in found if one is not None]
        latest = found[-1][1] if found else None
        if latest is None or len(parts) < len(found):
            return None  # a gap would be filled by the model before it
        return Found(in_turn(model, parts), latest.source, latest.provider)

    def _listed(self, provider: str, model: str, tier: str) -> Found | None:
        shipped = self.catalogue.find(provider, model, tier)
        loose = None if shipped is None else Found(
            shipped.rates, self.catalogue.source, shipped.provider
        )  # fmt: skip
        if loose is not None and not loose.rates.approximate:
            return loose
        fetched = self.fetched.find(provider, model, tier) if self.fetched is not None else None
        if fetched is None or (loose is not None and fetched.rates.approximate):
            return loose
        return Found(fetched.rates, LITELLM, fetched.provider)


def _prompt_of(event: Priceable) -> int | None:
    """The prompt that decides the tier: None for the event's own, smaller when it is several."""
    if event.is_sum:
        return 0
    if event.requests is None or event.requests < 2:
        return None
    # Steps of one message resend much the same prompt: their mean says how large it was.
    tokens = (event.input, event.cache_read, event.cache_write_5m, event.cache_write_1h)
    return sum(count or 0 for count in tokens) // event.requests


class PriceBook:
    """
    Prices events; remembers every (provider, model, tier) it has looked up, misses too.

    Used by one thread; `use` may be called from another.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        custom: CustomPrices | Mapping[str, Rates] | None = None,
        fetched: PriceFile | None = None,
    ) -> None:
        if not isinstance(custom, CustomPrices):
            exact = {name: always(name, rates) for name, rates in (custom or {}).items()}
            custom = CustomPrices(exact, {normalised(name): exact[name] for name in exact})
        self.use(Sources(catalogue, custom, fetched))

    def use(self, sources: Sources) -> None:
        """Take other price lists; what has been priced stays as it is."""
        known: dict[tuple[str, str, str], Found | None] = {}
        # One assignment: a thread in the middle of `estimate` keeps what belongs together.
        self._state = (sources, known)

    def flat_rates(
        self, provider: str, model: str, start_ms: int, end_ms: int
    ) -> tuple[int, int, int, int, int] | None:
        """
        Whole nano-dollars per token that held from `start_ms` until `end_ms`, whatever was asked.

        Only a price of the user's own is the same in every tier; it must not depend on the size of
        the prompt, the time of day or the number of requests either.  None when there is none.
        """
        sources, _ = self._state
        custom = sources.custom.find(provider, model)
        if custom is None:
            return None
        period = custom.period(start_ms)
        rates = period.rates
        five = rates.at_prompt(0)
        if (
            period is not custom.period(end_ms - 1)
            or any(other.part is not None for other in custom.periods)
            or rates.tiers
            or rates.extra is not None
            or not all(rate.is_integer() for rate in five)
        ):
            return None
        fresh, read, write_5m, write_1h, output = map(int, five)
        return fresh, read, write_5m, write_1h, output

    def estimate(self, event: Priceable) -> Estimate:
        """API-equivalent cost of a message, by the prices in force when it happened."""
        sources, known = self._state
        key = (event.provider, event.model, event.service_tier)
        try:
            found = known[key]
        except KeyError:
            if len(known) >= MAX_KNOWN:
                known.clear()
            found = known[key] = sources.find(*key)
        if found is None:
            return UNPRICED
        period = found.rates.period(event.ts_ms)
        return (
            period.rates.cost_nano(
                event.input or 0,
                event.cache_read or 0,
                event.cache_write_5m or 0,
                event.cache_write_1h or 0,
                event.output or 0,
                reasoning=event.reasoning or 0,
                requests=1 if event.requests is None else event.requests,
                prompt=_prompt_of(event),
            ),
            APPROXIMATE if found.rates.approximate or period.approximate else found.source,
        )
