"""Names the accounts of a tool that may have several homes: each directory once, each id once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator


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


def _name(path: str, own_names: Collection[str]) -> str:
    parts = [part for part in path.split(os.sep) if part]
    name = next((part for part in reversed(parts) if part not in own_names), "other")
    return name.lstrip(".") or "other"
