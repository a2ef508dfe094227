"""
Changes to the settings that come over the wire: refused as a whole when one of them is unusable.

A file that a person edits is read leniently; a program that sets something is told what is wrong
instead, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from openusaged.config import settings_file
from openusaged.config.settings import parse, unknown_keys
from openusaged.core.errors import ConfigError

_LISTED_APART: Final = "accounts"


def update(
    path: str,
    env: Mapping[str, str],
    *,
    changes: Mapping[str, Any],
    put_accounts: Sequence[Mapping[str, Any]] = (),
    remove_accounts: Iterable[str] = (),
) -> None:
    """
    Merge `changes` into the file, then lay accounts over those of their id, then remove some.

    Raises:
        ConfigError: a key nobody knows, a value that cannot be used, an account that is not
            there, or a file that cannot be read or written; nothing has been changed.
    """
    if unknown := unknown_keys(changes):
        raise ConfigError(f"{', '.join(unknown)}: there is no such setting")
    if _LISTED_APART in changes and (put_accounts or remove_accounts):
        raise ConfigError("accounts: give either the whole list or single accounts")

    def change(document: dict[str, Any]) -> dict[str, Any]:
        changed = settings_file.merge(document, changes)
        _put(changed, put_accounts)
        _remove(changed, remove_accounts)
        before = set(parse(document, env)[1])
        problems = [text for text in parse(changed, env)[1] if text not in before]
        if problems:
            # what a reader of the file would do instead ("30 is used") does not happen here
            raise ConfigError("; ".join(text.rpartition("; ")[0] or text for text in problems))
        return changed

    settings_file.edit(path, change)


def _put(document: dict[str, Any], records: Sequence[Mapping[str, Any]]) -> None:
    """Each record replaces the fields it names of the account of its id, or is a new account."""
    if not records:
        return
    listed = document.get(_LISTED_APART)
    accounts = list(listed) if isinstance(listed, list) else []
    for record in records:
        ident = record.get("id")
        if not isinstance(ident, str) or not ident.strip():
            raise ConfigError("accounts: an account needs an id")
        at = next((n for n, known in enumerate(accounts) if _id_of(known) == ident.strip()), None)
        if at is None:
            accounts.append(settings_file.merge({}, record))
        else:
            accounts[at] = settings_file.merge(accounts[at], record)
    document[_LISTED_APART] = accounts


def _remove(document: dict[str, Any], ids: Iterable[str]) -> None:
    for ident in ids:
        listed = document.get(_LISTED_APART)
        accounts = listed if isinstance(listed, list) else []
        kept = [account for account in accounts if _id_of(account) != ident]
        if len(kept) == len(accounts):
            raise ConfigError(f"accounts: the settings have no account {ident!r}")
        document[_LISTED_APART] = kept


def _id_of(account: object) -> str:
    ident = account.get("id") if isinstance(account, Mapping) else None
    return ident.strip() if isinstance(ident, str) else ""
