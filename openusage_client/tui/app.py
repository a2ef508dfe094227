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
from openusage_client.tui import dialogs, glyphs, inputs, theme_files, versions
from openusage_client.tui.asking import Ask, Asker, Reply
from openusage_client.tui.canvas import ScreenForm, forget_exported_size, terminal_size
from openusage_client.tui.changes import SaveSettings
from openusage_client.tui.dialog import Dialog
from openusage_client.tui.dialogs import DialogForm
from openusage_client.tui.effects import CycleTheme, EffectKind, KeepTheme, OpenSite, Outcome, Size
from openusage_client.tui.keyboard import bracket_paste, report_mouse
from openusage_client.tui.layout import Line
from openusage_client.tui.palette import Palette
from openusage_client.tui.poller import Connect, Poller
from openusage_client.tui.state import AppState, Link, Update, receive
from openusage_client.tui.theme import MONO_THEME, ThemeError, builtin
from openusage_client.tui.theme_choice import ThemeChoice
from openusage_client.tui.views import screens
from openusage_client.tui.wakeup import WakePipe
from openusage_client.tui.wanted import wanted
from openusage_client.tui.watching import Question
from openusage_proto.messages import Window

_ESCAPE_DELAY_MS: Final = 50
"""How long a lone Esc may turn out to start an arrow key; the default of a second feels broken."""
_PATIENCE_S: Final = 90.0
"""A check asks a vendor, and a browser may wait for its user."""
_FIRST_NEWS_S: Final = 0.15
"""A daemon that runs answers within this, which spares the eye a flash of the splash screen."""
_ENDINGS: Final[Mapping[int, int]] = {
    signal.SIGINT: EXIT_INTERRUPTED,
    signal.SIGTERM: 128 + signal.SIGTERM,
    signal.SIGHUP: 128 + signal.SIGHUP,
}
_DIALOG: Final = "dialog"
_REDRAWS: Final = frozenset({signal.SIGWINCH, signal.SIGCONT})


def run(options: Any) -> int:
    """
    Show the dashboard until the user leaves it; returns the process's exit code.

    Args:
        options: the parsed command line; `no_autostart`, `no_color`, `timezone`, `theme` and
            `window` are used when present.
    """
    forget_exported_size()
    try:
        check_terminal(os.environ)
        themes = _themes(options, os.environ)
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

    def deliver(reply: Reply) -> None:
        poller.post(Update(reply=reply))

    patient = _connector(may_start=False, timeout_s=_PATIENCE_S)
    asker = Asker(lambda: patient(False), deliver, os.environ)
    try:
        return Dashboard(state, poller, asker, wake, themes).show()
    finally:
        asker.stop()
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


def _themes(options: Any, env: Mapping[str, str]) -> ThemeChoice:
    """What NO_COLOR, --no-color or --theme ask for, else what the settings will say."""
    if env.get("NO_COLOR") or getattr(options, "no_color", False):
        return ThemeChoice(builtin(MONO_THEME), env, colourless=True)
    name = getattr(options, "theme", None)
    return ThemeChoice(theme_files.find(name, env) if name else None, env)


def _connector(*, may_start: bool, timeout_s: float = 10.0) -> Connect:
    def connect(start: bool) -> Connection:  # noqa: FBT001
        return autostart.connect(autostart=may_start and start, timeout_s=timeout_s)

    return connect


