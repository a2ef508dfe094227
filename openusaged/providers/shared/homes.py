"""Makes the accounts of a tool that may have several homes: each directory once, each id once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator

from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.providers.shared.places import listed


def name_homes(
    account_id: str, homes: Iterable[str], own_names: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """
    (account id, directory) of each home, links resolved: the first bears the plain id.

    Further ones are `<id>:<folder>`, where directories called as in `own_names` say nothing and
    leave the word to the one above; equal names are numbered.
    """
    seen: set[str] = set()
    taken: set[str] = set()
    for home in homes:
        real = os.path.realpath(home)
        if real in seen:
            continue
        seen.add(real)
        wanted = candidate = f"{account_id}:{_name(home, own_names)}" if taken else account_id
        number = 2
        while candidate in taken:
            candidate, number = f"{wanted}-{number}", number + 1
        taken.add(candidate)
        yield candidate, home


def discover_homes(
    provider_id: str,
    title: str,
    homes: Iterable[str],
    machine: Machine,
    *,
    variable: str,
    further: str,
    own_names: Collection[str] = (),
) -> Iterator[Account]:
    """
    One account for all usual places, or one for each directory that the variable lists.

    Of the usual places the first is the account's home, the others are its paths, named `further`
    and a number.
    """
    if listed(variable, machine):
        for account_id, home in name_homes(provider_id, homes, own_names):
            if os.path.isdir(home):
                yield Account(
                    id=account_id,
                    provider_id=provider_id,
                    title=title,
                    home=home,
                    origin=f"env:{variable}",
                )
        return
    found = [home for home in homes if os.path.isdir(home)]
    if found:
        yield Account(
            id=provider_id,
            provider_id=provider_id,
            title=title,
            home=found[0],
            paths=further_paths(found[1:], further),
            origin="default",
        )


def further_paths(homes: Iterable[str], further: str) -> dict[str, str]:
    """More homes of one account as its named paths."""
    return {f"{further}{number}": home for number, home in enumerate(homes, start=2)}


def homes_of(account: Account, further: str) -> list[str]:
    """The account's home, if it has one, and its further ones."""
    homes = [path for key, path in account.paths.items() if key.startswith(further)]
    return [account.home, *homes] if account.home else homes


def _name(path: str, own_names: Collection[str]) -> str:
    parts = [part for part in path.split(os.sep) if part]
    name = next((part for part in reversed(parts) if part not in own_names), "other")
    return name.lstrip(".") or "other"
