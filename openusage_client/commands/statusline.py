"""
`openusage statusline`: the line itself with every flag, and wiring it into Claude Code.

Without an action, `bin/openusage` has drawn the line already by the fast way; what comes here is
help, mistakes, `--after` and the actions.  The line never fails and never starts the daemon.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Any, Final

from openusage_client import arguments, autostart, quick, statusline
from openusage_client.commands import integrations
from openusage_client.decode import decode
from openusage_client.errors import EXIT_FAILURE, EXIT_OK, UsageError
from openusage_client.rpc import Connection
from openusage_client.terminal import style_of
from openusage_proto import methods
from openusage_proto.integration_messages import IntegrationResult, StatuslineWiring
from openusage_proto.line_messages import STATUSLINE_DEFAULT, STATUSLINE_SEGMENTS
from openusage_proto.values import dataclass

AFTER_DEADLINE_S: Final = 1.0
_ACTIONS: Final = ("install", "uninstall", "configure", "doctor")
_EPILOG: Final = f"""\
segments: {", ".join(STATUSLINE_SEGMENTS)}
          (default: {", ".join(STATUSLINE_DEFAULT)})

actions:
  install      put it into Claude Code's settings; shows the change and asks first
  configure    the same, choosing segments on a screen
  uninstall    take it out and bring back what was there before
  doctor       draw it once, time it, say where each part comes from

Whatever else is in the settings keeps every byte.  Another program's line is never replaced without
your word: --replace remembers it for `uninstall`, --chain runs it first and prints both.

examples:
  openusage statusline install
  openusage statusline install --segments model,window5h,weekly,context --chain
  openusage statusline configure
  openusage statusline uninstall --yes
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("action", nargs="?", choices=_ACTIONS, metavar="ACTION")
    line = parser.add_argument_group("the line")
    line.add_argument("--ascii", action="store_true", help="no character beyond ASCII")
    line.add_argument("--no-color", action="store_true", help="plain text (as with NO_COLOR)")
    line.add_argument(
        "--segments", metavar="A,B,...", type=segments, help="what to show (see below)"
    )
    line.add_argument(
        "--context-medium",
        metavar="PERCENT",
        type=arguments.whole_number,
        default=50,
        help="context turns yellow from here (default: 50)",
    )
    line.add_argument(
        "--context-high",
        metavar="PERCENT",
        type=arguments.whole_number,
        default=80,
        help="context turns red from here (default: 80)",
    )
    line.add_argument(
        "--width",
        metavar="CELLS",
        type=arguments.whole_number,
        default=0,
        help="drop segments from the right until it fits",
    )
    line.add_argument(
        "--mode",
        choices=("calculate", "display", "auto"),
        default="calculate",
        help="our price, the recorded cost, or recorded where there is one (default: calculate)",
    )
    line.add_argument("--after", metavar="COMMAND", help=argparse.SUPPRESS)
    wiring = parser.add_argument_group("install, configure, uninstall")
    foreign = wiring.add_mutually_exclusive_group()
    foreign.add_argument(
        "--replace", action="store_true", help="in place of another program's line"
    )
    foreign.add_argument(
        "--chain", action="store_true", help="behind another program's line, which runs first"
    )
    wiring.add_argument("--dry-run", action="store_true", help="show the change, make none")
    wiring.add_argument("--yes", action="store_true", help="do not ask")
    wiring.add_argument("--no-autostart", action="store_true", help="do not start the daemon")


