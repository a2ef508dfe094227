"""`openusage man`: manual pages, made from what `--help` says."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final

from openusage_client.errors import UsageError

_EPILOG: Final = """\
examples:
  openusage man daily | man -l -
  openusage man --directory ~/.local/share/man/man1     (then: man openusage-daily)
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("page", nargs="?", metavar="COMMAND", help="whose page (default: all)")
    parser.add_argument("--directory", metavar="DIR", help="write every page there")


def run(options: argparse.Namespace) -> int:
    """Print a page, or write all of them."""
    from openusage_client import command_docs

    pages = command_docs.man_pages()
    if options.directory:
        directory = os.path.expanduser(options.directory)
        os.makedirs(directory, exist_ok=True)
        for name, text in pages.items():
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text)
        print(f"wrote {len(pages)} pages to {directory}")
        return 0
    name = f"openusage-{options.page}.1" if options.page else "openusage.1"
    if name not in pages:
        raise UsageError(f"there is no command {options.page!r}; `openusage --help` lists them")
    sys.stdout.write(pages[name])
    return 0
