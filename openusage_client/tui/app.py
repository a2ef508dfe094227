"""
The dashboard: terminal checks, the npyscreen application and the wiring of state, keys and poller.

`run` is all that the rest of the client knows.
"""

from __future__ import annotations

import curses
import locale
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from queue import Empty
from typing import Any, Final

import npyscreen

from openusage_client import autostart
from openusage_client.arguments import local_zone
from openusage_client.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK
from openusage_client.preferences import DEFAULT_WINDOW
from openusage_client.rpc import Connection
from openusage_client.tui import glyphs, inputs
from openusage_client.tui.canvas import ScreenForm, bracket_paste, report_mouse, terminal_size
from openusage_client.tui.changes import SaveSettings
from openusage_client.tui.effects import EffectKind, Outcome, Size
from openusage_client.tui.layout import Line
from openusage_client.tui.palette import Palette
from openusage_client.tui.poller import Connect, Poller
from openusage_client.tui.state import AppState, Link, receive
from openusage_client.tui.theme import DEFAULT_THEME, MONO_THEME, Theme, ThemeError, builtin
from openusage_client.tui.views import screens
from openusage_client.tui.wakeup import WakePipe
from openusage_client.tui.wanted import wanted
from openusage_client.tui.watching import Question
from openusage_proto.messages import Window

_ESCAPE_DELAY_MS: Final = 50
"""How long a lone Esc may turn out to start an arrow key; the default of a second feels broken."""
_FIRST_NEWS_S: Final = 0.15
"""A daemon that runs answers within this, which spares the eye a flash of the splash screen."""
_ENDINGS: Final[Mapping[int, int]] = {
    signal.SIGINT: EXIT_INTERRUPTED,
    signal.SIGTERM: 128 + signal.SIGTERM,
    signal.SIGHUP: 128 + signal.SIGHUP,
}
_REDRAWS: Final = frozenset({signal.SIGWINCH, signal.SIGCONT})


def run(options: Any) -> int:
    """
    Show the dashboard until the user leaves it; returns the process's exit code.

    Args:
        options: the parsed command line; `no_autostart`, `no_color`, `timezone`, `theme` and
            `window` are used when present.
    """
    try:
        check_terminal(os.environ)
        theme = _fixed_theme(options, os.environ)
    except (UnusableTerminal, ThemeError) as error:
        print(f"openusage: {error}", file=sys.stderr)
        return EXIT_FAILURE
    wake = WakePipe()
    window: Window | None = getattr(options, "window", None)
    state = AppState(
        window=window or DEFAULT_WINDOW,
        window_chosen=window is not None,
        now=datetime.now().astimezone(),
        link=Link(phase="connecting", since=datetime.now(UTC)),
    )
    zone = getattr(options, "timezone", None) or local_zone()
    connect = _connector(may_start=not getattr(options, "no_autostart", False))
    poller = Poller(connect, window, wake.wake, zone)
    poller.start()
    try:
        return Dashboard(state, poller, wake, theme).show()
    finally:
        poller.stop()
        wake.close()


class UnusableTerminal(Exception):
    """The terminal cannot show a full screen; the message says what to do."""


def check_terminal(env: Mapping[str, str]) -> None:
    """
    Refuse what curses would die on.

    Raises:
        UnusableTerminal: no terminal, or one that cannot place the cursor.
    """
    term = env.get("TERM", "")
    advice = "use `openusage overview` instead"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UnusableTerminal(f"the dashboard needs a terminal; {advice}")
    if term in ("", "dumb"):
        name = f"TERM={term}" if term else "TERM is not set, which"
        raise UnusableTerminal(f"{name} cannot show the dashboard; {advice}")
    try:
        # `initscr` would end the process without a word to Python.
        curses.setupterm(term, sys.stdout.fileno())
    except curses.error as error:
        raise UnusableTerminal(
            f"this system does not know the terminal type TERM={term}; "
            f"try TERM=xterm-256color, or {advice}"
        ) from error
    if curses.tigetstr("cup") is None:
        raise UnusableTerminal(f"TERM={term} cannot place the cursor; {advice}")


def _fixed_theme(options: Any, env: Mapping[str, str]) -> Theme | None:
    """What NO_COLOR, --no-color or --theme ask for; None leaves it to the settings."""
    if env.get("NO_COLOR") or getattr(options, "no_color", False):
        return builtin(MONO_THEME)
    name = getattr(options, "theme", None)
    return builtin(name) if name else None


def _connector(*, may_start: bool) -> Connect:
    def connect(start: bool) -> Connection:  # noqa: FBT001
        return autostart.connect(autostart=may_start and start)

    return connect


