"""`detect`, `credential_set`, `credential_delete`, `settings_update`: what a user sets up."""

from __future__ import annotations

from openusage_proto.messages import SettingsResult
from openusage_proto.methods import CREDENTIAL_DELETE, CREDENTIAL_SET, DETECT, SETTINGS_UPDATE
from openusage_proto.setup_messages import (
    CredentialDeleteParams,
    CredentialResult,
    CredentialSetParams,
    DetectParams,
    DetectResult,
    SettingsUpdateParams,
)
from openusaged.rpc.context import RpcContext
from openusaged.rpc.registry import method


@method(DETECT)
def detect(ctx: RpcContext, params: DetectParams) -> DetectResult:
    """Look for tools, keys and sign-ins now, and say what was found where."""
    del params
    return ctx.app.setting_up.detect()  # type: ignore[no-any-return]


@method(CREDENTIAL_SET)
def credential_set(ctx: RpcContext, params: CredentialSetParams) -> CredentialResult:
    """Store an API key or a browser session of an account, checked with its vendor."""
    return ctx.app.setting_up.credential_set(params)  # type: ignore[no-any-return]


@method(CREDENTIAL_DELETE)
def credential_delete(ctx: RpcContext, params: CredentialDeleteParams) -> CredentialResult:
    """Forget the stored key and browser session of an account."""
    return ctx.app.setting_up.credential_delete(params)  # type: ignore[no-any-return]


@method(SETTINGS_UPDATE)
def settings_update(ctx: RpcContext, params: SettingsUpdateParams) -> SettingsResult:
    """Change settings or accounts in the settings file, all of it or nothing."""
    return ctx.app.setting_up.settings_update(params)  # type: ignore[no-any-return]
