"""
Roles as curses attributes, for whatever number of colours the terminal has.

The only place that allocates colour pairs: on demand, and never more than there are.
"""

from __future__ import annotations

import curses
from typing import Final

from openusage_client.tui.theme import ROLES, Role, Theme, ground, luminance, nearest_256, on_ground

_MONO: Final = {
    "b": curses.A_BOLD,
    "d": curses.A_DIM,
    "r": curses.A_REVERSE,
    "u": curses.A_UNDERLINE,
}
_COLOURED: Final = frozenset({"accent", "yellow"})
"""Backgrounds that are a colour, not a shade of the screen's."""
_FAINT: Final = frozenset({"dim", "surface1", "surface2"})


class Palette:
    """Attributes by role; build it after `initscr`."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self._attributes: dict[str, int] = {}
        self._pairs: dict[tuple[int, int], int] = {}
        self._colours = 0
        self._own_background = False
        if not curses.has_colors():
            return
        try:
            # Without colours, too: curses would otherwise paint white on black over everything.
            curses.use_default_colors()
            self._own_background = True
        except curses.error:
            # A terminal without the notion of its own colours: white on black is the convention.
            self._own_background = False
        if not theme.mono:
            self._colours = getattr(curses, "COLORS", 0)

    def attribute(self, role: str) -> int:
        """The curses attribute of a role; unknown roles are drawn as text."""
        known = self._attributes.get(role)
        if known is None:
            known = self._make(ROLES.get(role, ROLES["text"]))
            self._attributes[role] = known
        return known

    def background(self) -> int:
        """The attribute the screen is filled with."""
        return self.attribute("text") if self.theme.paint and self._colours else 0

    def _make(self, role: Role) -> int:
        attribute = 0
        if self._colours < 8:
            for letter in role.mono:
                attribute |= _MONO[letter]
            return attribute
        if role.bold:
            attribute |= curses.A_BOLD
        if self._colours < 16 and role.token in _FAINT and not role.background:
            # Eight colours have no grey: faint is the text colour, dimmed.
            return attribute | curses.A_DIM | self._pair("text", "")
        return attribute | self._pair(role.token, role.background)

    def _pair(self, token: str, background: str) -> int:
        colours = self.theme.colours
        # A background of the terminal's own cannot stand under the text of a pill.
        behind = colours[background] if background else colours["base"]
        owned = bool(background) or self.theme.paint
        if self._colours >= 256:
            back = nearest_256(behind) if owned else -1
            fore = nearest_256(colours[token])
        else:
            count = 16 if self._colours >= 16 else 8
            back = ground(behind, count) if owned else -1
            if background in _COLOURED:
                # A pill keeps its hue: its text is black or white anyway.
                back = on_ground(behind, -1, count)
            fore = on_ground(colours[token], back, count)
        if background and fore == -1:
            fore = self._own_text(back)
        if not self._own_background:
            fore, back = (7 if fore == -1 else fore), (0 if back == -1 else back)
        key = (fore, back)
        number = self._pairs.get(key)
        if number is None:
            number = len(self._pairs) + 1
            try:
                if number >= curses.COLOR_PAIRS:
                    return 0
                curses.init_pair(number, fore, back)
            except (curses.error, ValueError):
                return 0
            self._pairs[key] = number
        return curses.color_pair(number)

    def _own_text(self, back: int) -> int:
        """What stands for the terminal's own text colour on a background of ours."""
        if self._colours < 256:
            return on_ground("#ffffff", back, 8)
        return nearest_256("#ffffff" if luminance(self.theme.colours["base"]) < 0.18 else "#000000")
