"""Cursors of units: what one says of its unit, and when its state may be used again."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from openusaged.core.models import Account
from openusaged.providers.base import Unit
from openusaged.providers.shared.cursors import document_state, resumed, state_of, unit_cursor
from openusaged.providers.shared.files import is_unchanged

ACCOUNT = Account(id="a", provider_id="p")
UNIT = Unit(path="/x/y.db", device=1, inode=2, size=30, mtime_ns=4)


class State(msgspec.Struct):
    """A reader's state."""

    position: int = 0


def test_cursor_of_a_finished_unit_says_that_nothing_is_left():
    """Until the unit changes it need not be opened, and all of it counts as read."""
    cursor = unit_cursor(ACCOUNT, UNIT, state=b"x", state_version=1, done=True)
    assert (cursor.source, cursor.account_id, cursor.path) == ("p", "a", UNIT.path)
    assert cursor.offset == UNIT.size
    assert is_unchanged(UNIT, cursor)


@pytest.mark.parametrize(("offset", "expected"), [(None, 0), (12, 12)])
def test_cursor_of_an_unfinished_unit_looks_unread(offset, expected):
    """A reader that dies half-way is called again, however far it came."""
    cursor = unit_cursor(ACCOUNT, UNIT, offset=offset, state_version=1, done=False)
    assert cursor.offset == expected
    assert not is_unchanged(UNIT, cursor)


def test_cursor_of_another_file_or_version_is_not_used():
    """A replaced database, or a reader of another version, starts from nothing."""
    cursor = unit_cursor(ACCOUNT, UNIT, state=b"x", state_version=1, done=True)
    assert state_of(UNIT, cursor, 1) == b"x"
    assert state_of(UNIT, cursor, 2) == b""
    assert state_of(UNIT, None, 1) == b""
    other = replace(UNIT, inode=UNIT.inode + 1, size=1, mtime_ns=1)
    replaced = unit_cursor(ACCOUNT, other, state=b"x", state_version=1, done=True)
    assert state_of(UNIT, replaced, 1) == b""


def test_document_keeps_its_state_in_another_file():
    """Tools rewrite documents by renaming a new file over the old one."""
    other = replace(UNIT, inode=UNIT.inode + 1)
    cursor = unit_cursor(ACCOUNT, other, state=b"x", state_version=1, done=True)
    assert document_state(cursor, 1) == b"x"
    assert document_state(cursor, 2) == b""
    assert document_state(None, 1) == b""


@pytest.mark.parametrize("state", [b"", b"\xc1", msgspec.msgpack.encode({"position": "far"})])
def test_damaged_state_costs_work_only(state):
    """Where nothing usable was left the reader begins anew."""
    assert resumed(state, State) == State()


def test_state_is_taken_up_as_it_was_left():
    """What a reader encodes is what the next pass begins with."""
    assert resumed(msgspec.msgpack.encode(State(position=7)), State).position == 7
