"""The thread that owns the socket, against a real socket."""

from __future__ import annotations

import dataclasses
import os
import threading
from datetime import UTC, datetime
from queue import Empty

import pytest

from openusage_client.decode import decode
from openusage_client.errors import DaemonNotRunning
from openusage_client.rpc import Connection
from openusage_client.tui import poller as module
from openusage_client.tui.poller import Poller
from openusage_proto import methods
from openusage_proto.messages import ImportProgress, ReadModel
from tests.support import screen_samples as samples
from tests.support.waiting import wait_until
from tests.support.wire_server import WireServer


class Watched:
    """A poller with everything it has reported."""

    def __init__(self, path, **options):
        self.attempts = []
        self.woken = threading.Event()

        def connect(may_start):
            self.attempts.append(may_start)
            return Connection(path, 5.0)

        self.poller = Poller(connect, "30d", self.woken.set, **options)
        self.seen = []
        self.poller.start()

    def news(self):
        """All updates so far."""
        while True:
            try:
                self.seen.append(self.poller.updates.get_nowait())
            except Empty:
                return self.seen

    def last(self, field):
        """The latest news of a kind."""
        values = [getattr(item, field) for item in self.news()]
        return next((value for value in reversed(values) if value is not None), None)

    def phase(self):
        """The latest phase of the connection."""
        link = self.last("link")
        return link and link.phase


@pytest.fixture
def path(isolated_home):
    """Where the server listens."""
    return os.path.join(isolated_home, "s.sock")


@pytest.fixture
def watch(path):
    """Makes watched pollers and stops them."""
    made = []

    def make(**options):
        made.append(Watched(path, **options))
        return made[-1]

    yield make
    for item in made:
        item.poller.stop()
        assert not item.poller.is_alive()


MODEL = samples.model(samples.accounts(2))


def test_first_read_brings_model_connection_and_providers(path, watch):
    """One connection, one subscription, one read; the model is what the server said."""
    with WireServer(path, MODEL) as server:
        watched = watch(zone="Asia/Kathmandu")
        wait_until(lambda: watched.last("providers") is not None)
        assert watched.last("model") == MODEL
        assert watched.phase() == "live"
        assert server.asked(methods.SUBSCRIBE) == [{}]
        assert server.asked(methods.READ_MODEL) == [{"window": "30d", "tz": "Asia/Kathmandu"}]
        assert watched.woken.is_set()


def test_a_push_is_read_and_an_own_sequence_is_not(path, watch):
    """A change is on its way at once; a push of what is already known asks nothing."""
    with WireServer(path, MODEL) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        server.push(methods.READ_MODEL_CHANGED, seq=MODEL.seq)
        server.push("something_new", seq=99)
        server.publish(dataclasses.replace(MODEL, seq=8, demo=True))
        wait_until(lambda: watched.last("model").seq == 8)
        reads = server.asked(methods.READ_MODEL)
        assert [params.get("if_seq") for params in reads] == [None, 7]


def test_an_unchanged_answer_is_no_news(path, watch):
    """A push that was overtaken by our own read costs no redraw."""
    with WireServer(path, MODEL) as server:
        watched = watch()
        wait_until(lambda: watched.last("providers") is not None)
        before = len(watched.news())
        server.push(methods.READ_MODEL_CHANGED, seq=6)
        wait_until(lambda: len(server.asked(methods.READ_MODEL)) == 2)
        watched.poller.refresh()
        wait_until(lambda: watched.last("notice"))
        assert len(watched.news()) == before + 1


def test_window_is_read_without_sequence(path, watch):
    """Another window is another answer, whatever the sequence; asking again asks nothing."""
    with WireServer(path, MODEL) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        watched.poller.show_window("7d")
        wait_until(lambda: watched.last("model").window == "7d")
        watched.poller.show_window("7d")
        watched.poller.show_window("1d")
        wait_until(lambda: watched.last("model").window == "1d")
        assert [(p["window"], p.get("if_seq")) for p in server.asked(methods.READ_MODEL)] == [
            ("30d", None), ("7d", None), ("1d", None),
        ]  # fmt: skip


def test_refresh_reports_what_was_started(path, watch):
    """The words name the accounts and those a vendor's rule holds back."""
    answer = {"accounts": ["a", "b"], "polls_deferred": ["b"], "seq": 7}
    with WireServer(path, MODEL, refresh=answer) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        watched.poller.refresh()
        wait_until(lambda: watched.last("notice"))
        assert watched.last("notice").startswith("refreshing 2 accounts; 1 may not")
        assert server.asked(methods.REFRESH) == [{}]


