"""`openusage accounts`: list accounts, store and forget their keys, add, change and remove them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from openusage_client import arguments, autostart
from openusage_client.commands import credential_input
from openusage_client.commands.detect import credential_cell
from openusage_client.decode import decode
from openusage_client.errors import EXIT_OK, UsageError
from openusage_client.rpc import Connection
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style, style_of, width_of
from openusage_proto import methods
from openusage_proto.messages import AccountInfo, Accounts
from openusage_proto.setup_messages import CredentialResult

TIMEOUT_S: Final = 90.0
"""A check asks a vendor, and a browser may wait for its user."""
_STORED: Final = "credentials.json"

_EPILOG: Final = """\
actions:
  list                  every account, where its key comes from, its state (the default)
  set-key ID            store an API key: typed unseen at a prompt, or read from a pipe
  connect ID            store a browser session: --browser NAME, or --paste for its cookie
  delete-key ID         forget the stored key and session
  add ID                add an account to the settings, or change the named fields of one
  remove ID             remove an account from the settings, and what was stored for it
  enable ID, disable ID a disabled account is neither read nor asked nor shown

examples:
  openusage accounts
  openusage accounts set-key openai
  pass show groq | openusage accounts set-key groq
  openusage accounts add work --provider openai --key-env OPENAI_WORK_KEY
  openusage accounts connect perplexity --browser firefox

A key is never an argument: it would stay in the shell's history and in the process list.
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("action", nargs="?", default="list", choices=_ACTIONS, metavar="ACTION")
    parser.add_argument("account", nargs="?", metavar="ID", help="id of the account")
    parser.add_argument("surplus", nargs="*", help=argparse.SUPPRESS)
    keys = parser.add_argument_group("set-key, connect")
    keys.add_argument(
        "--no-check", action="store_true", help="store it without asking the vendor first"
    )
    keys.add_argument("--browser", metavar="NAME", help="browser to read the cookie from")
    keys.add_argument("--paste", action="store_true", help="the cookie's value comes by hand")
    keys.add_argument("--yes", action="store_true", help="do not ask before a browser is read")
    fields = parser.add_argument_group("add")
    fields.add_argument(
        "--provider", metavar="NAME", help="which service, see `openusage providers`"
    )
    fields.add_argument("--title", help="what people see")
    fields.add_argument("--home", metavar="DIR", help="the tool's data directory")
    fields.add_argument("--key-env", metavar="VARIABLE", help="name of the variable with the key")
    fields.add_argument("--base-url", metavar="URL", help="instead of the vendor's address")
    for flag, words in (("--path", "a named path"), ("--option", "an option")):
        fields.add_argument(
            flag, metavar="NAME=VALUE", action="append", default=[], help=f"{words} of the provider"
        )
    arguments.add_json_flag(parser)
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    if options.surplus:
        # what stands there may be the key: it is not repeated
        raise UsageError(
            f"`openusage accounts {options.action}` takes one ID; a key is typed at the prompt or"
            " comes from a pipe, never as an argument"
        )
    if options.action == "list" and options.account:
        raise UsageError("`openusage accounts list` takes no ID")
    if options.action != "list" and not options.account:
        raise UsageError(f"`openusage accounts {options.action}` needs the ID of an account")
    with autostart.connect(autostart=not options.no_autostart, timeout_s=TIMEOUT_S) as connection:
        answer = _ACTIONS[options.action](connection, options)
    if options.json:
        json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    return EXIT_OK


def _list(connection: Connection, options: argparse.Namespace) -> Any:
    answer = connection.call(methods.ACCOUNTS)
    if not options.json:
        style = style_of(sys.stdout, no_color=options.no_color)
        accounts = decode(answer, Accounts).accounts
        for line in account_lines(accounts, width=width_of(sys.stdout), style=style):
            print(line)
    return answer


def account_lines(accounts: list[AccountInfo], *, width: int | None, style: Style) -> list[str]:
    """One row per account."""
    if not accounts:
        return ["There are no accounts yet: `openusage detect` says what was looked for."]
    table = Table(
        [
            Column("ACCOUNT", "<", shrink_to=12),
            Column("PROVIDER", "<", shrink_to=10),
            Column("STATUS", "<"),
            Column("CREDENTIAL", "<", rank=1, shrink_to=14),
            Column("SOURCE", "<", rank=2, shrink_to=14),
            Column("ADDRESS", "<", rank=3, shrink_to=16),
        ],
        [_row(account) for account in accounts],
    )
    return render([table], width, style)


def _row(account: AccountInfo) -> Row:
    status = account.status.lower().replace("_", " ") if account.enabled else "disabled"
    return Row(
        [
            account.account_id,
            account.provider_id or "-",
            status or "-",
            credential_cell(account.variable, account.credential),
            account.source or account.origin,
            account.base_url or account.home,
        ],
        "row" if account.enabled else "child",
    )


def _set_key(connection: Connection, options: argparse.Namespace) -> Any:
    key = credential_input.read_secret(f"API key for {options.account}")
    return _stored(
        connection.call(
            methods.CREDENTIAL_SET,
            account_id=options.account,
            key=key,
            check=not options.no_check,
        ),
        options,
    )


