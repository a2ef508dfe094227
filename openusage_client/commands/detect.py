"""`openusage detect`: what was found on this machine, why, and where the rest was looked for."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Final

from openusage_client import arguments, autostart
from openusage_client.decode import decode
from openusage_client.errors import EXIT_OK
from openusage_client.report_tables import wrap
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style, style_of, width_of
from openusage_proto import methods
from openusage_proto.setup_messages import DetectedAccount, DetectResult

TIMEOUT_S: Final = 60.0
NOTHING: Final = "No AI tools or API keys were found on this machine."
_NONE: Final = "  (none)"


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = (
        "Reads only; asks no vendor; shows keys masked.  Shell start-up files are read unless\n"
        "detect.shell_rc is false in the settings, .env files only if detect.dotenv is true.\n\n"
        "examples:\n  openusage detect\n  openusage detect --all      every place looked at\n"
        "  openusage detect --json | jq '.accounts[].account_id'\n"
    )
    parser.add_argument(
        "--all", action="store_true", help="also every place looked at, and every provider"
    )
    arguments.add_json_flag(parser)
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Have the daemon look, and print what it found."""
    with autostart.connect(autostart=not options.no_autostart, timeout_s=TIMEOUT_S) as connection:
        answer = connection.call(methods.DETECT)
    if options.json:
        json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return EXIT_OK
    style = style_of(sys.stdout, no_color=options.no_color)
    width = width_of(sys.stdout)
    for line in detect_lines(decode(answer, DetectResult), everything=options.all, width=width,
                             style=style):  # fmt: skip
        print(line)
    return EXIT_OK


def detect_lines(
    found: DetectResult, *, everything: bool, width: int | None, style: Style
) -> list[str]:
    """The whole page; no line wider than `width`."""
    lines = [] if found.tools or found.accounts else [NOTHING, ""]
    lines += [style.paint("Tools detected:", "bold"), *_indented(_tools(found), width, style)]
    lines += ["", style.paint("Accounts detected:", "bold")]
    lines += _indented(_accounts(found), width, style)
    lines.append("")
    if everything:
        lines += [style.paint("Why:", "bold"), *_reasons(found, width), ""]
    if found.missing:
        lines.append(style.paint("No credentials or records found for:", "bold"))
        for item in found.missing:
            lines.append(f"  - {item.provider_id}")
            if everything:
                hints = [*item.looked, *([f"to use it: {item.setup}"] if item.setup else [])]
                lines += [part for hint in hints for part in _wrapped(hint, width, "      ")]
    else:
        lines.append("Every registered provider has at least one account.")
    if everything:
        lines += ["", style.paint("Looked at:", "bold"), *_indented(_sources(found), width, style)]
        lines += ["", style.paint("All registered providers:", "bold")]
        lines += _wrapped(", ".join(found.providers), width, "  ")
    for warning in found.warnings:
        lines += [style.paint(part, "yellow") for part in wrap(f"warning: {warning}", width)]
    return lines


def credential_cell(variable: str, credential: str) -> str:
    """`$NAME=gsk_...9f3a`, a masked key alone, `$NAME (unset)`, or `-`."""
    if credential:
        return f"${variable}={credential}" if variable else credential
    return f"${variable} (unset)" if variable else "-"


def _tools(found: DetectResult) -> Table:
    return Table(
        [
            Column("TOOL", "<", shrink_to=12),
            Column("KIND", "<", rank=1),
            Column("PROGRAM", "<", shrink_to=16),
            Column("RECORDS", "<", rank=2, shrink_to=16),
        ],
        [
            Row([tool.title, tool.kind, tool.binary or "-", ", ".join(tool.records) or "-"])
            for tool in found.tools
        ],
    )


def _accounts(found: DetectResult) -> Table:
    ordered = sorted(found.accounts, key=lambda item: (item.provider_id, item.account_id))
    return Table(
        [
            Column("PROVIDER", "<", shrink_to=10),
            Column("ACCOUNT", "<", shrink_to=12),
            Column("AUTH", "<", rank=2),
            Column("CREDENTIAL", "<", rank=1, shrink_to=14),
            Column("SOURCE", "<", shrink_to=16),
        ],
        [
            Row(
                [
                    item.provider_id,
                    item.account_id,
                    item.auth or "-",
                    credential_cell(item.variable, item.credential),
                    _source(item),
                ]
            )
            for item in ordered
        ],
    )


def _source(item: DetectedAccount) -> str:
    if item.origin == "settings":
        return "settings.json"
    return item.source or item.home or item.origin or "-"


def _sources(found: DetectResult) -> Table:
    return Table(
        [
            Column("SOURCE", "<"),
            Column("OUTCOME", "<"),
            Column("PLACE", "<", shrink_to=20),
            Column("DETAIL", "<", rank=1, shrink_to=16),
        ],
        [Row([look.source, look.outcome, look.place, look.detail]) for look in found.sources],
    )


def _reasons(found: DetectResult, width: int | None) -> Iterator[str]:
    for item in found.accounts:
        reasons = "; ".join(item.why) or item.origin
        yield from _wrapped(f"{item.account_id}: {reasons}", width, "  ")


def _indented(table: Table, width: int | None, style: Style) -> list[str]:
    if not table.rows:
        return [_NONE]
    inner = None if width is None else max(20, width - 2)
    return [f"  {line}" for line in render([table], inner, style)]


def _wrapped(text: str, width: int | None, indent: str) -> list[str]:
    inner = None if width is None else max(20, width - len(indent))
    return [f"{indent}{line}" for line in wrap(text, inner)]
