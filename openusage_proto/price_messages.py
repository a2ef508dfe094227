"""
Parameters and results of `pricing` and `reprice` (spec/jsonrpc.md, Methods).

Separate from `messages` because prices are a subject of their own; the same rules apply.  Rates are
USD per million tokens.
"""

from __future__ import annotations

from dataclasses import field

from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PricingParams:
    """
    A model's price, or with `unpriced` the models that have none; `refresh` fetches the catalogue.

    `context` is the size of the prompt, `at` an ISO date or instant (default: now), `tier` a
    service tier.
    """

    model: str | None = None
    provider: str = ""
    tier: str = ""
    context: int = 0
    at: str | None = None
    tz: str | None = None
    unpriced: bool = False
    refresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRates:
    """Rates of a whole request whose prompt is larger than `above_prompt_tokens`."""

    input: float
    cache_read: float
    cache_write_5m: float
    cache_write_1h: float
    output: float
    above_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePeriod:
    """
    Rates from `since` on (null: always), perhaps for a part of the UTC day only.

    `derived` names rates that the list does not state and a vendor's rule gave.
    """

    since: str | None
    daily: str
    rates: list[PriceRates]
    in_force: bool
    approximate: bool = False
    derived: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPrice:
    """Rates of a service tier at the same moment, smallest prompts first."""

    tier: str
    rates: list[PriceRates]
    approximate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceExample:
    """What one request of these tokens costs."""

    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """
    One model's price and how sure it is.

    `grade` is `custom` (the user's own), `exact` or `approximate` (a sibling's, a reseller's, or a
    tier without a price of its own).  `rates` are those in force for `context`.
    """

    model: str
    provider: str
    source: str
    source_version: str
    grade: str
    rates: PriceRates
    periods: list[PricePeriod]
    tiers: list[TierPrice]
    example: PriceExample
    context_window: int | None = None
    request_usd_per_thousand: float | None = None
    reasoning: float | None = None
    web_search_usd_per_thousand: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpricedModel:
    """
    A model that events have used without (or with an approximate) price.

    `requests` are those concerned, `total_tokens` all of the model's.  `price_now` says which list
    has a price by now: re-pricing applies it.
    """

    model: str
    provider: str
    clients: list[str]
    requests: int
    total_tokens: int
    recorded_usd: float = 0.0
    price_now: str = ""
    matched: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSources:
    """The price lists, in the order they are asked, and what is wrong with them."""

    custom_path: str
    custom_models: int
    shipped: str
    catalogue_models: int = 0
    catalogue_fetched_at: str | None = None
    catalogue_checked_at: str | None = None
    catalogue_error: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """The answer of `pricing`; `price` is null for an unknown model, `close` names similar ones."""

    sources: PriceSources
    model: str = ""
    at: str | None = None
    context: int = 0
    price: ModelPrice | None = None
    close: list[str] = field(default_factory=list)
    unpriced: list[UnpricedModel] = field(default_factory=list)
    approximate: list[UnpricedModel] = field(default_factory=list)
    custom_entry: str = ""
    """What to paste into `custom-pricing.json` for the models in question; null rates to fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepriceParams:
    """Re-price events from a local day on (null: all that have detail); `dry_run` only counts."""

    since: str | None = None
    tz: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RepriceResult:
    """Whether a job was started (or already runs) and how many events it looks at."""

    started: bool
    running: bool
    events: int
