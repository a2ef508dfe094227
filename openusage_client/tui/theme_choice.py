"""
Which theme is drawn: the one looked at, else the one asked for at the start, else the settings'.

Knows the theme files, so that the application only says what is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping

from openusage_client.tui import theme_files
from openusage_client.tui.theme import DEFAULT_THEME, Theme, ThemeError, builtin
from openusage_client.tui.theme_files import Catalogue


class ThemeChoice:
    """
    Keeps the theme that is shown.

    Args:
        fixed: the theme that the command line or NO_COLOR asks for; None leaves it to the settings.
        env: where the user's theme files are.
        colourless: colours were refused, which no key takes back.
    """

    def __init__(
        self, fixed: Theme | None, env: Mapping[str, str], *, colourless: bool = False
    ) -> None:
        self.colourless = colourless
        self._fixed = fixed
        self._env = env
        self._wanted = ""
        self._told: set[str] = set()
        self.shown = fixed or builtin(DEFAULT_THEME)

    def release(self) -> None:
        """The user has chosen: what the command line asked for is over."""
        self._fixed = None
        self._wanted = ""

    def choose(self, looked_at: str, setting: str) -> str:
        """Make `shown` what it should be; words when there is no such theme."""
        if self.colourless:
            return ""
        if self._fixed is not None and not looked_at:
            self._wanted = ""
            self.shown = self._fixed
            return ""
        wanted = looked_at or setting or DEFAULT_THEME
        if wanted == self._wanted:
            return ""
        self._wanted = wanted
        return self._find(wanted)

    def _find(self, name: str) -> str:
        try:
            self.shown = theme_files.find(name, self._env)
        except ThemeError:
            self.shown = builtin(DEFAULT_THEME)
            return f"settings: no theme {name!r}, showing {DEFAULT_THEME}"
        return ""

    def after(self, name: str, step: int) -> str:
        """The name of the theme `step` places behind the one that is shown or set."""
        current = self._fixed.name if self._fixed is not None else name or DEFAULT_THEME
        return theme_files.read(self._env).after(current, step).theme.name

    def reload(self) -> Catalogue:
        """Read all theme files again; what is shown is drawn as its file says now."""
        self._wanted = ""
        return theme_files.read(self._env)

    def problem(self) -> str:
        """Words about a theme file that cannot be used, each once; empty when there is none."""
        for words in theme_files.problems(self._env):
            if words not in self._told:
                self._told.add(words)
                return f"theme {words}"
        return ""
