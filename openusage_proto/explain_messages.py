"""
Parameters and result of `explain` (spec/jsonrpc.md, Methods): where a number comes from.

Separate from `messages` because only those who ask for an explanation need it; the same rules
apply.
"""

from __future__ import annotations

from dataclasses import field

from openusage_proto.messages import CostMode, Totals, Window
from openusage_proto.price_messages import PriceRates
from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainParams:
    """
    Which number: a range and filters, as `report` and `read_model` have them.

    `provider` is the account's service, the tool or who bills, as in `report`; `billed_by` only
    the latter.  `agent` is `main` or `subagent`.  `sessions` and `events` say how many of each are
    listed.
    """

    window: Window = "30d"
    since: str | None = None
    until: str | None = None
    tz: str | None = None
    account: str | None = None
    provider: str | None = None
    billed_by: str | None = None
    client: str | None = None
    model: str | None = None
    project: str | None = None
    branch: str | None = None
    agent: str | None = None
    session: str | None = None
    mode: CostMode = "calculate"
    sessions: int = 20
    events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainBucket:
    """One of the disjoint kinds of tokens; they add up to `total_tokens`."""

    name: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainCost:
    """
    The amounts a cost is made of, over the same requests.

    `calculated_usd` is tokens times list price, `recorded_usd` what the sources wrote down,
    `filled_usd` the recorded part used where there is no price.  `recalculated_usd` is
    `calculated_usd` by the prices of now; null where the detail of some events has gone or there
    are too many of them.
    """

    mode: str
    basis: str
    calculated_usd: float
    recorded_usd: float
    recorded_requests: int
    filled_usd: float
    unpriced_requests: int
    approximate_requests: int
    recalculated_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainPrice:
    """
    One model's part and its price.

    `source` is the list the stored estimates were made by (empty: no list knew the model), `rates`
    are those in force for small prompts at the last of its events, `tiered` says that large
    prompts cost more.  The counts are of events with detail.
    """

    model: str
    provider: str
    source: str
    service_tier: str
    requests: int
    buckets: list[ExplainBucket]
    calculated_usd: float
    recorded_usd: float
    list_name: str = ""
    grade: str = ""
    rates: PriceRates | None = None
    tiered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainPart:
    """One addend of the number; the parts add up to `totals`."""

    account: str
    client: str
    provider: str
    model: str
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainChannel:
    """
    Events by the best channel that reported them.

    `completed` counts those of which another channel has said a part.
    """

    channel: str
    events: int
    requests: int
    completed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainDelivery:
    """
    What one source has delivered through one channel since the daemon started.

    `new` were counted, `completed` added something to a known event, `repeated` changed nothing.
    """

    source: str
    channel: str
    new: int
    completed: int
    repeated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSource:
    """
    The records of one account that feeds the number.

    `files` have been read, `files_in_range` of them were written to after the range began;
    `names` are the latest of those.
    """

    account: str
    provider: str
    title: str
    home: str
    files: int
    files_in_range: int
    names: list[str] = field(default_factory=list)
    last_event_at: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSession:
    """A session's part of the number."""

    session_id: str
    source: str
    account: str
    client: str
    project: str
    branch: str
    first_at: str
    last_at: str
    models: list[str]
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainEvent:
    """One event with its tokens; null means the source did not say."""

    at: str
    kind: str
    source: str
    client: str
    provider: str
    model: str
    session_id: str
    agent: str
    channel: str
    status: str
    service_tier: str
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_5m_tokens: int | None
    cache_write_1h_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    requests: int | None
    calculated_usd: float | None
    price_source: str
    recorded: float | None
    currency: str
    tool: str = ""
    project: str = ""
    branch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """
    The answer of `explain`.

    `detail_since` is when the events begin whose detail is kept; `requests_without_detail` of the
    total are older than that (sums are kept for ever).  `query` is the SQL that gives `totals`.
    """

    seq: int
    timezone: str
    since: str | None
    until: str
    question: dict[str, str]
    totals: Totals
    buckets: list[ExplainBucket]
    cost: ExplainCost
    parts: list[ExplainPart]
    prices: list[ExplainPrice]
    channels: list[ExplainChannel]
    deliveries: list[ExplainDelivery]
    deliveries_since: str
    sources: list[ExplainSource]
    detail_since: str | None
    requests_with_detail: int
    requests_without_detail: int
    sessions: list[ExplainSession]
    sessions_total: int
    events: list[ExplainEvent]
    events_total: int
    query: str
    notes: list[str]
