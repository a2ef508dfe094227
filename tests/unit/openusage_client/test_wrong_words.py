"""Row H22: a mistyped flag, date, zone, number or word is exit 2 with a sentence, everywhere."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable

import pytest

from openusage_client.cli import COMMANDS, parser_of

Run = Callable[..., tuple[int, str, str]]
Action = argparse.Action
HINTS = {
    "iso_date": "write YYYY-MM-DD",
    "time_zone": "write e.g. Europe/Paris or UTC",
    "whole_number": "write e.g. 10",
    "positive_number": "write e.g. 10",
    "positive_amount": "write e.g. 200",
    "number": "write e.g. 90",
    "runtime": "write 300ms or 1s",
    "_count": "no number from 0 to 500",
    "tokens": "250k",
    "segments": "there is no segment",
    "theme": "there are: ",
    "minutes": "write ",
    "percents": "write ",
}
"""What a refusal says, by the check of the flag; a new check needs its words here."""
NONSENSE = "qqq!"
BEFORE = {("budget", "amount"): ["set", "food"]}
"""Words that stand before a place."""

PARSERS = {
    command.name: parser_of(
        command, importlib.import_module(f"openusage_client.commands.{command.module}")
    )
    for command in COMMANDS
}


def actions(name: str) -> list[Action]:
    return list(PARSERS[name]._actions)


def cases(fits: Callable[[Action], bool]) -> list[object]:
    """Every flag or place of every command for which a check is wanted."""
    return [
        pytest.param(name, action, id=f"{name}-{action.dest}")
        for name in PARSERS
        for action in actions(name)
        if action.help != argparse.SUPPRESS and fits(action)
    ]


def lead(name: str) -> list[str]:
    """What a command cannot do without."""
    return [
        word
        for action in actions(name)
        if action.required and action.nargs is None
        for word in (action.option_strings[-1:] or [min(action.choices or ["-"])])
        + ["-"] * bool(action.option_strings)
    ]


def words(name: str, action: Action, value: str) -> list[str]:
    """A command line on which only this value is wrong."""
    if action.option_strings:
        return [name, *lead(name), f"{action.option_strings[-1]}={value}"]
    return [name, *BEFORE.get((name, action.dest), []), value]


def check(run: Run, arguments: list[str], *says: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, ""), (arguments, err)
    for text in says:
        assert text in err, (arguments, err)
    assert "Traceback" not in err


@pytest.mark.parametrize("name", PARSERS)
def test_h22_unknown_flags_are_named(run: Run, name: str) -> None:
    """H22: an unknown flag is named, and where to look; a letter that is none is named, too."""
    check(run, [name, "--frobnicate"], "there is no flag --frobnicate", f"openusage {name} --help")
    check(run, [name, *lead(name), "-Q"], "-Q")


@pytest.mark.parametrize(
    ("name", "action"), cases(lambda action: any(len(o) > 6 for o in action.option_strings))
)
def test_h22_the_flag_that_was_meant_is_offered(run: Run, name: str, action: Action) -> None:
    """H22: one letter too many, and the refusal says the flag."""
    flag = action.option_strings[-1]
    wrong = flag + flag[-1]
    check(run, [name, wrong], f"there is no flag {wrong}; did you mean {flag}?")


@pytest.mark.parametrize(("name", "action"), cases(lambda action: action.type is not None))
def test_h22_values_of_another_form_are_refused(run: Run, name: str, action: Action) -> None:
    """H22: what is no date, zone, number or time is quoted, with the form that works."""
    kind = getattr(action.type, "__name__", "")
    assert kind in HINTS, f"{name} {action.dest}: say in HINTS what a refusal by {kind} says"
    check(run, words(name, action, NONSENSE), NONSENSE, HINTS[kind])


@pytest.mark.parametrize(("name", "action"), cases(lambda action: bool(action.choices)))
def test_h22_unknown_words_list_the_known(run: Run, name: str, action: Action) -> None:
    """H22: where only some words are possible, the refusal says which."""
    check(run, words(name, action, NONSENSE), NONSENSE, *map(str, action.choices or ()))


@pytest.mark.parametrize(
    ("name", "action"),
    cases(lambda action: bool(action.option_strings) and action.nargs != 0),
)
def test_h22_a_flag_without_its_value_is_refused(run: Run, name: str, action: Action) -> None:
    """H22: a flag at the end of the line that wants a value says so."""
    check(
        run, [name, action.option_strings[-1]], action.option_strings[-1], "expected one argument"
    )


@pytest.mark.parametrize("name", PARSERS)
def test_h22_surplus_words_are_refused(run: Run, name: str) -> None:
    """H22: what stands where nothing may stand is quoted."""
    code, out, err = run(name, *lead(name), *["surplus-word"] * 5)
    assert (code, out) == (2, ""), err
    assert "surplus-word" in err or "takes" in err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("dayly", "daily"), ("montly", "monthly"), ("tmx", "tmux"), ("privcy", "privacy")],
)
def test_h22_the_command_that_was_meant_is_offered(run: Run, typed: str, meant: str) -> None:
    """H22: a mistyped command says which one is close."""
    check(run, [typed], f"there is no command '{typed}'", f"did you mean `openusage {meant}`?")


@pytest.mark.parametrize("name", [n for n in PARSERS if "--until" in str(actions(n))])
def test_h22_a_range_that_ends_before_it_begins(run: Run, name: str) -> None:
    """H22: the two days are quoted with what to do."""
    arguments = [
        name,
        *(["total"] if name == "explain" else lead(name)),
        "--since",
        "2026-03-02",
        "--until",
        "2026-03-01",
    ]
    check(run, arguments, "--since 2026-03-02 is after --until 2026-03-01; swap them")
