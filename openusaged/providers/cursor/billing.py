"""
What the answers of Cursor's account services mean as figures, status and words.

Pure.  Money comes in cents and whole numbers as text; a member that protobuf left out is unknown
unless another one tells it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from openusaged.core.models import (
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
    LimitMetric,
    ReportedUsage,
)
from openusaged.providers.shared.json_values import (
    as_count,
    as_epoch_ms,
    as_list,
    as_number,
    as_object,
    as_text,
)

NEAR_LIMIT_PERCENT: Final = 80.0
CYCLE: Final = "billing-cycle"

_UNLIMITED_CENTS: Final = 2**31 - 1
"""What Cursor's server writes where there is no limit."""
_LABELS: Final = {
    "totalPercentUsed": ("plan_percent_used", "Plan"),
    "autoPercentUsed": ("plan_auto_percent_used", "Auto"),
    "apiPercentUsed": ("plan_api_percent_used", "Named models"),
}


class Period:
    """The billing period as `GetCurrentPeriodUsage` describes it."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.plan = as_object(answer.get("planUsage"))
        self.spend = as_object(answer.get("spendLimitUsage"))
        self.start_ms = as_epoch_ms(answer.get("billingCycleStart"))
        self.end_ms = as_epoch_ms(answer.get("billingCycleEnd"))
        self.words = as_text(answer.get("displayMessage"))

    @property
    def pool(self) -> float | None:
        """The team's common limit in dollars, None without one."""
        return _dollars(self.spend, "pooledLimit") or None

    @property
    def counts_requests(self) -> bool:
        """Whether the plan says nothing about money, as those do that count requests."""
        limit = _dollars(self.plan, "limit")
        return not limit and as_number(self.plan.get("totalPercentUsed")) is None

    def metrics(self, included: float | None, now_ms: int) -> Iterator[LimitMetric]:
        """
        The plan's, the team's and the user's own figures.

        Args:
            included: what the plan includes in dollars; the limit where the period names none.
            now_ms: the time, for how far the cycle has come.
        """
        if self.plan:
            yield from self._plan_metrics(included)
        if self.pool is not None:
            yield from self._team_metrics(self.pool)
        elif self.spend:
            yield from self._on_demand_metrics()
        if self.start_ms and self.end_ms and self.end_ms > self.start_ms:
            share = (now_ms - self.start_ms) / (self.end_ms - self.start_ms)
            used = min(max(share, 0.0), 1.0) * 100.0
            yield self._percent("billing_cycle_progress", "Billing cycle", used)

    def _plan_metrics(self, included: float | None) -> Iterator[LimitMetric]:
        limit = _dollars(self.plan, "limit")
        remaining = _dollars(self.plan, "remaining")
        used = _dollars(self.plan, "totalSpend")
        if used is None and limit is not None and remaining is not None:
            used = max(limit - remaining, 0.0)
        if not limit and self.pool is None:
            limit = included or limit
        if used is not None:
            if remaining is None and limit is not None:
                remaining = max(limit - used, 0.0)
            yield self._money("plan_spend", "Plan spend", used, limit, remaining)
        for name, key, label in (
            ("includedSpend", "plan_included", "Included spend"),
            ("bonusSpend", "plan_bonus", "Bonus spend"),
        ):
            amount = _dollars(self.plan, name)
            if amount is not None:
                yield self._money(key, label, amount)
        for name, (key, label) in _LABELS.items():
            percent = as_number(self.plan.get(name))
            if percent is not None:
                yield self._percent(key, label, percent)

    def _team_metrics(self, pool: float) -> Iterator[LimitMetric]:
        used = _dollars(self.spend, "pooledUsed")
        remaining = _dollars(self.spend, "pooledRemaining")
        own = _dollars(self.spend, "individualUsed")
        if used is None and remaining is not None:
            used = max(pool - remaining, 0.0)
        if remaining is None and used is not None:
            remaining = max(pool - used, 0.0)
        yield self._money("spend_limit", "Team spend", used, pool, remaining)
        if own is not None:
            yield self._money(
                "individual_spend",
                "Own part of the team's spend",
                own,
                _dollars(self.spend, "individualLimit") or None,
                _dollars(self.spend, "individualRemaining"),
            )
            if used is not None:
                others = max(used - own, 0.0)
                yield self._money("team_budget_others", "Spend of the others", others)

    def _on_demand_metrics(self) -> Iterator[LimitMetric]:
        limit = _dollars(self.spend, "individualLimit") or None
        remaining = _dollars(self.spend, "individualRemaining")
        spent = (_dollars(self.spend, name) for name in ("individualUsed", "totalSpend"))
        used = next((amount for amount in spent if amount), None)
        if used is None and limit is not None:
            used = 0.0 if remaining is None else max(limit - remaining, 0.0)
        if used is not None:
            yield self._money("on_demand_spend", "On-demand spend", used, limit, remaining)

    def status(self, *, is_on_demand_off: bool | None) -> str:
        """
        By the team's pool, else by the plan; a used-up plan with room on demand is near its limit.

        Args:
            is_on_demand_off: whether the account forbids spending beyond the plan, if known.
        """
        pool = self.pool
        if pool is not None:
            used = _dollars(self.spend, "pooledUsed")
            remaining = _dollars(self.spend, "pooledRemaining")
            if used is None:
                used = 0.0 if remaining is None else pool - remaining
            return _graded(used / pool * 100.0)
        status = _graded(as_number(self.plan.get("totalPercentUsed")) or 0.0)
        if status == ACCOUNT_LIMITED and self._has_room(is_on_demand_off=is_on_demand_off):
            return ACCOUNT_NEAR_LIMIT
        return status

    def _has_room(self, *, is_on_demand_off: bool | None) -> bool:
        if _dollars(self.spend, "individualLimit"):
            return bool(_dollars(self.spend, "individualRemaining"))
        return is_on_demand_off is False

    def message(self, plan_name: str, included: float | None) -> str:
        """A short line: what was spent of what, else Cursor's own words."""
        if self.pool is not None:
            metric = next(self._team_metrics(self.pool))
            text = (
                f"{_amount(metric.used)} / {_amount(metric.limit)} team spend"
                f" ({_amount(metric.remaining)} remaining)"
            )
        else:
            spend = next((m for m in self._plan_metrics(included) if m.key == "plan_spend"), None)
            text = self.words
            if spend is not None and spend.limit:
                text = f"{_amount(spend.used)} / {_amount(spend.limit)} plan spend"
        return " — ".join(part for part in (plan_name or "Cursor", text) if part)

    def _money(
        self,
        key: str,
        label: str,
        used: float | None,
        limit: float | None = None,
        remaining: float | None = None,
    ) -> LimitMetric:
        return LimitMetric(
            key=key,
            unit="USD",
            window=CYCLE,
            label=label,
            used=used,
            limit=limit,
            remaining=remaining,
            resets_at_ms=self.end_ms,
            money_kind="billed",
        )

    def _percent(self, key: str, label: str, used: float) -> LimitMetric:
        return LimitMetric(
            key=key,
            unit="%",
            window=CYCLE,
            label=label,
            used=used,
            limit=100.0,
            remaining=max(100.0 - used, 0.0),
            resets_at_ms=self.end_ms,
        )


