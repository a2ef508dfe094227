"""`openusage export`: every account's snapshot as JSON, CSV or OpenMetrics, safe to hand on."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import re
import secrets
import sys
from dataclasses import asdict
from typing import Any, Final

from openusage_client import arguments, autostart
from openusage_client.decode import decode
from openusage_client.errors import EXIT_OK, DaemonNotRunning, UsageError
from openusage_client.first_import import ready_status
from openusage_client.rpc import Connection
from openusage_proto import VERSION, methods
from openusage_proto.messages import AccountSnapshot, Metric, NamedTotals, ReadModel, Usage

SCHEMA_VERSION: Final = "1"
SOURCE: Final = "daemon"
"""Figures always come from the daemon; the field exists in the Go OpenUsage's format."""

CSV_COLUMNS: Final = (
    "schema_version",
    "generated_at",
    "openusage_version",
    "source",
    "provider_id",
    "account_id",
    "snapshot_timestamp",
    "status",
    "message",
    "metric",
    "used",
    "limit",
    "remaining",
    "unit",
    "window",
)
# Belt and braces: the daemon keeps these out already, an export leaves the machine.
_PERSONAL_KEY: Final = re.compile(
    r"e?mail|token|secret|password|cookie|api_?key|authori[sz]", re.IGNORECASE
)
_PERSONAL_VALUE: Final = re.compile(
    r"[^@\s]+@[^@\s]+\.[^@\s]+|\b(?:sk|pk|ghp|xox[a-z])[-_]\w{8,}|\beyJ\w{16,}"
)


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = (
        "A file is written whole or not at all, readable by you only (0600).\n"
        "E-mail addresses and credentials are never part of it. spec/schemas describes the formats."
        "\n\nexamples:\n"
        "  openusage export | jq '.snapshots[].account_id'\n"
        "  openusage export --format csv -o usage.csv --window 7d\n"
        "  openusage export --redact -o for-a-bug-report.json\n"
        "  openusage export --format openmetrics --readable -o /srv/metrics/openusage.prom\n"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="file to write; - is stdout (default)"
    )
    parser.add_argument(
        "--format",
        choices=("json", "csv", "openmetrics"),
        default="json",
        help="default: json; openmetrics is for node_exporter's textfile collector",
    )
    parser.add_argument(
        "--window",
        choices=arguments.WINDOWS,
        default="30d",
        help="time range of the usage; 1d is since local midnight (default: 30d)",
    )
    parser.add_argument(
        "--source",
        choices=("auto", "daemon"),
        default="auto",
        help="auto starts the daemon when none answers, and says so; daemon fails then"
        " (default: auto)",
    )
    parser.add_argument(
        "--redact",
        action="store_true",
        help="number accounts and projects instead of naming them; leave out messages",
    )
    parser.add_argument(
        "--readable",
        action="store_true",
        help="let other users of this machine read the file (0644), e.g. node_exporter",
    )
    arguments.add_range_flags(parser)
    arguments.add_zone_flag(parser)
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Fetch the snapshots and write them."""
    arguments.check_range(options.since, options.until)
    if options.readable and options.output == "-":
        raise UsageError("--readable is about a file; name one with -o")
    with _connect(options) as connection:
        ready_status(connection)
        answer = connection.call(
            methods.READ_MODEL,
            window=options.window,
            since=options.since,
            until=options.until,
            tz=options.timezone or arguments.local_zone(),
        )
    model = decode(answer, ReadModel)
    if options.redact:
        from openusage_client.redaction import Redactor

        model = Redactor().model(model)
    text = _text(model, options.format, redacted=options.redact)
    if options.output == "-":
        sys.stdout.write(text)
    else:
        write_private(options.output, text, mode=0o644 if options.readable else 0o600)
    return EXIT_OK


def _connect(options: argparse.Namespace) -> Connection:
    """The daemon's connection; who asked for `auto` learns that it had to be started."""
    autostarts = options.source == "auto" and not options.no_autostart
    try:
        return autostart.connect(autostart=False)
    except DaemonNotRunning:
        if not autostarts:
            raise
    connection = autostart.connect()
    print(
        "openusage: no daemon was running; started one, limits may not have been asked for yet",
        file=sys.stderr,
    )
    return connection


def _text(model: ReadModel, form: str, *, redacted: bool) -> str:
    if form == "openmetrics":
        from openusage_client import openmetrics

        return openmetrics.exposition(model, model.window or "range")
    document = export_document(model, VERSION)
    if redacted:
        document["redacted"] = True
    if form == "csv":
        return export_csv(document)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def export_document(model: ReadModel, version: str) -> dict[str, Any]:
    """The export as one JSON object, snapshots ordered by provider and account."""
    window = {
        "name": model.window,
        "since": model.since,
        "until": model.until,
        "timezone": model.timezone,
    }
    accounts = sorted(model.accounts, key=lambda item: (item.provider_id, item.account_id))
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "generated_at": model.generated_at,
        "openusage_version": version,
        "source": SOURCE,
        "window": {key: value for key, value in window.items() if value},
        "snapshots": [_snapshot(account, model) for account in accounts],
    }
    if model.demo:
        document["demo"] = True
    if model.unpriced_models:
        document["unpriced_models"] = model.unpriced_models
    if model.unmapped:
        document["unmapped"] = [asdict(item) for item in model.unmapped]
    return document