class Dashboard(npyscreen.NPSAppManaged):  # type: ignore[misc,unused-ignore]
    """Holds the state, feeds it keys and news, and shows the form of the visible screen."""

    STARTING_FORM = "main"

    def __init__(
        self, state: AppState, poller: Poller, wake: WakePipe, theme: Theme | None
    ) -> None:
        super().__init__()
        self.state = state
        self.poller = poller
        self.wake = wake
        self.glyphs = glyphs.choose(locale.getencoding(), os.environ.get("TERM", ""))
        self.exit_code = EXIT_OK
        self._ended = False
        self._theme_fixed = theme is not None
        self._theme = theme or builtin(DEFAULT_THEME)
        self._zone: tuple[str, tzinfo | None] = ("", None)
        self._wanted: tuple[Question, ...] = ()
        if theme is not None and theme.mono:
            npyscreen.disableColor()

    def show(self) -> int:
        """Run until the user leaves or a signal ends it; the terminal is as before then."""
        previous = {number: signal.getsignal(number) for number in (*_ENDINGS, *_REDRAWS)}
        for number in previous:
            # The byte in the pipe is the news; curses' own resize handler must not be installed.
            signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(self.wake.write_fd, warn_on_full_buffer=False)
        try:
            self.run(fork=False)
        finally:
            signal.set_wakeup_fd(-1)
            bracket_paste(on=False)
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self.exit_code

    # ------------------------------------------------------- called by npyscreen

    def onStart(self) -> None:  # noqa: N802
        """Build the palette and one form per screen, and take the first news if they are quick."""
        report_mouse()
        if "ESCDELAY" not in os.environ:
            curses.set_escdelay(_ESCAPE_DELAY_MS)
        self.palette = Palette(self._theme)
        for name in screens.SCREENS:
            self.addForm(name, ScreenForm, name=name)
        select.select([self.wake], [], [], _FIRST_NEWS_S)
        self.woken([byte for byte in self.wake.drain() if byte])

    def onInMainLoop(self) -> None:  # noqa: N802
        """Nothing goes back by npyscreen's history, which would grow without end."""
        self.resetHistory()

    # ------------------------------------------------------ called by the canvas

    def render(self, width: int, height: int) -> list[Line]:
        """The lines of the visible screen."""
        return screens.render(self.state, width, height)

    def press(self, key: str) -> None:
        """Carry out the command of a key, if it has one on this screen."""
        if self._ended:
            return
        if key == "Resize":
            self._form().redraw()
            return
        self._adopt(inputs.on_key(self.state, key, Size(*terminal_size())))

    def paste(self, text: str) -> None:
        """Pasted text."""
        if not self._ended:
            self._adopt((inputs.on_paste(self.state, text), ()))

    def mouse(self, kind: str, x: int, y: int) -> None:
        """A click or a turn of the wheel."""
        if not self._ended:
            self._adopt(inputs.on_mouse(self.state, kind, x, y, Size(*terminal_size())))

    def _adopt(self, outcome: Outcome) -> None:
        """Take the next state, carry out its effects, and show its screen."""
        before = self.state
        self.state, effects = outcome
        for effect in effects:
            self._carry_out(effect)
        if (self.state.entry is None) != (before.entry is None):
            bracket_paste(on=self.state.entry is not None)
        self._want()
        if self.state.screen != before.screen and not self._ended:
            self.setNextForm(self.state.screen)
            self._form().leave()

    def woken(self, signals: Sequence[int]) -> None:
        """Take the news and the time; end or redraw when a signal asks for it."""
        self._take_news()
        if _REDRAWS.intersection(signals) and self._has_form():
            self._form().redraw()
        for number in signals:
            if number in _ENDINGS:
                self._quit(_ENDINGS[number])

    def _take_news(self) -> None:
        state = self.state
        while True:
            try:
                state = receive(state, self.poller.updates.get_nowait())
            except Empty:
                break
        name = state.model.timezone if state.model else ""
        now = datetime.now(self._zone_of(name)) if name else datetime.now().astimezone()
        themed = state.preferences.theme != self.state.preferences.theme
        # A screen shows minutes; a state that says no more is drawn no more often.
        self.state = replace(state, now=now.replace(second=0, microsecond=0))
        if themed and not self._theme_fixed:
            self._adopt_theme(state.preferences.theme)
        self._want()

    def _want(self) -> None:
        """Have the poller answer what the open screens ask for, and nothing else."""
        questions = wanted(self.state)
        if questions != self._wanted:
            self._wanted = questions
            self.poller.want(questions)

    def _adopt_theme(self, name: str) -> None:
        """Draw in the settings' theme, or say that there is none of its name."""
        try:
            self._theme = builtin(name or DEFAULT_THEME)
        except ThemeError:
            self._theme = builtin(DEFAULT_THEME)
            words = f"settings: no theme {name!r}, showing {DEFAULT_THEME}"
            self.state = replace(self.state, notice=words)
        self.palette = Palette(self._theme)
        if self._has_form():
            self._form().redraw()

    def _zone_of(self, name: str) -> tzinfo | None:
        """The zone the daemon counted the days in; the local one when it is not known here."""
        if self._zone[0] != name:
            from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

            try:
                self._zone = (name, ZoneInfo(name))
            except (ZoneInfoNotFoundError, ValueError, OSError):
                self._zone = (name, datetime.now().astimezone().tzinfo)
        return self._zone[1]

    def _carry_out(self, effect: EffectKind) -> None:
        if effect == "quit":
            self._quit(EXIT_OK)
        elif effect == "window":
            self.poller.show_window(self.state.window)
        elif effect == "refresh":
            self.poller.refresh()
        elif isinstance(effect, SaveSettings):
            self.poller.save(effect)
        else:
            self._form().redraw()

    def _quit(self, code: int) -> None:
        self.exit_code = code
        self._ended = True
        self.setNextForm(None)
        if self._has_form():
            self._form().leave()

    def _has_form(self) -> bool:
        return hasattr(self, "_THISFORM")

    def _form(self) -> ScreenForm:
        form: ScreenForm = self._THISFORM
        return form
