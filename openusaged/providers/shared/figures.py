"""
Gathers what one poll learns: figures by their declared key, attributes, the vendor's own report.

Unit, label, window and kind of money come from the declaration in the provider's spec, so that a
figure cannot be returned that the spec does not know.
"""

from __future__ import annotations

from openusaged.core.errors import ProviderError, RateLimited
from openusaged.core.models import Account, LimitMetric, ReportedUsage, UsageSnapshot
from openusaged.providers.base import FetchContext, ProviderSpec

PERCENT_LIMIT = 100.0


class Figures:
    """Metrics by key in the order they came; a later one under the same key replaces."""

    def __init__(self, spec: ProviderSpec) -> None:
        self._spec = spec
        self._declared = {metric.key: metric for metric in spec.metrics}
        self.metrics: dict[str, LimitMetric] = {}
        self.attributes: dict[str, str] = {}
        self.reported: list[ReportedUsage] = []
        self.must_wait = False
        """A call was asked to wait: further ones of this poll would only be refused as well."""
        self._retry_after_s: float | None = None

    def add(
        self,
        key: str,
        *,
        used: float | None = None,
        limit: float | None = None,
        remaining: float | None = None,
        resets_at_ms: int | None = None,
        window: str = "",
        unit: str = "",
    ) -> None:
        """Note a figure; `key:model` is one of the declared `key` for a single model."""
        declared = self._declared[key.partition(":")[0]]
        self.metrics[key] = LimitMetric(
            key=key,
            unit=unit or declared.unit,
            window=window or declared.window,
            label=declared.label,
            used=used,
            limit=limit,
            remaining=remaining,
            resets_at_ms=resets_at_ms,
            money_kind=declared.money_kind,
        )

    def add_percent(self, key: str, used: float, resets_at_ms: int | None = None) -> None:
        """A gauge in percent; what a vendor writes beyond 0 to 100 is cut off."""
        used = min(max(used, 0.0), PERCENT_LIMIT)
        self.add(
            key,
            used=used,
            limit=PERCENT_LIMIT,
            remaining=PERCENT_LIMIT - used,
            resets_at_ms=resets_at_ms,
        )

    def note(self, name: str, value: str) -> None:
        """An attribute; an empty one is unknown and left out."""
        if value:
            self.attributes[name] = value

    def failed(self, name: str, error: ProviderError, words: str = "") -> None:
        """A call that others do not depend on has failed: its figures are missing, and why."""
        self.attributes[f"{name}_error"] = words or str(error)
        if isinstance(error, RateLimited):
            self.must_wait = True
            self._retry_after_s = error.retry_after_s

    def snapshot(
        self, context: FetchContext, account: Account, *, status: str, message: str
    ) -> UsageSnapshot:
        """The snapshot of this poll."""
        return UsageSnapshot(
            provider_id=self._spec.id,
            account_id=account.id,
            ts_ms=context.now_ms(),
            status=status,
            message=message,
            metrics=tuple(self.metrics.values()),
            attributes=dict(self.attributes),
            retry_after_s=self._retry_after_s,
            reported=tuple(self.reported),
        )
