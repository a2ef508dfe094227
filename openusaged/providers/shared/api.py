"""What every provider that asks an API with a key does: find the key, build the address."""

from __future__ import annotations

from typing import Final

from openusaged.core.errors import AuthRequired
from openusaged.core.models import Account
from openusaged.providers.base import FetchContext, ProviderSpec

_ON: Final = frozenset({"1", "on", "true", "yes"})
_STORE_HINT: Final = "or store a key with `openusage accounts set-key`"


def require_key(context: FetchContext, account: Account, spec: ProviderSpec) -> str:
    """
    The account's API key.

    Raises:
        AuthRequired: there is none; the message names the variable to set.
    """
    key = context.secret_of(account).strip()
    if not key:
        variable = account.api_key_env or (spec.keys[0].name if spec.keys else "")
        where = f"set {variable} {_STORE_HINT}" if variable else _STORE_HINT.removeprefix("or ")
        raise AuthRequired(f"no API key: {where}")
    return key


def is_asked_for(account: Account, option: str) -> bool:
    """Whether the account's settings switch on a call that is not made without being asked for."""
    return account.options.get(option, "").strip().lower() in _ON


def base_url_of(account: Account, spec: ProviderSpec) -> str:
    """The account's base address, else the provider's, without a slash at the end."""
    return (account.base_url or spec.base_url).rstrip("/")


def versioned_url_of(account: Account, spec: ProviderSpec) -> str:
    """
    Like `base_url_of`, and the vendor's own host may be given without its version segment.

    `https://api.example.com` and `https://api.example.com/v1` then mean the same.  A gateway's
    address is taken as it is: only its owner knows what lies below it.
    """
    base = base_url_of(account, spec)
    host = "/".join(spec.base_url.split("/", 3)[:3])
    return spec.base_url.rstrip("/") if base == host else base


def bearer(key: str, context: FetchContext) -> dict[str, str]:
    """The headers most APIs want."""
    return {"Authorization": f"Bearer {key}", "User-Agent": context.user_agent}
