"""`providers`, `accounts`, `settings_get`, `refresh`: what the daemon knows and looks after."""

from __future__ import annotations

from openusage_proto.messages import (
    Accounts,
    AccountsParams,
    Providers,
    ProvidersParams,
    RefreshParams,
    RefreshResult,
    SettingsGetParams,
    SettingsResult,
)
from openusage_proto.methods import ACCOUNTS, PROVIDERS, REFRESH, SETTINGS_GET
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(PROVIDERS)
def providers(ctx: RpcContext, params: ProvidersParams) -> Providers:
    """Every provider with its capabilities and what its tile and detail view show."""
    del params
    return ctx.app.setting_up.providers()  # type: ignore[no-any-return]


@method(ACCOUNTS)
def accounts(ctx: RpcContext, params: AccountsParams) -> Accounts:
    """Every account, where its records lie and why it exists."""
    del params
    return ctx.app.setting_up.accounts()  # type: ignore[no-any-return]


@method(SETTINGS_GET)
def settings_get(ctx: RpcContext, params: SettingsGetParams) -> SettingsResult:
    """The effective settings and what was wrong with the file."""
    del params
    return ctx.app.setting_up.settings_view()  # type: ignore[no-any-return]


@method(REFRESH)
def refresh(ctx: RpcContext, params: RefreshParams) -> RefreshResult:
    """Detect, scan and poll now, within what the vendors allow."""
    return ctx.app.refresh(params)  # type: ignore[no-any-return]
