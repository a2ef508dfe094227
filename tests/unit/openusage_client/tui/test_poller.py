"""The thread that owns the socket, against a real socket."""

from __future__ import annotations

import dataclasses
import os
import threading
from datetime import UTC, datetime
from queue import Empty

import pytest

from openusage_client import preferences
from openusage_client.decode import decode
from openusage_client.errors import DaemonNotRunning
from openusage_client.rpc import Connection
from openusage_client.tui import poller as module
from openusage_client.tui.changes import SaveSettings, set_costs, set_view
from openusage_client.tui.poller import Poller
from openusage_proto import methods
from openusage_proto.messages import ImportProgress, ReadModel
from tests.support import screen_samples as samples
from tests.support.scripted_peer import ModelPeer, Refusal
from tests.support.waiting import wait_until


class Watched:
    """A poller with everything it has reported."""

    def __init__(self, path, window="30d", **options):
        self.attempts = []
        self.woken = threading.Event()

        def connect(may_start):
            self.attempts.append(may_start)
            return Connection(path, 5.0)

        self.poller = Poller(connect, window, self.woken.set, **options)
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
    with ModelPeer(path, MODEL) as server:
        watched = watch(zone="Asia/Kathmandu")
        wait_until(lambda: watched.last("providers") is not None)
        assert watched.last("model") == MODEL
        assert watched.phase() == "live"
        assert server.params_of(methods.SUBSCRIBE) == [{}]
        assert server.params_of(methods.READ_MODEL) == [{"window": "30d", "tz": "Asia/Kathmandu"}]
        assert watched.woken.is_set()


def test_a_push_is_read_and_an_own_sequence_is_not(path, watch):
    """A change is on its way at once; a push of what is already known asks nothing."""
    with ModelPeer(path, MODEL) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        server.push(methods.READ_MODEL_CHANGED, seq=MODEL.seq)
        server.push("something_new", seq=99)
        server.publish(dataclasses.replace(MODEL, seq=8, demo=True))
        wait_until(lambda: watched.last("model").seq == 8)
        reads = server.params_of(methods.READ_MODEL)
        assert [params.get("if_seq") for params in reads] == [None, 7]


def test_an_unchanged_answer_is_no_news(path, watch):
    """A push that was overtaken by our own read costs no redraw."""
    with ModelPeer(path, MODEL) as server:
        watched = watch()
        wait_until(lambda: watched.last("providers") is not None)
        before = len(watched.news())
        server.push(methods.READ_MODEL_CHANGED, seq=6)
        wait_until(lambda: len(server.params_of(methods.READ_MODEL)) == 2)
        watched.poller.refresh()
        wait_until(lambda: watched.last("notice"))
        assert len(watched.news()) == before + 1


def test_window_is_read_without_sequence(path, watch):
    """Another window is another answer, whatever the sequence; asking again asks nothing."""
    with ModelPeer(path, MODEL) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        watched.poller.show_window("7d")
        wait_until(lambda: watched.last("model").window == "7d")
        watched.poller.show_window("7d")
        watched.poller.show_window("1d")
        wait_until(lambda: watched.last("model").window == "1d")
        assert [(p["window"], p.get("if_seq")) for p in server.params_of(methods.READ_MODEL)] == [
            ("30d", None), ("7d", None), ("1d", None),
        ]  # fmt: skip


def test_refresh_reports_what_was_started(path, watch):
    """The words name the accounts and those a vendor's rule holds back."""
    answer = {"accounts": ["a", "b"], "polls_deferred": ["b"], "seq": 7}
    with ModelPeer(path, MODEL, refresh=answer) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        watched.poller.refresh()
        wait_until(lambda: watched.last("notice"))
        assert watched.last("notice").startswith("refreshing 2 accounts; 1 may not")
        assert server.params_of(methods.REFRESH) == [{}]


