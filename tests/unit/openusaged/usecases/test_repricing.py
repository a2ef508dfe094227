"""The re-pricing job: one at a time, seen in its progress, resumed after a broken-off run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from openusage_proto.price_messages import PricingParams, RepriceParams
from openusaged.config.settings import PricingSettings
from openusaged.core.errors import InvalidParams, StorageError
from openusaged.core.merge import CountedEvent
from openusaged.core.models import UsageEvent
from openusaged.core.windows import zone_of
from openusaged.pricing.book import Estimate
from openusaged.providers.shared.http import UrllibHttpClient
from openusaged.runtime.clock import SystemClock
from openusaged.runtime.pools import Pools
from openusaged.runtime.tasks import Tasks
from openusaged.storage.store import Store, WriteBatch
from openusaged.telemetry.pipeline import Pipeline
from openusaged.telemetry.repositories import Repositories
from openusaged.usecases import price_upkeep
from openusaged.usecases.price_upkeep import PriceUpkeep
from openusaged.usecases.prices import Prices
from openusaged.usecases.pricing_case import PricingCase
from openusaged.usecases.repricing import Repricing
from tests.support.stored import event, ms
from tests.unit.openusaged.providers.shared.vendor_server import VendorServer

RATES = {"input_cost_per_million_tokens": 2, "output_cost_per_million_tokens": 10}


@dataclass
class Desk:
    """Everything around the pricing use cases, without a socket."""

    home: Path
    pools: Pools
    tasks: Tasks
    store: Store
    prices: Prices
    pipeline: Pipeline
    published: list[int] = field(default_factory=list)

    def case(self, before_each: Callable[[], object] = lambda: None) -> PricingCase:
        def estimate(priced: UsageEvent | CountedEvent) -> Estimate:
            before_each()
            return self.pipeline.price(priced)

        return PricingCase(
            prices=self.prices,
            store=self.store,
            estimate=estimate,
            flat_price=self.pipeline.flat_rates,
            pools=self.pools,
            tasks=self.tasks,
            clock=SystemClock(),
            zone=lambda name: (zone_of(name or "UTC"), name or "UTC"),
            on_change=lambda: self.published.append(self.store.seq),
        )

    def own_prices(self, **models: object) -> None:
        path = Path(self.prices.custom_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"models": models}))

    def fill(self, *when: str, **fields: object) -> None:
        events = [event(moment, **fields) for moment in when]
        self.store.apply([WriteBatch(events=self.pipeline.prepare(events))])

    def total_nano(self) -> tuple[int, int]:
        rows = self.store.usage_rows(group_by=())
        return sum(row.calc_nano for row in rows), sum(row.unpriced for row in rows)

    def wait(self, case: PricingCase) -> None:
        assert self.tasks.wait_for(lambda: not case.progress().active, 20.0)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    pools, tasks = Pools(readers=1, workers=1), Tasks()
    store = pools.write(
        lambda: Store.open(str(tmp_path / "t.db"), app_version="test", now_ms=SystemClock().now_ms)
    )
    prices = Prices(
        env={"HOME": str(tmp_path)},
        http=UrllibHttpClient(proxies={}),
        now_ms=SystemClock().now_ms,
        settings=PricingSettings,
    )
    pipeline = Pipeline(prices.book(), Repositories())
    yield Desk(tmp_path, pools, tasks, store, prices, pipeline)
    tasks.close()
    pools.write(store.close)
    pools.close(5.0)


def test_job_applies_a_price_that_was_added(desk: Desk) -> None:
    """Stored events of an unpriced model get the new price, everywhere, and readers are told."""
    desk.fill("2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z", model="acme-1")
    assert desk.total_nano() == (0, 2)
    desk.own_prices(**{"acme-1": RATES})
    case = desk.case()
    result = case.reprice(RepriceParams())
    assert (result.started, result.running, result.events) == (True, True, 2)
    desk.wait(case)
    # 1,000 tokens at 2 and 100 at 10 USD per million, twice
    assert desk.total_nano() == (2 * (2_000_000 + 1_000_000), 0)
    progress = case.progress()
    assert (progress.done_events, progress.changed_events, progress.error) == (2, 2, "")
    assert (progress.cost_before_usd, progress.cost_after_usd) == (0.0, 0.006)
    assert progress.finished_at is not None
    assert desk.published
    assert desk.store.pending_reprice() is None


def test_end_is_told_when_nothing_has_changed(desk: Desk) -> None:
    """Who waits for a job hears of its end, also of one that left every figure as it was."""
    desk.fill("2026-11-01T10:00:00Z")
    case, before = desk.case(), desk.store.seq
    case.reprice(RepriceParams())
    desk.wait(case)
    assert case.progress().changed_events == 0
    assert desk.published[-1] > before


def test_since_is_a_local_day(desk: Desk) -> None:
    """Only events from the day on in the caller's zone are touched."""
    desk.fill("2026-11-01T22:59:00Z", "2026-11-01T23:00:00Z", model="acme-1")
    desk.own_prices(**{"acme-1": RATES})
    case = desk.case()
    asked = RepriceParams(since="2026-11-02", tz="Europe/Berlin")
    assert case.reprice(RepriceParams(since="2026-11-02", tz="UTC", dry_run=True)).events == 0
    assert case.reprice(asked).events == 1
    desk.wait(case)
    assert desk.total_nano() == (3_000_000, 1)


