"""
Which accounts there are: those of the settings first, then what the providers find on the machine.

Looked up at the start, on `refresh`, and when a watched directory appears; never per poll.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from openusaged.core.models import Account
from openusaged.providers import registry
from openusaged.providers.base import Machine, Provider

log = logging.getLogger(__name__)


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
) -> Found:
    """All enabled accounts by id; a configured one hides a detected one of its id or home."""
    providers = registry.load_all()
    accounts: dict[str, tuple[Account, Provider]] = {}
    homes: set[tuple[str, str]] = set()
    warnings: list[str] = []
    for account in configured:
        provider = providers.get(account.provider_id)
        if provider is None:
            warnings.append(
                f"accounts[{account.id}].provider: there is no provider {account.provider_id!r};"
                f" known: {', '.join(sorted(providers))}"
            )
            continue
        completed = _completed(account, provider, machine)
        accounts.setdefault(completed.id, (completed, provider))
        if completed.home:
            homes.add((completed.provider_id, completed.home))
    if auto_detect:
        for provider in providers.values():
            for account in _discover(provider, machine, warnings):
                if account.home and (account.provider_id, account.home) in homes:
                    continue
                accounts.setdefault(account.id, (account, provider))
    return Found(
        accounts=[pair for name, pair in accounts.items() if name not in disabled],
        warnings=warnings,
    )


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
        return Account(
            id=account.id,
            provider_id=account.provider_id,
            title=account.title or found.title,
            home=found.home,
            paths=found.paths,
            api_key_env=account.api_key_env,
            base_url=account.base_url,
            options=account.options,
            origin="settings",
        )
    return account