def test_death_and_return_of_the_daemon(path, watch):
    """Lost when it dies, live again by itself, and only the first attempt may start one."""
    watched = watch()
    wait_until(lambda: watched.phase() == "lost")
    assert "no daemon answers" in watched.last("link").detail
    with ModelPeer(path, MODEL):
        wait_until(lambda: watched.phase() == "live", 10)
    wait_until(lambda: watched.phase() == "lost")
    assert watched.last("link").since <= datetime.now(UTC)
    with ModelPeer(path, dataclasses.replace(MODEL, seq=9)):
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
    with ModelPeer(path, MODEL) as server:
        wait_until(lambda: watched.phase() == "live", 10)
        assert server.params_of(methods.READ_MODEL)[0]["window"] == "all"


def test_import_progress_is_followed_until_its_end(path, watch):
    """While importing the status is asked; at its end the full figures are read."""
    running = dataclasses.replace(MODEL, importing=True)
    status = {"importing": dataclasses.asdict(samples.IMPORTING)}
    with ModelPeer(path, running, status=status) as server:
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
    with ModelPeer(path, dataclasses.replace(MODEL, importing=True), status={}) as server:
        watched = watch()
        wait_until(lambda: len(server.params_of(methods.STATUS)) >= 2)
        assert watched.phase() == "live"


def test_a_daemon_without_providers_is_fine(path, watch):
    """An older daemon only lacks the words of its gauges."""
    with ModelPeer(path, MODEL, providers=Refusal(-32601, "method_not_found")) as server:
        watched = watch()
        wait_until(lambda: server.params_of(methods.PROVIDERS))
        server.publish(dataclasses.replace(MODEL, seq=8))
        wait_until(lambda: watched.last("model").seq == 8)
        assert watched.phase() == "live"


BUSY = Refusal(1006, "storage_busy", {"detail": "try later"})


@pytest.mark.parametrize("method", [methods.SUBSCRIBE, methods.SETTINGS_GET, methods.READ_MODEL])
def test_a_refusal_is_shown_and_tried_again(path, watch, method):
    """An error answer is no lost daemon: its words are on the screen until it works again."""
    with ModelPeer(path, MODEL, **{method: BUSY}) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "failing")
        assert watched.last("link").detail == "try later"
        wait_until(lambda: len(server.params_of(method)) >= 2)
        server.answers |= {method: server._read_model if method == methods.READ_MODEL else {}}
        wait_until(lambda: watched.phase() == "live", 10)


def test_a_refusal_after_figures_keeps_the_last_ones(path, watch):
    """A daemon that begins to fail takes nothing away from what has been read."""
    with ModelPeer(path, MODEL) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        server.answers[methods.READ_MODEL] = BUSY
        server.push(methods.READ_MODEL_CHANGED, seq=8)
        wait_until(lambda: watched.phase() == "failing")
        assert watched.last("model") == MODEL


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (methods.PROVIDERS, "providers are not known: try later"),
        (methods.STATUS, "progress is not known: try later"),
        (methods.REFRESH, "not refreshed: try later"),
    ],
)
def test_a_refused_extra_is_a_notice(path, watch, method, words):
    """What the figures do not depend on fails alone."""
    model = dataclasses.replace(MODEL, importing=method == methods.STATUS)
    with ModelPeer(path, model, **{method: BUSY}):
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        watched.poller.refresh()
        wait_until(lambda: words in [item.notice for item in watched.news()])
        assert watched.phase() == "live"


def test_an_answer_of_the_wrong_shape_is_shown(path, watch):
    """A daemon of another make does not crash the dashboard."""
    with ModelPeer(path, MODEL, read_model={"seq": "seven"}):
        watched = watch()
        wait_until(lambda: watched.phase() == "failing")
        assert "$.seq" in watched.last("link").detail


def settings(**more):
    """An answer of `settings_get`."""
    return {"path": "/settings.json", "settings": more, "warnings": []}


