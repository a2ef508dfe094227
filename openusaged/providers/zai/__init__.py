"""
Z.AI: coding-plan windows, usage of the last week by model and tool, and credits.

kind: api
reads: ~/.chelper/config.yaml, GET /models and /api/monitor/usage of api.z.ai or open.bigmodel.cn
env: ZAI_API_KEY, ZHIPUAI_API_KEY
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from openusaged.core.models import Account, UsageSnapshot
from openusaged.providers.base import (
    FetchContext,
    KeyVariable,
    Machine,
    MetricSpec,
    Provider,
    ProviderSpec,
    WidgetSpec,
)
from openusaged.providers.shared.homes import name_homes
from openusaged.providers.shared.places import listed

HELPER_ACCOUNT: Final = "zai-coding-plan-auto"
HOME_VARIABLE: Final = "OPENUSAGE_ZAI_HOME"


def _percent(key: str, label: str, window: str) -> MetricSpec:
    return MetricSpec(key=key, label=label, unit="%", window=window)


def _amount(key: str, label: str, unit: str, window: str) -> MetricSpec:
    kind = "credits" if unit == "credits" else ""
    return MetricSpec(key=key, label=label, unit=unit, window=window, money_kind=kind)


SPEC: Final = ProviderSpec(
    id="zai",
    title="Z.AI",
    description="GLM coding plan: 5-hour and weekly limits, MCP calls, usage by model, credits",
    kind="api",
    auth="api_key",
    history=True,
    setup="Set ZAI_API_KEY (or ZHIPUAI_API_KEY for the mainland), or use the coding helper.",
    base_url="https://api.z.ai",
    keys=(
        KeyVariable(name="ZAI_API_KEY", account_id="zai", short_names=("zai", "zhipuai")),
        KeyVariable(name="ZHIPUAI_API_KEY", account_id="zhipuai-auto"),
    ),
    binaries=("chelper",),
    home_variable=HOME_VARIABLE,
    metrics=(
        _percent("usage_five_hour", "5-hour limit", "5h"),
        _percent("usage_daily", "Daily limit", "1d"),
        _percent("usage_weekly", "Weekly limit", "7d"),
        _percent("usage_monthly", "Monthly limit", "month"),
        _percent("usage_window", "Limit", ""),
        _amount("tokens_five_hour", "Tokens, 5 hours", "tokens", "5h"),
        _amount("tokens_weekly", "Tokens, week", "tokens", "7d"),
        _amount("credits_five_hour", "Plan credits, 5 hours", "credits", "5h"),
        _amount("credits_weekly", "Plan credits, week", "credits", "7d"),
        _amount("mcp_monthly_usage", "MCP calls", "calls", "month"),
        MetricSpec(
            key="credit_balance",
            label="Credits",
            unit="USD",
            window="current",
            money_kind="billed",
            moves="balance",
        ),
        _amount("credit_active_grants", "Grants with credit left", "grants", "current"),
        _amount("credit_expiring_30d", "Grants that expire within 30 days", "grants", "30d"),
        _amount("today_requests", "Requests today", "requests", "1d"),
        _amount("today_tokens", "Tokens today", "tokens", "1d"),
        _amount("7d_requests", "Requests, 7 days", "requests", "7d"),
        _amount("7d_tokens", "Tokens, 7 days", "tokens", "7d"),
        _amount("active_models", "Models used", "models", "7d"),
        _amount("today_tool_calls", "Tool calls today", "calls", "1d"),
        _amount("7d_tool_calls", "Tool calls, 7 days", "calls", "7d"),
        _amount("tool_calls", "Calls of the tool", "calls", "7d"),
        _amount("available_models", "Models on offer", "models", "current"),
    ),
    dashboard=WidgetSpec(gauges=("usage_five_hour", "usage_weekly", "mcp_monthly_usage")),
    detail=WidgetSpec(
        gauges=("usage_five_hour", "usage_weekly", "usage_monthly", "mcp_monthly_usage"),
        sections=("models", "reported", "tools"),
    ),
    # Five calls a poll to addresses that the vendor does not document.
    min_poll_s=120.0,
)


def roots(machine: Machine) -> list[str]:
    """Where the vendor's coding helper keeps its settings."""
    return listed(HOME_VARIABLE, machine) or [os.path.join(machine.home, ".chelper")]


def discover(machine: Machine) -> Iterator[Account]:
    """
    The subscription that the coding helper was set up with.

    Its file is read (a few hundred bytes): without plan and key it says nothing, and a key that is
    also in the environment is the same subscription and not a second account.
    """
    for account_id, home in name_homes(HELPER_ACCOUNT, roots(machine), (".chelper",)):
        path = os.path.join(home, "config.yaml")
        if not os.path.isfile(path):
            continue
        from openusaged.providers.zai import helper_file

        settings = helper_file.read(path)
        known = {machine.env.get(variable.name, "").strip() for variable in SPEC.keys}
        if not (settings.plan or settings.api_key) or settings.api_key in known - {""}:
            continue
        yield Account(
            id=account_id,
            provider_id=SPEC.id,
            title="Z.AI coding plan",
            home=home,
            paths={"config": path},
            options={"plan_type": settings.plan} if settings.plan else {},
            origin=f"file:{path}",
        )


def fetch(context: FetchContext, account: Account) -> UsageSnapshot:
    """
    Windows of the plan, usage of seven days and credits.

    Raises:
        AuthRequired, RateLimited, Unreachable, UpstreamChanged: as the list of models or the
            limits of the plan failed.
    """
    from openusaged.providers.zai import plan_api

    return plan_api.fetch(context, account, SPEC)


PROVIDER: Final = Provider(spec=SPEC, discover=discover, roots=roots, fetch=fetch)
