"""`openusage pricing`: every rate with its source, what is missing, and a careful re-pricing."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest

from openusage_client.commands import pricing
from openusage_client.commands.status import status_lines
from openusage_client.price_pages import (
    format_rate,
    format_size,
    price_lines,
    reprice_line,
    sources_lines,
    unpriced_lines,
)
from openusage_client.terminal import Style
from openusage_proto.price_messages import (
    ModelPrice,
    PriceExample,
    PricePeriod,
    PriceRates,
    PriceSources,
    Pricing,
    RepriceResult,
    TierPrice,
    UnpricedModel,
)
from openusage_proto.status_messages import RepriceProgress
from tests.support import wire_samples
from tests.support.scripted_peer import Hangup, Refusal, ScriptedPeer

Run = Callable[..., tuple[int, str, str]]
PLAIN = Style(color=False, unicode=True)
SOURCES = PriceSources(
    custom_path="/home/me/.config/openusage/custom-pricing.json",
    custom_models=2,
    shipped="genai-prices 0.2.3",
    catalogue_models=2606,
    catalogue_fetched_at="2026-03-06T09:30:00Z",
    catalogue_checked_at="2026-03-07T07:30:00Z",
)
BASE = PriceRates(input=3.0, cache_read=0.3, cache_write_5m=3.75, cache_write_1h=6.0, output=15.0)
LONG = PriceRates(
    input=6.0,
    cache_read=0.6,
    cache_write_5m=7.5,
    cache_write_1h=12.0,
    output=22.5,
    above_prompt_tokens=200_000,
)
NIGHT = replace(BASE, input=0.135, output=0.55)


def price(**more: object) -> ModelPrice:
    given: dict[str, object] = {
        "model": "claude-sonnet-4-5",
        "provider": "anthropic",
        "source": "genai-prices",
        "source_version": "0.2.3",
        "grade": "exact",
        "rates": LONG,
        "periods": [PricePeriod(since=None, daily="", rates=[BASE, LONG], in_force=True)],
        "tiers": [TierPrice(tier="batch", rates=[BASE, LONG], approximate=True)],
        "example": PriceExample(
            input_tokens=12_500,
            cache_read_tokens=187_500,
            cache_write_5m_tokens=50_000,
            cache_write_1h_tokens=0,
            output_tokens=1_000,
            cost_usd=0.585,
        ),
        "context_window": 200_000,
        "web_search_usd_per_thousand": 10.0,
    }
    return ModelPrice(**{**given, **more})  # type: ignore[arg-type]


def answer(**more: object) -> Pricing:
    given: dict[str, object] = {
        "sources": SOURCES,
        "model": "claude-sonnet-4-5-20250929",
        "at": "2026-03-07T09:30:00Z",
        "context": 250_000,
        "price": price(),
    }
    return Pricing(**{**given, **more})  # type: ignore[arg-type]


DATED = answer(
    model="deep-1",
    context=0,
    price=price(
        model="deep-1",
        provider="deep",
        grade="approximate",
        rates=BASE,
        tiers=[],
        context_window=None,
        web_search_usd_per_thousand=None,
        request_usd_per_thousand=5.0,
        reasoning=4.0,
        periods=[
            PricePeriod(since=None, daily="", rates=[NIGHT], in_force=False, approximate=True),
            PricePeriod(since="2026-01-01T00:00:00Z", daily="", rates=[NIGHT], in_force=False),
            PricePeriod(
                since="2026-01-01T00:00:00Z",
                daily="00:30-16:30 UTC",
                rates=[BASE],
                in_force=True,
                derived=["cache_write_5m", "cache_write_1h"],
            ),
        ],
    ),
)
LISTED = answer(
    model="",
    price=None,
    unpriced=[
        UnpricedModel(
            model="acme-1",
            provider="acme",
            clients=["my_tool", "opencode"],
            requests=1234,
            total_tokens=5_600_000,
        ),
        UnpricedModel(
            model="acme-2",
            provider="",
            clients=["my_tool"],
            requests=2,
            total_tokens=400,
            recorded_usd=1.5,
            price_now="custom",
            matched="acme-2",
        ),
        UnpricedModel(model="", provider="", clients=["x"], requests=1, total_tokens=1),
    ],
    approximate=[
        UnpricedModel(
            model="claude-opus-9-turbo",
            provider="anthropic",
            clients=["claude_code"],
            requests=7,
            total_tokens=90_000,
            price_now="approximate",
            matched="claude-opus-9",
        )
    ],
    custom_entry='{\n  "models": {\n    "acme-1": {\n      "input_cost_per_million_tokens": null\n'
    "    }\n  }\n}",
)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_price_page_golden(width: int, check_screen: Callable[[str, str, int], None]) -> None:
    """The page of a model with sizes and tiers fits every width and looks as reviewed."""
    text = "\n".join(price_lines(answer(), width=width, style=PLAIN)) + "\n"
    check_screen("pricing", text, width)


@pytest.mark.parametrize("width", [60, 80])
def test_dated_price_page_golden(width: int, check_screen: Callable[[str, str, int], None]) -> None:
    """Dates, parts of the day, fees, derived rates and doubt are all said."""
    text = "\n".join(price_lines(DATED, width=width, style=PLAIN)) + "\n"
    check_screen("pricing-dated", text, width)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_unpriced_page_golden(width: int, check_screen: Callable[[str, str, int], None]) -> None:
    """Models without a price, what to paste, and where prices come from."""
    now = datetime(2026, 3, 7, 9, 30, tzinfo=UTC)
    lines = unpriced_lines(LISTED, width=width, style=PLAIN)
    lines += ["", *sources_lines(SOURCES, now, width, PLAIN)]
    check_screen("pricing-unpriced", "\n".join(lines) + "\n", width)


def test_json_is_the_answer(run: Run, peer: ScriptedPeer) -> None:
    """The JSON is what the daemon said, and the flags travel as they were given."""
    peer.answers["pricing"] = answer()
    code, out, err = run(
        "pricing", "claude-sonnet-4-5", "--provider", "anthropic", "--context", "250k",
        "--at", "2026-03-01", "--tier", "batch", "-z", "Asia/Kathmandu", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert json.loads(out) == asdict(answer())
    assert peer.params_of("pricing") == [
        {
            "model": "claude-sonnet-4-5",
            "provider": "anthropic",
            "tier": "batch",
            "context": 250_000,
            "at": "2026-03-01",
            "tz": "Asia/Kathmandu",
        }
    ]


def test_page_is_printed_and_warnings_go_beside_it(run: Run, peer: ScriptedPeer) -> None:
    """The table is on stdout, what is wrong with the own prices on stderr."""
    sources = replace(SOURCES, warnings=["/p.json:3:5: models.m: expected an object"])
    peer.answers["pricing"] = answer(sources=sources)
    code, out, err = run("pricing", "claude-sonnet-4-5", "--tier", "standard", "-z", "UTC")
    assert code == 0
    assert "above 200k *" in out
    assert "/p.json:3:5" in err
    assert "tier" not in peer.params_of("pricing")[0]


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_unknown_model_is_a_failure_with_a_way_out(
    run: Run, peer: ScriptedPeer, flags: tuple[str, ...]
) -> None:
    """An unknown model exits 1, names similar ones and shows what to paste where."""
    peer.answers["pricing"] = answer(
        model="acme-9", price=None, close=["acme-8"], custom_entry='{"models": {"acme-9": {}}}'
    )
    code, out, err = run("pricing", "acme-9", *flags)
    assert code == 1
    said = out if flags else err
    for words in ("acme-9", "acme-8", SOURCES.custom_path):
        assert words in said


def test_everything_priced_is_said_in_a_sentence(run: Run, peer: ScriptedPeer) -> None:
    """Without unpriced models there is no empty table; the lists are still named."""
    peer.answers["pricing"] = answer(model="", price=None)
    code, out, _ = run("pricing", "--unpriced")
    assert code == 0
    assert "Every model that was used has a price." in out
    assert "genai-prices 0.2.3" in out


def test_refresh_says_what_there_is_now(run: Run, peer: ScriptedPeer) -> None:
    """A refresh alone prints the lists, with the last failure when there was one."""
    sources = replace(SOURCES, catalogue_models=0, catalogue_error="example.com: no answer")
    peer.answers["pricing"] = answer(model="", price=None, sources=sources)
    code, out, _ = run("pricing", "--refresh")
    assert code == 0
    assert "none yet" in out
    assert "the last try failed: example.com: no answer" in out
    assert peer.params_of("pricing")[0]["refresh"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "which model?"),
        (("a", "--unpriced"), "one of them"),
        (("--unpriced", "--reprice"), "one of them"),
        (("a", "--since", "2026-01-01"), "belong to --reprice"),
        (("--unpriced", "--yes"), "belong to --reprice"),
        (("--reprice", "--at", "2026-01-01"), "--since and --yes only"),
        (("a", "--context", "many"), "no number of tokens"),
        (("a", "--context", "-5"), "no number of tokens"),
        (("a", "--at", "soon"), "is no date"),
        (("a", "--tier", "gold"), "invalid choice"),
    ],
)
def test_impossible_command_lines_are_explained(
    run: Run, peer: ScriptedPeer, arguments: tuple[str, ...], words: str
) -> None:
    """A flag that makes no sense exits 2 with what would, and asks the daemon nothing."""
    code, _, err = run("pricing", *arguments)
    assert code == 2
    assert words in err
    assert peer.requests == []


class TestReprice:
    def script(self, peer: ScriptedPeer, *progress: RepriceProgress) -> None:
        peer.answers["reprice"] = [
            RepriceResult(started=False, running=False, events=1200),
            RepriceResult(started=True, running=True, events=1200),
        ]
        statuses = [wire_samples.status()]
        statuses += [replace(wire_samples.status(), repricing=item) for item in progress]
        peer.answers["status"] = statuses
        peer.answers["subscribe"] = {"subscribed": True, "seq": 7}

    def test_end_of_the_job_is_pushed(
        self, run: Run, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """News from the daemon ends the waiting, however long a look would be apart."""
        monkeypatch.setattr(pricing, "LONGEST_LOOK_S", 1_000.0)
        self.script(peer, RepriceProgress(done_events=5, total_events=5))
        statuses = peer.answers["status"]
        assert isinstance(statuses, list)

        def running(_params: object) -> object:
            peer.push("read_model_changed", seq=8)
            active = RepriceProgress(active=True, total_events=5)
            return replace(wire_samples.status(), repricing=active)

        statuses.insert(1, running)
        assert run("pricing", "--reprice", "--yes")[0] == 0
        assert statuses == [replace(wire_samples.status(), repricing=statuses[-1].repricing)]

    def test_count_then_job_then_outcome(self, run: Run, peer: ScriptedPeer) -> None:
        """The job is counted, started, waited for, and its outcome told in money."""
        self.script(
            peer,
            RepriceProgress(active=True, total_events=1200, done_events=1000),
            RepriceProgress(
                total_events=1200,
                done_events=1200,
                changed_events=400,
                cost_before_usd=1.0,
                cost_after_usd=2.5,
                seconds=1.25,
                aged_requests_left=9,
                aged_requests_changed=3,
            ),
        )
        code, out, err = run("pricing", "--reprice", "--since", "2026-03-01", "--yes", "-z", "UTC")
        assert (code, err) == (0, "")
        assert "Re-priced 1,200 events in 1.2 s: 400 changed, from $1.00 to $2.50." in out
        assert "9 requests whose detail is gone keep their cost" in out
        assert "3 requests whose detail is gone were re-priced" in out
        common = {"since": "2026-03-01", "tz": "UTC"}
        assert peer.params_of("reprice") == [{**common, "dry_run": True}, common]

    def test_nobody_to_ask_is_refused(
        self, run: Run, peer: ScriptedPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a terminal and without --yes nothing is started."""
        self.script(peer)
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
        code, _, err = run("pricing", "--reprice")
        assert code == 2
        assert "--yes" in err
        assert len(peer.params_of("reprice")) == 1

    @pytest.mark.parametrize(("typed", "code", "calls"), [("y\n", 0, 2), ("\n", 1, 1)])
    def test_question_is_asked_once(
        self,
        run: Run,
        peer: ScriptedPeer,
        monkeypatch: pytest.MonkeyPatch,
        typed: str,
        code: int,
        calls: int,
    ) -> None:
        """Only a clear yes starts the job; anything else changes nothing."""
        self.script(peer, RepriceProgress(done_events=1200, total_events=1200))

        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr("sys.stdin", Terminal(typed))
        actual, _, err = run("pricing", "--reprice", "-z", "UTC")
        assert actual == code
        assert "Re-price 1,200 events by the prices of now" in err
        assert ("nothing was changed" in err) == (code == 1)
        assert len(peer.params_of("reprice")) == calls

    def test_running_job_is_joined(self, run: Run, peer: ScriptedPeer) -> None:
        """A job that runs already is waited for instead of being started again."""
        self.script(peer, RepriceProgress(done_events=5, total_events=5))
        peer.answers["reprice"] = RepriceResult(started=False, running=True, events=5)
        code, _, err = run("pricing", "--reprice", "--yes")
        assert code == 0
        assert "under way already" in err
        assert len(peer.params_of("reprice")) == 1

    @pytest.mark.parametrize("flags", [(), ("--json",)])
    def test_failed_job_exits_with_its_reason(
        self, run: Run, peer: ScriptedPeer, flags: tuple[str, ...]
    ) -> None:
        """A job that stopped says why and that the next start goes on."""
        self.script(peer, RepriceProgress(done_events=5, total_events=9, error="the disk is full"))
        code, out, err = run("pricing", "--reprice", "--yes", *flags)
        assert code == 1
        assert "the disk is full" in (out if flags else err)

    def test_daemon_that_goes_away_ends_the_waiting(self, run: Run, peer: ScriptedPeer) -> None:
        """The job is the daemon's and is gone on with, which is said instead of waiting for it."""
        self.script(peer, RepriceProgress(active=True, total_events=10))
        statuses = peer.answers["status"]
        assert isinstance(statuses, list)
        statuses.append(Hangup())
        code, out, err = run("pricing", "--reprice", "--yes")
        assert (code, out) == (1, "")
        assert "the next start goes on with the re-pricing" in err

    def test_refused_date_is_passed_on(self, run: Run, peer: ScriptedPeer) -> None:
        """What the daemon refuses is told as it said it."""
        self.script(peer)
        peer.answers["reprice"] = Refusal(-32602, "invalid_params", {"detail": "tz: no such zone"})
        code, _, err = run("pricing", "--reprice", "--yes")
        assert code == 2
        assert "tz: no such zone" in err


