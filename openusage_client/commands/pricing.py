"""`openusage pricing`: what a model costs and who says so, what has no price, re-pricing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TextIO

from openusage_client import arguments, autostart
from openusage_client.decode import decode
from openusage_client.errors import (
    EXIT_FAILURE,
    EXIT_OK,
    ClientError,
    ConnectionLost,
    UsageError,
)
from openusage_client.first_import import checked_status, ready_status
from openusage_client.formatting import format_count
from openusage_client.price_pages import price_lines, reprice_line, sources_lines, unpriced_lines
from openusage_client.rpc import Connection
from openusage_client.terminal import style_of, width_of
from openusage_proto import methods
from openusage_proto.messages import Status
from openusage_proto.price_messages import Pricing, RepriceResult
from openusage_proto.status_messages import RepriceProgress

_EXAMPLES: Final = """\
examples:
  openusage pricing claude-sonnet-4-5
  openusage pricing gpt-5.1 --provider azure --context 300000
  openusage pricing o3 --at 2025-06-01 --json
  openusage pricing --unpriced                    models without a price, and what to do
  openusage pricing --reprice --since 2026-03-01  after a price was added or corrected
"""
TIERS: Final = ("standard", "fast", "priority", "batch", "flex")
REFRESH_TIMEOUT_S: Final = 90.0
COUNT_TIMEOUT_S: Final = 60.0
LONGEST_LOOK_S: Final = 1.0
"""Between two looks at how far a job is that changes nothing."""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", nargs="?", metavar="MODEL", help="the model as its tool writes it")
    parser.add_argument("--provider", metavar="ID", help="who bills (default: the model's maker)")
    parser.add_argument(
        "--context",
        metavar="N",
        type=tokens,
        help="size of the prompt in tokens, e.g. 250000 or 250k: decides the rates that apply",
    )
    parser.add_argument(
        "--at", metavar="DATE", type=arguments.iso_date, help="prices of that day (default: now)"
    )
    parser.add_argument("--tier", choices=TIERS, help="service tier (default: standard)")
    parser.add_argument(
        "--unpriced", action="store_true", help="list models that were used without a price"
    )
    parser.add_argument(
        "--refresh", action="store_true", help="fetch the catalogue of new models now"
    )
    parser.add_argument(
        "--reprice", action="store_true", help="estimate stored events anew by the prices of now"
    )
    parser.add_argument(
        "--since",
        metavar="DATE",
        type=arguments.iso_date,
        help="with --reprice: only from this day on",
    )
    parser.add_argument("--yes", action="store_true", help="with --reprice: do not ask")
    arguments.add_json_flag(parser)
    arguments.add_zone_flag(parser)
    arguments.add_connection_flags(parser)


def tokens(text: str) -> int:
    """
    A number of tokens: `250000`, `250_000`, `250k` or `1M`.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    scale = {"k": 1_000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    digits = text[:-1] if scale > 1 else text
    try:
        number = int(digits) * scale
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of tokens; write e.g. 250000 or 250k"
        )
    return number


def run(options: argparse.Namespace) -> int:
    """Do what was asked and print it."""
    _check(options)
    with autostart.connect(autostart=not options.no_autostart) as connection:
        if options.reprice:
            return _reprice(connection, options)
        if options.unpriced:
            # Before the first import nothing has been used yet.
            ready_status(connection)
        else:
            checked_status(connection)
        if options.refresh:
            connection.timeout_s = REFRESH_TIMEOUT_S
        raw = connection.call(
            methods.PRICING,
            model=options.model,
            provider=options.provider,
            tier=None if options.tier in (None, "standard") else options.tier,
            context=options.context,
            at=options.at,
            tz=options.timezone or arguments.local_zone(),
            unpriced=options.unpriced or None,
            refresh=options.refresh or None,
        )
    return _print(raw, options)


def _check(options: argparse.Namespace) -> None:
    wanted = [bool(options.model), options.unpriced, options.reprice]
    if sum(wanted) > 1:
        raise UsageError("give a MODEL, --unpriced or --reprice, one of them")
    if not (any(wanted) or options.refresh):
        raise UsageError(
            "which model? e.g. `openusage pricing claude-sonnet-4-5`, or --unpriced for those"
            " without a price"
        )
    if not options.reprice and (options.since or options.yes):
        raise UsageError("--since and --yes belong to --reprice")
    if options.reprice and (options.refresh or options.context is not None or options.at):
        raise UsageError("--reprice takes --since and --yes only")