def included_dollars(plan: Mapping[str, Any]) -> float | None:
    """What the plan includes, of `planInfo`; None when it includes nothing of the kind."""
    return _dollars(plan, "includedAmountCents") or None


def included_metrics(included: float | None) -> Iterator[LimitMetric]:
    """What the plan includes as a figure."""
    if included is not None:
        yield LimitMetric(
            key="plan_included_amount",
            unit="USD",
            window=CYCLE,
            label="Included in the plan",
            limit=included,
            money_kind="billed",
        )


def request_metrics(answer: Mapping[str, Any]) -> Iterator[LimitMetric]:
    """Requests of a plan that counts them: the first model that has a maximum."""
    for entry in answer.values():
        counts = as_object(entry)
        used, limit = as_count(counts.get("numRequests")), as_count(counts.get("maxRequestUsage"))
        if limit and used is not None:
            yield LimitMetric(
                key="plan_requests",
                unit="requests",
                window=CYCLE,
                label="Plan requests",
                used=float(used),
                limit=float(limit),
                remaining=float(max(limit - used, 0)),
            )
            return


def credit_metrics(grants: Mapping[str, Any], customer: Mapping[str, Any]) -> Iterator[LimitMetric]:
    """Dollars granted and paid ahead that are left; a negative balance is the user's money."""
    granted, spent = _dollars(grants, "totalCents"), _dollars(grants, "usedCents")
    balance = _dollars(customer, "customerBalance")
    ahead = -balance if balance is not None and balance < 0 else 0.0
    if granted or ahead:
        yield LimitMetric(
            key="credit_balance",
            unit="USD",
            window="current",
            label="Credits left",
            remaining=max((granted or 0.0) + ahead - (spent or 0.0), 0.0),
            money_kind="billed",
        )


