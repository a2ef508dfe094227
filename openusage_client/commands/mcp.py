"""`openusage mcp`: a Model Context Protocol server, so that agents can ask for their own usage."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from openusage_client import arguments
from openusage_client.errors import EXIT_OK, ClientError

_EPILOG: Final = """\
tools:
  usage      tokens, requests and cost of a period, per day, model, project, ...
  limits     plan windows, quotas and balances: used, reset, pace
  sessions   sessions of a period, or one with its turns
  explain    what a number is made of
  budget     what may be spent, what is, and whether the rest will do

An agent starts this itself:
  claude mcp add openusage -- openusage mcp
  codex mcp add openusage -- openusage mcp

It needs the protocol's SDK: pip install 'openusage[mcp]'
"""
_HINT: Final = """\
This speaks the Model Context Protocol on stdin and stdout; an agent starts it, for example after

  claude mcp add openusage -- openusage mcp

`openusage mcp --help` says more.
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until stdin ends."""
    try:
        from openusage_client.mcp import server
    except ModuleNotFoundError as error:
        raise ClientError(
            f"the Model Context Protocol's SDK is missing ({error.name});"
            " install it with: pip install 'openusage[mcp]'"
        ) from error
    if sys.stdin.isatty():
        print(_HINT, end="")
        return EXIT_OK
    return server.run(options)
