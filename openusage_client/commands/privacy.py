"""`openusage privacy`: every file read, host asked, header sent and field stored."""

from __future__ import annotations

import argparse
import json
import sys
from urllib.parse import urlsplit

from openusage_client import arguments, autostart
from openusage_client.commands.version import RELEASES_URL
from openusage_client.decode import decode
from openusage_client.report_tables import hanging, wrap
from openusage_client.terminal import width_of
from openusage_proto import methods
from openusage_proto.privacy_messages import Privacy, ServicePrivacy

_EPILOG = """\
The answer is made from the program itself: a host that stands in its code stands here.

examples:
  openusage privacy
  openusage privacy --all       services that are not on this machine, too
  openusage privacy --json
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("-a", "--all", action="store_true", help="every service there is")
    arguments.add_json_flag(parser)
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Print it."""
    with autostart.connect(autostart=not options.no_autostart, timeout_s=30.0) as connection:
        answer = connection.call(methods.PRIVACY)
    if options.json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        return 0
    found = decode(answer, Privacy)
    for line in privacy_lines(found, everything=options.all, width=width_of(sys.stdout)):
        print(line)
    return 0


def privacy_lines(found: Privacy, *, everything: bool, width: int | None) -> list[str]:
    """The whole page; no line wider than `width`."""
    services = [service for service in found.services if everything or service.found]
    lines = [line for service in services for line in _lines(service, width)]
    ways = [f"{way.name} ({way.target})" for way in found.alert_ways]
    for name, text in (
        ("for prices only (switch off: pricing.refresh)", ", ".join(found.other_hosts)),
        (
            "for releases only (version --check, ui.check_for_updates)",
            urlsplit(RELEASES_URL).hostname or "",
        ),
        ("stored of each event", ", ".join(found.stored_event_fields)),
        ("stored of each poll", ", ".join(found.stored_snapshot_fields)),
        ("alerts go to", ", ".join(ways) or "nobody"),
        ("carried by an alert", ", ".join(found.alert_fields)),
        ("never stored", "; ".join(found.never_stored)),
    ):
        lines += wrap(f"{name}: {text}", width)
    return lines


def _lines(service: ServicePrivacy, width: int | None) -> list[str]:
    """A service with what it concerns, the names in a column of their own."""
    rows = [
        ("reads", service.reads),
        ("places", ", ".join(service.places)),
        ("variables", ", ".join(service.environment)),
        ("asks", ", ".join(service.hosts) or "nobody"),
        ("headers", ", ".join(service.headers)),
        ("cookie", "one, after you connect a browser" if service.cookie else ""),
    ]
    lines = [service.title]
    for name, text in rows:
        if text:
            lines += hanging(f"  {name:<10} ", text, width)
    return [*lines, ""]
