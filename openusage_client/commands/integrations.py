"""`openusage integrations`: how hooks are wired into other tools; wire, renew, remove them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from openusage_client import arguments, autostart
from openusage_client.decode import decode
from openusage_client.errors import EXIT_FAILURE, EXIT_OK, UsageError
from openusage_client.formatting import format_ago
from openusage_client.report_tables import wrap
from openusage_client.rpc import Connection
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style, style_of, width_of
from openusage_proto import methods
from openusage_proto.errors import METHOD_NOT_FOUND, RpcError
from openusage_proto.integration_messages import (
    CALLER_VARIABLES,
    IntegrationInfo,
    IntegrationResult,
    Integrations,
)

TIMEOUT_S: Final = 30.0
_MISSING: Final = "missing"
_READY: Final = "ready"
_UNCHANGED: Final = "unchanged"
_STATE_ROLES: Final = {"ready": "green", "missing": "dim", "broken": "red"}

_EPILOG: Final = """\
actions:
  list                     every tool: its state, the script's version, its last event (default)
  install ID... | --all    wire hooks in; --all takes every tool of this machine
  uninstall ID... | --all  take our entries and scripts out, nothing else
  upgrade ID... | --all    bring what is wired up to date

states:
  missing   not wired             partial   some parts or homes are not wired
  ready     wired and current     outdated  an older script, or one that was changed
  broken    cannot work, or a file cannot be read; the reason stands below the table

Shows what it would change and asks first.  Without a terminal it wants --yes (or --dry-run).
Every file that is changed is kept beside it under a name with the time.

