"""
`openusage statusline` with flags; without any, `bin/openusage` goes straight to the fast path.

Same line, same guarantees: always prints something, always exits 0, never starts the daemon.
"""

from __future__ import annotations

import argparse

from openusage_client import statusline


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = (
        "Claude Code runs it for you once it is wired, in ~/.claude/settings.json:\n"
        '  "statusLine": {"type": "command", "command": "openusage statusline"}\n'
    )
    parser.add_argument("--ascii", action="store_true", help="no emoji and no other non-ASCII")
    parser.add_argument("--no-color", action="store_true", help="plain text (as with NO_COLOR)")


def run(options: argparse.Namespace) -> int:
    """Print the line and return 0."""
    return statusline.main(color=not options.no_color, ascii_only=options.ascii)