class Dashboard(npyscreen.NPSAppManaged):  # type: ignore[misc,unused-ignore]
    """Holds the state, feeds it keys and news, and shows the form of the visible screen."""

    STARTING_FORM = "main"

    def __init__(
        self, state: AppState, poller: Poller, asker: Asker, wake: WakePipe, themes: ThemeChoice
    ) -> None:
        super().__init__()
        self.state = state
        self.poller = poller
        self.asker = asker
        self.wake = wake
        self.typed: str | None = None
        self.glyphs = glyphs.choose(locale.getencoding(), os.environ.get("TERM", ""))
        self.exit_code = EXIT_OK
        self._ended = False
        self._themes = themes
        self._zone: tuple[str, tzinfo | None] = ("", None)
        self._wanted: tuple[Question, ...] = ()
        self._looked = False
        if themes.colourless:
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
        self.palette = Palette(self._themes.shown)
        dialogs.use_theme(self)
        for name in screens.SCREENS:
            self.addForm(name, ScreenForm, name=name)
        self.addFormClass(_DIALOG, DialogForm, name=_DIALOG)
        self.state = replace(self.state, notice=self._themes.problem())
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
        typing = self.state.entry is not None or self.state.dialog is not None
        if typing != (before.entry is not None or before.dialog is not None):
            bracket_paste(on=typing)
        self._want()
        self._show_theme()
        self._show_form()

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
        # A screen shows minutes; a state that says no more is drawn no more often.
        self.state = replace(state, now=now.replace(second=0, microsecond=0))
        self._look_for_release()
        self._want()
        self._show_theme()
        if self._has_form():
            self._show_form()

    def _say(self, words: str) -> None:
        """A notice from another thread."""
        self.poller.post(Update(notice=words))

    def _look_for_release(self) -> None:
        """Once per start, and only if the settings say so."""
        if not self._looked and versions.wants_check(self.state.preferences.document):
            self._looked = True
            versions.aside(versions.newer_release, self._say)

    def _want(self) -> None:
        """Have the poller answer what the open screens ask for, and nothing else."""
        questions = wanted(self.state)
        if questions != self._wanted:
            self._wanted = questions
            self.poller.want(questions)

    # ---------------------------------------------------- forms, dialogs, theme

    def _show_form(self) -> None:
        """Have the form of the visible screen shown, or the dialog in front of it."""
        if self._ended:
            return
        if self.state.dialog is not None and not dialogs.fits():
            words = "the terminal is too small for this question; make it larger"
            self.state = replace(self.state, dialog=None, notice=words)
        name = _DIALOG if self.state.dialog is not None else self.state.screen
        if name != self.ACTIVE_FORM_NAME:
            self.typed = None
            self.setNextForm(name)
            self._form().leave()

    @property
    def dialog(self) -> Dialog:
        """What is asked."""
        assert self.state.dialog is not None
        return self.state.dialog

    def answered(self, value: str | None) -> None:
        """The answer to the dialog; None when it was left without one."""
        if self._ended or self.state.dialog is None:
            return
        self._form().leave()
        self.typed = None
        from openusage_client.tui.settings import questions

        self._adopt(questions.answer(self.state, self.state.dialog, value))

    def reopen(self) -> None:
        """Draw what is behind the dialog, and the dialog anew."""
        self.getForm(self.state.screen).redraw()
        self._form().leave()
        self._show_form()

    def _show_theme(self) -> None:
        """Draw in the theme that is looked at, asked for or set, when that is another one."""
        looked_at = self.state.theme_preview if self.state.screen == "settings" else ""
        words = self._themes.choose(looked_at, self.state.preferences.theme)
        if words:
            self.state = replace(self.state, notice=words)
        if self.palette.theme != self._themes.shown:
            self.palette = Palette(self._themes.shown)
            if self._has_form():
                self._form().redraw()

    def _keep_theme(self, name: str) -> None:
        if self._themes.colourless:
            words = "colours are off (NO_COLOR or --no-color)"
            self.state = replace(self.state, notice=words)
            return
        from openusage_client.tui.settings import edits

        self._themes.release()
        preferences = replace(self.state.preferences, theme=name)
        self.state = replace(self.state, preferences=preferences)
        self._save(SaveSettings(edits.set_value(("theme",), name), f"theme: {name}"))

    def _save(self, change: SaveSettings) -> None:
        self.state = replace(self.state, unsaved=self.state.unsaved + 1)
        self.poller.save(change)

    def _look_for_themes(self) -> None:
        """Take over theme files that have come, gone or changed."""
        from openusage_client.tui.settings.commands import with_catalogue

        catalogue = self._themes.reload()
        self.state = with_catalogue(self.state, catalogue)

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
            self._look_for_themes()
            self.poller.refresh()
        elif effect == "themes":
            self._look_for_themes()
        elif effect == "replace-daemon":
            versions.aside(versions.replace_daemon, self._say)
        elif isinstance(effect, SaveSettings):
            self._save(effect)
        elif isinstance(effect, Ask):
            self.asker.ask(effect)
        elif isinstance(effect, CycleTheme):
            current = self.state.preferences.theme
            self._keep_theme(self._themes.after(current, effect.step))
        elif isinstance(effect, KeepTheme):
            self._keep_theme(effect.name)
        elif isinstance(effect, OpenSite):
            from openusage_client.tui import site

            self.state = replace(self.state, notice=site.show(effect.address, os.environ))
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

    def _form(self) -> ScreenForm | DialogForm:
        form: ScreenForm | DialogForm = self._THISFORM
        return form
