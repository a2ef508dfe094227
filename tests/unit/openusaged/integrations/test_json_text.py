"""JSON with positions: what is read, what is refused where, and single edits of every style."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusaged.integrations.json_edit import JsonText, is_array, is_object
from openusaged.integrations.json_syntax import MAX_DEPTH, SyntaxProblem, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)  # fmt: skip


@given(VALUES, st.sampled_from([None, 0, 1, 4, "\t"]), st.booleans())
def test_every_document_is_read_as_json_reads_it(value, indent, comments) -> None:
    """The tree means what the standard library says, in both dialects."""
    text = json.dumps(value, indent=indent)
    assert parse(text, comments=comments).plain() == value


@given(st.text(alphabet='{}[]",:\\/*01e-. \ntruefalsn', max_size=30))
def test_what_json_refuses_is_refused(text: str) -> None:
    """The strict dialect accepts exactly what the standard library accepts (as text)."""
    try:
        wanted = json.loads(text)
    except ValueError:
        with pytest.raises(SyntaxProblem):
            parse(text)
    else:
        assert parse(text).plain() == wanted


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("", 1, 1, "the file ends"),
        ('{"a": 1', 1, 8, "a comma or '}' is expected, the file ends"),
        ('{\n  "a": tru\n}', 2, 8, "a value is expected, not 't'"),
        ('{\n  "a": 1,\n}', 2, 9, "a comma behind the last entry"),
        ('{\n  // mine\n  "a": 1\n}', 2, 3, "a comment, which this file cannot have"),
        ('{"a": /* b */ 1}', 1, 7, "a comment"),
        ("{a: 1}", 1, 2, "a key in double quotes is expected, not 'a'"),
        ('{"a" 1}', 1, 6, "a colon is expected, not '1'"),
        ('{"a": "b\n"}', 1, 7, "a string that does not end on its line"),
        ('{"a": 1} x', 1, 10, "something stands behind the end"),
        ("[1 2]", 1, 4, "a comma or ']' is expected, not '2'"),
        ("NaN", 1, 1, "a value is expected"),
        ("/", 1, 1, "a value is expected, not '/'"),
        ("[" * 200 + "]" * 200, 1, MAX_DEPTH + 2, "nested deeper"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, line: int, column: int, says: str) -> None:
    """Line and column count from one and point at the first character that is wrong."""
    with pytest.raises(SyntaxProblem) as caught:
        parse(text)
    problem = caught.value
    assert (problem.line, problem.column) == (line, column)
    assert says in problem.reason


@pytest.mark.parametrize("text", ["{ /* open", "{ / }", '{"a" // b'])
def test_broken_comments(text: str) -> None:
    """A comment without end is a mistake in the dialect with comments, too."""
    with pytest.raises(SyntaxProblem):
        parse(text, comments=True)


def test_of_a_repeated_key_the_last_one_counts() -> None:
    """As for the agents themselves, which read with JavaScript and serde."""
    text = JsonText('{"a": 1, "a": {"b": 2}}')
    assert text.value(("a", "b")) == 2
    assert text.raw(("a",)) == '{"b": 2}'


def test_positions_and_kinds() -> None:
    """A value can be pointed at; what is not there is None or an error."""
    text = JsonText('{\n  "a": [1, {"b": null}]\n}\n')
    assert text.position(()) == (1, 1)
    assert text.position(("a", 1, "b")) == (2, 18)
    assert is_array(text.node(("a",)))
    assert is_object(text.node(("a", 1)))
    assert not is_object(text.node(("c",)))
    assert text.node(("a", 7)) is None
    assert text.node(("a", 0, "x")) is None
    assert text.value(("c",)) is None
    for change in (text.raw, text.remove):
        with pytest.raises(KeyError):
            change(("c",))


# A document, the path to add at, the key (None for arrays), and how it looks afterwards.
ADDED = [
    ("{}", (), "k", '{\n  "k": [\n    "v"\n  ]\n}'),
    ("{ }\n", (), "k", '{\n  "k": [\n    "v"\n  ]\n}\n'),
    ('{"a":1}', (), "k", '{"a":1,"k":["v"]}'),
    ('{"a": 1}', (), "k", '{"a": 1, "k": ["v"]}'),
    ('{"a": [1,2], "b":3}', ("a",), None, '{"a": [1,2,["v"]], "b":3}'),
    ('{"a": []}', ("a",), None, '{"a": [["v"]]}'),
    ('{\n\t"a": 1\n}', (), "k", '{\n\t"a": 1,\n\t"k": [\n\t\t"v"\n\t]\n}'),
    ('{\n "a": {}\n}', ("a",), "k", '{\n "a": {\n  "k": [\n   "v"\n  ]\n }\n}'),
    ('{\r\n  "a": 1\r\n}', (), "k", '{\r\n  "a": 1,\r\n  "k": [\r\n    "v"\r\n  ]\r\n}'),
    ('{\n"a": 1\n}', (), "k", '{\n"a": 1,\n"k": [\n  "v"\n]\n}'),
    ('{\n  "a": [1,\n    2]\n}', ("a",), None,
     '{\n  "a": [1,\n    2,\n    [\n      "v"\n    ]]\n}'),
    ('[\n  {"a": 1}, {"b": 2}\n]', (), None, '[\n  {"a": 1}, {"b": 2}, ["v"]\n]'),
]  # fmt: skip


@pytest.mark.parametrize(("before", "path", "key", "after"), ADDED)
def test_added_in_the_style_of_the_file(before, path, key, after) -> None:
    """A new entry is indented and broken into lines as its neighbours are."""
    text = JsonText(before)
    text.add(path, ["v"], key)
    assert text.text == after


# The same with comments and trailing commas.
COMMENTED = [
    ('{\n  "a": 1 // of a\n}', (), "k", '{\n  "a": 1, // of a\n  "k": 5\n}'),
    ('{\n  "a": 1, // of a\n}', (), "k", '{\n  "a": 1, // of a\n  "k": 5,\n}'),
    ('{\n  "a": 1 /* of a */ /* too */\n  // of the end\n}', (), "k",
     '{\n  "a": 1, /* of a */ /* too */\n  "k": 5\n  // of the end\n}'),
    ('{"a": [1, 2, ]}', ("a",), None, '{"a": [1, 2, 5, ]}'),
    ('{ // nothing yet\n}', (), "k", '{ // nothing yet\n  "k": 5\n}'),
    ('{\r\n  "a": 1 // of a\r\n}', (), "k", '{\r\n  "a": 1, // of a\r\n  "k": 5\r\n}'),
]  # fmt: skip


@pytest.mark.parametrize(("before", "path", "key", "after"), COMMENTED)
def test_added_beside_comments(before, path, key, after) -> None:
    """A comment stays with what it is about, a trailing comma stays a habit."""
    text = JsonText(before, jsonc=True)
    text.add(path, 5, key)
    assert text.text == after


def is_empty(before: str, path: tuple[object, ...]) -> bool:
    node = JsonText(before, jsonc=True).node(path)
    assert node is not None
    return not node.entries


@pytest.mark.parametrize(
    ("before", "path", "key"),
    [case[:3] for case in [*ADDED, *COMMENTED] if not is_empty(case[0], case[1])],
)
def test_removing_is_the_opposite_of_adding(before, path, key) -> None:
    """What was added and is taken out again leaves every byte as it was."""
    text = JsonText(before, jsonc=True)
    text.add(path, {"x": [1, {"y": 2}]}, key)
    entries = text.node(path).entries
    text.remove((*path, key if key is not None else len(entries) - 1))
    assert text.text == before


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ('{"k": 1, "b": 2}', ("k",), '{ "b": 2}'),
        ('{\n  "k": 1,\n  "b": 2\n}', ("k",), '{\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "k": 1,\n  "b": 2\n}', ("k",), '{\n  "a": 1,\n  "b": 2\n}'),
        ('{\n  "a": 1, // a\n  // about k\n  "k": 1, // k\n}', ("k",),
         '{\n  "a": 1, // a\n  // about k // k\n}'),
        ("[1]", (0,), "[]"),
    ],
)  # fmt: skip
def test_removed_from_any_place(before, path, after) -> None:
    """First, middle, last and only entries go with one comma, comments of others stay."""
    text = JsonText(before, jsonc=True)
    text.remove(path)
    assert text.text == after


def test_replaced_in_place() -> None:
    """Only the value changes."""
    text = JsonText('{ "a" : [1,  2] , "b":0 }')
    text.replace(("a",), '"x"')
    assert text.text == '{ "a" : "x" , "b":0 }'
