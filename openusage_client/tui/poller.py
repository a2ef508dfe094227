"""
The thread that owns the socket: reads the model when it changes and survives the daemon.

The user interface never waits for it: it puts `Update` values in a queue and wakes the other side.
"""

from __future__ import annotations

import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, Final, Literal

from openusage_client import preferences
from openusage_client.decode import decode
from openusage_client.errors import ClientError, ProtocolError
from openusage_client.rpc import Connection
from openusage_client.tui.changes import SaveSettings
from openusage_client.tui.state import Link, Phase, Update
from openusage_client.tui.wakeup import WakePipe
from openusage_client.tui.watching import Question, Watching
from openusage_proto import methods
from openusage_proto.errors import METHOD_NOT_FOUND, RpcError
from openusage_proto.messages import ImportProgress, Providers, ReadModel, RefreshResult, Window
from openusage_proto.values import dataclass

BACKOFF_MIN_S: Final = 0.2
BACKOFF_MAX_S: Final = 5.0
IMPORT_POLL_S: Final = 0.5
QUARTER_S: Final = 900
"""Rolling windows move with the quarter hours the daemon sums by, local midnight among them."""

Connect = Callable[[bool], Connection]
"""Opens a connection; the argument says whether a daemon may be started for it."""


@dataclass(frozen=True, slots=True)
class _Request:
    kind: Literal["window", "refresh", "save", "want", "stop"]
    window: Window = "30d"
    save: SaveSettings | None = None
    questions: tuple[Question, ...] = ()