def test_settings_decide_the_first_window_only(path, watch):
    """Without a flag the settings' window opens; what the user asks for later stays."""
    answer = settings(data={"time_window": "7d"})
    with ModelPeer(path, MODEL, settings_get=answer) as server:
        watched = watch(window=None)
        wait_until(lambda: watched.phase() == "live")
        assert watched.last("window") == "7d"
        assert watched.last("model").window == "7d"
        watched.poller.show_window("all")
        wait_until(lambda: watched.last("model").window == "all")
        server.answers[methods.SETTINGS_GET] = settings(data={"time_window": "1d"})
        watched.poller.refresh()
        wait_until(lambda: len(server.params_of(methods.READ_MODEL)) == 3)
        assert server.params_of(methods.READ_MODEL)[-1]["window"] == "all"


def test_settings_that_change_are_news_although_nothing_was_stored(path, watch):
    """Order and hidden costs change what is shown; the figures are not sent again for that."""
    second = MODEL.accounts[1].account_id
    with ModelPeer(path, MODEL, settings_get=settings()) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        listed = {"providers": [{"account_id": second, "hide_costs": True}]}
        server.answers[methods.SETTINGS_GET] = settings(dashboard=listed)
        watched.poller.refresh()
        wait_until(lambda: watched.last("preferences").order == (second,))
        assert watched.last("preferences").costs_of == {second: True}
        assert watched.last("model") == MODEL


def test_a_change_of_the_settings_is_made_of_what_they_are(path, watch):
    """The list that is replaced as a whole keeps what it held; the answer's values are news."""
    listed = [{"account_id": "x", "enabled": False, "hide_costs": None}]
    after = settings(dashboard={"providers": [*listed, {"account_id": "a", "hide_costs": True}]})
    with ModelPeer(
        path, MODEL, settings_get=settings(dashboard={"providers": listed}), settings_update=after
    ) as server:
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        watched.poller.save(SaveSettings(set_costs("a", hidden=True), "saved"))
        wait_until(lambda: watched.last("notice") == "saved")
        assert server.params_of(methods.SETTINGS_UPDATE) == [
            {"changes": {"dashboard": {"providers": [
                {"account_id": "x", "enabled": False}, {"account_id": "a", "hide_costs": True},
            ]}}}
        ]  # fmt: skip
        assert watched.last("preferences").costs_of == {"a": True}


def test_a_refused_change_is_said_and_what_is_shown_goes_back(path, watch):
    """The preferences are posted again, so that nothing pretends to be saved."""
    refusal = Refusal(1003, "invalid_settings", {"detail": "the file is read-only"})
    with ModelPeer(path, MODEL, settings_get=settings(), settings_update=refusal):
        watched = watch()
        wait_until(lambda: watched.phase() == "live")
        watched.poller.save(SaveSettings(set_view("tabs")))
        wait_until(lambda: watched.last("notice") == "not saved: the file is read-only")
        assert watched.last("preferences") == preferences.DEFAULTS


def test_a_change_asked_while_the_daemon_is_away_is_made_on_its_return(path, watch):
    """Nothing the user has chosen is lost."""
    watched = watch()
    wait_until(lambda: watched.phase() == "lost")
    watched.poller.save(SaveSettings(set_view("tabs")))
    answer = settings(dashboard={"view": "tabs"})
    with ModelPeer(path, MODEL, settings_get=settings(), settings_update=answer) as server:
        wait_until(lambda: (watched.last("preferences") or preferences.DEFAULTS).view == "tabs", 15)
        assert server.params_of(methods.SETTINGS_UPDATE) == [
            {"changes": {"dashboard": {"view": "tabs"}}}
        ]


def test_the_quarter_hour_reads_again_without_sequence(path, watch, monkeypatch):
    """A rolling window moves although nothing is stored; `if_seq` would hide that."""
    monkeypatch.setattr(module, "QUARTER_S", 0.25)
    with ModelPeer(path, MODEL) as server:
        watched = watch()
        wait_until(lambda: len(server.params_of(methods.READ_MODEL)) >= 3)
        assert all("if_seq" not in params for params in server.params_of(methods.READ_MODEL))
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
