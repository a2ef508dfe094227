"""`openusage completion SHELL`: what a shell needs to complete commands, flags and their values."""

from __future__ import annotations

import argparse
import sys
from typing import Final

_SHELLS: Final = ("bash", "zsh", "fish")
_EPILOG: Final = """\
examples:
  eval "$(openusage completion bash)"                 (in ~/.bashrc)
  eval "$(openusage completion zsh)"                  (in ~/.zshrc, behind compinit)
  openusage completion fish > ~/.config/fish/completions/openusage.fish
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help="bash, zsh or fish")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from openusage_client import command_docs

    sys.stdout.write(command_docs.SHELLS[options.shell]())
    return 0
