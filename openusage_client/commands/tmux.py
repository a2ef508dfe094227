"""
`openusage tmux`: the line's help and mistakes, and everything around it.

The line itself is drawn by `bar_line`; `bin/openusage` goes there straight.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from openusage_client import arguments, autostart, bar_line, row_screen, tmux_config, tmux_live
from openusage_client.errors import EXIT_FAILURE, EXIT_OK, UsageError
from openusage_client.rpc import Connection
from openusage_client.tables import Column, Row, Table, render
from openusage_client.terminal import Style, style_of, width_of
from openusage_proto import methods

_EPILOG: Final = """\
actions:
  install      choose on a screen, then put the lines into tmux.conf and load them; with --write
               do it by the flags, without a terminal show the lines
  uninstall    take them out again, nothing else
  presets      the templates there are; --show NAME prints one
  variables    what a template may use, and what each says now
  preview      the line as this terminal would show it
  doctor       tmux, terminal, daemon, configuration and one timed line
  watch        messages in tmux when a limit or a rate is passed (needs a running tmux)

template: {name} {name:modifier:argument} {?name:then:else} #[fg=$green] \\{ \\: \\n

examples:
  openusage tmux install --write
  openusage tmux install --write --preset limits --position left --bind-popup u
  openusage tmux --format '{tool}{?block_pct: 5h {block_pct:color}}'
  openusage tmux --segment week
  openusage tmux variables
"""
_HINT: Final = """\
This prints one line for tmux's status bar.  To put it there:

  openusage tmux install --write

`openusage tmux preview` shows it here, `openusage tmux --raw` as tmux gets it.
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument("action", nargs="?", choices=_ACTIONS, metavar="ACTION")
    add_line_flags(parser, template_flag="--format")
    line = parser.add_argument_group("for tmux")
    line.add_argument("--json", action="store_true", help="figures and line as JSON")
    line.add_argument("--no-truecolor", action="store_true", help="256 colours")
    line.add_argument("--pane-command", metavar="NAME", default="", help="program of the pane")
    line.add_argument("--pane-path", metavar="DIR", default="", help="directory of the pane")
    line.add_argument("--raw", action="store_true", help="print it outside tmux, too")
    install = parser.add_argument_group("install, uninstall")
    install.add_argument("--write", action="store_true", help="change tmux.conf and load it")
    install.add_argument("--dry-run", action="store_true", help="show the change, make none")
    install.add_argument("--position", choices=tmux_config.SIDES, default="right")
    install.add_argument("--pane", action="store_true", help="follow the pane in focus")
    number = arguments.positive_number
    install.add_argument(
        "--interval",
        metavar="SECONDS",
        type=number,
        help="between two drawings of the bar (5); watch: longest time between two looks (60)",
    )
    install.add_argument("--right-length", metavar="CELLS", type=number, default=200)
    install.add_argument("--left-length", metavar="CELLS", type=number, default=80)
    install.add_argument("--bind-popup", metavar="KEY", default="", help="dashboard in a pop-up")
    install.add_argument("--bind-refresh", metavar="KEY", default="", help="draw the bar anew")
    install.add_argument("--binary", metavar="PATH", default="", help="openusage to be run")
    other = parser.add_argument_group("presets, variables, watch")
    other.add_argument("--show", metavar="NAME", help="print one preset")
    other.add_argument("--markdown", action="store_true", help="variables as a table in Markdown")
    tmux_live.add_watch_flags(other)
    parser.add_argument("--no-autostart", action="store_true", help="do not start the daemon")


def add_line_flags(parser: argparse.ArgumentParser, *, template_flag: str) -> None:
    """Flags of every line."""
    shape = parser.add_argument_group("the line").add_mutually_exclusive_group()
    shape.add_argument("--preset", metavar="NAME", help="a template by name (`tmux presets`)")
    shape.add_argument(template_flag, dest="template", metavar="TEMPLATE", help="a template")
    shape.add_argument("--segment", metavar="NAME", help="one segment (`tmux variables`)")
    line = parser.add_argument_group("how and about what")
    line.add_argument("--provider", metavar="ID", help="this service only")
    line.add_argument("--account", metavar="ID", help="this account only")
    line.add_argument(
        "--strategy",
        metavar="LIST",
        help="how the tool in use is found: recency,priority (default)",
    )
    line.add_argument("--color-mode", choices=bar_line.COLOR_MODES.split())
    line.add_argument("--no-color", action="store_true", help="no colours (as with NO_COLOR)")
    line.add_argument("--glyphs", choices=("ascii", "unicode", "nerdfont"))
    line.add_argument("--theme", metavar="NAME", help="whose colours are taken")
    line.add_argument(
        "--max-runtime",
        metavar="300ms",
        type=runtime,
        help="print the last good line when it takes longer (default: 300ms)",
    )
    line.add_argument("--no-cache", action="store_true", help="neither keep nor use a last line")


