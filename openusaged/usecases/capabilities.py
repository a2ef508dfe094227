"""What each provider can tell, as one row of the capability matrix; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from openusage_proto.messages import Gauge, ProviderInfo, Widget
from openusaged.core.models import (
    ACCOUNT_AUTH_REQUIRED,
    ACCOUNT_ERROR,
    ACCOUNT_LIMITED,
    ACCOUNT_NEAR_LIMIT,
    ACCOUNT_OK,
)
from openusaged.providers import registry
from openusaged.providers.base import Provider, WidgetSpec

QUOTA: Final = "quota"
SPEND: Final = "spend"
TOKENS: Final = "tokens"
HISTORY: Final = "history"
HOOKS: Final = "hooks"
ALL: Final = (QUOTA, SPEND, TOKENS, HISTORY, HOOKS)

# The worst state of several accounts is the one to show.
_WORST_FIRST: Final = (
    (ACCOUNT_AUTH_REQUIRED, "sign in again"),
    (ACCOUNT_ERROR, "check failed"),
    (ACCOUNT_LIMITED, "limit reached"),
    (ACCOUNT_NEAR_LIMIT, "near limit"),
    (ACCOUNT_OK, "ok"),
)


def of(provider: Provider) -> list[str]:
    """
    The capabilities of a provider, in the order of `ALL`.

    `quota`: limits without money.  `spend`: money or credits.  `tokens`: from local records.
    `history`: days before OpenUsage was installed are known, too.  `hooks`: turns are pushed.
    """
    metrics = provider.spec.metrics if provider.fetch is not None else ()
    has = {
        QUOTA: any(not metric.money_kind for metric in metrics),
        SPEND: any(metric.money_kind for metric in metrics),
        TOKENS: provider.collect is not None,
        HISTORY: provider.collect is not None or provider.spec.history,
        HOOKS: provider.hook is not None,
    }
    return [name for name in ALL if has[name]]


def state(account_ids: Sequence[str], statuses: Mapping[str, str], *, installed: bool) -> str:
    """How the provider stands on this machine, in words."""
    if not account_ids:
        return "installed, not used yet" if installed else "not found"
    known = {statuses.get(account_id, "") for account_id in account_ids}
    return next((words for status, words in _WORST_FIRST if status in known), "found")


def info(
    provider: Provider,
    account_ids: Sequence[str],
    statuses: Mapping[str, str],
    *,
    installed: bool,
) -> ProviderInfo:
    """One provider on the wire."""
    spec = provider.spec
    labels = {metric.key: metric.label for metric in spec.metrics}

    def widget(given: WidgetSpec) -> Widget:
        return Widget(
            gauges=[Gauge(metric=key, label=labels.get(key, key)) for key in given.gauges],
            sections=list(given.sections),
        )

    return ProviderInfo(
        id=spec.id,
        title=spec.title,
        kind=spec.kind,
        auth=spec.auth,
        description=spec.description,
        capabilities=of(provider),
        dashboard_widget=widget(spec.dashboard),
        detail_widget=widget(spec.detail),
        setup=spec.setup,
        variables=list(dict.fromkeys(key.name for key in spec.keys)),
        cookie_domain=spec.cookie.domain if spec.cookie else "",
        cookie_name=spec.cookie.name if spec.cookie else "",
        accounts=list(account_ids),
        state=state(account_ids, statuses, installed=installed),
        origin=registry.origin(spec.id),
    )
