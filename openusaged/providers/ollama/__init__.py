"""
Ollama: chats of the desktop app, the local server, and the windows of the cloud plan.

kind: agent
reads: Ollama/db.sqlite, ~/.ollama/logs/server*.log, ~/.ollama/server.json, the local server on port 11434, POST /api/me and GET /api/usage of ollama.com
env: OLLAMA_API_KEY, OLLAMA_HOST, OLLAMA_SESSION_COOKIE, OPENUSAGE_OLLAMA_HOME
"""  # noqa: E501 - one fact, one line

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, SourceCursor, UsageSnapshot
from openusaged.providers.base import (
    Chunk,
    CollectContext,
    CookieSpec,
    FetchContext,
    KeyVariable,
    MetricSpec,
    Provider,
    ProviderSpec,
    Unit,
    WidgetSpec,
)
from openusaged.providers.ollama import paths

_SPANS: Final = (("5h", "5 hours"), ("1d", "24 hours"))


def _count(key: str, label: str, unit: str, window: str = "current") -> MetricSpec:
    return MetricSpec(key=key, label=label, unit=unit, window=window)


def _log_metrics() -> tuple[MetricSpec, ...]:
    """What the server's access log tells, over each of two spans."""
    kinds = (
        ("requests", "Requests", "requests"),
        ("chat_requests", "Chat requests", "requests"),
        ("generate_requests", "Generate requests", "requests"),
        ("http_4xx", "Refused requests", "responses"),
        ("http_5xx", "Failed requests", "responses"),
        ("avg_latency_ms", "Mean latency", "ms"),
    )
    return tuple(
        _count(f"{key}_{span}", f"{label}, {words}", unit, span)
        for key, label, unit in kinds
        for span, words in _SPANS
    )


SPEC: Final = ProviderSpec(
    id="ollama",
    title="Ollama",
    description="Chats and tools of the desktop app, models and requests of the server, cloud plan",
    kind="agent",
    auth="local",
    setup="Nothing to do for a local Ollama; set OLLAMA_API_KEY for the windows of the cloud plan.",
    keys=(KeyVariable(name="OLLAMA_API_KEY", account_id="ollama-cloud"),),
    cookie=CookieSpec(domain="ollama.com", name="__Secure-session"),
    binaries=("ollama",),
    home_variable=paths.HOME_VARIABLE,
    metrics=(
        MetricSpec(key="usage_five_hour", label="Session usage", unit="%", window="5h"),
        MetricSpec(key="usage_weekly", label="Weekly usage", unit="%", window="7d"),
        MetricSpec(key="usage_monthly", label="Monthly usage", unit="%", window="month"),
        MetricSpec(
            key="extra_usage_cost",
            label="Spend beyond the plan, 4 weeks",
            unit="USD",
            window="28d",
            money_kind="billed",
        ),
        _count("models_total", "Models", "models"),
        _count("models_local", "Local models", "models"),
        _count("models_cloud", "Cloud models", "models"),
        _count("model_storage_bytes", "Storage of models", "bytes"),
        _count("loaded_models", "Loaded models", "models"),
        _count("loaded_model_bytes", "Memory of loaded models", "bytes"),
        _count("loaded_vram_bytes", "GPU memory of loaded models", "bytes"),
        _count("context_window", "Largest loaded context", "tokens"),
        *_log_metrics(),
        _count("estimated_tokens_1d", "Desktop chats, estimated tokens, 24 hours", "tokens", "1d"),
        _count("estimated_tokens_7d", "Desktop chats, estimated tokens, 7 days", "tokens", "7d"),
    ),
    dashboard=WidgetSpec(
        gauges=("usage_five_hour", "usage_weekly", "usage_monthly"), sections=("models",)
    ),
    detail=WidgetSpec(
        gauges=("usage_five_hour", "usage_weekly", "usage_monthly"),
        sections=("models", "tools", "reported", "trend"),
    ),
    min_poll_s=120.0,
)


def collect(
    account: Account, unit: Unit, cursor: SourceCursor | None, context: CollectContext
) -> Iterator[Chunk]:
    """
    Messages and tool calls of the desktop app that are new since the cursor.

    Raises:
        DatabaseUnreadable: locked, corrupt or no database.
    """
    from openusaged.providers.ollama import desktop

    yield from desktop.collect(account, unit, cursor, context)


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    The state of the local server, or the windows of the cloud plan for an account of the cloud.

    Raises:
        AuthRequired, RateLimited, Unreachable, UpstreamChanged: as the first call failed.
    """
    if paths.is_cloud(account):
        from openusaged.providers.ollama import cloud_api

        return cloud_api.fetch(context, account, SPEC)
    from openusaged.providers.ollama import local_api

    return local_api.fetch(context, account, SPEC)


PROVIDER: Final = Provider(
    spec=SPEC,
    discover=paths.discover,
    units=paths.units,
    collect=collect,
    locate=paths.locate,
    watch=paths.watch,
    roots=paths.roots,
    fetch=fetch,
)