def test_dry_run_changes_nothing(desk: Desk) -> None:
    """Counting is no job: nothing is recorded, nothing runs."""
    desk.fill("2026-11-01T10:00:00Z", model="acme-1")
    case = desk.case()
    result = case.reprice(RepriceParams(dry_run=True))
    assert (result.started, result.running, result.events) == (False, False, 1)
    assert case.progress().started_at is None
    assert desk.store.pending_reprice() is None


def test_one_job_at_a_time(desk: Desk) -> None:
    """A second request while one runs starts nothing."""
    desk.fill(*(f"2026-11-01T10:{minute:02}:00Z" for minute in range(30)), model="acme-1")
    go_on = threading.Event()
    case = desk.case(before_each=lambda: go_on.wait(20.0))
    try:
        assert case.reprice(RepriceParams()).started
        second = case.reprice(RepriceParams())
        assert (second.started, second.running) == (False, True)
        assert case.reprice(RepriceParams(dry_run=True)).running
    finally:
        go_on.set()
    desk.wait(case)
    assert case.reprice(RepriceParams()).started
    desk.wait(case)


def test_failure_is_told_and_the_next_start_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that the store refuses ends with the reason and is finished by `resume`."""
    monkeypatch.setattr(Store.reprice, "__defaults__", (1,))
    desk.fill("2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z", model="acme-1")
    desk.own_prices(**{"acme-1": RATES})
    original, calls = desk.store.reprice, []

    def full_disk(*args: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise StorageError("the disk is full")
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.store, "reprice", full_disk)
    case = desk.case()
    case.reprice(RepriceParams())
    desk.wait(case)
    assert case.progress().error == "the disk is full"
    assert desk.total_nano() == (3_000_000, 1)  # the newest event first
    again = Repricing(
        store=desk.store,
        estimate=desk.pipeline.price,
        flat_price=desk.pipeline.flat_rates,
        pools=desk.pools,
        tasks=desk.tasks,
        clock=SystemClock(),
        on_change=lambda: None,
    )
    again.resume()
    assert desk.total_nano() == (6_000_000, 0)
    assert (again.progress().done_events, again.progress().error) == (1, "")
    assert desk.store.pending_reprice() is None
    again.resume()
    assert again.progress().done_events == 1


def test_sums_without_events_follow_where_that_is_exact(desk: Desk) -> None:
    """After retention the user's own flat price still reaches the old sums; others are counted."""
    desk.fill("2026-11-01T10:00:00Z", model="acme-1")
    desk.fill("2026-11-01T10:00:01Z", model="claude-sonnet-4-5", session_id="other")
    desk.fill("2026-11-20T10:00:00Z", model="acme-1", session_id="new")
    assert desk.pools.write(desk.store.run_retention, ms("2026-11-10T00:00:00Z")) == 2
    desk.own_prices(**{"acme-1": RATES})
    case = desk.case()
    assert case.reprice(RepriceParams()).events == 1
    desk.wait(case)
    progress = case.progress()
    assert (progress.aged_requests_changed, progress.aged_requests_left) == (1, 1)
    by_model = {row.model: (row.calc_nano, row.unpriced) for row in desk.store.usage_rows()}
    assert by_model == {
        "acme-1": (6_000_000, 0),
        "claude-sonnet-4-5": (3_000_000 + 1_500_000, 0),
    }
    session = desk.store.session("claude_code", "s1")
    assert session is not None
    assert session.rows[0].calc_nano == 3_000_000


