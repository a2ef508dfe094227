#!/usr/bin/env python3
"""
Draws the dashboard of a running daemon as an SVG picture, for the README.

    python docs/make_images.py docs/images/dashboard.svg --theme openusage-dark --size 120x36

The picture comes from the same renderers as the screen.  Point OPENUSAGE_TELEMETRY_SOCKET at a
demo daemon (`openusage demo`), never at one with real figures.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from openusage_client.decode import decode
from openusage_client.rpc import Connection
from openusage_client.tui.layout import Line
from openusage_client.tui.state import AppState, Link
from openusage_client.tui.text import cell_width
from openusage_client.tui.theme import DEFAULT_THEME, ROLES, TERMINAL, Theme, builtin
from openusage_client.tui.views import screens
from openusage_proto import methods
from openusage_proto.messages import Providers, ReadModel

CELL_WIDTH = 8.4
LINE_HEIGHT = 18
MARGIN = 14
IMPORT_DEADLINE_S = 120.0
FONT_SIZE = 14
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
    return AppState(
        now=now,
        link=Link(phase="live", since=now),
        window=model.window,  # type: ignore[arg-type]
        model=model,
        providers={info.id: info for info in providers},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the picture; returns the exit code."""
    parser = argparse.ArgumentParser(description="Draw the dashboard as an SVG picture.")
    parser.add_argument("output", help="file to write")
    parser.add_argument("--theme", default=DEFAULT_THEME)
    parser.add_argument("--size", default="120x36", help="columns x lines")
    parser.add_argument("--window", default="30d")
    options = parser.parse_args(arguments)
    columns, _, lines = options.size.partition("x")
    with Connection() as connection:
        state = live_state(connection, options.window)
    picture = render_svg(screens.render(state, int(columns), int(lines)), builtin(options.theme))
    os.makedirs(os.path.dirname(options.output) or ".", exist_ok=True)
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