def runtime(text: str) -> str:
    """
    A time such as `300ms` or `1s`.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if bar_line.runtime_of(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 300ms or 1s")
    return text


def run(options: argparse.Namespace) -> int:
    """Do what the action says; without one print the line."""
    if options.action is not None:
        return _ACTIONS[options.action](options)
    if options.json and (options.preset or options.template or options.segment):
        raise UsageError("--json goes without --preset, --format and --segment")
    flags = line_flags(options)
    if bar_line.is_bare() and not flags and not (options.raw or options.json):
        print(_HINT, end="")
        return EXIT_OK
    target = "json" if options.json else "tmux"
    return draw("tmux", options, flags, target)


def draw(command: str, options: argparse.Namespace, flags: dict[str, str], target: str) -> int:
    """The line the fast way, for flags that argparse has taken apart."""
    seconds = bar_line.runtime_of(options.max_runtime) or bar_line.DEADLINE_S
    words = [f"{flag}={value}" for flag, value in flags.items()]
    return bar_line.main(command, [target, *words], flags, target, seconds)


def line_flags(options: argparse.Namespace) -> dict[str, str]:
    """The given flags of the line by their names."""
    names = {
        "preset": "--preset",
        "template": "--template",
        "segment": "--segment",
        "provider": "--provider",
        "account": "--account",
        "strategy": "--strategy",
        "color_mode": "--color-mode",
        "glyphs": "--glyphs",
        "theme": "--theme",
        "pane_command": "--pane-command",
        "pane_path": "--pane-path",
    }
    flags = {flag: getattr(options, name, None) or "" for name, flag in names.items()}
    flags = {flag: value for flag, value in flags.items() if value}
    for name in ("no_color", "no_truecolor", "no_cache"):
        if getattr(options, name, False):
            flags[f"--{name.replace('_', '-')}"] = ""
    return flags


# ------------------------------------------------------------------ install


def _install(options: argparse.Namespace) -> int:
    if _is_bare(options) and row_screen.has_terminal() and not _asked(options):
        print("openusage: nothing was changed", file=sys.stderr)
        return EXIT_FAILURE
    flags = [
        part
        for flag, value in line_flags(options).items()
        for part in ((flag, value) if value else (flag,))
    ]
    flags = ["--format" if part == "--template" else part for part in flags]
    if options.max_runtime:
        flags += ["--max-runtime", options.max_runtime]
    wanted = tmux_config.Wanted(
        program=_program(options.binary),
        flags=tuple(flags),
        side=options.position,
        interval_s=options.interval or tmux_config.INTERVAL_S,
        right_length=options.right_length,
        left_length=options.left_length,
        popup_key=options.bind_popup,
        refresh_key=options.bind_refresh,
        pane=options.pane,
    )
    block = tmux_config.block(wanted)
    path = _config_path()
    if not (options.write or options.dry_run):
        print(block, end="")
        print(f"\n# put these lines into {path}, or run this again with --write")
        return EXIT_OK
    text = tmux_config.read(path)
    code = _change(path, text, tmux_config.with_block(text or "", block), options)
    if options.write and not options.dry_run and code == EXIT_OK:
        tmux_live.load(path)
    return code


def _is_bare(options: argparse.Namespace) -> bool:
    """Whether no flag says what is wanted."""
    said = options.write or options.dry_run or options.bind_popup or options.bind_refresh
    return not (said or options.position != "right" or line_flags(options))


def _asked(options: argparse.Namespace) -> bool:
    """Have a person choose, as if the flags had been given; False when they left."""
    from openusage_client import tmux_configure

    with autostart.connect(autostart=not options.no_autostart) as connection:
        choices = tmux_configure.choose(connection)
    if choices is None:
        return False
    options.preset = choices.value("preset")
    options.position = choices.value("position")
    options.bind_popup = choices.key("pop-up key")
    options.bind_refresh = choices.key("refresh key")
    options.write = True
    return True


def _program(named: str) -> str:
    if named:
        if not os.access(named, os.X_OK):
            raise UsageError(f"--binary {named}: there is no such program")
        return os.path.abspath(named)
    own = os.path.abspath(sys.argv[0])
    if os.path.basename(own) == "openusage" and os.access(own, os.X_OK):
        return own
    return shutil.which("openusage") or "openusage"


def _config_path() -> str:
    return tmux_config.config_path(os.environ, os.path.expanduser("~"))


def _uninstall(options: argparse.Namespace) -> int:
    path = _config_path()
    text = tmux_config.read(path)
    if text is None or tmux_config.BEGIN not in text:
        print(f"{path} holds nothing of ours")
        return EXIT_OK
    options.write = not options.dry_run
    rest = tmux_config.without_block(text)
    code = _change(path, text, rest or None, options)
    if not options.dry_run:
        tmux_live.unload()
    return code


def _change(path: str, old: str | None, new: str | None, options: argparse.Namespace) -> int:
    if old == new:
        print(f"{path} is as it should be")
        return EXIT_OK
    style = style_of(sys.stdout, no_color=options.no_color)
    for line in difflib.unified_diff(
        (old or "").splitlines(), (new or "").splitlines(), path, path, lineterm="", n=1
    ):
        role = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        print(style.paint(line, role) if role else line)
    if options.dry_run:
        return EXIT_OK
    backup = tmux_config.write(path, new)
    print(f"changed {path}" + (f"; kept {backup}" if backup else ""))
    return EXIT_OK


# -------------------------------------------------------- presets and variables


def _catalogue(options: argparse.Namespace) -> Mapping[str, Any]:
    with autostart.connect(autostart=not options.no_autostart) as connection:
        return _ask(connection)


def _ask(connection: Connection) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = connection.call(methods.LINE_CATALOG)
    return answer


def _presets(options: argparse.Namespace) -> int:
    presets = _catalogue(options)["presets"]
    if options.show:
        for preset in presets:
            if preset["name"] == options.show:
                print(json.dumps(preset, indent=2, ensure_ascii=False))
                return EXIT_OK
        names = ", ".join(preset["name"] for preset in presets)
        raise UsageError(f"there is no preset {options.show!r}; known: {names}")
    if options.json:
        print(json.dumps(presets, indent=2, ensure_ascii=False))
        return EXIT_OK
    style = style_of(sys.stdout, no_color=options.no_color)
    print("\n".join(preset_lines(presets, width_of(sys.stdout), style)))
    return EXIT_OK


def preset_lines(
    presets: Sequence[Mapping[str, Any]], width: int | None, style: Style
) -> list[str]:
    """One row per preset with its sample."""
    table = Table(
        [Column("PRESET", "<"), Column("GLYPHS", "<", rank=2), Column("SAMPLE", "<", shrink_to=12)],
        [Row([one["name"], one["glyphs"], one["sample"]]) for one in presets],
    )
    return render([table], width, style)


def _variables(options: argparse.Namespace) -> int:
    found = _catalogue(options)
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return EXIT_OK
    if options.markdown:
        print("| name | kind | what it is |\n|---|---|---|")
        for one in _names(found):
            print(f"| `{one['name']}` | {one['kind']} | {one['description']} |")
        return EXIT_OK
    style = style_of(sys.stdout, no_color=options.no_color)
    print("\n".join(variable_lines(found, width_of(sys.stdout), style)))
    return EXIT_OK


def _names(catalogue: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*catalogue["variables"], *catalogue["segments"], *catalogue["modifiers"]]


def variable_lines(catalogue: Mapping[str, Any], width: int | None, style: Style) -> list[str]:
    """One row per name that a template may use, with what it says now."""
    table = Table(
        [
            Column("NAME", "<"),
            Column("KIND", "<", rank=2),
            Column("NOW", "<", rank=1, shrink_to=8),
            Column("WHAT IT IS", "<", shrink_to=12),
        ],
        [
            Row([one["name"], one["kind"], one.get("value", ""), one["description"]])
            for one in _names(catalogue)
        ],
    )
    return render([table], width, style)


def _preview(options: argparse.Namespace) -> int:
    with autostart.connect(autostart=not options.no_autostart):
        style = style_of(sys.stdout, no_color=options.no_color)
        return draw("preview", options, line_flags(options), "ansi" if style.color else "plain")


def _doctor(options: argparse.Namespace) -> int:
    return tmux_live.doctor(_config_path(), line_flags(options))


def _watch(options: argparse.Namespace) -> int:
    if not os.environ.get("TMUX"):
        print("openusage: watch runs inside tmux: it shows its messages there", file=sys.stderr)
        return EXIT_FAILURE
    with autostart.connect(autostart=not options.no_autostart) as connection:
        return tmux_live.watch(connection, options)


_ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "install": _install,
    "uninstall": _uninstall,
    "presets": _presets,
    "variables": _variables,
    "preview": _preview,
    "doctor": _doctor,
    "watch": _watch,
}