def export_csv(document: dict[str, Any]) -> str:
    """One line per metric, keys in order; a snapshot without metrics gets one line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    head = [document[column] for column in CSV_COLUMNS[:4]]
    for snapshot in document["snapshots"]:
        who = [snapshot[key] for key in ("provider_id", "account_id", "timestamp", "status")]
        start = [*head, *who, snapshot.get("message", "")]
        metrics = snapshot["metrics"] or {"": {}}
        for key in sorted(metrics):
            metric = metrics[key]
            figures = [_cell(metric.get(name)) for name in ("used", "limit", "remaining")]
            writer.writerow(
                [*start, key, *figures, metric.get("unit", ""), metric.get("window", "")]
            )
    return text.getvalue()


def write_private(path: str, text: str, *, mode: int = 0o600) -> None:
    """Write a file whole or not at all, by default for the user only, over what was there."""
    directory = os.path.dirname(os.path.abspath(path))
    os.makedirs(directory, exist_ok=True)
    # Through a link to the file it names, so that the link survives.
    target = os.path.realpath(path)
    temporary = f"{target}.{secrets.token_hex(4)}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            # Whatever the umask says.
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _snapshot(account: AccountSnapshot, model: ReadModel) -> dict[str, Any]:
    metrics = {metric.key: _metric(metric) for metric in account.metrics}
    resets = {metric.key: metric.resets_at for metric in account.metrics if metric.resets_at}
    attributes = {
        key: value
        for key, value in account.attributes.items()
        if not _PERSONAL_KEY.search(key) and not _PERSONAL_VALUE.search(value)
    }
    diagnostics = {
        "stale_since": account.stale_since or "",
        "stale_reason": _PERSONAL_VALUE.sub("[redacted]", account.stale_reason),
    }
    snapshot: dict[str, Any] = {
        "provider_id": account.provider_id,
        "account_id": account.account_id,
        "timestamp": account.fetched_at or model.generated_at,
        "status": account.status,
        "metrics": metrics,
    }
    optional = {
        "resets": resets,
        "attributes": attributes,
        "diagnostics": {key: value for key, value in diagnostics.items() if value},
        "message": _PERSONAL_VALUE.sub("[redacted]", account.message),
    }
    if account.usage is not None:
        optional |= _usage(account.usage, model.window)
    return snapshot | {key: value for key, value in optional.items() if value}


def _metric(metric: Metric) -> dict[str, Any]:
    figures = {"limit": metric.limit, "remaining": metric.remaining, "used": metric.used}
    known = {key: value for key, value in figures.items() if value is not None}
    return known | {"unit": metric.unit, "window": metric.window}


def _usage(usage: Usage, window: str) -> dict[str, Any]:
    """The window's sums: ours in full (`usage`), and in the shape of the Go OpenUsage."""
    return {
        "usage": {
            "totals": asdict(usage.totals),
            "sessions": usage.sessions,
            "turns": usage.turns,
            "last_event_at": usage.last_event_at,
            "projects": [asdict(item) for item in usage.projects],
        },
        "model_usage": [_model_usage(item, window) for item in usage.models],
        "daily_series": {
            "tokens_total": [
                {"date": day.date, "value": day.totals.total_tokens} for day in usage.days
            ],
            "cost_usd": [{"date": day.date, "value": _cost(day.totals)} for day in usage.days],
        }
        if usage.days
        else {},
    }


def _model_usage(item: NamedTotals, window: str) -> dict[str, Any]:
    totals = item.totals
    return {
        "raw_model_id": item.name,
        "raw_source": "telemetry",
        "window": window,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "cached_tokens": totals.cache_read_tokens + totals.cache_creation_tokens,
        "cache_read_tokens": totals.cache_read_tokens,
        "cache_creation_tokens": totals.cache_creation_tokens,
        "reasoning_tokens": totals.reasoning_tokens,
        "total_tokens": totals.total_tokens,
        "cost_usd": _cost(totals),
        "cost_basis": totals.cost_basis,
        "requests": totals.requests,
    }


def _cost(totals: Any) -> float | None:
    """Unpriced is null, because 0 would say that it was free."""
    return None if totals.cost_basis == "unpriced" else totals.cost_usd


def _cell(value: float | None) -> str:
    """A number without the `.0` that only says that JSON has one kind of number."""
    if value is None:
        return ""
    return str(int(value)) if value.is_integer() else repr(value)