def aggregation_metrics(answer: Mapping[str, Any]) -> Iterator[LimitMetric]:
    """The cycle's tokens, and what Cursor says they are worth."""
    cost = _dollars(answer, "totalCostCents")
    if cost is not None:
        yield LimitMetric(
            key="billing_total_cost",
            unit="USD",
            window=CYCLE,
            label="Value of all usage",
            used=cost,
            money_kind="estimate",
        )
    read = as_count(answer.get("totalCacheReadTokens"))
    written = as_count(answer.get("totalCacheWriteTokens"))
    for key, label, tokens in (
        ("billing_input_tokens", "Input", as_count(answer.get("totalInputTokens"))),
        ("billing_output_tokens", "Output", as_count(answer.get("totalOutputTokens"))),
        (
            "billing_cached_tokens",
            "Cache reads and writes",
            None if read is None or written is None else read + written,
        ),
    ):
        if tokens is not None:
            yield LimitMetric(key=key, unit="tokens", window=CYCLE, label=label, used=float(tokens))


def reported_usage(answer: Mapping[str, Any]) -> list[ReportedUsage]:
    """The cycle's usage per model, each model once whatever its tiers."""
    sums: dict[str, list[float]] = {}
    for entry in as_list(answer.get("aggregations")):
        source = as_object(entry)
        model = as_text(source.get("modelIntent"))
        if model:
            names = ("inputTokens", "cacheWriteTokens", "cacheReadTokens", "outputTokens")
            figures = [float(as_count(source.get(name)) or 0) for name in names]
            figures.append(as_number(source.get("totalCents")) or 0.0)
            known = sums.setdefault(model, [0.0] * len(figures))
            sums[model] = [old + new for old, new in zip(known, figures, strict=True)]
    return [
        ReportedUsage(
            window="cycle",
            model=model,
            input=int(fresh),
            cache_read=int(read),
            output=int(output),
            total=int(fresh + written + read + output),
            cost=cents / 100.0,
            currency="USD",
            money_kind="estimate",
        )
        for model, (fresh, written, read, output, cents) in sums.items()
    ]


def team_metrics(answer: Mapping[str, Any]) -> Iterator[LimitMetric]:
    """How many there are and how many own the team; names and addresses stay there."""
    members = [as_object(one) for one in as_list(answer.get("teamMembers"))]
    present = [one for one in members if one.get("isRemoved") is not True]
    if not present:
        return
    owners = [one for one in present if "OWNER" in as_text(one.get("role")).upper()]
    for key, label, number in (
        ("team_size", "Team members", len(present)),
        ("team_owners", "Team owners", len(owners)),
    ):
        yield LimitMetric(
            key=key, unit="members", window="current", label=label, used=float(number)
        )


def _graded(percent: float) -> str:
    if percent >= 100.0:
        return ACCOUNT_LIMITED
    return ACCOUNT_NEAR_LIMIT if percent >= NEAR_LIMIT_PERCENT else ACCOUNT_OK


def _dollars(source: Mapping[str, Any], name: str) -> float | None:
    cents = as_number(source.get(name))
    return None if cents is None or cents >= _UNLIMITED_CENTS else cents / 100.0


def _amount(dollars: float | None) -> str:
    return "?" if dollars is None else f"${dollars:.2f}"
