"""Completion and manual pages are what the parsers say, and load where they are meant to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from openusage_client import command_docs
from openusage_client.cli import COMMANDS


def complete(script: Path, *words: str) -> set[str]:
    """What bash offers behind these words."""
    line = " ".join(f"'{word}'" for word in words)
    code = (
        f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _openusage;"
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_h02_bash_completes_commands_flags_and_values(tmp_path: Path) -> None:
    """H02: the script loads in bash and offers commands, flags, actions and their values."""
    script = tmp_path / "c.bash"
    script.write_text(command_docs.bash())
    assert {command.name for command in COMMANDS} <= complete(script, "openusage", "")
    assert complete(script, "openusage", "tm") == {"tmux"}
    assert complete(script, "openusage", "tmux", "--gl") == {"--glyphs"}
    assert complete(script, "openusage", "tmux", "--glyphs", "") == {"ascii", "unicode", "nerdfont"}
    assert "install" in complete(script, "openusage", "tmux", "i")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_h02_zsh_and_fish(shell: str, tmp_path: Path) -> None:
    """H02: every command is in the script, which its shell (where there is one) can read."""
    text = command_docs.SHELLS[shell]()
    assert all(command.name in text for command in COMMANDS)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: its script cannot be read here")
    script = tmp_path / "script"
    script.write_text(text)
    subprocess.run([shell, "-n", str(script)], check=True)


def test_every_command_has_a_page_of_the_same_words() -> None:
    """A manual page says what `--help` says of each flag."""
    pages = command_docs.man_pages()
    assert set(pages) == {"openusage.1", *(f"openusage-{c.name}.1" for c in COMMANDS)}
    for doc in command_docs.commands():
        page = pages[f"openusage-{doc.name}.1" if doc.name else "openusage.1"]
        for flag in doc.flags:
            assert flag.names[0].replace("-", "\\-") in page


def test_actions_and_hidden_flags() -> None:
    """Words that come first behind a command are offered; hidden flags are not."""
    docs = {doc.name: doc for doc in command_docs.commands()}
    assert {"install", "uninstall", "doctor"} <= set(docs["tmux"].actions)
    names = {name for flag in docs["statusline"].flags for name in flag.names}
    assert "--after" not in names
