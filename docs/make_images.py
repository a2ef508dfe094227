#!/usr/bin/env python3
"""
Draws the dashboard of a running daemon as SVG pictures: for the README and one per screen.

    python docs/make_images.py docs/images/dashboard.svg --theme openusage-dark --size 120x36
    python docs/make_images.py --all docs/images

The pictures come from the same keys and renderers as the screen.  Point OPENUSAGE_TELEMETRY_SOCKET
at a demo daemon (`openusage demo`), never at one with real figures.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from openusage_client import preferences
from openusage_client.decode import decode
from openusage_client.rpc import Connection
from openusage_client.tui import inputs, keymap, theme_files
from openusage_client.tui.asking import Ask, Reply
from openusage_client.tui.effects import Size
from openusage_client.tui.layout import Line
from openusage_client.tui.settings import commands as settings_commands
from openusage_client.tui.state import AppState, Link, Update, receive
from openusage_client.tui.text import cell_width
from openusage_client.tui.theme import DEFAULT_THEME, ROLES, TERMINAL, Theme, builtin
from openusage_client.tui.views import screens
from openusage_client.tui.wanted import wanted
from openusage_client.tui.watching import Answer
from openusage_proto import methods
from openusage_proto.errors import RpcError
from openusage_proto.messages import Providers, ReadModel

CELL_WIDTH = 8.4
LINE_HEIGHT = 18
MARGIN = 14
IMPORT_DEADLINE_S = 120.0
FONT_SIZE = 14


@dataclass(frozen=True, slots=True)
class Picture:
    """How a screen is reached: keys from the first screen on, and the view of that one."""

    keys: tuple[str, ...] = ()
    view: str = ""
    size: str = "120x36"


PICTURES: Mapping[str, Picture] = {
    "dashboard": Picture(),
    "stacked": Picture(view="stacked", size="100x40"),
    "tabs": Picture(view="tabs", size="100x36"),
    "split": Picture(view="split"),
    "compare": Picture(view="compare"),
    "compact": Picture(view="compact", size="80x14"),
    "detail": Picture(keys=("Enter",), size="120x40"),
    "drill": Picture(keys=("Enter", *("Tab",) * 6, "Enter"), size="100x30"),
    "explain": Picture(keys=("Enter", "e"), size="110x36"),
    "analytics": Picture(keys=("a",), size="140x50"),
    "sessions": Picture(keys=("s",)),
    "session": Picture(keys=("s", "Down", "Enter"), size="110x36"),
    "palette": Picture(keys=(":", *"session"), size="100x24"),
    "help": Picture(keys=("?",), size="120x60"),
    "settings": Picture(keys=(",",), size="100x24"),
    "settings-sections": Picture(keys=(",", "2")),
    "settings-theme": Picture(keys=(",", "3"), size="100x34"),
    "settings-view": Picture(keys=(",", "4"), size="100x30"),
    "settings-keys": Picture(keys=(",", "5"), size="100x28"),
    "settings-telemetry": Picture(keys=(",", "6"), size="100x24"),
    "settings-integrations": Picture(keys=(",", "7"), size="100x24"),
    "settings-options": Picture(keys=(",", "8"), size="100x40"),
}
"""One per screen of the dashboard, by the name of its file."""

_PLAIN = {"text": "#e6e9ef", "base": "#11151c"}
"""What stands for the terminal's own colours in a picture."""


def render_svg(lines: Sequence[Line], theme: Theme) -> str:
    """
    The lines of a screen as an SVG document in the colours of a theme.

    Every piece of text is stretched to its cells, so that columns line up in any monospace font.
    """
    columns = max((sum(cell_width(text) for text, _ in line) for line in lines), default=0)
    width = columns * CELL_WIDTH + 2 * MARGIN
    height = len(lines) * LINE_HEIGHT + 2 * MARGIN
    fonts = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'width="{width:.0f}" height="{height}" role="img" '
        f'font-family="{fonts}" font-size="{FONT_SIZE}">'
    )
    ground = f'<rect width="100%" height="100%" rx="10" fill="{_colour(theme, "base")}"/>'
    parts = [head, ground]
    for row, line in enumerate(lines):
        parts += _row(line, row, theme)
    return "\n".join([*parts, "</svg>", ""])


