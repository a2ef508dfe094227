"""`openusage demo`: look around without any AI tool."""

from __future__ import annotations

import argparse

from openusage_client import arguments, demo


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = (
        "Sample data is generated into a temporary directory that is removed at the end;\n"
        "your own files and the running daemon are not touched.\n\n"
        "examples:\n  openusage demo\n  openusage demo | cat\n  openusage demo --keep /tmp/demo\n"
    )
    parser.add_argument("--keep", metavar="DIR", help="use this directory and leave it behind")
    parser.add_argument("--no-color", action="store_true", help="plain text (as with NO_COLOR)")
    arguments.add_dashboard_flags(parser)
    arguments.add_zone_flag(parser)


def run(options: argparse.Namespace) -> int:
    """Show the demo."""
    return demo.run(options, keep=options.keep)