def _print(raw: Any, options: argparse.Namespace) -> int:
    answer = decode(raw, Pricing)
    unknown = bool(options.model) and answer.price is None
    if options.json:
        json.dump(raw, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return EXIT_FAILURE if unknown else EXIT_OK
    style = style_of(sys.stdout, no_color=options.no_color)
    width = width_of(sys.stdout)
    if unknown:
        raise UnknownModel(answer)
    if answer.price is not None:
        lines = price_lines(answer, width=width, style=style)
    elif options.unpriced:
        lines = unpriced_lines(answer, width=width, style=style)
    else:
        lines = []
    if not options.model:
        now = datetime.now().astimezone()
        lines += [*([""] if lines else []), *sources_lines(answer.sources, now, width, style)]
    print("\n".join(lines))
    _warn(answer)
    return EXIT_OK


class UnknownModel(ClientError):
    """No price list knows the model: what to try instead."""

    def __init__(self, answer: Pricing) -> None:
        close = f"; similar: {', '.join(answer.close)}" if answer.close else ""
        super().__init__(
            f"pricing: no price for model {answer.model!r}{close}\n"
            f"To give it one, put this into {answer.sources.custom_path} and fill in the nulls"
            f" (USD per million tokens):\n{answer.custom_entry}"
        )


def _warn(answer: Pricing) -> None:
    for warning in answer.sources.warnings:
        print(f"openusage: {warning}", file=sys.stderr)


# -------------------------------------------------------------------- reprice


def _reprice(connection: Connection, options: argparse.Namespace) -> int:
    ready_status(connection)
    zone = options.timezone or arguments.local_zone()
    connection.timeout_s = COUNT_TIMEOUT_S
    result = decode(
        connection.call(methods.REPRICE, since=options.since, tz=zone, dry_run=True),
        RepriceResult,
    )
    if not result.running:
        if not options.yes:
            _confirm(result.events, options.since)
        result = decode(
            connection.call(methods.REPRICE, since=options.since, tz=zone), RepriceResult
        )
    if not result.started and not options.json:
        print("openusage: a re-pricing is under way already; waiting for it", file=sys.stderr)
    return _done(_wait(connection, _Line(sys.stderr)), options)


def _confirm(events: int, since: str | None) -> None:
    """
    Ask whether stored estimates may be replaced.

    Raises:
        UsageError: there is nobody to ask.
        ClientError: the answer was no.
    """
    if not sys.stdin.isatty():
        raise UsageError("--reprice replaces stored estimates; add --yes to do it unasked")
    span = f" since {since}" if since else ""
    print(
        f"Re-price {format_count(events)} events{span} by the prices of now, and older sums where"
        " that is exact? Recorded costs stay. [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ClientError("nothing was changed")


def _wait(connection: Connection, line: _Line) -> RepriceProgress:
    """
    The job's outcome, once it has ended.

    Each change of figures and the job's end are pushed; between them `status` alone tells how far
    it is.  A job of hours is no fault, so there is no limit while the daemon answers: Ctrl-C ends
    the waiting, not the job.

    Raises:
        ConnectionLost: the daemon went away or does not answer.
    """
    try:
        connection.call(methods.SUBSCRIBE)
        while True:
            status = decode(connection.call(methods.STATUS), Status)
            if not status.repricing.active:
                return status.repricing
            line.show(status.repricing)
            connection.next_notification(LONGEST_LOOK_S)
    except ConnectionLost as error:
        raise ConnectionLost(f"{error}; the next start goes on with the re-pricing") from error
    finally:
        line.erase()


class _Line:
    """One line of progress on a terminal, erased at the end; nothing elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._write: Callable[[str], object] = (
            stream.write if stream.isatty() else lambda _text: None
        )

    def show(self, progress: RepriceProgress) -> None:
        """Draw the line anew."""
        share = 100 * progress.done_events // max(1, progress.total_events)
        self._write(f"\r\x1b[Kre-pricing: {min(share, 99)}%")
        self._stream.flush()

    def erase(self) -> None:
        """Take the line away."""
        self._write("\r\x1b[K")
        self._stream.flush()


def _done(progress: RepriceProgress, options: argparse.Namespace) -> int:
    if options.json:
        from dataclasses import asdict

        print(json.dumps(asdict(progress), indent=2))
    elif progress.error:
        raise ClientError(f"re-pricing stopped: {progress.error}; the next start goes on with it")
    else:
        print(reprice_line(progress))
    return EXIT_FAILURE if progress.error else EXIT_OK
