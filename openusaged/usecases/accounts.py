"""
Which accounts there are: those of the settings first, then what the machine tells.

Looked up at the start, on `refresh`, when a watched directory appears and when a source of keys
changes; never per poll.  Detected accounts live in memory only: the user's settings are never
rewritten with them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from openusage_proto.values import dataclass
from openusaged.core.models import Account
from openusaged.detect.findings import Detection
from openusaged.providers import registry
from openusaged.providers.base import Machine, Provider, Shallow
from openusaged.usecases.secrets import ENVIRONMENT, STORED, AccountSecrets

log = logging.getLogger(__name__)

NOTHING_DETECTED: Final = Detection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Accounts with their providers, and sentences about what could not be used."""

    accounts: list[tuple[Account, Provider]]
    warnings: list[str]

    @property
    def plain(self) -> list[Account]:
        """The accounts alone."""
        return [account for account, _ in self.accounts]


def find_accounts(
    machine: Machine,
    configured: Iterable[Account],
    *,
    auto_detect: bool = True,
    disabled: frozenset[str] = frozenset(),
    detection: Detection = NOTHING_DETECTED,
    secrets: AccountSecrets | None = None,
) -> Found:
    """
    All enabled accounts by id.

    A configured account keeps every field it has and is completed by the detected one of its id;
    a detected account of the same home, or of the same key at the same address, gives way to it.
    """
    providers = registry.load_all()
    search = _Search(providers, secrets)
    search.warnings += registry.problems()
    for account in configured:
        provider = providers.get(account.provider_id)
        if provider is None:
            search.warnings.append(
                f"accounts[{account.id}].provider: there is no provider {account.provider_id!r};"
                f" known: {', '.join(sorted(providers))}"
            )
            continue
        search.configure(_completed(account, provider, machine))
    if auto_detect:
        for provider in providers.values():
            for account in _discover(provider, machine, search.warnings):
                search.detect(account)
        for account in _from_keys(detection):
            search.detect(account)
        for account in _from_sign_ins(detection):
            search.detect(account, only_without_others=True)
    if secrets is not None:
        for account in _from_stored(secrets, providers):
            search.detect(account)
    return Found(accounts=search.result(disabled), warnings=search.warnings)


class _Search:
    """Accounts found so far, in order."""

    def __init__(self, providers: Mapping[str, Provider], secrets: AccountSecrets | None) -> None:
        self._providers = providers
        self._secrets = secrets
        self._accounts: dict[str, Account] = {}
        self._homes: set[tuple[str, str]] = set()
        self.warnings: list[str] = []

    def configure(self, account: Account) -> None:
        """Take an account of the settings."""
        self._accounts.setdefault(account.id, account)
        if account.home:
            self._homes.add((account.provider_id, account.home))

    def detect(self, account: Account, *, only_without_others: bool = False) -> None:
        """Take a detected account, or complete the one of its id with it."""
        if account.provider_id not in self._providers:
            return
        known = self._accounts.get(account.id)
        if known is not None:
            if known.provider_id == account.provider_id:
                self._accounts[account.id] = _filled(known, account)
            return
        others = [one for one in self._accounts.values() if one.provider_id == account.provider_id]
        if others and (only_without_others or any(self._same_key(account, one) for one in others)):
            return
        if account.home and (account.provider_id, account.home) in self._homes:
            return
        self._accounts[account.id] = account

    def _same_key(self, account: Account, other: Account) -> bool:
        """Whether both would ask the same vendor with the same key: one of them is enough."""
        if self._secrets is None or account.home:
            return False
        key = self._secrets.secret_of(account)
        default = self._providers[account.provider_id].spec.base_url
        addresses = {(one.base_url or default).rstrip("/") for one in (account, other)}
        return bool(key) and len(addresses) == 1 and key == self._secrets.secret_of(other)

    def result(self, disabled: frozenset[str]) -> list[tuple[Account, Provider]]:
        """The enabled accounts; those that would have the same title are told apart by their id."""
        pairs = [
            (account, self._providers[account.provider_id])
            for account in self._accounts.values()
            if account.id not in disabled
        ]
        titles = Counter(account.title or provider.spec.title for account, provider in pairs)
        return [
            (account, provider)
            if titles[title := account.title or provider.spec.title] == 1
            else (replace(account, title=f"{title} ({account.id})"), provider)
            for account, provider in pairs
        ]


