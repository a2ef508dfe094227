"""One top-level key of a TOML text: set, replaced and removed to the byte."""

from __future__ import annotations

import pytest

from openusaged.integrations.json_syntax import SyntaxProblem
from openusaged.integrations.toml_edit import TomlText, render, strings

LINE = 'notify = ["/p y", "a\\"b"]'
VALUE = ["/p y", 'a"b']


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{LINE}\n"),
        ('model = "x"\n', f'model = "x"\n{LINE}\n'),
        ('model = "x"', f'model = "x"\n{LINE}'),
        ('model = "x"\r\n[t]\r\n', f'model = "x"\r\n{LINE}\r\n[t]\r\n'),
        ("# only tables\n[t]\na = 1\n", f"{LINE}\n\n# only tables\n[t]\na = 1\n"),
        ("\n[t]\n", f"{LINE}\n\n[t]\n"),
        (
            'a = [ # [x]\n  "[y]", """\n[z]\n""" ]\n\n# about t\n[t]\nnotify = 3\n',
            f'a = [ # [x]\n  "[y]", """\n[z]\n""" ]\n{LINE}\n\n# about t\n[t]\nnotify = 3\n',
        ),
        ('"k=[" = \'"\' # c\n[[t]]\n', f'"k=[" = \'"\' # c\n{LINE}\n[[t]]\n'),
        ('a.b = {c = "]"}\n', f'a.b = {{c = "]"}}\n{LINE}\n'),
        ('s = """x\\""""\n[t]\n', f's = """x\\""""\n{LINE}\n[t]\n'),
        ("d = 2026-01-01\ne = 1.5   # e\n", f"d = 2026-01-01\ne = 1.5   # e\n{LINE}\n"),
    ],
)
def test_inserted_above_the_first_table_and_taken_out_again(before: str, after: str) -> None:
    """The key lands where it counts; removing it gives the same bytes."""
    text = TomlText(before)
    added = text.insert("notify", VALUE)
    assert text.text == after
    assert text.values["notify"] == VALUE
    text.remove("notify", added)
    assert text.text == before


def test_without_a_record_the_line_goes() -> None:
    """What was written by hand is removed with its line and nothing else."""
    text = TomlText(f"a = 1\n\n  {LINE} # mine\nb = 2\n[t]\n")
    text.remove("notify")
    assert text.text == "a = 1\n\nb = 2\n[t]\n"


def test_a_record_that_does_not_fit_is_ignored() -> None:
    """Somebody has edited the line since: the line goes, not what the record says."""
    text = TomlText(f"{LINE}  # mine\n\n[t]\n")
    text.remove("notify", f"{LINE}\n\n")
    assert text.text == "\n[t]\n"


def test_replaced_in_place() -> None:
    """Comment, spacing and quotes around the key stay; the old text can be put back."""
    before = "'notify' =  [ 'a', # one\n  \"b\",\n]   # c\n[t]\n"
    text = TomlText(before)
    raw = text.raw("notify")
    assert strings(raw) == ["a", "b"]
    text.replace("notify", render(["z"]))
    assert text.text == "'notify' =  [\"z\"]   # c\n[t]\n"
    text.replace("notify", raw)
    assert text.text == before


def test_what_is_not_there() -> None:
    """A missing key is an error of the caller."""
    text = TomlText("[t]\nnotify = 1\n")
    assert text.statement("notify") is None
    for change in (text.raw, text.remove, lambda key: text.replace(key, "1")):
        with pytest.raises(KeyError):
            change("notify")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a = 1\nb = = 2\n", 2, 5),
        ("a = [1,\n", 2, 1),
        ("x\n", 1, 2),
        ('a = "\n', 1, 6),
        ('a = """\n\n', 3, 1),
        ("\n[t\n", 2, 3),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, line: int, column: int) -> None:
    """Line and column count from one and point at what is wrong, or at the end of the file."""
    with pytest.raises(SyntaxProblem) as caught:
        TomlText(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert " at line " not in caught.value.reason


def test_a_repeated_key_is_refused() -> None:
    """What TOML forbids beyond its grammar is a mistake, too."""
    with pytest.raises(SyntaxProblem):
        TomlText("a = 1\na = 2\n")


def test_a_change_that_reaches_further_is_refused() -> None:
    """A text that would change another key's value is not taken over."""
    text = TomlText('notify = ["a"]\nb = 1\n')
    with pytest.raises(SyntaxProblem, match="without changing other keys"):
        text.replace("notify", '["a"]\nc = 2')
    assert text.text == 'notify = ["a"]\nb = 1\n'


@pytest.mark.parametrize("raw", ['"a"', "[1]", '["a", 1]', "[["])
def test_strings_of_what_is_no_list_of_strings(raw: str) -> None:
    """Codex refuses anything else; so do we."""
    assert strings(raw) is None
