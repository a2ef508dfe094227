"""The price lists of a running daemon: loaded, reloaded, fetched politely, never a burden."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from openusaged.config.settings import PricingSettings
from openusaged.core.errors import ConfigError, RateLimited, Unreachable, UpstreamChanged
from openusaged.core.models import MESSAGE_USAGE, UsageEvent
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.usecases import prices as prices_module
from openusaged.usecases.prices import DEFAULT_TTL_S, RETRY_S, Prices, time_to_live_s
from tests.unit.openusaged.providers.shared.vendor_server import VendorServer

START_MS = 1_795_000_000_000
HOUR_MS = 3_600_000
PATH = "/prices.json"


def catalogue(usd_per_million: float = 3.0) -> dict[str, object]:
    return {"acme-1": {"litellm_provider": "acme", "input_cost_per_token": usd_per_million / 1e6}}


@dataclass
class World:
    """A machine of its own: environment, clock, settings and a vendor's server."""

    home: Path
    server: VendorServer
    now_ms: int = START_MS
    env: dict[str, str] = field(default_factory=dict)
    settings: PricingSettings = field(default_factory=PricingSettings)

    def __post_init__(self) -> None:
        self.env = {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / "cache")}
        self.settings = PricingSettings(catalogue_url=self.server.url + PATH)

    def prices(self, **env: str) -> Prices:
        return Prices(
            env={**self.env, **env},
            http=UrllibHttpClient(proxies={}),
            now_ms=lambda: self.now_ms,
            settings=lambda: self.settings,
        )

    @property
    def custom(self) -> Path:
        path = self.home / ".config" / "openusage" / "custom-pricing.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    server = VendorServer()
    server.start()
    yield World(tmp_path, server)
    server.stop()


def event(model: str = "acme-1") -> UsageEvent:
    return UsageEvent(
        source="t", channel="jsonl", event_type=MESSAGE_USAGE, ts_ms=START_MS, model=model, input=10
    )


class TestOwnPrices:
    def test_books_follow_the_file(self, world: World) -> None:
        """A saved file counts for every book from then on, and so does its removal."""
        prices = world.prices()
        books = [prices.book(), prices.book()]
        assert not prices.load()
        rates = {"input_cost_per_million_tokens": 2, "output_cost_per_million_tokens": 2}
        world.custom.write_text(json.dumps({"models": {"acme-1": rates}}))
        assert prices.load()
        assert [book.estimate(event()) for book in books] == [(20_000, "custom")] * 2
        assert prices.book().estimate(event()) == (20_000, "custom")
        assert not prices.load()
        world.custom.unlink()
        assert prices.load()
        assert books[0].estimate(event()) == (None, "")

    def test_warnings_are_kept_and_go_with_their_cause(self, world: World) -> None:
        """What is wrong with the file is known until it is mended."""
        prices = world.prices()
        world.custom.write_text('{"models": {"acme-1": {}}}')
        assert prices.load()
        assert f"{world.custom}:1:13: models.acme-1" in prices.warnings[0]
        world.custom.write_text('{"models": {}}')
        assert prices.load()
        assert prices.warnings == ()


