"""`integrations`, `integration_install`, `integration_uninstall`: hooks in other tools."""

from __future__ import annotations

from openusage_proto.integration_messages import (
    IntegrationInstallParams,
    IntegrationResult,
    Integrations,
    IntegrationsParams,
    IntegrationUninstallParams,
)
from openusage_proto.methods import INTEGRATION_INSTALL, INTEGRATION_UNINSTALL, INTEGRATIONS
from openusaged.rpc.context import RpcContext
from openusaged.rpc.dispatch import method


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
