"""
What detection finds, as values: keys, tools, signs of a sign-in, and where it has looked.

A key's text lives only in here, in memory.  It never shows in a repr, a log line or an answer:
what others see is `mask`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Final

from openusage_proto.values import dataclass

MATCHED: Final = "matched"
MISSED: Final = "missed"
SKIPPED: Final = "skipped"
UNREADABLE: Final = "unreadable"

_SHORT: Final = 12
_SHOWN: Final = 4


def mask(secret: str) -> str:
    """First and last four characters of a long secret, `****` for a short one."""
    secret = secret.strip()
    if len(secret) <= _SHORT:
        return "****" if secret else ""
    return f"{secret[:_SHOWN]}...{secret[-_SHOWN:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An environment variable that can hold a key, and the account that key belongs to."""

    name: str
    provider_id: str
    account_id: str
    short_names: tuple[str, ...] = ()
    """What Aider calls the provider in its `api-key` list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFinding:
    """A key and where it was found."""

    account_id: str
    provider_id: str
    value: str = field(repr=False)
    source: str
    """`env`, `codex_auth_json`, `shell_rc:PATH`, `dotenv:PATH`, `opencode_auth_json`,
    `aider_yaml:PATH`, `aider_dotenv:PATH`."""
    variable: str = ""

    @property
    def masked(self) -> str:
        """What may be shown of it."""
        return mask(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A sign that somebody is signed in: which account it speaks for, never the secret itself."""

    account_id: str
    provider_id: str
    source: str
    home: str = ""
    makes_account: bool = True
    """False when it only tells about accounts that other sources have found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One place that was looked at, for whom, and what came of it."""

    source: str
    """`binary`, `env`, `records`, `shell_rc`, `dotenv`, `aider`, `opencode`, `codex`, `keychain`,
    `file`."""
    place: str
    outcome: str
    provider_id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A tool's program."""

    provider_id: str
    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Everything one run has found; keys in order of precedence."""

    binaries: Sequence[Binary] = ()
    keys: Sequence[KeyFinding] = field(default=(), repr=False)
    presences: Sequence[Presence] = ()
    looks: Sequence[Look] = ()
    files: Sequence[str] = ()
    """Files whose change makes the run outdated, existing or not."""

    def of_provider(self, provider_id: str) -> Iterable[Look]:
        """Where was looked for one provider."""
        return (look for look in self.looks if look.provider_id == provider_id)