examples:
  openusage integrations
  openusage integrations install claude_code --with statusline
  openusage integrations install --all --yes
  openusage integrations uninstall codex --dry-run
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("action", nargs="?", default="list", choices=_ACTIONS, metavar="ACTION")
    parser.add_argument("ids", nargs="*", metavar="ID", help="claude_code, codex or opencode")
    parser.add_argument("-a", "--all", action="store_true", help="every tool that it concerns")
    parser.add_argument(
        "--with",
        dest="options",
        metavar="PART",
        action="append",
        default=[],
        help="also wire an optional part (install): statusline, tools, hooks",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the changes, make none")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments.add_json_flag(parser)
    arguments.add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    if options.options and options.action != "install":
        raise UsageError("--with goes with install")
    with autostart.connect(autostart=not options.no_autostart, timeout_s=TIMEOUT_S) as connection:
        try:
            return _ACTIONS[options.action](connection, options)
        except RpcError as error:
            if error.slug == METHOD_NOT_FOUND:
                raise UsageError("the running daemon is too old: openusaged restart") from error
            raise


def environment() -> dict[str, str]:
    """Where the caller's shell says that tools keep their configuration."""
    return {name: os.environ[name] for name in CALLER_VARIABLES if os.environ.get(name)}


# ------------------------------------------------------------------- list


def _list(connection: Connection, options: argparse.Namespace) -> int:
    if options.ids:
        raise UsageError("`openusage integrations list` takes no ID")
    answer = connection.call(methods.INTEGRATIONS, environment=environment())
    if options.json:
        _print_json(answer)
        return EXIT_OK
    style = style_of(sys.stdout, no_color=options.no_color)
    infos = decode(answer, Integrations).integrations
    for line in list_lines(
        infos,
        everything=options.all,
        now=datetime.now(UTC),
        width=width_of(sys.stdout),
        style=style,
    ):
        print(line)
    return EXIT_OK


def list_lines(
    infos: list[IntegrationInfo],
    *,
    everything: bool,
    now: datetime,
    width: int | None,
    style: Style,
) -> list[str]:
    """A row per tool, below it what is to be said about them, and what to type next."""
    shown = [info for info in infos if everything or info.detected or info.state != _MISSING]
    if not shown:
        return [
            "No tool that can be wired is here; `openusage integrations list --all` names them."
        ]
    table = Table(
        [
            Column("ID", "<"),
            Column("STATE", "<"),
            Column("VERSION", "<", rank=2),
            Column("LAST EVENT", "<", rank=1),
            Column("WITH", "<", rank=3, shrink_to=8),
            Column("HOME", "<", rank=4, shrink_to=16),
        ],
        [_row(info, now) for info in shown],
    )
    lines = render([table], width, style)
    notes = [note for info in shown for note in _notes(info)]
    if notes:
        lines.append("")
        lines += [part for note in notes for part in wrap(note, width)]
    hints = list(_hints(shown))
    if hints:
        lines += ["", *(style.paint(hint, "dim") for hint in hints)]
    return lines


def _row(info: IntegrationInfo, now: datetime) -> Row:
    options = dict.fromkeys(name for place in info.places for name in place.options)
    wired = [place.home for place in info.places if place.state != _MISSING]
    return Row(
        [
            info.id,
            info.state,
            "-" if info.version is None else str(info.version),
            format_ago(info.last_event_at, now) if info.last_event_at else "-",
            ", ".join(options),
            ", ".join(wired or [place.home for place in info.places[:1]]),
        ],
        "child" if info.state == _MISSING else "row",
    )


def _notes(info: IntegrationInfo) -> Iterator[str]:
    for reason in info.reasons:
        yield f"{info.id}: {reason}"
    for place in info.places:
        for reason in place.reasons:
            known = reason.startswith(place.config)
            yield f"{info.id}: {reason}" if known else f"{info.id}: {place.config}: {reason}"
    if info.delivery == "silent":
        yield f"{info.id}: its logs grow but its hook says nothing: {info.delivery_reason}"
    elif info.delivery == "never":
        yield f"{info.id}: no event yet: {info.delivery_reason}"


def _hints(infos: list[IntegrationInfo]) -> Iterator[str]:
    for info in infos:
        if info.state == _READY or (info.state == _MISSING and not info.detected):
            continue
        verb = "install" if info.state in (_MISSING, "partial") else "upgrade"
        yield f"openusage integrations {verb} {info.id}"


# --------------------------------------------- install, uninstall, upgrade


def _install(connection: Connection, options: argparse.Namespace) -> int:
    ids = _chosen(connection, options, lambda info: info.detected and info.state != _READY)
    if options.options and len(ids) > 1:
        raise UsageError("--with goes with one ID")
    return _change(connection, options, ids, "install", {"options": options.options})


def _upgrade(connection: Connection, options: argparse.Namespace) -> int:
    ids = _chosen(connection, options, _is_behind)
    return _change(connection, options, ids, "upgrade", {"upgrade": True})


def _is_behind(info: IntegrationInfo) -> bool:
    return any(place.state not in (_MISSING, _READY) for place in info.places)


def _uninstall(connection: Connection, options: argparse.Namespace) -> int:
    ids = _chosen(connection, options, lambda info: info.state != _MISSING)
    return _change(connection, options, ids, "uninstall", {})


def _chosen(
    connection: Connection,
    options: argparse.Namespace,
    concerned: Callable[[IntegrationInfo], bool],
) -> list[str]:
    if bool(options.ids) == options.all:
        raise UsageError(f"say which: `openusage integrations {options.action} ID` or --all")
    if options.ids:
        return list(dict.fromkeys(options.ids))
    answer = connection.call(methods.INTEGRATIONS, environment=environment())
    return [info.id for info in decode(answer, Integrations).integrations if concerned(info)]


def _change(
    connection: Connection,
    options: argparse.Namespace,
    ids: list[str],
    verb: str,
    params: Mapping[str, Any],
) -> int:
    """One tool after the other; one that is refused does not keep the others from theirs."""
    if not ids and not options.json:
        print(_NOTHING[verb])
    results: list[IntegrationResult] = []
    failed = False
    for name in ids:
        try:
            result = _change_one(connection, options, name, verb, params)
        except RpcError as error:
            if len(ids) == 1:
                raise
            print(f"openusage: {name}: {error.detail}", file=sys.stderr)
            failed = True
            continue
        if result is None:
            failed = True
        else:
            results.append(result)
    if options.json:
        _print_json({"results": [asdict(result) for result in results]})
    return EXIT_FAILURE if failed else EXIT_OK


def _change_one(
    connection: Connection,
    options: argparse.Namespace,
    name: str,
    verb: str,
    params: Mapping[str, Any],
) -> IntegrationResult | None:
    """Show it, ask, do exactly what was shown; None when the answer was no."""
    method = methods.INTEGRATION_UNINSTALL if verb == "uninstall" else methods.INTEGRATION_INSTALL
    given = {"id": name, "environment": environment(), **params}
    result = decode(connection.call(method, **given, dry_run=True), IntegrationResult)
    if result.action == _UNCHANGED:
        if not options.json:
            print(f"{name}: nothing to change, it is {result.state}")
        return result
    # With --json the standard output is the answer's alone.
    to = sys.stderr if options.json else sys.stdout
    if not options.json or _can_ask():
        style = style_of(to, no_color=options.no_color)
        print("\n".join(change_lines(result, style)), file=to)
    if options.dry_run:
        return result
    if not (options.yes or _can_ask()):
        raise UsageError("nobody can answer here; say --yes, or --dry-run to look")
    if not options.yes and not _agreed(f"{verb.capitalize()} {result.title} so?"):
        print(f"openusage: {name}: nothing was changed", file=sys.stderr)
        return None
    done = decode(connection.call(method, **given, plan=result.plan), IntegrationResult)
    if not options.json:
        print("\n".join(done_lines(done)))
    return done


def change_lines(result: IntegrationResult, style: Style) -> list[str]:
    """What would be changed: a difference per file."""
    lines = []
    for change in result.changes:
        if change.diff.startswith(("---", "+++")):
            lines += [_painted(line, style) for line in change.diff.splitlines()]
        else:
            lines.append(f"{change.diff}: {change.path}" if change.diff else change.path)
        lines.append("")
    return lines[:-1]


def _painted(line: str, style: Style) -> str:
    if line.startswith(("---", "+++")):
        return style.paint(line, "bold")
    role = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return style.paint(line, role) if role else line


def done_lines(result: IntegrationResult) -> list[str]:
    """What was done, where the bytes from before are, and what to do next."""
    version = f" version {result.version}" if result.version is not None else ""
    lines = [f"{result.title}: {result.action}{version}, {result.state}"]
    lines += [f"  kept {change.backup}" for change in result.changes if change.backup]
    lines += [f"  {note}" for note in result.notes]
    return lines


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _agreed(question: str) -> bool:
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _print_json(answer: Any) -> None:
    json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


_NOTHING: Final = {
    "install": "nothing to install: every tool of this machine is wired",
    "upgrade": "nothing to upgrade: everything that is wired is up to date",
    "uninstall": "nothing to uninstall: no tool is wired",
}
_ACTIONS: Final[Mapping[str, Callable[[Connection, argparse.Namespace], int]]] = {
    "list": _list,
    "install": _install,
    "uninstall": _uninstall,
    "upgrade": _upgrade,
}
