"""`openusage providers`: what each service can tell, and how it stands on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from openusage_client import arguments, autostart
from openusage_client.decode import decode
from openusage_client.errors import EXIT_OK
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style, style_of, width_of
from openusage_proto import methods
from openusage_proto.messages import ProviderInfo, Providers

CAPABILITIES: Final = ("quota", "spend", "tokens", "history", "hooks")
_BUILT_IN: Final = "built-in"


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = (
        "quota    limits of a plan or key        tokens   read from the tool's own records\n"
        "spend    money or credits               history  days before OpenUsage was installed\n"
        "hooks    turns are pushed the moment they end\n\n"
        "examples:\n  openusage providers\n"
        "  openusage providers --json | jq '.providers[] | select(.state != \"not found\") | .id'\n"
    )
    arguments.add_json_flag(parser)
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Print the capability matrix."""
    with autostart.connect(autostart=not options.no_autostart) as connection:
        answer = connection.call(methods.PROVIDERS)
    if options.json:
        json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return EXIT_OK
    style = style_of(sys.stdout, no_color=options.no_color)
    for line in provider_lines(
        decode(answer, Providers).providers, width=width_of(sys.stdout), style=style
    ):
        print(line)
    return EXIT_OK


def provider_lines(providers: list[ProviderInfo], *, width: int | None, style: Style) -> list[str]:
    """One row per provider; those on this machine first, then by name."""
    ordered = sorted(providers, key=lambda item: (not item.accounts, item.id))
    table = Table(
        [
            Column("PROVIDER", "<", shrink_to=12),
            Column("KIND", "<", rank=2),
            Column("AUTH", "<", rank=1),
            *(Column(name.upper(), "<") for name in CAPABILITIES),
            Column("STATE", "<", shrink_to=10),
            Column("FROM", "<", rank=3, shrink_to=10),
        ],
        [_row(item) for item in ordered],
    )
    return render([table], width, style)


def _row(item: ProviderInfo) -> Row:
    marks = ["yes" if name in item.capabilities else "-" for name in CAPABILITIES]
    count = f" ({len(item.accounts)})" if len(item.accounts) > 1 else ""
    plug_in = "" if item.origin == _BUILT_IN else item.origin
    return Row(
        [item.id, item.kind, item.auth, *marks, f"{item.state}{count}", plug_in],
        "row" if item.accounts else "child",
    )
