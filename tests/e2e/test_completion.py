"""Row H02: completion as a person types it, in each shell on a real terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage_client.cli import COMMANDS
from tests.support.client import ENTRY
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.pty]

D_COMMANDS = sorted(command.name for command in COMMANDS if command.name.startswith("d"))
STARTED = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "--interactive"],
}
LOADED = {
    "bash": 'eval "$(openusage completion bash)"',
    "zsh": 'autoload -Uz compinit; compinit -u -D; eval "$(openusage completion zsh)"',
    "fish": "openusage completion fish | source",
}
PROMPTS = {
    "bash": "PS1='ready> '",
    "zsh": "PROMPT='ready> '; unsetopt PROMPT_SP",
    "fish": "function fish_prompt; echo -n 'ready> '; end",
}
LINES = [
    # typed, what stands on the line after one Tab
    ("openusage det", "openusage detect "),
    ("openusage daily --prov", "openusage daily --provider"),
    ("openusage tmux --glyphs asc", "openusage tmux --glyphs ascii"),
    ("openusage tmux unin", "openusage tmux uninstall"),
    ("openusage daily --no-col", "openusage daily --no-color"),
]


@pytest.fixture(params=STARTED)
def shell(request: pytest.FixtureRequest, isolated_home: str) -> Iterator[Terminal]:
    """An interactive shell that has loaded our completion, with `openusage` on its path."""
    name = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed: its completion cannot be tried here")
    program = Path(isolated_home, "bin", "openusage")
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {ENTRY} "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:/usr/local/bin:/usr/bin:/bin"
    with Terminal(STARTED[name], 100, 30, PATH=path) as terminal:
        terminal.send(f"{PROMPTS[name]}\r")
        terminal.wait_for("\nready> ")
        terminal.send(f"{LOADED[name]}; echo load''ed\r")
        terminal.wait_for("\nloaded", 30.0)
        terminal.send("\x0c")
        terminal.wait_until(lambda text: text.startswith("ready>") and "loaded" not in text)
        yield terminal


def test_h02_tab_completes_commands_flags_and_values(shell: Terminal) -> None:
    """H02: one Tab completes what is unambiguous: a command, a flag, a value, an action."""
    for typed, completed in LINES:
        shell.send(f"{typed}\t")
        shell.wait_until(
            lambda text, completed=completed: f"ready> {completed}" in text, 20.0, completed
        )
        shell.send("\x15\x0c")
        shell.wait_until(lambda text: text.strip() == "ready>", 20.0, "an empty line")


def test_h02_tab_lists_what_there_is(shell: Terminal) -> None:
    """H02: `openusage d` and Tab offers every command that begins so, and no other."""
    shell.send("openusage d\t\t")
    text = shell.wait_until(
        lambda text: all(name in text for name in D_COMMANDS), 20.0, ", ".join(D_COMMANDS)
    )
    assert "tmux" not in text