def _from_keys(detection: Detection) -> Iterator[Account]:
    """One account per key, of the first source that has it."""
    for finding in detection.keys:
        source = finding.source
        yield Account(
            id=finding.account_id,
            provider_id=finding.provider_id,
            api_key_env=finding.variable,
            origin=f"{ENVIRONMENT}:{finding.variable}" if source == ENVIRONMENT else source,
        )


def _from_sign_ins(detection: Detection) -> Iterator[Account]:
    for presence in detection.presences:
        if presence.makes_account:
            yield Account(
                id=presence.account_id,
                provider_id=presence.provider_id,
                home=presence.home,
                origin=presence.source,
            )


def _from_stored(secrets: AccountSecrets, providers: Mapping[str, Provider]) -> Iterator[Account]:
    """Accounts that exist only because the user stored a key or connected a browser."""
    stored = secrets.credentials.read()
    for account_id in dict.fromkeys((*stored.keys, *stored.sessions)):
        provider_id = provider_of_account(account_id, providers)
        if provider_id:
            yield Account(id=account_id, provider_id=provider_id, origin=STORED)
        else:
            log.info("event=stored_key_unused account=%s", account_id)


def provider_of_account(account_id: str, providers: Mapping[str, Provider]) -> str:
    """The provider whose key or cookie makes an account of this id by default, or ""."""
    for provider in providers.values():
        if any(key.account_id == account_id for key in provider.spec.keys):
            return provider.id
    namesake = providers.get(account_id.replace("-", "_"))
    if namesake is None or not (namesake.spec.cookie or namesake.spec.keys):
        return ""
    return namesake.id


def _filled(account: Account, found: Account) -> Account:
    """`account` with what it leaves open taken from `found`."""
    same_home = account.home in {"", found.home}
    return replace(
        account,
        title=account.title or found.title,
        home=account.home or found.home,
        paths={**(found.paths if same_home else {}), **account.paths},
        api_key_env=account.api_key_env or found.api_key_env,
        base_url=account.base_url or found.base_url,
        options={**found.options, **account.options},
    )


def roots_of(provider: Provider, machine: Machine) -> list[str]:
    """Where the provider's records would lie; one that fails (a plug-in, perhaps) has none."""
    if provider.roots is None:
        return []
    try:
        return list(dict.fromkeys(provider.roots(machine)))
    except Exception:
        log.exception("event=roots_failed provider=%s", provider.id)
        return []


def watched_of(account: Account, provider: Provider, machine: Machine) -> list[str | Shallow]:
    """Directories of an account to watch; a provider that fails costs its own notifications."""
    if provider.watch is None:
        return []
    try:
        return list(provider.watch(account, machine))
    except Exception:
        log.exception("event=watch_failed provider=%s account=%s", provider.id, account.id)
        return []


def _discover(provider: Provider, machine: Machine, warnings: list[str]) -> list[Account]:
    if provider.discover is None:
        return []
    try:
        return list(provider.discover(machine))
    except Exception as error:
        log.exception("event=discover_failed provider=%s", provider.id)
        warnings.append(f"{provider.id}: detection failed: {type(error).__name__}: {error}")
        return []


def _completed(account: Account, provider: Provider, machine: Machine) -> Account:
    """A configured account with what the provider would find in the same home."""
    if not account.home or account.paths:
        return account
    variable = provider.spec.home_variable
    if not variable:
        return account
    there = Machine(
        env={**machine.env, variable: account.home}, home=machine.home, platform=machine.platform
    )
    for found in _discover(provider, there, []):
        completed = _filled(account, found)
        return replace(completed, home=found.home)
    return account