def test_death_and_return_of_the_daemon(path, watch):
    """Lost when it dies, live again by itself, and only the first attempt may start one."""
    watched = watch()
    wait_until(lambda: watched.phase() == "lost")
    assert "no daemon answers" in watched.last("link").detail
    with WireServer(path, MODEL):
        wait_until(lambda: watched.phase() == "live", 10)
    wait_until(lambda: watched.phase() == "lost")
    assert watched.last("link").since <= datetime.now(UTC)
    with WireServer(path, dataclasses.replace(MODEL, seq=9)):
        wait_until(lambda: watched.last("model").seq == 9, 10)
    assert watched.attempts[0] is True
    assert not any(watched.attempts[1:])


def test_refresh_while_lost_may_start_a_daemon(path, watch):
    """The key that refreshes is also the one that brings a stopped daemon back."""
    watched = watch()
    wait_until(lambda: watched.phase() == "lost")
    watched.poller.refresh()
    wait_until(lambda: True in watched.attempts[1:])


def test_window_asked_while_lost_is_read_first_on_return(path, watch):
    """A key pressed during an outage is not forgotten."""
    watched = watch()
    wait_until(lambda: watched.phase() == "lost")
    watched.poller.show_window("all")
    with WireServer(path, MODEL) as server:
        wait_until(lambda: watched.phase() == "live", 10)
        assert server.asked(methods.READ_MODEL)[0]["window"] == "all"


def test_import_progress_is_followed_until_its_end(path, watch):
    """While importing the status is asked; at its end the full figures are read."""
    running = dataclasses.replace(MODEL, importing=True)
    status = {"importing": dataclasses.asdict(samples.IMPORTING)}
    with WireServer(path, running, status=status) as server:
        watched = watch()
        wait_until(lambda: watched.last("importing"))
        assert watched.last("importing") == samples.IMPORTING
        done = dataclasses.replace(samples.IMPORTING, active=False)
        server.model = dataclasses.replace(MODEL, seq=8)
        server.answers[methods.STATUS] = {"importing": dataclasses.asdict(done)}
        wait_until(lambda: watched.last("model").seq == 8)
        assert watched.last("importing") == decode(dataclasses.asdict(done), ImportProgress)


def test_a_status_without_progress_is_ignored(path, watch):
    """A daemon that says nothing about its import is no error."""
    with WireServer(path, dataclasses.replace(MODEL, importing=True), status={}) as server:
        watched = watch()
        wait_until(lambda: len(server.asked(methods.STATUS)) >= 2)
        assert watched.phase() == "live"


def test_a_daemon_without_providers_is_fine(path, watch):
    """An older daemon only lacks the words of its gauges."""
    with WireServer(path, MODEL, providers=None) as server:
        watched = watch()
        wait_until(lambda: server.asked(methods.PROVIDERS))
        server.publish(dataclasses.replace(MODEL, seq=8))
        wait_until(lambda: watched.last("model").seq == 8)
        assert watched.phase() == "live"


@pytest.mark.parametrize("method", [methods.READ_MODEL, methods.PROVIDERS])
def test_a_refusal_is_shown_and_tried_again(path, watch, method):
    """An error answer is words on the screen, not the end of the thread."""
    error = {"error": {"code": 1006, "message": "storage_busy", "data": {"detail": "try later"}}}
    with WireServer(path, MODEL, **{method: error}) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "lost")
        assert "try later" in watched.last("link").detail
        wait_until(lambda: len(server.asked(method)) >= 2)


def test_an_answer_of_the_wrong_shape_is_shown(path, watch):
    """A daemon of another make does not crash the dashboard."""
    with WireServer(path, MODEL, read_model={"seq": "seven"}):
        watched = watch()
        wait_until(lambda: watched.phase() == "lost")
        assert "$.seq" in watched.last("link").detail


def test_the_quarter_hour_reads_again_without_sequence(path, watch, monkeypatch):
    """A rolling window moves although nothing is stored; `if_seq` would hide that."""
    monkeypatch.setattr(module, "QUARTER_S", 0.25)
    with WireServer(path, MODEL) as server:
        watched = watch()
        wait_until(lambda: len(server.asked(methods.READ_MODEL)) >= 3)
        assert all("if_seq" not in params for params in server.asked(methods.READ_MODEL))
        assert watched.phase() == "live"


def test_back_off_grows_to_its_cap(watch, monkeypatch):
    """Attempts get rarer, up to the cap, and stopping does not wait for the next one."""
    monkeypatch.setattr(module, "BACKOFF_MIN_S", 0.001)
    monkeypatch.setattr(module, "BACKOFF_MAX_S", 0.004)
    watched = watch()
    wait_until(lambda: len(watched.attempts) > 6)


def test_stop_ends_a_thread_that_hangs_in_connect():
    """Leaving never waits for a daemon that does not come up."""
    release = threading.Event()

    def connect(_may_start):
        release.wait(10)
        raise DaemonNotRunning("late")

    poller = Poller(connect, "30d", lambda: None)
    poller.start()
    poller.stop(timeout_s=0.01)
    assert poller.is_alive()
    release.set()
    poller.join(5)
    assert not poller.is_alive()
    poller.stop()
    assert isinstance(MODEL, ReadModel)
