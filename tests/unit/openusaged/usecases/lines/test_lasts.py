"""How long a weekly limit lasts: by the weekdays and hours of the account, not by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openusaged.core.models import Account
from openusaged.runtime.pools import Pools
from openusaged.storage.store import Store
from openusaged.usecases.lines.figures import HABITS_KEPT_MS, FigureBook, Figures, Window
from openusaged.usecases.lines.variables import VARIABLES, Subject
from openusaged.usecases.reading import Reading, View
from tests.support.clocks import StillClock
from tests.support.stored import event, fill, ms, open_store

# A Friday, 8:00; the weekly window is that of the calendar.
NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
RESET = datetime(2027, 1, 18, tzinfo=UTC)
VIEW = View(accounts=(Account(id="claude-code", provider_id="claude_code"),), zone_name="UTC")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Four weeks of requests, each working day, each hour from 9 to 16."""
    store = open_store(str(tmp_path / "db" / "t.db"), NOW.isoformat())
    times = [
        (NOW - timedelta(days=back)).replace(hour=hour)
        for back in range(1, 29)
        for hour in range(9, 17)
    ]
    fill(store, [event(at.isoformat()) for at in times if at.weekday() < 5])
    yield store
    store.close()


@pytest.fixture
def clock() -> StillClock:
    return StillClock(ms(NOW.isoformat()))


@pytest.fixture
def book(store: Store, clock: StillClock) -> Iterator[FigureBook]:
    pools = Pools()
    reading = Reading(store=store, pools=pools, clock=clock, view=lambda: VIEW)
    yield FigureBook(store=store, reading=reading, clock=clock, view=lambda: VIEW)
    pools.close()


def lasts(figures: Figures, used: float) -> str:
    """`{weekly_lasts_until}` when so much of the week's limit is used."""
    (one,) = figures.accounts
    window = Window(used=used, resets_ms=ms(RESET.isoformat()), length_ms=7 * 86_400_000)
    subject = Subject(
        figures=figures,
        zone=UTC,
        one=type(one)(account=one.account, weekly=window),
    )
    return VARIABLES["weekly_lasts_until"].read(subject).text


def test_a_free_weekend_counts_as_such(book: FigureBook) -> None:
    """81 % after 32 working hours end with this afternoon; 76 % last the week."""
    figures = book.now()
    assert lasts(figures, 81) == "16:30"
    assert lasts(figures, 76) == ""
    # Without a usual week it goes by the clock, which knows no weekend.
    by_clock = Figures(now_ms=figures.now_ms, accounts=figures.accounts)
    assert lasts(by_clock, 81) == "Sat 08:23"
    assert lasts(by_clock, 76) == "Sat 16:50"


def test_a_usual_week_is_read_once_in_ten_minutes(book: FigureBook, clock: StillClock) -> None:
    """A status bar that asks every few seconds costs no reading of weeks each time."""
    figures = book.now()
    (one,) = figures.accounts
    first = figures.usual(one)
    assert first is not None
    clock.now += 1_000
    assert book.now().usual(one) is first
    clock.now += HABITS_KEPT_MS
    assert book.now().usual(one) is not first


def test_unknown_windows_last_for_ever() -> None:
    """Nothing is said of a window whose length or end nobody knows."""
    assert Window(used=90.0).full(NOW, None) is None
    assert Window(used=90.0, length_ms=7 * 86_400_000).full(NOW, None) is None