class TestRefresh:
    def test_a_catalogue_is_fetched_and_used(self, world: World) -> None:
        """A model that only the catalogue knows is priced once it is here; the file is private."""
        world.server.answer(PATH, 200, catalogue(), etag='"1"')
        prices = world.prices()
        book = prices.book()
        assert book.estimate(event()) == (None, "")
        assert prices.is_due
        assert prices.refresh()
        assert book.estimate(event()) == (30_000, "litellm")
        assert not prices.is_due
        assert os.stat(prices.file.path).st_mode & 0o777 == 0o600
        ((_, headers),) = world.server.requests
        assert "if-none-match" not in headers
        assert "authorization" not in headers

    def test_unchanged_catalogue_is_not_sent_again(self, world: World) -> None:
        """After a day only the entity tag travels, and the old file is current again."""
        world.server.answer(PATH, 200, catalogue(), etag='W/"abc"')
        prices = world.prices()
        prices.refresh()
        before = Path(prices.file.path).read_bytes()
        world.now_ms += 24 * HOUR_MS - 1
        assert not prices.is_due
        world.now_ms += 1
        assert prices.is_due
        world.server.answer(PATH, 304)
        assert not prices.refresh()
        assert world.server.requests[1][1]["if-none-match"] == 'W/"abc"'
        assert not prices.is_due
        assert Path(prices.file.path).read_bytes() == before

    def test_new_catalogue_replaces_what_was_looked_up(self, world: World) -> None:
        """A changed price is used by a book that has already priced the model."""
        world.server.answer(PATH, 200, catalogue(3))
        prices = world.prices()
        prices.refresh()
        book = prices.book()
        assert book.estimate(event())[0] == 30_000
        world.server.answer(PATH, 200, catalogue(4))
        assert prices.refresh()
        assert book.estimate(event())[0] == 40_000

    def test_a_start_uses_what_is_on_disk(self, world: World) -> None:
        """A restarted daemon prices by the kept catalogue without a call."""
        world.server.answer(PATH, 200, catalogue())
        world.prices().refresh()
        world.now_ms += HOUR_MS
        again = world.prices()
        assert not again.is_due
        assert again.book().estimate(event()) == (30_000, "litellm")
        assert len(world.server.requests) == 1

    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (500, b"", Unreachable),
            (404, b"", UpstreamChanged),
            (429, b"", RateLimited),
            (304, b"", UpstreamChanged),
            (206, catalogue(), UpstreamChanged),
            (200, b"<html>", ConfigError),
            (200, {}, ConfigError),
            (200, [], ConfigError),
        ],
    )
    def test_failure_keeps_the_old_and_waits(
        self, world: World, status: int, body: object, error: type[Exception]
    ) -> None:
        """A bad answer changes nothing, is remembered in words, and is not repeated for an hour."""
        prices = world.prices()
        if status != 304:  # which without a file of ours makes no sense
            world.server.answer(PATH, 200, catalogue())
            prices.refresh()
            world.now_ms += 48 * HOUR_MS
        known = prices.book().estimate(event())
        world.server.answer(PATH, status, body)
        assert prices.is_due
        with pytest.raises(error):
            prices.refresh()
        assert prices.refresh_error
        assert prices.book().estimate(event()) == known
        assert not prices.is_due
        world.now_ms += int(RETRY_S * 1000)
        assert prices.is_due
        world.server.answer(PATH, 200, catalogue(5))
        assert prices.refresh()
        assert prices.refresh_error == ""

    def test_huge_answer_is_refused(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """An answer beyond the cap is not read to its end."""
        monkeypatch.setattr(prices_module, "MAX_CATALOGUE_BYTES", 1000)
        world.server.answer(PATH, 200, b"x" * 100_000)
        with pytest.raises(UpstreamChanged, match="more than 1000 bytes"):
            world.prices().refresh()

    def test_cache_that_cannot_be_written_is_named(self, world: World) -> None:
        """A file in place of the directory is an error with its path, not a crash."""
        (world.home / "cache").write_text("")
        world.server.answer(PATH, 200, catalogue())
        prices = world.prices()
        with pytest.raises(ConfigError, match=r"litellm\.prices"):
            prices.refresh()

    def test_nothing_is_fetched_where_it_is_not_wanted(self, world: World) -> None:
        """The setting and the variable both switch the fetch off."""
        assert world.prices().is_due
        assert not world.prices(OPENUSAGE_PRICING_TTL="off").is_due
        world.settings = PricingSettings(refresh=False)
        assert not world.prices().is_due

    def test_a_clock_that_went_back_is_no_reason_to_wait(self, world: World) -> None:
        """A file from the future is checked again instead of being trusted for years."""
        world.server.answer(PATH, 200, catalogue())
        prices = world.prices()
        prices.refresh()
        world.now_ms -= 90 * 24 * HOUR_MS
        assert prices.is_due


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", DEFAULT_TTL_S),
        ("12h", 43_200.0),
        ("30m", 1800.0),
        ("1h30m", 5400.0),
        ("90s", 90.0),
        ("3600", 3600.0),
        (" 2H ", 7200.0),
        ("off", None),
        ("0", None),
        ("never", None),
        ("0h", None),
        ("-5", DEFAULT_TTL_S),
        ("soon", DEFAULT_TTL_S),
        ("1h x", DEFAULT_TTL_S),
        ("nan", DEFAULT_TTL_S),
    ],
)
def test_h21_a_list_is_current_for_as_long_as_the_variable_says(
    text: str, seconds: float | None
) -> None:
    """Durations and seconds are understood, `off` switches off, nonsense means a day."""
    assert time_to_live_s({"OPENUSAGE_PRICING_TTL": text}) == seconds