def _connect(connection: Connection, options: argparse.Namespace) -> Any:
    if bool(options.browser) == options.paste:
        raise UsageError("say where the session comes from: --browser NAME or --paste")
    given: dict[str, str]
    if options.paste:
        given = {"cookie": credential_input.read_secret(f"Cookie of {options.account}")}
    else:
        credential_input.explain(connection, options.account, options.browser)
        if not options.yes:
            credential_input.confirm()
        given = {"browser": options.browser}
    return _stored(
        connection.call(
            methods.CREDENTIAL_SET,
            account_id=options.account,
            check=not options.no_check,
            **given,
        ),
        options,
    )


def _stored(answer: Any, options: argparse.Namespace) -> Any:
    result = decode(answer, CredentialResult)
    if not options.json:
        checked = result.status.lower().replace("_", " ") or "not checked"
        print(f"stored {result.credential} for {result.account_id} ({checked})")
        if result.expires_at:
            print(f"it expires at {result.expires_at}")
    if result.shadowed_by:
        print(
            f"openusage: the key from {result.shadowed_by} counts before the stored one",
            file=sys.stderr,
        )
    return answer


def _delete_key(connection: Connection, options: argparse.Namespace) -> Any:
    answer = connection.call(methods.CREDENTIAL_DELETE, account_id=options.account)
    _say(options, f"forgot what was stored for {options.account}")
    return answer


def _add(connection: Connection, options: argparse.Namespace) -> Any:
    known = {item.account_id for item in _known(connection) if item.origin == "settings"}
    if not options.provider and options.account not in known:
        raise UsageError("a new account needs --provider; `openusage providers` lists them")
    record: dict[str, Any] = {"id": options.account}
    named = {
        "provider": options.provider,
        "title": options.title,
        "home": options.home,
        "api_key_env": options.key_env,
        "base_url": options.base_url,
        "provider_paths": _pairs(options.path, "--path"),
        "options": _pairs(options.option, "--option"),
    }
    record |= {name: value for name, value in named.items() if value}
    answer = connection.call(methods.SETTINGS_UPDATE, put_accounts=[record])
    _say(options, f"wrote {options.account} to {answer['path']}")
    return answer


def _remove(connection: Connection, options: argparse.Namespace) -> Any:
    account = next(
        (item for item in _known(connection) if item.account_id == options.account), None
    )
    if account is not None and account.enabled and account.origin != "settings":
        raise UsageError(
            f"{options.account} was detected ({account.origin}), so it would come back;"
            f" `openusage accounts disable {options.account}` hides it"
        )
    if account is None:
        listed = connection.call(methods.SETTINGS_GET)["settings"].get("accounts", [])
        if all(entry.get("id") != options.account for entry in listed):
            raise UsageError(_no_account(options.account))
    answer = connection.call(methods.SETTINGS_UPDATE, remove_accounts=[options.account])
    if account is not None and _STORED in (account.source, *account.unused_sources):
        connection.call(methods.CREDENTIAL_DELETE, account_id=options.account)
    _say(options, f"removed {options.account} from {answer['path']}")
    return answer


def _enable(connection: Connection, options: argparse.Namespace) -> Any:
    return _switch(connection, options, enabled=True)


def _disable(connection: Connection, options: argparse.Namespace) -> Any:
    return _switch(connection, options, enabled=False)


def _switch(connection: Connection, options: argparse.Namespace, *, enabled: bool) -> Any:
    """By the list of tiles, which every account can be in, a detected one, too."""
    name = options.account
    if name not in {item.account_id for item in _known(connection)}:
        raise UsageError(_no_account(name))
    settings = connection.call(methods.SETTINGS_GET)["settings"]
    entries: list[dict[str, Any]] = settings.get("dashboard", {}).get("providers", [])
    others = [entry for entry in entries if entry["account_id"] != name]
    mine = [entry for entry in entries if entry["account_id"] == name]
    entry = {**(mine[0] if mine else {}), "account_id": name, "enabled": enabled}
    answer = connection.call(
        methods.SETTINGS_UPDATE, changes={"dashboard": {"providers": [*others, entry]}}
    )
    if enabled and name in answer["settings"].get("disabled_accounts", []):
        # the account's own record switches it off
        answer = connection.call(
            methods.SETTINGS_UPDATE, put_accounts=[{"id": name, "enabled": True}]
        )
    _say(options, f"{name} is {'enabled' if enabled else 'disabled'}")
    return answer


def _no_account(name: str) -> str:
    return f"there is no account {name!r}; `openusage accounts` lists them"


def _known(connection: Connection) -> list[AccountInfo]:
    return decode(connection.call(methods.ACCOUNTS), Accounts).accounts


def _pairs(given: list[str], flag: str) -> dict[str, str]:
    pairs = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"{flag} wants NAME=VALUE")
        pairs[name] = value
    return pairs


def _say(options: argparse.Namespace, text: str) -> None:
    if not options.json:
        print(text)


_ACTIONS: Final[Mapping[str, Callable[[Connection, argparse.Namespace], Any]]] = {
    "list": _list,
    "set-key": _set_key,
    "connect": _connect,
    "delete-key": _delete_key,
    "add": _add,
    "remove": _remove,
    "enable": _enable,
    "disable": _disable,
}