def test_progress_line_is_drawn_and_erased() -> None:
    """On a terminal one line shows the share and goes away at the end."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    line = pricing._Line(stream)
    line.show(RepriceProgress(active=True, total_events=10, done_events=10))
    assert "re-pricing: 99%" in stream.getvalue()
    line.erase()
    assert stream.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (3.0, "$3.00"), (0.075, "$0.075"), (0.0125, "$0.0125"), (0.0, "$0.00"), (None, "-"),
        (1234.5, "$1,234.50"), (0.000001, "$0.000001"), (float("inf"), "-"),
    ],
)  # fmt: skip
def test_rates_have_the_digits_they_need(usd: float | None, text: str) -> None:
    """Small rates keep their digits, round ones have two, unknown ones are a dash."""
    assert format_rate(usd) == text


@pytest.mark.parametrize(
    ("tokens", "text"), [(200_000, "200k"), (1_000_000, "1M"), (32_768, "32,768")]
)
def test_sizes_are_short(tokens: int, text: str) -> None:
    """Round sizes of prompts read as people say them."""
    assert format_size(tokens) == text


@pytest.mark.parametrize(
    ("text", "number"), [("250000", 250_000), ("250k", 250_000), ("1M", 1_000_000), ("1_000", 1000)]
)
def test_numbers_of_tokens(text: str, number: int) -> None:
    """A size may be typed in full or short."""
    assert pricing.tokens(text) == number


@pytest.mark.parametrize("text", ["", "k", "1.5k", "-1", "1x"])
def test_what_is_no_number_of_tokens(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(argparse.ArgumentTypeError, match="250k"):
        pricing.tokens(text)


def test_unchanged_outcome_names_no_money() -> None:
    """A job that changed nothing says so and nothing else."""
    assert reprice_line(RepriceProgress(done_events=3, seconds=0.5)) == (
        "Re-priced 3 events in 0.5 s: 0 changed."
    )


def test_own_price_page_names_its_file() -> None:
    """A price of the user's own says where it stands."""
    own = answer(price=price(grade="custom", source="custom", source_version="", tiers=[]))
    lines = price_lines(own, width=None, style=PLAIN)
    assert lines[0].endswith("your own price")
    assert any(SOURCES.custom_path in line for line in lines)


def test_status_page_shows_a_running_job() -> None:
    """While events are re-priced, `openusage status` says how far it is; else nothing."""
    now = datetime(2026, 3, 7, 9, 30, tzinfo=UTC)

    def page(progress: RepriceProgress) -> str:
        status = replace(wire_samples.status(), repricing=progress)
        return "\n".join(status_lines(status, now=now, width=100, style=PLAIN))

    running = RepriceProgress(active=True, total_events=12_000, done_events=3_000)
    assert "re-price  running: 3,000 of 12,000 events" in page(running)
    assert "re-price" not in page(replace(running, active=False))
