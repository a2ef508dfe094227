"""Codes, slugs and the client's view of an error."""

from __future__ import annotations

import pytest

from openusage_proto import errors
from openusage_proto.errors import CODES, RpcError


def test_every_slug_has_one_code_of_its_own() -> None:
    """Slugs and codes belong together, in both directions, and ours stay out of the reserved range."""
    constants = {
        value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)
    }
    assert set(CODES) == constants
    assert len(set(CODES.values())) == len(CODES)
    assert all(code >= 1000 or -32768 <= code <= -32000 for code in CODES.values())


@pytest.mark.parametrize(
    ("data", "detail", "text"),
    [
        ({"detail": "no account x"}, "no account x", "unknown_account: no account x"),
        ({"detail": ""}, "unknown_account", "unknown_account"),
        ({}, "unknown_account", "unknown_account"),
        (None, "unknown_account", "unknown_account"),
        ("words", "words", "unknown_account: words"),
    ],
)
def test_detail_is_what_people_can_read(data: object, detail: str, text: str) -> None:
    """Words of the daemon when there are some, the slug otherwise."""
    error = RpcError(1010, "unknown_account", data)
    assert error.detail == detail
    assert str(error) == text
