"""The state and its news."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from openusage_client.preferences import Preferences
from openusage_client.tui.state import Link, Update, receive, scrolled
from tests.support import screen_samples as samples


def test_receive_takes_an_answer_for_the_wanted_window():
    """New figures replace old ones and nothing else."""
    before = samples.state(samples.accounts(1))
    model = samples.model(samples.accounts(2))
    after = receive(before, Update(model=model))
    assert after == dataclasses.replace(before, raw=model, model=model)


def test_receive_drops_an_answer_for_another_window():
    """A late answer never shows figures under the wrong heading."""
    before = samples.state(samples.accounts(1), window="7d")
    assert receive(before, Update(model=samples.model([], window="30d"))) is before


def test_receive_without_news_changes_nothing():
    """An empty update is the same state."""
    state = samples.state(samples.accounts(1))
    assert receive(state, Update()) is state


def test_receive_takes_back_that_it_is_connected_when_it_is_lost_again():
    """The last line never says the opposite of the first."""
    lost, live = (Link(phase=phase, since=samples.NOW) for phase in ("lost", "live"))
    before = samples.state(samples.accounts(1), link=lost, raw=samples.model([]))
    again = receive(before, Update(link=live))
    assert again.notice == "connected to the daemon again"
    assert receive(again, Update(link=lost)).notice == ""
    other = dataclasses.replace(again, notice="theme kept")
    assert receive(other, Update(link=lost)).notice == "theme kept"


def test_receive_takes_connection_providers_notice_and_progress():
    """Every kind of news has its place."""
    link = Link(phase="lost", since=samples.NOW, detail="gone")
    state = receive(
        samples.state([]),
        Update(link=link, providers=tuple(samples.PROVIDERS.values()), notice="hello",
               importing=samples.IMPORTING),
    )  # fmt: skip
    assert (state.link, state.notice, state.importing) == (link, "hello", samples.IMPORTING)
    assert list(state.providers) == ["claude_code"]


def test_since_when_it_is_lost_does_not_move_with_the_attempts():
    """Every attempt reports anew; the time of the loss stays, the latest words count."""
    lost = Link(phase="lost", since=samples.NOW, detail="gone")
    again = Link(phase="lost", since=samples.NOW + timedelta(minutes=3), detail="still gone")
    state = receive(receive(samples.state([]), Update(link=lost)), Update(link=again))
    assert state.link == dataclasses.replace(again, since=samples.NOW)
    live = Link(phase="live", since=again.since)
    assert receive(state, Update(link=live)).link is live


def test_the_settings_window_gives_way_to_the_users():
    """A window from the settings opens the dashboard, and never overrides a key or flag."""
    news = Update(window="7d", preferences=Preferences(window="7d"))
    opened = receive(samples.state(None), news)
    assert (opened.window, opened.preferences.window) == ("7d", "7d")
    assert receive(samples.state(None, window="all", window_chosen=True), news).window == "all"
    both = Update(window="7d", model=samples.model([], window="7d"))
    assert receive(samples.state(None), both).model is not None


def test_progress_ends_with_the_import():
    """Neither a finished import nor a model that is no longer importing leaves a bar behind."""
    state = samples.state([], importing=samples.IMPORTING)
    done = dataclasses.replace(samples.IMPORTING, active=False)
    assert receive(state, Update(importing=done)).importing is None
    assert receive(state, Update(model=samples.model([]))).importing is None
    still = samples.model([], importing=True)
    assert receive(state, Update(model=still)).importing is samples.IMPORTING


def test_selection_survives_reordering_and_loss():
    """The selection is an account, not a place; the first one stands in for one that has gone."""
    rows = samples.accounts(3)
    state = samples.state(rows, selected=rows[2].account_id)
    assert state.selected_index == 2
    turned = receive(state, Update(model=samples.model(rows[::-1])))
    assert turned.account is rows[2]
    gone = receive(state, Update(model=samples.model(rows[:2])))
    assert gone.account is rows[0]
    assert samples.state([]).account is None


def test_window_pending_until_its_answer_comes():
    """Old figures under a new window are recognisable."""
    state = samples.state(samples.accounts(1))
    assert not state.window_pending
    assert dataclasses.replace(state, window="7d").window_pending
    assert not samples.state(None, window="7d").window_pending


def test_scrolled_never_goes_above_the_start():
    """Offsets are per screen and not negative."""
    state = scrolled(samples.state([]), "help", -3)
    assert state.scroll.get("help", 0) == 0
    assert scrolled(state, "help", 4).scroll == {"help": 4}
    assert samples.state([], now=samples.NOW + timedelta(1)).screen == "main"


def test_a_late_answer_does_not_take_back_a_later_choice():
    """The view of an earlier key is not drawn again; the last answer counts, a refused one too."""
    state = dataclasses.replace(samples.state(samples.accounts(2)), view="grid", unsaved=2)
    first = Update(preferences=Preferences(view="stacked"), saved=True)
    state = receive(state, first)
    assert (state.view, state.unsaved) == ("grid", 1)
    pushed = receive(state, Update(preferences=Preferences(view="tabs")))
    assert pushed.view == "grid"
    last = receive(state, Update(preferences=Preferences(view="grid"), saved=True))
    assert (last.view, last.unsaved) == ("grid", 0)
    elsewhere = receive(last, Update(preferences=Preferences(view="split")))
    assert elsewhere.view == "split"
