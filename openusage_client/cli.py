"""
The `openusage` command: finds the command's module, parses its flags, turns failures into words.

Only the chosen command's module is imported, so that a report starts in a few dozen milliseconds
and the dashboard's libraries load only for the dashboard.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final, NamedTuple, NoReturn

from openusage_client.arguments import (
    add_connection_flags,
    add_dashboard_flags,
    add_zone_flag,
)
from openusage_client.errors import (
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    ClientError,
    exit_code_of,
)
from openusage_proto.errors import RpcError
from openusage_proto.streams import let_go


class Command(NamedTuple):
    """A command: its name, the module with `configure(parser, name)` and `run(options)`."""

    name: str
    module: str
    summary: str


COMMANDS: Final = (
    Command("overview", "overview", "every account: status, tightest limit, today, 7 and 30 days"),
    Command("daily", "report", "tokens and cost per day"),
    Command("weekly", "report", "tokens and cost per week"),
    Command("monthly", "report", "tokens and cost per month"),
    Command("session", "report", "tokens and cost per session"),
    Command("blocks", "report", "5-hour blocks with burn rate and projection"),
    Command("models", "report", "tokens and cost per model"),
    Command("projects", "report", "tokens and cost per repository, worktrees folded in"),
    Command("branches", "report", "tokens and cost per branch or pull request"),
    Command("reconcile", "reconcile", "what vendors report beside what was counted here"),
    Command("report", "page", "everything as one self-contained HTML page"),
    Command("explain", "explain", "where a number of a report comes from, down to single events"),
    Command("status", "status", "is the daemon well, what does it read, what went wrong"),
    Command("detect", "detect", "which tools and keys were found on this machine, and why"),
    Command("providers", "providers", "what each service can tell: limits, spend, tokens, hooks"),
    Command("accounts", "accounts", "list accounts; store keys; add, change and remove accounts"),
    Command("integrations", "integrations", "wire hooks into Claude Code, Codex and OpenCode"),
    Command("alerts", "alerts", "what is watched and was told; test, mute, switch on or off"),
    Command("budget", "budget", "what may be spent per day, week or month, and how it stands"),
    Command("export", "export", "all snapshots as JSON, CSV or OpenMetrics"),
    Command("pricing", "pricing", "what a model costs, by which list; models without a price"),
    Command("statusline", "statusline", "one line for Claude Code's status line (reads stdin)"),
    Command("tmux", "tmux", "one line for tmux's status bar; install, presets, doctor, watch"),
    Command("bar", "bar", "one line for waybar, polybar or sketchybar"),
    Command("mcp", "mcp", "a server through which agents ask for their own usage and limits"),
    Command("doctor", "doctor", "looks for everything that keeps this from working, with its fix"),
    Command("privacy", "privacy", "every file read, host asked, header sent and field stored"),
    Command("completion", "completion", "completion for bash, zsh and fish"),
    Command("man", "man", "manual pages"),
    Command("demo", "demo", "the dashboard over generated sample data"),
    Command("version", "version", "version of the client and of the running daemon"),
)

_SHORT: Final = {"int": "integrations"}

_EXAMPLES: Final = """\
examples:
  openusage                                the dashboard (an overview when piped)
  openusage daily --since 2026-03-01       days of March in the local time zone
  openusage monthly -b                     with one line per model
  openusage session --project api --json   for scripts
  openusage demo                           look around without any AI tool