def segments(text: str) -> str:
    """
    A comma list of segments that exist.

    Raises:
        argparse.ArgumentTypeError: one does not, or none is named.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in STATUSLINE_SEGMENTS:
            from difflib import get_close_matches

            close = get_close_matches(name, STATUSLINE_SEGMENTS, n=1)
            known = f"did you mean {close[0]}?" if close else ", ".join(STATUSLINE_SEGMENTS)
            raise argparse.ArgumentTypeError(f"there is no segment {name!r}; {known}")
    if not names:
        raise argparse.ArgumentTypeError("names no segment, so the line would be empty")
    return ",".join(dict.fromkeys(names))


def run(options: argparse.Namespace) -> int:
    """Do what the action says; without one print the line."""
    if options.context_medium > options.context_high:
        raise UsageError(
            f"--context-medium {options.context_medium} lies above"
            f" --context-high {options.context_high}"
        )
    if options.action is None:
        return _line(options)
    if options.action == "doctor":
        from openusage_client import statusline_doctor

        return statusline_doctor.run(flags_of(options))
    chosen = flags_of(options)
    if options.action == "configure":
        from openusage_client import statusline_configure

        picked = statusline_configure.choose(options.segments, ascii_only=options.ascii)
        if picked is None:
            print("openusage: nothing was changed", file=sys.stderr)
            return EXIT_FAILURE
        options.segments, options.ascii, options.no_color = picked
        chosen = flags_of(options)
    with autostart.connect(
        autostart=not options.no_autostart, timeout_s=integrations.TIMEOUT_S
    ) as connection:
        if options.action == "uninstall":
            return Wiring(connection, options).uninstall()
        return Wiring(connection, options).install(chosen)


def flags_of(options: argparse.Namespace) -> list[str]:
    """The flags that differ from the defaults, as the installed command has them."""
    flags = []
    if options.segments and options.segments != ",".join(STATUSLINE_DEFAULT):
        flags += ["--segments", options.segments]
    flags += ["--ascii"] if options.ascii else []
    flags += ["--no-color"] if options.no_color else []
    for name, default in (("context_medium", 50), ("context_high", 80), ("width", 0)):
        if getattr(options, name) != default:
            flags += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    if options.mode != "calculate":
        flags += ["--mode", options.mode]
    return flags


# ------------------------------------------------------------------ the line


def _line(options: argparse.Namespace) -> int:
    """The line, behind the one of another program when `--after` names it."""
    if not options.after:
        code = statusline.fast(flags_of(options))
        return EXIT_OK if code is None else code
    data = bytearray()
    try:
        with quick.Deadline(statusline.DEADLINE_S):
            statusline.read_stdin(data)
    except (quick.TooLate, OSError):
        # What came by then is what there is.
        pass
    theirs = run_foreign(options.after, bytes(data))
    if theirs:
        quick.write(theirs)
    return statusline.fast(flags_of(options), bytearray(data)) or EXIT_OK


def run_foreign(command: str, data: bytes) -> str:
    """What another status line prints for the same input; empty when it fails or dawdles."""
    try:
        process = subprocess.Popen(  # noqa: S602  # the user's own command, from their settings
            command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        out, _ = process.communicate(data, timeout=AFTER_DEADLINE_S)
    except subprocess.TimeoutExpired:
        import signal

        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return ""
    except OSError:
        return ""
    return out.decode("utf-8", "replace").strip("\n")


# ------------------------------------------------------------------ wiring


@dataclass(frozen=True, slots=True)
class Wiring:
    """Shows a change, asks, makes exactly it."""

    connection: Connection
    options: argparse.Namespace

    def install(self, flags: list[str]) -> int:
        """Put the line in."""
        options = self.options
        foreign = "replace" if options.replace else "chain" if options.chain else ""
        given: dict[str, Any] = {"arguments": flags, "foreign": foreign}
        shown = self._call(methods.STATUSLINE_INSTALL, given, dry_run=True)
        if shown.foreign:
            answer = self._ask_about(shown.foreign)
            if answer is None:
                return EXIT_FAILURE
            given["foreign"] = answer
            shown = self._call(methods.STATUSLINE_INSTALL, given, dry_run=True)
        return self._carry_out(methods.STATUSLINE_INSTALL, given, shown.result)

    def uninstall(self) -> int:
        """Take the line out."""
        shown = self._call(methods.STATUSLINE_UNINSTALL, {}, dry_run=True)
        if shown.foreign:
            print(f"the status line is not ours and stays: {shown.foreign}")
            return EXIT_OK
        return self._carry_out(methods.STATUSLINE_UNINSTALL, {}, shown.result)

    def _ask_about(self, command: str) -> str | None:
        """What is to become of another program's line; None leaves everything as it is."""
        print(f"Claude Code has another status line:\n  {command}", file=sys.stderr)
        if self.options.yes or not sys.stdin.isatty():
            raise UsageError("say what becomes of it: --replace or --chain")
        question = "[r]eplace it, [c]hain (run it first, then ours), or [q]uit? "
        print(question, end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip().lower()[:1]
        return {"r": "replace", "c": "chain"}.get(answer)

    def _carry_out(self, method: str, given: dict[str, Any], shown: IntegrationResult) -> int:
        options = self.options
        if not shown.changes:
            print("nothing to change")
            return EXIT_OK
        style = style_of(sys.stdout, no_color=options.no_color)
        print("\n".join(integrations.change_lines(shown, style)))
        if options.dry_run:
            return EXIT_OK
        if not options.yes:
            if not sys.stdin.isatty():
                raise UsageError("nobody can answer here; say --yes, or --dry-run to look")
            print("Change it so? [y/N] ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
                print("openusage: nothing was changed", file=sys.stderr)
                return EXIT_FAILURE
        done = self._call(method, given, plan=shown.plan).result
        print(f"status line {done.action}")
        for change in done.changes:
            if change.backup:
                print(f"  kept {change.backup}")
        for note in done.notes:
            print(f"  {note}")
        return EXIT_OK

    def _call(self, method: str, given: dict[str, Any], **more: Any) -> StatuslineWiring:
        answer = self.connection.call(
            method, environment=integrations.environment(), **given, **more
        )
        return decode(answer, StatuslineWiring)
