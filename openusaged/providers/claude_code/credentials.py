"""
The sign-in that Claude Code keeps: read at fetch time, never stored, never renewed.

Renewing would invalidate the refresh token Claude Code holds and sign the user out.
"""

from __future__ import annotations

import hashlib
import os
from typing import Final

import msgspec

from openusaged.core.models import Account
from openusaged.providers.base import Machine

KEYCHAIN_TOOL: Final = "/usr/bin/security"
KEYCHAIN_SERVICE: Final = "Claude Code-credentials"
KEYCHAIN_TIMEOUT_S: Final = 5.0
USAGE_SCOPE: Final = "user:profile"
"""Without it the vendor refuses to tell the limits; tokens of `claude setup-token` lack it."""

_MAX_FILE_BYTES: Final = 1 << 20


class OAuth(
    msgspec.Struct,
    rename={
        "access_token": "accessToken",
        "expires_at_ms": "expiresAt",
        "subscription_type": "subscriptionType",
        "rate_limit_tier": "rateLimitTier",
    },
):
    """The part of the sign-in that is needed; `expires_at_ms` is epoch milliseconds."""

    access_token: str = ""
    expires_at_ms: float | None = None
    scopes: list[str] | None = None
    subscription_type: str | None = ""
    rate_limit_tier: str | None = ""

    def __repr__(self) -> str:
        """Without the token: an exception or a log line may show this."""
        return f"OAuth(expires_at_ms={self.expires_at_ms}, scopes={self.scopes})"


class _File(msgspec.Struct, rename={"oauth": "claudeAiOauth"}):
    oauth: OAuth | None = None


def read_oauth(
    account: Account, machine: Machine, *, keychain_tool: str = KEYCHAIN_TOOL
) -> OAuth | None:
    """
    The account's sign-in: from the keychain on macOS, else `.credentials.json` of its home.

    When there are both, the one that is valid for longer.  None when there is none.
    """
    texts: list[bytes] = []
    if machine.platform == "darwin":
        for service in _services(account, machine):
            secret = _keychain_secret(keychain_tool, service)
            if secret:
                texts.append(secret)
                break
    texts.append(_file_text(os.path.join(account.home, ".credentials.json")))
    found = [oauth for oauth in map(_oauth_of, texts) if oauth is not None]
    return max(found, key=lambda oauth: oauth.expires_at_ms or 0.0, default=None)


def plan_name(oauth: OAuth) -> str:
    """`Max 20x`, `Pro`, `Team` ... for people; empty when the sign-in does not say."""
    plan = (oauth.subscription_type or "").replace("_", " ").strip().title()
    size = ""
    for part in (oauth.rate_limit_tier or "").split("_"):
        if part[:-1].isdigit() and part.endswith("x"):
            size = part
    return f"{plan} {size}".strip() if plan else ""


def _services(account: Account, machine: Machine) -> tuple[str, ...]:
    if account.home == os.path.join(machine.home, ".claude"):
        return (KEYCHAIN_SERVICE,)
    # Homes set by CLAUDE_CONFIG_DIR have an entry of their own, in older versions a shared one.
    digest = hashlib.sha256(account.home.encode()).hexdigest()[:8]
    return (f"{KEYCHAIN_SERVICE}-{digest}", KEYCHAIN_SERVICE)


def _keychain_secret(tool: str, service: str) -> bytes:
    import subprocess  # on macOS only: a scanner starts faster without

    try:
        done = subprocess.run(
            [tool, "find-generic-password", "-s", service, "-w"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=KEYCHAIN_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _file_text(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_FILE_BYTES)
    except OSError:
        return b""


def _oauth_of(text: bytes) -> OAuth | None:
    try:
        oauth = msgspec.json.decode(text, type=_File).oauth
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return oauth if oauth is not None and oauth.access_token else None
