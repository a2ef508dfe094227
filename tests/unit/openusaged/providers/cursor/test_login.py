"""Whose login is used, and that only its owner's name leaves the token."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing

import pytest

from openusaged.core.errors import AuthRequired
from openusaged.core.models import Account
from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.cursor.login import Login, read_login, user_id_of


def jwt(subject: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"sub": subject}).encode()).decode()
    return f"e30.{payload.rstrip('=')}.sk-planted-0001"


def ide_login(home, token: str, membership: str = "pro") -> None:
    path = home / ".config/Cursor/User/globalStorage/state.vscdb"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE ItemTable (key TEXT UNIQUE, value BLOB)")
        connection.executemany(
            "INSERT INTO ItemTable VALUES (?, ?)",
            [
                ("cursorAuth/accessToken", json.dumps(token).encode()),
                ("cursorAuth/stripeMembershipType", membership),
            ],
        )


def command_line_login(home, text: str) -> None:
    path = home / ".config/cursor/auth.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)


@pytest.fixture
def context(tmp_path):
    machine = Machine(env={}, home=str(tmp_path))
    return FetchContext(machine=machine, http=None, now_ms=lambda: 0)  # type: ignore[arg-type]


ACCOUNT = Account(id="cursor-ide", provider_id="cursor")


@pytest.mark.parametrize(
    ("token", "user"),
    [
        (jwt("auth0|user_1"), "user_1"),
        (jwt("user_2"), "user_2"),
        (jwt(7), ""),
        ("opaque", ""),
        ("a.!!.c", ""),
        ("a.e30.c", ""),
        ("a.AAAA.c", ""),
    ],
)
def test_owner_is_what_the_claims_say(token, user):
    """The user's id comes from the token's own claims; anything else has none."""
    assert user_id_of(token) == user


def test_login_of_the_ide_is_read(tmp_path, context):
    """The token of the state database is used as it is, without its quotes."""
    ide_login(tmp_path, jwt("auth0|user_1"))
    login = read_login(context, ACCOUNT)
    assert (login.user_id, login.token) == ("user_1", jwt("auth0|user_1"))
    assert "planted" not in repr(login)


def test_login_of_the_command_is_used_where_there_is_no_ide(tmp_path, context):
    """Without the IDE the file of the command's login serves."""
    command_line_login(tmp_path, json.dumps({"accessToken": jwt("user_3")}))
    assert read_login(context, ACCOUNT).user_id == "user_3"


@pytest.mark.parametrize(
    ("membership", "ide", "winner"),
    [
        ("free", "user_1", "user_3"),
        ("free", "user_3", "user_3"),
        ("pro", "user_1", "user_1"),
    ],
)
def test_forgotten_free_login_gives_way(tmp_path, context, membership, ide, winner):
    """A free login in the IDE gives way to another user's of the command line."""
    ide_login(tmp_path, jwt(f"auth0|{ide}"), membership)
    command_line_login(tmp_path, json.dumps({"accessToken": jwt("user_3")}))
    assert read_login(context, ACCOUNT).user_id == winner


@pytest.mark.parametrize("text", ["{", "[]", '{"accessToken": 5}'])
def test_nobody_is_signed_in(tmp_path, context, text):
    """Without a login the user is told how to get one."""
    command_line_login(tmp_path, text)
    with pytest.raises(AuthRequired, match="sign in"):
        read_login(context, ACCOUNT)


def test_damaged_database_holds_no_login(tmp_path, context):
    """A state database that cannot be read is nobody's login, not a crash."""
    path = tmp_path / ".config/Cursor/User/globalStorage/state.vscdb"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 200)
    with pytest.raises(AuthRequired):
        read_login(context, ACCOUNT)


def test_token_without_an_owner_makes_no_cookie():
    """The web site needs to know whose token it is; a half cookie is not sent."""
    assert Login(token="x", user_id="").cookie == ""
    assert Login(token="x", user_id="a b").cookie == "WorkosCursorSessionToken=a%20b%3A%3Ax"
