"""
Messages about setting up: detection, credentials and changes to the settings.

Separate from `messages` because hooks, dashboard and reports never need them; the same rules hold.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from openusage_proto.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectParams:
    """No parameters: the machine is looked at anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedTool:
    """A tool whose program or records are on this machine."""

    provider_id: str
    title: str
    kind: str
    binary: str = ""
    records: list[str] = field(default_factory=list)
    """Directories that hold its records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedAccount:
    """
    An account and why it exists.

    `credential` is masked (`gsk_...9f3a`, `****`) or empty; `source` is where it comes from, `why`
    one reason per line.
    """

    account_id: str
    provider_id: str
    title: str
    auth: str
    origin: str
    credential: str = ""
    variable: str = ""
    source: str = ""
    home: str = ""
    why: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionSource:
    """One place that was looked at: `matched`, `missed`, `skipped` or `unreadable`, and why."""

    source: str
    place: str
    outcome: str
    provider_id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingProvider:
    """A provider without an account, where was looked for one, and what would make one."""

    provider_id: str
    title: str
    looked: list[str] = field(default_factory=list)
    setup: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectResult:
    """The answer of `detect`; no secret is in it."""

    detected_at: str
    tools: list[DetectedTool] = field(default_factory=list)
    accounts: list[DetectedAccount] = field(default_factory=list)
    missing: list[MissingProvider] = field(default_factory=list)
    sources: list[DetectionSource] = field(default_factory=list)
    providers: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSetParams:
    """
    Exactly one of `key`, `cookie` (its value) and `browser` (to read the cookie from).

    With `check` the vendor is asked with it first, at the account's own address, and nothing is
    stored unless that works.
    """

    account_id: str
    key: str | None = None
    cookie: str | None = None
    browser: str | None = None
    check: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialResult:
    """
    What is stored now for the account, masked.

    `status` and `message` are the vendor's answer, empty when it was not asked.  `shadowed_by`
    names a source that counts before the stored key.
    """

    account_id: str
    provider_id: str
    stored: bool
    credential: str = ""
    status: str = ""
    message: str = ""
    shadowed_by: str = ""
    expires_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialDeleteParams:
    """Forget the stored key and browser session of an account."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsUpdateParams:
    """
    A JSON merge patch, and single accounts to add, change or remove.

    `changes`: objects are merged, null removes a key, lists are replaced.  `put_accounts`: each
    object is laid over the account of its `id`.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    put_accounts: list[dict[str, Any]] = field(default_factory=list)
    remove_accounts: list[str] = field(default_factory=list)
