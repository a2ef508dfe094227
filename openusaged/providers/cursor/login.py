"""
The login to ask with: Cursor's own, read at every call, never refreshed and never written back.

Where it comes from, the first that exists: a browser cookie or a token the user stored, the state
database of the IDE, the file of the `cursor-agent` command.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from openusaged.core.errors import AuthRequired, ProviderError
from openusaged.core.models import Account
from openusaged.providers.base import FetchContext
from openusaged.providers.cursor import paths
from openusaged.providers.shared.json_values import as_object, as_text
from openusaged.providers.shared.sqlite_ro import open_read_only

COOKIE_NAME: Final = "WorkosCursorSessionToken"
MAX_FILE_BYTES: Final = 1 << 20

_KEYS: Final = ("cursorAuth/accessToken", "cursorAuth/stripeMembershipType")
_FREE: Final = "free"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Login:
    """A bearer token and whose it is; the user's id is "" when the token does not say."""

    token: str
    user_id: str

    @property
    def cookie(self) -> str:
        """The header value that the web site's own endpoints want, "" without a user's id."""
        if not self.user_id:
            return ""
        return f"{COOKIE_NAME}={quote(self.user_id, safe='')}%3A%3A{self.token}"


def read_login(context: FetchContext, account: Account) -> Login:
    """
    The account's login.

    Raises:
        AuthRequired: nobody is signed in here.
    """
    user_id, found, token = unquote(context.cookie_of(account)).strip().partition("::")
    if found and token:
        return Login(token=token, user_id=user_id)
    token = context.secret_of(account).strip() or _local_token(context, account)
    if not token:
        raise AuthRequired("Cursor is not signed in on this machine: open Cursor and sign in")
    return Login(token=token, user_id=user_id_of(token))


def user_id_of(token: str) -> str:
    """The user's id in a token's claims: `user_x` of `auth0|user_x`."""
    return as_text(_claims(token).get("sub")).rpartition("|")[2]


def _local_token(context: FetchContext, account: Account) -> str:
    token, membership = _of_database(paths.state_db(account, context.machine))
    command_line = ""
    for path in paths.command_line_logins(context.machine):
        command_line = command_line or _of_file(path)
    # Two logins: a free one in the IDE is the one that was forgotten there.
    if token and command_line and membership == _FREE:
        return token if user_id_of(token) == user_id_of(command_line) else command_line
    return token or command_line


def _of_database(path: str) -> tuple[str, str]:
    sql = f"SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM ItemTable WHERE key IN {_KEYS}"
    try:
        with open_read_only(path) as database:
            values = {bytes(key).decode(): _unquoted(value) for key, value in database.rows(sql)}
    except (ProviderError, TypeError, ValueError):
        return "", ""  # no database, or none of Cursor's: nobody is signed in there
    return values.get(_KEYS[0], ""), values.get(_KEYS[1], "").lower()


def _of_file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            login = as_object(msgspec.json.decode(file.read(MAX_FILE_BYTES)))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return as_text(login.get("accessToken"))


def _unquoted(value: Any) -> str:
    return bytes(value).decode().strip().strip('"')


def _claims(token: str) -> Any:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return as_object(msgspec.json.decode(payload))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return {}
