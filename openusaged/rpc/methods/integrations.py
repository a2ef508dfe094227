"""`integrations`, `integration_install`, `integration_uninstall`: hooks in other tools."""

from __future__ import annotations

from openusage_proto.integration_messages import (
    IntegrationInstallParams,
    IntegrationResult,
    Integrations,
    IntegrationsParams,
    IntegrationUninstallParams,
    StatuslineInstallParams,
    StatuslineUninstallParams,
    StatuslineWiring,
)
from openusage_proto.methods import (
    INTEGRATION_INSTALL,
    INTEGRATION_UNINSTALL,
    INTEGRATIONS,
    STATUSLINE_INSTALL,
    STATUSLINE_UNINSTALL,
)
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(INTEGRATIONS)
def integrations(ctx: RpcContext, params: IntegrationsParams) -> Integrations:
    """How hooks are wired into each tool, and whether their events arrive."""
    return ctx.app.setting_up.integrating.overview(params)  # type: ignore[no-any-return]


@method(INTEGRATION_INSTALL)
def integration_install(ctx: RpcContext, params: IntegrationInstallParams) -> IntegrationResult:
    """Wire hooks into a tool, or show what that would change."""
    return ctx.app.setting_up.integrating.install(params)  # type: ignore[no-any-return]


@method(INTEGRATION_UNINSTALL)
def integration_uninstall(ctx: RpcContext, params: IntegrationUninstallParams) -> IntegrationResult:
    """Take hooks out of a tool, or show what that would change."""
    return ctx.app.setting_up.integrating.uninstall(params)  # type: ignore[no-any-return]


@method(STATUSLINE_INSTALL)
def statusline_install(ctx: RpcContext, params: StatuslineInstallParams) -> StatuslineWiring:
    """Put our status line into Claude Code's settings, or show what that would change."""
    return ctx.app.setting_up.integrating.install_statusline(params)  # type: ignore[no-any-return]


@method(STATUSLINE_UNINSTALL)
def statusline_uninstall(ctx: RpcContext, params: StatuslineUninstallParams) -> StatuslineWiring:
    """Take our status line out and bring back what it stood in for."""
    return ctx.app.setting_up.integrating.uninstall_statusline(params)  # type: ignore[no-any-return]
