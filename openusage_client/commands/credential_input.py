"""
How a secret comes to the client: unseen at a prompt or from a pipe, never from the command line.

And what a user is told before a browser is read.
"""

from __future__ import annotations

import sys
from typing import Final

from openusage_client.decode import decode
from openusage_client.errors import UsageError
from openusage_client.rpc import Connection
from openusage_proto import locations, methods
from openusage_proto.messages import Accounts, ProviderInfo, Providers

MAX_CHARACTERS: Final = 64 << 10
_PROMPTING: Final = ("chrom", "edge", "brave", "vivaldi", "opera")


def read_secret(what: str) -> str:
    """
    A secret: typed unseen when there is a terminal, else the whole of standard input.

    Raises:
        UsageError: there is none, or it is more than one line.
    """
    if sys.stdin.isatty():
        import getpass

        secret = getpass.getpass(f"{what} (not shown while you type): ")
    else:
        secret = sys.stdin.read(MAX_CHARACTERS + 1)
    secret = secret.strip()
    if not secret:
        raise UsageError("no secret was given; type it at the prompt or pipe it in")
    if len(secret) > MAX_CHARACTERS or not secret.isprintable():
        raise UsageError("that is no key: one line of text is expected")
    return secret


def explain(connection: Connection, account_id: str, browser: str) -> None:
    """
    Say on stderr what will be read, kept and repeated, before it is.

    Raises:
        UsageError: the account's service takes no cookie.
    """
    provider = _provider(connection, account_id)
    if provider is None or not provider.cookie_name:
        raise UsageError(f"{account_id}: this account signs in without a browser")
    site, name = provider.cookie_domain.lstrip("."), provider.cookie_name
    lines = [
        f"Connecting {account_id} ({provider.title}) through {browser}:",
        f"  reads    the cookie {name} of {site}, no other one",
        f"  keeps    its value in {locations.credentials_path()}, readable for you only",
        f"  sends    it to {site} only, to ask for your usage",
        "  repeats  the reading at most every 10 minutes, to follow a renewed sign-in",
    ]
    if any(name in browser.lower() for name in _PROMPTING):
        lines.append("  prompts  the system may ask you to allow access to the browser's key")
    lines.append(f"`openusage accounts delete-key {account_id}` ends it.")
    print("\n".join(lines), file=sys.stderr)


def confirm() -> None:
    """
    Ask whether to go on.

    Raises:
        UsageError: no, or nobody is there to answer.
    """
    if not sys.stdin.isatty():
        raise UsageError("nobody can answer here; say --yes to have the browser read")
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was read")


def _provider(connection: Connection, account_id: str) -> ProviderInfo | None:
    """The provider of an account, or the one that an account of this id would have."""
    providers = decode(connection.call(methods.PROVIDERS), Providers).providers
    accounts = decode(connection.call(methods.ACCOUNTS), Accounts).accounts
    owner = next((item.provider_id for item in accounts if item.account_id == account_id), "")
    wanted = owner or account_id.replace("-", "_")
    return next((item for item in providers if item.id == wanted), None)