@pytest.mark.parametrize(
    "rates",
    [
        {**RATES, "input_cost_per_million_tokens_above_200k": 4},
        {**RATES, "input_cost_per_million_tokens": 0.0015},
        {**RATES, "cost_per_thousand_requests": 1},
        [RATES, {**RATES, "from": "2026-11-01T10:07:00Z"}],
    ],
    ids=["by size", "broken nano-dollars", "per request", "changed meanwhile"],
)
def test_price_that_depends_on_what_was_forgotten_is_not_applied(desk: Desk, rates: object) -> None:
    """A sum keeps its cost when the new price needs a size, a count or a moment that is gone."""
    desk.fill("2026-11-01T10:00:00Z", model="acme-1")
    desk.pools.write(desk.store.run_retention, ms("2026-11-10T00:00:00Z"))
    desk.own_prices(**{"acme-1": rates})
    case = desk.case()
    case.reprice(RepriceParams())
    desk.wait(case)
    assert desk.total_nano() == (0, 1)
    assert case.progress().aged_requests_left == 1


class TestQuestions:
    def test_unpriced_models_and_what_to_paste(self, desk: Desk) -> None:
        """Models without a price come with tokens and an entry; guessed ones apart."""
        desk.fill("2026-11-01T10:00:00Z", model="acme-1", provider="acme", client="cli")
        desk.fill("2026-11-01T10:00:01Z", model="acme-1", provider="acme", cost_nano=5 * 10**8)
        desk.fill("2026-11-01T10:00:02Z", model="claude-opus-4-5-turbo")
        desk.fill("2026-11-01T10:00:03Z")
        answer = desk.case().ask(PricingParams(unpriced=True)).get()
        (missing,) = answer.unpriced
        assert (missing.model, missing.provider, missing.requests, missing.total_tokens) == (
            "acme-1", "acme", 2, 2200,
        )  # fmt: skip
        assert missing.clients == ["claude_code", "cli"]
        assert missing.recorded_usd == 0.5
        assert missing.price_now == ""
        (guess,) = answer.approximate
        assert (guess.model, guess.price_now, guess.matched) == (
            "claude-opus-4-5-turbo", "approximate", "claude-opus-4-5",
        )  # fmt: skip
        entry = json.loads(answer.custom_entry)
        assert list(entry["models"]) == ["acme-1"]
        # filled in, it is a price that the file's reader takes
        for rates in entry["models"].values():
            rates.update(input_cost_per_million_tokens=1, output_cost_per_million_tokens=1)
        desk.own_prices(**entry["models"])
        assert desk.prices.load()
        assert desk.prices.warnings == ()
        answer = desk.case().ask(PricingParams(unpriced=True)).get()
        assert answer.unpriced[0].price_now == "custom"
        assert answer.custom_entry == ""

    def test_a_model_is_explained(self, desk: Desk) -> None:
        """Rates for the prompt's size, all sizes, tiers, an example and the list's version."""
        params = PricingParams(model="claude-sonnet-4-5", context=200_001, at="2026-11-20")
        price = desk.case().ask(params).get().price
        assert price is not None
        assert (price.grade, price.source, price.provider) == ("exact", "genai-prices", "anthropic")
        assert price.source_version
        assert (price.rates.input, price.rates.output) == (6.0, 22.5)
        assert price.rates.above_prompt_tokens == 200_000
        sizes = [(r.above_prompt_tokens, r.cache_write_1h) for r in price.periods[0].rates]
        assert sizes == [(0, 6.0), (200_000, 12.0)]
        assert [tier.tier for tier in price.tiers] == ["batch"]
        # 10,001 fresh at 6, 150,000 read at 0.60, 40,000 written at 7.50, 1,000 out at 22.50
        assert price.example.cost_usd == 0.472506

    def test_dates_and_parts_of_the_day(self, desk: Desk) -> None:
        """The period in force at the asked moment is marked, with its part of the day."""
        params = PricingParams(model="deepseek-chat", at="2026-11-20T12:00:00Z")
        price = desk.case().ask(params).get().price
        assert price is not None
        (current,) = [period for period in price.periods if period.in_force]
        assert current.daily == "00:30-16:30 UTC"
        before = desk.case().ask(PricingParams(model="o3", at="2025-06-01")).get().price
        assert before is not None
        assert before.rates.input == 10.0
        assert [period.in_force for period in before.periods] == [True, False]

    def test_own_price_and_its_fees(self, desk: Desk) -> None:
        """The user's own price is graded as such, fees and reasoning included."""
        rates = {**RATES, "reasoning_cost_per_million_tokens": 4, "cost_per_thousand_requests": 7}
        desk.own_prices(**{"acme-1": rates})
        desk.prices.load()
        answer = desk.case().ask(PricingParams(model="acme-1", provider="acme")).get()
        assert answer.price is not None
        assert (answer.price.grade, answer.price.source) == ("custom", "custom")
        assert (answer.price.reasoning, answer.price.request_usd_per_thousand) == (4.0, 7.0)
        assert answer.price.tiers == []
        assert answer.sources.custom_models == 1

    def test_unpriced_tier_is_a_guess(self, desk: Desk) -> None:
        """A tier without a price of its own is shown as approximate, beside the standard price."""
        params = PricingParams(model="claude-sonnet-4-5", tier="flex")
        price = desk.case().ask(params).get().price
        assert price is not None
        assert price.grade == "approximate"
        assert price.tiers[0].tier == "standard"

    def test_unknown_model_has_close_ones(self, desk: Desk) -> None:
        """A typing error leads to the model that was meant, from any list."""
        desk.own_prices(**{"acme-turbo-9": RATES})
        desk.prices.load()
        answer = desk.case().ask(PricingParams(model="acme-trubo-9")).get()
        assert answer.price is None
        assert answer.close == ["acme-turbo-9"]
        assert "acme-trubo-9" in answer.custom_entry
        assert "gpt-5" in desk.case().ask(PricingParams(model="gtp-5")).get().close

    @pytest.mark.parametrize(
        "params",
        [
            PricingParams(),
            PricingParams(model=" "),
            PricingParams(model="o3", context=-1),
            PricingParams(model="o3", at="soon"),
        ],
    )
    def test_impossible_questions_are_refused(self, desk: Desk, params: PricingParams) -> None:
        """A question without a subject or with a bad value names the parameter."""
        with pytest.raises(InvalidParams, match=r"model|context|at"):
            desk.case().ask(params).get()

    def test_refresh_fetches_now(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        """Asking for it fetches the catalogue whether or not it is due, and says when it was."""
        server = VendorServer()
        server.start()
        try:
            entry = {"litellm_provider": "acme", "input_cost_per_token": 1e-6}
            server.answer("/c.json", 200, {"acme-7": entry})
            settings = PricingSettings(catalogue_url=server.url + "/c.json")
            monkeypatch.setattr(desk.prices, "_settings", lambda: settings)
            answer = desk.case().ask(PricingParams(refresh=True)).get()
            assert answer.sources.catalogue_models == 1
            assert answer.sources.catalogue_fetched_at is not None
            price = desk.case().ask(PricingParams(model="acme-7")).get().price
            assert price is not None
            assert (price.source, price.rates.input) == ("litellm", 1.0)
            assert "acme-7" in desk.case().ask(PricingParams(model="acme-77")).get().close
        finally:
            server.stop()


class TestUpkeep:
    def upkeep(self, desk: Desk, *, may_call: bool = True) -> PriceUpkeep:
        return PriceUpkeep(
            desk.prices, pools=desk.pools, tasks=desk.tasks, may_call=lambda: may_call
        )

    def test_saved_file_is_read_when_its_name_comes(self, desk: Desk) -> None:
        """A notification about the file makes its prices count; others are not looked at."""
        upkeep = self.upkeep(desk)
        desk.own_prices(**{"acme-1": RATES})
        upkeep.changed({"/elsewhere/custom-pricing.json"})
        assert upkeep.directory == str(Path(desk.prices.custom_path).parent)
        upkeep.changed({desk.prices.custom_path})
        assert desk.tasks.wait_for(lambda: bool(desk.prices.sources.custom.exact), 10.0)

    def test_checks_notice_what_no_notification_told(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file behind a link is read by the regular check, and a due catalogue is fetched."""
        monkeypatch.setattr(price_upkeep, "CHECK_EVERY_S", 0.01)
        desk.own_prices(**{"acme-1": RATES})
        self.upkeep(desk, may_call=False).start()
        assert desk.tasks.wait_for(lambda: bool(desk.prices.sources.custom.exact), 10.0)

    def test_failed_fetch_is_logged_and_over(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A vendor that cannot be reached costs a line in the log, once an hour."""
        settings = PricingSettings(catalogue_url="http://127.0.0.1:9/none.json")
        monkeypatch.setattr(desk.prices, "_settings", lambda: settings)
        upkeep = self.upkeep(desk)
        upkeep.refresh_if_due()
        upkeep.refresh_if_due()
        assert caplog.text.count("event=price_catalogue_failed") == 1

    def test_no_call_without_leave(self, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
        """Where the user wants no outgoing calls, none is tried."""
        self.upkeep(desk, may_call=False).refresh_if_due()
        assert desk.prices.refresh_error == ""