`openusage COMMAND --help` explains a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code (0, 1, 2, 3, 4, 5 or 130)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Python has no stream where the caller closed one (`>&-`).
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        if hasattr(sys.stdout, "reconfigure"):
            # A name that the terminal's encoding lacks is no reason to print nothing.
            sys.stdout.reconfigure(errors="replace")
        return _answered(arguments)
    except (ClientError, RpcError) as error:
        _complain(error.detail if isinstance(error, RpcError) else str(error))
        return exit_code_of(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # `| head` has read enough.
        return EXIT_OK
    except OSError as error:
        reason = error.strerror or str(error)
        _complain(f"{error.filename}: {reason}" if error.filename else reason)
        return EXIT_FAILURE
    finally:
        let_go(sys.stdout)
        let_go(sys.stderr)


def _answered(arguments: list[str]) -> int:
    """The exit code of a command whose output is out."""
    try:
        code = _run(arguments)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else EXIT_OK
    sys.stdout.flush()
    return code


def _complain(text: str) -> None:
    print(f"openusage: {text}", file=sys.stderr)


def _run(arguments: list[str]) -> int:
    at = _command_index(arguments)
    if at is None:
        return _run_default(arguments)
    name = arguments.pop(at)
    if name == "help":
        # What many programs take; here the words behind it are the question.
        return _run([*arguments[at:][:1], "--help"])
    name = _SHORT.get(name, name)
    command = next((item for item in COMMANDS if item.name == name), None)
    if command is None:
        _refuse_flags(top_parser(), arguments[:at])
        _refuse_command(name)
    module = _load(command)
    parser = parser_of(command, module)
    _refuse_flags(parser, arguments)
    options = parser.parse_args(arguments)
    options.command = name
    code: int = module.run(options)
    return code


def parser_of(command: Command, module: ModuleType) -> argparse.ArgumentParser:
    """A command's parser, as its module describes it."""
    parser = argparse.ArgumentParser(
        prog=f"openusage {command.name}",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.configure(parser, command.name)
    return parser


def _command_index(arguments: list[str]) -> int | None:
    """Where the command stands: general flags may come before it."""
    takes_value = False
    for index, argument in enumerate(arguments):
        if takes_value:
            takes_value = False
        elif not argument.startswith("-"):
            return index
        else:
            takes_value = argument in {"-z", "--timezone", "--theme", "--window"}
    return None


def _load(command: Command) -> ModuleType:
    return importlib.import_module(f"openusage_client.commands.{command.module}")


def _refuse_command(name: str) -> NoReturn:
    from difflib import get_close_matches

    names = [command.name for command in COMMANDS]
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean `openusage {close[0]}`?" if close else f"known: {', '.join(names)}"
    _complain(f"there is no command {name!r}; {hint}")
    raise SystemExit(EXIT_USAGE)


def _refuse_flags(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Name a flag that there is not; argparse would complain of its value, as a wrong action."""
    known = parser._option_string_actions  # noqa: SLF001  # argparse has no public way to look
    for argument in arguments:
        flag = argument.partition("=")[0]
        if flag == "--":
            return
        # What has a blank in it is a value to argparse, too; everything else that begins so is
        # never one.
        if flag.startswith("--") and " " not in argument and flag not in known:
            from difflib import get_close_matches

            close = [name for name in known if name.startswith(flag)]
            close = close or get_close_matches(flag, known, n=1, cutoff=0.7)
            hint = f"did you mean {' or '.join(close)}?" if close else f"see {parser.prog} --help"
            if parser.prog == "openusage":
                hint = "what belongs to a command stands behind it, as in openusage daily --json"
            parser.error(f"there is no flag {flag}; {hint}")


def top_parser() -> argparse.ArgumentParser:
    """The parser of the program without a command."""
    width = max(len(command.name) for command in COMMANDS)
    lines = "\n".join(f"  {command.name.ljust(width)}  {command.summary}" for command in COMMANDS)
    parser = argparse.ArgumentParser(
        prog="openusage",
        usage="openusage [COMMAND] [flags]",
        description="What your AI coding tools and model APIs use: tokens, cost, limits.\n"
        "Without a command: the dashboard, or the overview when there is no terminal.\n\n"
        f"commands:\n{lines}",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument(
        "--or-demo",
        action="store_true",
        help="show labelled sample data when no AI tool is found on this machine",
    )
    add_dashboard_flags(parser)
    add_zone_flag(parser)
    add_connection_flags(parser)
    return parser


def _run_default(arguments: list[str]) -> int:
    parser = top_parser()
    _refuse_flags(parser, arguments)
    options = parser.parse_args(arguments)
    options.json = False
    if options.version:
        from openusage_client.commands import version

        return version.run(options)
    from openusage_client import landing

    return landing.run(options)
