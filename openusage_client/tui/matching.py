"""
Which accounts a filter's text finds: by name, provider, state, model, project or client.

Compared without regard to case and to how accents are composed, so that what is typed or pasted
finds what is shown.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from openusage_proto.messages import AccountSnapshot, ProviderInfo


def folded(text: str) -> str:
    """Text as it is compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def contains(names: Iterator[str] | Sequence[str], wanted: str) -> bool:
    """True when every word of `wanted` is part of one of the names."""
    haystack = folded("\n".join(names))
    return all(word in haystack for word in folded(wanted).split())


def matching(
    accounts: Sequence[AccountSnapshot], providers: Mapping[str, ProviderInfo], wanted: str
) -> list[AccountSnapshot]:
    """The accounts that a filter's text finds, in their order."""
    return [
        account
        for account in accounts
        if contains(_names(account, providers.get(account.provider_id)), wanted)
    ]


def _names(account: AccountSnapshot, provider: ProviderInfo | None) -> Iterator[str]:
    yield account.account_id
    yield account.title
    yield account.provider_id
    yield account.status.replace("_", " ")
    if provider is not None:
        yield provider.title
    usage = account.usage
    if usage is None:
        return
    for rows in (usage.models, usage.projects, usage.clients):
        for row in rows:
            # A project's name is its path, in which most words are found everywhere.
            yield row.label or row.name
