"""One line of a shell start-up file at a time: what is certain is taken, the rest is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.detect.assignments import assignment, assignments


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("export K=v", "v"),
        ("K=v", "v"),
        ("export\tK=v", "v"),
        ("export  K='v'", "v"),
        ('export K="v"', "v"),
        ("export K=v # note", "v"),
        ("export K=v\t# note", "v"),
        ("export K='a b'", "a b"),
        ('export K="v" # note', "v"),
        ("export K='v'\t# note", "v"),
        ("export K=v;", "v"),
        ("export K=v ;", "v"),
        ("set -gx K v", "v"),
        ("set -x K v", "v"),
        ("set -Ux K 'a b'", "a b"),
        ('set -gx K "v"', "v"),
        ("set\t-gx\tK\tv", "v"),
        ("set --export K v", "v"),
        ("  K=v", "v"),
        ("    export K=v", "v"),
        ("K=v#x", "v#x"),
        ("K='$HOME'", "$HOME"),
        ("K='a # b'", "a # b"),
        ("K=sk-a_b.c/d+e=", "sk-a_b.c/d+e="),
    ],
)
def test_value_is_taken(line: str, value: str) -> None:
    """Every way to assign literally, in POSIX shells and fish."""
    assert assignment(line) == ("K", value)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "# export K=v",
        'export K="v";',
        'export K="v"; echo',
        "export K=v; echo",
        "set -g K v",
        "set -g -x K v",
        "set K v",
        "set -gx K",
        "K=$X",
        'K="$X"',
        "K=$(cmd)",
        "K=`cmd`",
        'K="`cmd`"',
        'K="a\\"b"',
        "K=a b",
        "K=",
        "K=''",
        'K=""',
        "=v",
        "K =v",
        "declare -x K=v",
        "typeset K=v",
        "export K",
        "1K=v",
        "K='v",
        'K="v',
        "K=a'b'",
        "K='a''b'",
        "alias x=y z",
        "if true; then",
    ],
)
def test_line_is_left_alone(line: str) -> None:
    """What the shell would still have to work on, and what is no assignment, gives nothing."""
    found = assignment(line)
    assert found is None or found[0] != "K"


def test_two_on_one_line_are_not_taken_apart() -> None:
    """`export A=1 B=2` is rare and ambiguous: neither is taken."""
    assert assignment("export A=1 B=2") is None


def test_file_is_read_in_order() -> None:
    """All assignments of a text, whatever stands between them."""
    text = "A=1\r\nif x; then\n  B=2\nfi\nA=3"
    assert list(assignments(text)) == [("A", "1"), ("B", "2"), ("A", "3")]


@given(st.text(max_size=200))
def test_no_text_is_too_odd(text: str) -> None:
    """Any file can be read, and no value of several words or with a `$` outside quotes comes out."""
    for name, value in assignments(text):
        assert name
        assert value
