"""The key table and everything that must agree with it."""

from __future__ import annotations

from importlib import import_module

import pytest

from openusage_client.tui import actions, keymap
from openusage_client.tui.settings.model import CONTEXTS
from openusage_client.tui.views import screens


def test_every_command_of_the_table_exists_and_is_bound():
    """No dead key and no command that cannot be reached."""
    tables = [import_module(name).COMMANDS for name in set(actions.SCREEN_COMMANDS.values())]
    commands = [*actions.COMMANDS, *(name for table in tables for name in table)]
    assert len(commands) == len(set(commands))
    assert {row.command for row in keymap.KEYS} == set(commands)


def test_a_command_of_a_screen_is_found_by_its_first_word():
    """Each lies in the module that is imported for it."""
    for first, module in actions.SCREEN_COMMANDS.items():
        assert any(name.startswith(f"{first}.") for name in import_module(module).COMMANDS)
    for name in {row.command for row in keymap.KEYS} - set(actions.COMMANDS):
        first = name.partition(".")[0]
        assert name in import_module(actions.SCREEN_COMMANDS[first]).COMMANDS


def test_every_screen_is_a_context_and_can_be_left():
    """A screen without keys would be a trap."""
    contexts = {name for row in keymap.KEYS for name in row.contexts}
    # The settings have a context per tab.
    expected = {*screens.SCREENS, *keymap.TYPING, *CONTEXTS} - {"settings"}
    assert contexts == expected
    for name in expected - {*keymap.TYPING}:
        assert keymap.lookup(name, "q") == "quit"
        if name != "main":
            assert keymap.lookup(name, "Esc") == "back"


@pytest.mark.parametrize("context", screens.SCREENS)
def test_a_key_has_one_meaning_per_screen(context):
    """Two rows never fight over a key."""
    keys = [key for row in keymap.rows(context) for key in row.keys]
    assert len(keys) == len(set(keys))


def test_lookup_of_an_unbound_key_is_empty():
    """Other keys do nothing."""
    assert keymap.lookup("main", "Z") == ""
    assert keymap.lookup("help", "w") == ""


def test_rows_explain_themselves():
    """Help has a sentence for every row."""
    assert all(row.help for row in keymap.KEYS)
    assert keymap.key_text(keymap.KEYS[0]) == "↑ k"
    assert keymap.first_key(keymap.KEYS[0]) == "↑"