class Poller(threading.Thread):
    """
    Connects, subscribes, reads; after a loss it tries again from 0.2 s up to every 5 s.

    Args:
        connect: opens a connection, see `Connect`.
        window: the time window to read first; None for the one in the settings.
        notify: called after each update has been queued; must be safe from any thread.
        zone: IANA zone the days are counted in; None for the daemon's own.
    """

    def __init__(
        self,
        connect: Connect,
        window: Window | None,
        notify: Callable[[], None],
        zone: str | None = None,
    ) -> None:
        super().__init__(name="tui-poller", daemon=True)
        self.updates: SimpleQueue[Update] = SimpleQueue()
        self._connect = connect
        self._window = window
        self._notify = notify
        self._zone = zone
        self._requests: deque[_Request] = deque()
        self._pipe = WakePipe()
        self._stopping = threading.Event()
        self._refresh = False
        self._saves: deque[SaveSettings] = deque()
        self._seq = -1
        self._preferences: preferences.Preferences | None = None
        self._served = False
        self._importing = False
        self._asked_about: set[str] = set()
        """Versions of daemons that were offered to be replaced."""
        self._watching = Watching(lambda answer: self._post(answer=answer))

    # ------------------------------------------------- called by the other side

    def show_window(self, window: Window) -> None:
        """Read this window from now on."""
        self._ask(_Request("window", window))

    def refresh(self) -> None:
        """Have the daemon detect, read and poll now; start one when none answers."""
        self._ask(_Request("refresh"))

    def save(self, save: SaveSettings) -> None:
        """Have the daemon change the settings, at once or when it is there again."""
        self._ask(_Request("save", save=save))

    def want(self, questions: Sequence[Question]) -> None:
        """Answer these, again whenever figures change, and no others any more."""
        self._ask(_Request("want", questions=tuple(questions)))

    def post(self, update: Update) -> None:
        """Hand news over, also those of other threads."""
        self.updates.put(update)
        self._notify()

    def stop(self, timeout_s: float = 1.0) -> None:
        """End the thread; one that hangs in a call is left to die with the process."""
        self._ask(_Request("stop"))
        self.join(timeout_s)
        if not self.is_alive():
            self._pipe.close()

    def _ask(self, request: _Request) -> None:
        self._requests.append(request)
        self._pipe.wake()

    # ---------------------------------------------------------------- the thread

    def run(self) -> None:
        """Keep a connection and report until stopped."""
        backoff = BACKOFF_MIN_S
        may_start = True
        while not self._stopping.is_set():
            self._served = False
            link = _link("lost")
            try:
                with self._connect(may_start) as connection:
                    self._serve(connection)
            except RpcError as error:
                link = _link("failing", error.detail)
            except ProtocolError as error:
                link = _link("failing", str(error))
            except (ClientError, OSError) as error:
                link = _link("lost", str(error))
            if self._served:
                # It worked until now: look again soon, the daemon may just be restarting.
                backoff = BACKOFF_MIN_S
            if not self._stopping.is_set():
                self._post(link=link)
            may_start = self._rest(backoff)
            backoff = min(backoff * 2, BACKOFF_MAX_S)

    def _post(self, **news: Any) -> None:
        self.post(Update(**news))

    def _rest(self, seconds: float) -> bool:
        """Wait before the next attempt; True when a key asked for the daemon meanwhile."""
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            select.select([self._pipe], [], [], left)
            self._take_requests()
            if self._refresh:
                self._refresh = False
                return True
        return False

    def _take_requests(self) -> bool:
        """Carry over what was asked; True when the window has changed."""
        self._pipe.drain()
        changed = False
        while self._requests:
            request = self._requests.popleft()
            if request.kind == "stop":
                self._stopping.set()
            elif request.kind == "refresh":
                self._refresh = True
            elif request.save is not None:
                self._saves.append(request.save)
            elif request.kind == "want":
                self._watching.want(request.questions)
            elif request.window != self._window:
                self._window = request.window
                changed = True
        return changed

    def _serve(self, connection: Connection) -> None:
        """Report until the connection breaks (by exception) or the thread is stopped."""
        self._take_requests()
        connection.call(methods.SUBSCRIBE)
        # One piece of news: figures that are back never stand beside the word "lost".
        self._read(connection, seq=None, link=_link("live"))
        self._read_providers(connection)
        self._compare_versions(connection)
        self._save(connection)
        self._watching.forget()
        while not self._stopping.is_set():
            if self._pushed(connection):
                self._read(connection, seq=self._seq)
                continue
            self._watching.ask(connection, self._seq)
            wait = _until_quarter()
            due = self._watching.due_s(self._seq)
            if due is not None:
                wait = min(wait, due)
            if self._importing:
                wait = min(wait, IMPORT_POLL_S)
            boundary = time.time() + _until_quarter()
            ready, _, _ = select.select([connection.fileno(), self._pipe.fileno()], [], [], wait)
            if self._pipe.fileno() in ready:
                self._answer(connection)
            elif not ready and time.time() >= boundary - 0.001:
                # The window has moved although nothing was stored: `if_seq` would hide that.
                self._read(connection, seq=None)
            elif not ready and self._importing:
                self._read_progress(connection)

    def _answer(self, connection: Connection) -> None:
        if self._take_requests():
            self._read(connection, seq=None)
        self._save(connection)
        if self._refresh and not self._stopping.is_set():
            self._refresh = False
            try:
                result = decode(connection.call(methods.REFRESH), RefreshResult)
            except RpcError as error:
                # The figures are as good as before; only this wish was refused.
                self._post(notice=f"not refreshed: {error.detail}")
                return
            self._post(notice=_refresh_words(result))
            # A settings file that was edited changes no figure, so nothing would push it.
            self._read(connection, seq=self._seq)

    def _save(self, connection: Connection) -> None:
        """Change the settings as asked, each change made of the settings as they are then."""
        while self._saves and not self._stopping.is_set():
            # Taken out only when answered: a connection that breaks now does not lose it.
            save = self._saves[0]
            try:
                settings = preferences.settings_of(connection.call(methods.SETTINGS_GET))
                answer = connection.call(methods.SETTINGS_UPDATE, changes=save.change(settings))
            except RpcError as error:
                self._saves.popleft()
                # What the screen has shown ahead of the answer is not so.
                self._post(
                    notice=f"not saved: {error.detail}", preferences=self._preferences, saved=True
                )
                continue
            self._saves.popleft()
            self._preferences = preferences.parse(preferences.settings_of(answer))
            self._post(preferences=self._preferences, notice=save.words or None, saved=True)

    def _pushed(self, connection: Connection) -> bool:
        """Take all pushes that have arrived; True when one names another sequence than ours."""
        changed = False
        while (push := connection.next_notification(0)) is not None:
            if push.method == methods.READ_MODEL_CHANGED:
                changed = changed or push.params.get("seq") != self._seq
        return changed

    def _read(self, connection: Connection, seq: int | None, link: Link | None = None) -> None:
        self._read_preferences(connection)
        answer = connection.call(methods.READ_MODEL, window=self._window, tz=self._zone, if_seq=seq)
        if isinstance(answer, dict) and answer.get("unchanged"):
            return
        model = decode(answer, ReadModel)
        self._seq = model.seq
        self._served = True
        self._importing = model.importing
        self._post(model=model, link=link)

    def _read_preferences(self, connection: Connection) -> None:
        """Take over the settings."""
        found = preferences.read(connection)
        known = self._preferences
        if known is not None and found == known and found.document == known.document:
            return
        first, self._preferences = self._preferences is None, found
        self._post(preferences=found)
        if first and self._window is None:
            self._window = found.window
            self._post(window=found.window)

    def _read_providers(self, connection: Connection) -> None:
        try:
            answer = connection.call(methods.PROVIDERS)
        except RpcError as error:
            # Without them gauges have the metrics' own labels.
            if error.slug != METHOD_NOT_FOUND:
                self._post(notice=f"providers are not known: {error.detail}")
            return
        self._post(providers=tuple(decode(answer, Providers).providers))

    def _compare_versions(self, connection: Connection) -> None:
        """Say when the daemon is another version than this program: one of them was replaced."""
        try:
            answer = connection.call(methods.STATUS)
        except RpcError:
            return
        theirs = answer.get("version") if isinstance(answer, dict) else None
        if not isinstance(theirs, str) or not theirs:
            return
        from openusage_client.tui import versions

        words, question = versions.difference(theirs)
        if words:
            # Asked once: who has said no is only reminded after the next connection.
            self._post(notice=words, question=question if theirs not in self._asked_about else None)
            self._asked_about.add(theirs)

    def _read_progress(self, connection: Connection) -> None:
        try:
            answer = connection.call(methods.STATUS)
        except RpcError as error:
            self._post(notice=f"progress is not known: {error.detail}")
            return
        progress = answer.get("importing") if isinstance(answer, dict) else None
        if not isinstance(progress, dict):
            return
        importing = decode(progress, ImportProgress)
        self._post(importing=importing)
        if not importing.active:
            self._read(connection, seq=None)


def _link(phase: Phase, detail: str = "") -> Link:
    return Link(phase=phase, since=datetime.now(UTC), detail=detail)


def _refresh_words(result: RefreshResult) -> str:
    count = len(result.accounts)
    words = f"refreshing {count} account{'' if count == 1 else 's'}"
    if result.polls_deferred:
        words += f"; {len(result.polls_deferred)} may not be asked again yet (the vendor's rule)"
    return words


def _until_quarter() -> float:
    return QUARTER_S - time.time() % QUARTER_S