def _row(line: Line, row: int, theme: Theme) -> list[str]:
    parts: list[str] = []
    column = 0
    top = MARGIN + row * LINE_HEIGHT
    for text, role_name in line:
        cells = cell_width(text)
        role = ROLES.get(role_name, ROLES["text"])
        x = MARGIN + column * CELL_WIDTH
        if role.background:
            parts.append(
                f'<rect x="{x:.1f}" y="{top}" width="{cells * CELL_WIDTH:.1f}" '
                f'height="{LINE_HEIGHT}" fill="{_colour(theme, role.background)}"/>'
            )
        if text.strip():
            weight = ' font-weight="bold"' if role.bold else ""
            parts.append(
                f'<text x="{x:.1f}" y="{top + FONT_SIZE}" xml:space="preserve" '
                f'textLength="{cells * CELL_WIDTH:.1f}" lengthAdjust="spacingAndGlyphs" '
                f'fill="{_colour(theme, role.token)}"{weight}>{escape(text)}</text>'
            )
        column += cells
    return parts


def _colour(theme: Theme, token: str) -> str:
    colour = theme.colours[token]
    return _PLAIN.get(token, _PLAIN["text"]) if colour == TERMINAL else colour


def live_state(connection: Connection, window: str) -> AppState:
    """
    The dashboard's state once everything has been read.

    Raises:
        TimeoutError: the first import is still running after two minutes.
    """
    end = time.monotonic() + IMPORT_DEADLINE_S
    model = decode(connection.call(methods.READ_MODEL, window=window), ReadModel)
    while model.importing:
        if time.monotonic() > end:
            raise TimeoutError("the first import has not ended; try again later")
        time.sleep(0.2)
        model = decode(connection.call(methods.READ_MODEL, window=window), ReadModel)
    providers = decode(connection.call(methods.PROVIDERS), Providers).providers
    zone = ZoneInfo(model.timezone) if model.timezone else UTC
    now = datetime.now(zone)
    empty = AppState(now=now, link=Link(phase="live", since=now), window=model.window)  # type: ignore[arg-type]
    return receive(
        empty,
        Update(model=model, providers=tuple(providers), preferences=preferences.read(connection)),
    )


def walked(
    state: AppState, picture: Picture, size: Size, connection: Connection
) -> AppState | None:
    """
    The state after the keys of a picture, with everything answered that its screen asks for.

    None when a key means nothing there: the screen has not been built in this version.
    """
    if picture.view:
        state = replace(state, view=picture.view)
    state = _answered(state, connection)
    for key in picture.keys:
        if state.entry is None and not keymap.lookup(state.context, key):
            return None
        state, effects = inputs.on_key(state, key, size)
        for effect in effects:
            if effect == "themes":
                state = settings_commands.with_catalogue(state, theme_files.read({}))
            elif isinstance(effect, Ask):
                state = receive(state, Update(reply=_reply(effect, connection)))
        state = _answered(state, connection)
    return state


def _reply(ask: Ask, connection: Connection) -> Reply:
    try:
        return Reply(ask=ask, result=connection.call(ask.method, **ask.params))
    except RpcError as error:
        return Reply(ask=ask, error=error.detail or error.slug)


def _answered(state: AppState, connection: Connection) -> AppState:
    """What the visible screen wants to know, asked once."""
    for question in wanted(state):
        try:
            value = decode(connection.call(question.method, **dict(question.params)), question.kind)
            answer = Answer(question, value)
        except RpcError as error:
            answer = Answer(question, error=error.detail or error.slug)
        state = receive(state, Update(answer=answer))
    return state


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description="Draw the dashboard as SVG pictures.")
    parser.add_argument("output", help="file to write; with --all the directory")
    parser.add_argument("--all", action="store_true", help="one picture per screen")
    parser.add_argument("--screen", default="dashboard", choices=PICTURES)
    parser.add_argument("--theme", default=DEFAULT_THEME)
    parser.add_argument("--size", help="columns x lines; default: what suits the screen")
    parser.add_argument("--window", default="30d")
    options = parser.parse_args(arguments)
    names = list(PICTURES) if options.all else [options.screen]
    with Connection() as connection:
        state = live_state(connection, options.window)
        for name in names:
            columns, _, lines = (options.size or PICTURES[name].size).partition("x")
            size = Size(int(columns), int(lines))
            shown = walked(state, PICTURES[name], size, connection)
            if shown is None:
                sys.stderr.write(f"{name}: no such screen in this version\n")
                continue
            path = os.path.join(options.output, f"{name}.svg") if options.all else options.output
            _write(
                path,
                render_svg(screens.render(shown, size.width, size.height), builtin(options.theme)),
            )
    return 0


def _write(path: str, picture: str) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(picture)


if __name__ == "__main__":
    sys.exit(main())
