"""What `openusage` without a command opens: the dashboard, the overview, or the labelled demo."""

from __future__ import annotations

import argparse

from openusage_client import autostart, terminal
from openusage_client.first_import import ready_status
from openusage_proto import methods


def run(options: argparse.Namespace) -> int:
    """Open the right view and return the exit code."""
    if options.or_demo and _machine_is_empty(options):
        from openusage_client import demo

        print("No AI tool was found on this machine: showing generated sample data.")
        return demo.run(options, keep=None)
    if terminal.is_interactive():
        from openusage_client import first_run

        first_run.greet(options)
        from openusage_client.tui.app import run as run_dashboard

        code: int = run_dashboard(options)
        return code
    from openusage_client.commands import overview

    return overview.run(options)


def _machine_is_empty(options: argparse.Namespace) -> bool:
    """True when the daemon knows no account and has never stored an event."""
    with autostart.connect(autostart=not options.no_autostart) as connection:
        status = ready_status(connection)
        if (status.get("events") or {}).get("stored"):
            return False
        return not connection.call(methods.ACCOUNTS).get("accounts")
