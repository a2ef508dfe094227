"""
What vendors report of an account's usage, beside what was counted here.

The two are never added up: the same requests are in both.  A difference is not an error by itself;
other machines, the vendor's own site and prices that are not list prices all make one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from openusage_proto.messages import CostMode
from openusage_proto.report_messages import (
    ReconcileParams,
    ReconcileRow,
    ReconcileSide,
    Reconciliation,
)
from openusaged.core.errors import InvalidParams
from openusaged.core.models import QUARTER_MS, Account, ReportedUsage, UsageSnapshot
from openusaged.core.windows import DAY_MS, day_number, iso, quarter_of, segments
from openusaged.storage.store import Store, UsageRow
from openusaged.usecases.report_scope import FUTURE_QUARTERS, ReportContext, short_model
from openusaged.usecases.totals import sum_rows

SCHEMA_VERSION: Final = 1
AGREES: Final = "agrees"
VENDOR_MORE: Final = "vendor_more"
LOCAL_MORE: Final = "local_more"
NOT_COMPARABLE: Final = "not_comparable"
TOLERANCE: Final = 0.01
USD: Final = "USD"
CYCLE: Final = "cycle"
_ROLLING_DAYS: Final = {"1d": 1, "7d": 7, "30d": 30}
_TOKENS: Final = ("input", "cache_read", "cache_write", "output")


@dataclass(slots=True)
class _Said:
    """What a vendor says of one period and model, summed over whatever else it splits by."""

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    total: int | None = None
    requests: int | None = None
    costs: dict[str, float] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    parts: list[_Said] = field(default_factory=list)
    """The models of a day, for what the vendor says only of them."""

    def complete(self) -> None:
        """Fill what is only known of the models with their sum."""
        for name in (*_TOKENS, "total", "requests"):
            known = [value for part in self.parts if (value := getattr(part, name)) is not None]
            if known and getattr(self, name) is None:
                setattr(self, name, sum(known))
        if not self.costs:
            for part in self.parts:
                self.kinds |= part.kinds
                for currency, cost in part.costs.items():
                    self.costs[currency] = self.costs.get(currency, 0.0) + cost

    def add(self, usage: ReportedUsage) -> None:
        """Take in one more of its figures; unknown stays unknown."""
        for name in (*_TOKENS, "requests"):
            value = getattr(usage, name)
            if value is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)
        total = usage.total
        known = [getattr(usage, name) for name in _TOKENS]
        if total is None and any(value is not None for value in known):
            total = sum(value or 0 for value in known)
        if total is not None:
            self.total = (self.total or 0) + total
        if usage.cost is not None:
            self.costs[usage.currency] = self.costs.get(usage.currency, 0.0) + usage.cost
            self.kinds.add(usage.money_kind)

    def side(self) -> ReconcileSide:
        """As it goes over the wire; unlike currencies are never added."""
        currency, cost = next(iter(self.costs.items())) if len(self.costs) == 1 else ("", None)
        return ReconcileSide(
            input_tokens=self.input,
            output_tokens=self.output,
            cache_read_tokens=self.cache_read,
            cache_creation_tokens=self.cache_write,
            total_tokens=self.total,
            requests=self.requests,
            cost=cost,
            currency=currency,
            cost_basis=next(iter(self.kinds)) if len(self.kinds) == 1 else "",
        )


@dataclass(frozen=True, slots=True, order=True)
class _Key:
    window: str
    date: str
    model: str
    group: str


def reconcile(
    store: Store, params: ReconcileParams, context: ReportContext, seq: int
) -> Reconciliation:
    """
    The answer of `reconcile`; runs in a reader thread.

    Raises:
        InvalidParams: there is no such account.
    """
    accounts = [
        account
        for account in context.accounts
        if params.account is None or account.id == params.account
    ]
    if params.account is not None and not accounts:
        known = ", ".join(account.id for account in context.accounts) or "none"
        raise InvalidParams(f"account: there is no {params.account!r}; known: {known}")
    polls = {account_id: poll for (_, account_id), poll in store.snapshots().items()}
    rows: list[ReconcileRow] = []
    without = []
    for account in accounts:
        poll = polls.get(account.id)
        good = poll.last_good if poll is not None else None
        if good is None or not good.reported:
            without.append(account.id)
        else:
            rows += _Comparison(store, account, good, params.mode).rows()
    return Reconciliation(
        schema_version=SCHEMA_VERSION,
        generated_at=iso(context.now_ms) or "",
        seq=seq,
        rows=rows,
        accounts_without_report=without,
    )


class _Comparison:
    """One account's vendor figures against the store."""

    def __init__(
        self, store: Store, account: Account, snapshot: UsageSnapshot, mode: CostMode
    ) -> None:
        self._store = store
        self._account = account
        self._snapshot = snapshot
        self._mode = mode
        provider = account.provider_id
        self._vendor = _BILLED_AS.get(provider, provider)
        self._first_q = store.first_quarter()
        self._days: dict[int, list[UsageRow]] | None = None

    def rows(self) -> list[ReconcileRow]:
        """One row per period and model, and one per day for all its models."""
        said: dict[_Key, _Said] = {}
        for usage in self._snapshot.reported:
            split = "" if usage.date or usage.model else usage.group
            model = short_model(usage.model).lower()
            said.setdefault(_Key(usage.window, usage.date, model, split), _Said()).add(usage)
        for key, by_model in list(said.items()):
            if key.date and key.model:
                whole = said.setdefault(_Key(key.window, key.date, "", ""), _Said())
                whole.parts.append(by_model)
        for figures in said.values():
            figures.complete()
        return [self._row(key, said[key]) for key in sorted(said)]

    def _row(self, key: _Key, figures: _Said) -> ReconcileRow:
        vendor = figures.side()
        start_ms, end_ms = self._span(key)
        reason = self._obstacle(key, start_ms)
        local = None
        others: set[str] = set()
        if start_ms is not None and end_ms is not None and not key.group:
            local, others = self._local(key, start_ms, end_ms)
        verdict, difference, tokens = _verdict(vendor, local)
        if local is not None and not reason:
            reason = _reason(verdict, vendor, local, others)
        return ReconcileRow(
            account=self._account.id,
            provider=self._account.provider_id,
            window=key.window,
            date=key.date,
            model=key.model,
            group=key.group,
            since=iso(start_ms),
            until=iso(end_ms),
            verdict=verdict,
            vendor=vendor,
            local=local,
            cost_difference=difference,
            token_difference=tokens,
            reason=reason,
        )

    def _span(self, key: _Key) -> tuple[int | None, int | None]:
        """The period in UTC, which is how vendors count; unknown for a billing cycle."""
        now_ms = self._snapshot.ts_ms
        if key.date:
            try:
                start_ms = day_number(date.fromisoformat(key.date)) * DAY_MS
            except ValueError:
                return None, None
            return start_ms, start_ms + DAY_MS
        if key.window == "month":
            now = datetime.fromtimestamp(now_ms / 1000, UTC)
            return day_number(date(now.year, now.month, 1)) * DAY_MS, now_ms
        if key.window == CYCLE:
            began = self._snapshot.attributes.get("billing_cycle_start", "")
            try:
                return int(datetime.fromisoformat(began).timestamp() * 1000), now_ms
            except ValueError:
                return None, None
        if key.window == "all":
            first_ms = None if self._first_q is None else self._first_q * QUARTER_MS
            return first_ms, now_ms
        days = _ROLLING_DAYS.get(key.window)
        return (None, None) if days is None else (now_ms - days * DAY_MS, now_ms)

    def _obstacle(self, key: _Key, start_ms: int | None) -> str:
        if key.group:
            return "the vendor splits this by what local records do not know"
        if start_ms is None:
            return "when this period began is not known"
        if self._first_q is None or start_ms < self._first_q * QUARTER_MS:
            return "local history starts later than this period"
        return ""

    def _local(self, key: _Key, start_ms: int, end_ms: int) -> tuple[ReconcileSide, set[str]]:
        """What was counted here, and in which other accounts."""
        if key.date:
            rows = self._day_rows().get(start_ms // DAY_MS, [])
        else:
            rows = self._store.usage_rows(
                start_q=quarter_of(start_ms), end_q=-(-end_ms // QUARTER_MS), group_by=_GROUP_BY
            )
        rows = [row for row in rows if self._is_own(row)]
        if key.model:
            rows = [row for row in rows if _same_model(row.model, key.model)]
        total = sum_rows(rows, self._mode)
        side = ReconcileSide(
            input_tokens=total.input,
            output_tokens=total.output,
            cache_read_tokens=total.cache_read,
            cache_creation_tokens=total.write_5m + total.write_1h,
            total_tokens=total.total_tokens,
            requests=total.requests,
            cost=None if total.basis == "unpriced" else total.cost_usd,
            currency=USD,
            cost_basis=total.basis,
        )
        return side, {row.account or row.client for row in rows} - {self._account.id}

    def _is_own(self, row: UsageRow) -> bool:
        """
        Whether the account's vendor bills it, as far as that can be known here.

        An API key is used by tools that are accounts of their own; a coding agent's account is
        billed for nothing else.
        """
        return row.account == self._account.id or row.provider == self._vendor

    def _day_rows(self) -> dict[int, list[UsageRow]]:
        if self._days is None:
            self._days = {}
            if self._first_q is not None:
                end_q = quarter_of(self._snapshot.ts_ms) + FUTURE_QUARTERS
                for row in self._store.usage_rows(
                    segments=segments(self._first_q, end_q, UTC), group_by=_GROUP_BY
                ):
                    self._days.setdefault(row.bucket, []).append(row)
        return self._days


_BILLED_AS: Final = {
    "azure_openai": "azure",
    "copilot": "github-copilot",
    "gemini_api": "google",
    "moonshot": "moonshotai",
    "xai": "x-ai",
}
"""Provider id -> the name of who bills in events, where the two differ."""
_GROUP_BY: Final = ("account", "provider", "client", "model")


def _same_model(local: str, vendor: str) -> bool:
    name = short_model(local).lower()
    return name == vendor or name.replace(".", "-") == vendor.replace(".", "-")


def _verdict(
    vendor: ReconcileSide, local: ReconcileSide | None
) -> tuple[str, float | None, int | None]:
    """The verdict, and by how much the cost and the tokens differ (vendor minus local)."""
    if local is None:
        return NOT_COMPARABLE, None, None
    cost = tokens = None
    if vendor.cost is not None and vendor.currency == USD and local.cost is not None:
        cost = vendor.cost - local.cost
    if vendor.total_tokens is not None and local.total_tokens is not None:
        tokens = vendor.total_tokens - local.total_tokens
    if tokens is not None and vendor.total_tokens is not None:
        return _judge(tokens, vendor.total_tokens), cost, tokens
    if cost is not None and vendor.cost is not None:
        return _judge(cost, vendor.cost), cost, tokens
    if vendor.requests is not None and local.requests is not None:
        return _judge(vendor.requests - local.requests, vendor.requests), cost, tokens
    return NOT_COMPARABLE, cost, tokens


def _judge(difference: float, vendor: float) -> str:
    if abs(difference) <= TOLERANCE * max(abs(vendor), abs(vendor - difference)):
        return AGREES
    return VENDOR_MORE if difference > 0 else LOCAL_MORE


def _reason(verdict: str, vendor: ReconcileSide, local: ReconcileSide, others: set[str]) -> str:
    if verdict == NOT_COMPARABLE:
        if vendor.cost is not None and vendor.currency != USD:
            return f"the vendor counts in {vendor.currency or 'several currencies'}"
        return "neither side has a figure that the other has"
    if verdict == VENDOR_MORE and not local.requests:
        return "nothing of it was seen on this machine"
    if verdict == LOCAL_MORE and others:
        return f"counted here with {', '.join(sorted(others))}, which may be on a subscription"
    if verdict == LOCAL_MORE and vendor.total_tokens is None:
        return "list prices may be higher than what is billed"
    return ""
