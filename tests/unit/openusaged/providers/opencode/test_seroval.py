"""Reading the console's JavaScript answers."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.core.errors import UpstreamChanged
from openusaged.providers.opencode.seroval import MAX_CHARS, parse


def wrapped(literal: str) -> str:
    head = ';0x0000021c;((self.$R=self.$R||{})["server-fn:3"]=[],($R=>$R[0]='
    return f'{head}{literal})($R["server-fn:3"]))'


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("{a:1,b:-2.5,c:1e3}", {"a": 1, "b": -2.5, "c": 1000.0}),
        (
            "{a:!0,b:!1,c:null,d:void 0,e:undefined}",
            dict(zip("abcde", (True, False, *[None] * 3), strict=True)),
        ),
        ('{"a b":"x,foo:{1}",c:\'it\\\'s\'}', {"a b": "x,foo:{1}", "c": "it's"}),
        ('{a:"\\u00e9\\x41\\n\\\\\\"/"}', {"a": 'éA\n\\"/'}),
        (
            "{a:$R[1]={b:[1,2,]},c:$R[1],d:$R[9]}",
            {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": None},
        ),
        ('[$R[1]=new Date("2026-06-01T00:00:00.000Z"),$R[1]]', ["2026-06-01T00:00:00.000Z"] * 2),
        (
            "{ 1 : 12n , big : 1234567890123456789012345678901 }",
            {"1": 12, "big": 1.2345678901234568e30},
        ),
        ("($R[1]={a:1},$R[1])", {"a": 1}),
        ("()", None),
        ("new Date()", None),
        (".5", 0.5),
    ],
)
def test_literals_are_read(literal, expected):
    """Every literal of the format has its value; strings are taken as they are."""
    assert parse(wrapped(literal)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        wrapped("{a:alert(1)}"),
        wrapped("{a:new Map()}"),
        wrapped("{a 1}"),
        wrapped("{a:1"),
        wrapped("[1 2]"),
        wrapped("{:1}"),
        wrapped("[" * 200),
        wrapped('new Date("a"'),
        wrapped("!"),
        wrapped('"open'),
        "=>" + " " * MAX_CHARS,
    ],
)
def test_anything_else_is_refused(text):
    """Code, damage and depth are a change of the vendor, never a value or a crash."""
    with pytest.raises(UpstreamChanged):
        parse(text)


@given(st.text(alphabet="{}[]():,!\"'\\$R=>0123newDate.-nullvoid \n", max_size=60))
def test_no_text_crashes_the_reader(text):
    """Whatever stands there is read or refused."""
    with contextlib.suppress(UpstreamChanged):
        parse("=>" + text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.from_regex(r"[a-z]{1,4}", fullmatch=True), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
def test_what_was_written_is_read(value):
    """Any value of objects, lists, texts and numbers comes back as it was."""
    assert parse(wrapped(written(value))) == value


def written(value) -> str:
    if isinstance(value, bool):
        return "!0" if value else "!1"
    if value is None:
        return "null"
    if isinstance(value, str):
        plain = "".join(
            f"\\u{ord(c):04x}" if not c.isalnum() and ord(c) < 0x10000 else c for c in value
        )
        return f'"{plain}"'
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{written(inner)}" for name, inner in value.items()) + "}"
    return str(value)
