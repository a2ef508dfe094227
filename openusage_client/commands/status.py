"""`openusage status`: is the daemon well, what does it read, what went wrong."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from typing import Final

from openusage_client import arguments
from openusage_client.decode import decode
from openusage_client.errors import EXIT_OK, DaemonNotRunning
from openusage_client.formatting import (
    format_ago,
    format_bytes,
    format_count,
    format_duration,
    format_reset,
)
from openusage_client.report_tables import wrap
from openusage_client.rpc import Connection
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style, style_of, width_of
from openusage_proto import methods
from openusage_proto.alert_messages import AlertStatus
from openusage_proto.messages import ImportProgress, SourceStatus, Status

_SHOWN_ERRORS: Final = 10


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = (
        "Exit code 3 when no daemon answers; it is never started by this command.\n\n"
        "examples:\n  openusage status\n  openusage status --json | jq .importing\n"
    )
    arguments.add_json_flag(parser)
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Print the daemon's state."""
    try:
        connection = Connection()
    except DaemonNotRunning as error:
        raise DaemonNotRunning(f"{error}; start it with `openusaged start`") from error
    with connection:
        answer = connection.call(methods.STATUS)
    if options.json:
        json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return EXIT_OK
    status = decode(answer, Status)
    style = style_of(sys.stdout, no_color=options.no_color)
    for line in status_lines(
        status, now=datetime.now().astimezone(), width=width_of(sys.stdout), style=style
    ):
        print(line)
    return EXIT_OK


def status_lines(status: Status, *, now: datetime, width: int | None, style: Style) -> list[str]:
    """The whole page; no line wider than `width`."""
    demo = f"{style.separator}DEMO DATA" if status.demo else ""
    heading = (
        f"openusaged {status.version} is running: pid {status.pid}, up"
        f" {format_duration(status.uptime_s)}, protocol {status.protocol}{demo}"
    )
    lines = [style.paint(line, "bold") for line in wrap(heading, width)]
    for name, value in _facts(status, now):
        first, *rest = wrap(value, None if width is None else max(20, width - 12))
        lines.append(f"  {name:<10}{first}")
        lines += [f"  {'':<10}{line}" for line in rest]
    if status.sources:
        lines += ["", *render([_sources(status.sources, now)], width, style)]
    for source in status.sources:
        if source.error:
            lines += wrap(f"{source.title or source.account_id}: {source.error}", width)
    if status.warnings:
        lines += ["", style.paint("Warnings", "yellow")]
        lines += [line for warning in status.warnings for line in wrap(f"- {warning}", width)]
    if status.errors:
        lines += ["", style.paint("Recent errors", "red")]
        for error in status.errors[:_SHOWN_ERRORS]:
            times = f" ({error.count} times)" if error.count > 1 else ""
            text = f"- {format_ago(error.at, now)} {error.where}: {error.message}{times}"
            lines += wrap(text, width)
    return lines


def _facts(status: Status, now: datetime) -> list[tuple[str, str]]:
    events, spool = status.events, status.spool
    database = (
        f"{status.database} ({format_bytes(status.database_bytes)}"
        f" + {format_bytes(status.wal_bytes)} write-ahead log)"
    )
    counts = (
        f"{format_count(events.stored)} stored; since the start {format_count(events.accepted)}"
        f" new, {format_count(events.deduplicated)} already known,"
        f" {format_count(events.merged)} completed, {format_count(events.rejected)} rejected"
    )
    facts = [
        ("socket", status.socket),
        ("database", database),
        ("process", f"{format_bytes(status.rss_bytes)} memory, {status.cpu_s:.1f} s CPU"),
        ("events", counts),
        ("import", _import(status.importing, now)),
        ("spool", f"{spool.pending} waiting, {spool.rejected} rejected, {spool.dropped} dropped"),
        ("clients", f"{status.connections} connected, {status.subscribers} subscribed"),
    ]
    if status.repricing.active:
        done, total = status.repricing.done_events, status.repricing.total_events
        facts.append(("re-price", f"running: {format_count(done)} of {format_count(total)} events"))
    busy = ", ".join(f"{name} {depth}" for name, depth in status.queues.items() if depth)
    facts.append(("queues", busy or "empty"))
    if status.alerts.enabled:
        facts.append(("alerts", _alerts(status.alerts)))
    if status.integrations:
        hooks = ", ".join(f"{name} {state}" for name, state in status.integrations.items())
        facts.append(("hooks", hooks))
    return facts


def _alerts(alerts: AlertStatus) -> str:
    text = (
        f"{alerts.rules} rules, {alerts.active} active; since the start {alerts.fired} fired,"
        f" {alerts.waiting} waiting, {alerts.failed} failed"
    )
    return f"{text} ({alerts.last_error})" if alerts.last_error else text


def _import(progress: ImportProgress, now: datetime) -> str:
    if progress.active:
        share = 100 * progress.done_bytes // progress.total_bytes if progress.total_bytes else 0
        return (
            f"running: {share}% of {format_bytes(progress.total_bytes)},"
            f" {format_count(progress.events)} events so far"
        )
    if not progress.finished_at:
        return "none yet"
    return (
        f"done {format_ago(progress.finished_at, now)}: {format_count(progress.events)} events of"
        f" {format_bytes(progress.total_bytes)} in {progress.seconds:.1f} s"
    )


def _sources(sources: list[SourceStatus], now: datetime) -> Table:
    columns = (
        Column("SOURCE", "<", shrink_to=10),
        Column("HOME", "<", rank=3, shrink_to=8),
        Column("FILES", rank=2),
        Column("SIZE", rank=1),
        Column("SCANNED", "<", rank=4),
        Column("CHANGED", "<"),
        Column("LIMITS", "<", shrink_to=9),
        Column("NEXT CHECK", "<", rank=5),
    )
    rows = [
        Row(
            [
                source.title or source.account_id,
                source.home,
                format_count(source.units),
                format_bytes(source.bytes),
                format_ago(source.last_scan_at, now),
                format_ago(source.last_change_at, now),
                source.poll_status.lower().replace("_", " ") or "-",
                format_reset(source.next_poll_at, now),
            ]
        )
        for source in sources
    ]
    return Table(columns, rows)
