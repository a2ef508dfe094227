"""`openusage bar`: the line for desktop bars; `bin/openusage` draws it by the fast way."""

from __future__ import annotations

import argparse

from openusage_client.commands import tmux

_FORMATS = ("waybar", "polybar", "sketchybar", "plain", "ansi", "json")
_EPILOG = """\
formats:
  waybar      JSON for a custom module: text, tooltip, class (ok, warning, critical), percentage
  polybar     one line with polybar's colour tags
  sketchybar  JSON: label and label.color for `sketchybar --set`
  plain       one line without colours (i3blocks, lemonbar, starship, zellij)
  ansi        one line with terminal colours
  json        every figure

examples:
  "custom/openusage": {"exec": "openusage bar --format waybar", "return-type": "json",
                       "interval": 10}                             (waybar)
  exec = openusage bar --format polybar                            (polybar)
  openusage bar --format plain --template '{tool} {today_cost}'
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--format", choices=_FORMATS, default="waybar", help="which bar (default: waybar)"
    )
    tmux.add_line_flags(parser, template_flag="--template")
    parser.add_argument(
        "--no-autostart", action="store_true", help="the line never starts the daemon anyway"
    )


def run(options: argparse.Namespace) -> int:
    """Print the line."""
    return tmux.draw("bar", options, tmux.line_flags(options), options.format)
