"""Explanations: the same sums as everywhere, taken apart so that every part can be checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from openusage_proto.explain_messages import ExplainParams, Explanation
from openusaged.core.errors import InvalidParams
from openusaged.core.models import Account, SourceCursor
from openusaged.core.windows import zone_of
from openusaged.pricing.book import Sources
from openusaged.pricing.catalogue import shipped
from openusaged.storage.store import BatchResult, Staged, Store, WriteBatch
from openusaged.usecases.deliveries import Deliveries
from openusaged.usecases.explained import best_channel
from openusaged.usecases.explaining import Explaining
from openusaged.usecases.reading import View
from tests.support.stored import event, fill, ms, open_store

NOW = "2026-11-20T12:00:00+00:00"
ACCOUNTS = (
    Account(id="claude-code", provider_id="claude_code", home="/home/me/.claude"),
    Account(id="codex-cli", provider_id="codex", home="/home/me/.codex"),
)
SONNET, OPUS = "claude-sonnet-4-5", "claude-opus-4-5"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Three days of two tools: Claude with two models in two sessions, Codex with one."""
    store = open_store(str(tmp_path / "db" / "t.db"), NOW)
    fill(
        store,
        [
            event("2026-11-18T09:00:00+00:00", input=1000, output=100),
            event("2026-11-19T09:00:00+00:00", input=2000, output=200, cache_read=5000),
            event(
                "2026-11-19T10:00:00+00:00", model=OPUS, session_id="s2", input=300, output=30,
                cache_write_5m=40, cache_write_1h=50, channel="hook",
            ),
            event(
                "2026-11-19T11:00:00+00:00", source="codex", account_id="codex-cli",
                client="codex", provider="openai", model="gpt-5", session_id="c1", input=700,
                output=70, cost_nano=5_000_000,
            ),
        ],
    )  # fmt: skip
    yield store
    store.close()


def explain(store: Store, zone: str = "UTC", **params: object) -> Explanation:
    """The answer to one question."""
    deliveries = Deliveries()
    view = View(accounts=ACCOUNTS, titles={"claude-code": "Claude Code"}, retention_days=30)
    case = Explaining(
        store=store,
        clock=SimpleNamespace(now_ms=lambda: ms(NOW)),  # type: ignore[arg-type]
        reading=SimpleNamespace(zone=lambda _name: (zone_of(zone), zone)),  # type: ignore[arg-type]
        view=lambda: view,
        prices=SimpleNamespace(sources=Sources(shipped())),
        deliveries=deliveries.counts,
        started_ms=ms(NOW),
    )
    return case.explain(ExplainParams(**params))  # type: ignore[arg-type]


def test_a_day_of_a_model_adds_up_from_its_parts(store: Store) -> None:
    """Tokens of the kinds, the parts and the prices each add up to the day's total."""
    answer = explain(store, since="2026-11-19", until="2026-11-19")
    assert answer.totals.total_tokens == 7200 + 420 + 770
    assert answer.totals.requests == 3
    assert sum(bucket.tokens for bucket in answer.buckets) == answer.totals.total_tokens
    assert [bucket.tokens for bucket in answer.buckets] == [3000, 5000, 40, 50, 300]
    assert sum(part.totals.total_tokens for part in answer.parts) == answer.totals.total_tokens
    assert [(part.client, part.model) for part in answer.parts] == [
        ("claude_code", SONNET), ("codex", "gpt-5"), ("claude_code", OPUS),
    ]  # fmt: skip
    priced = sum(bucket.tokens for price in answer.prices for bucket in price.buckets)
    assert priced == answer.totals.total_tokens
    assert answer.requests_with_detail == 3
    assert answer.requests_without_detail == 0


def test_the_price_of_a_day_can_be_followed_by_hand(store: Store) -> None:
    """Sonnet: 2000 x $3 + 5000 x $0.30 + 200 x $15 per million = $0.0105, by the shipped list."""
    answer = explain(store, since="2026-11-19", until="2026-11-19", model=SONNET)
    (price,) = answer.prices
    assert price.calculated_usd == pytest.approx(0.0105, abs=1e-12)
    assert price.rates is not None
    assert (price.rates.input, price.rates.cache_read, price.rates.output) == (3.0, 0.3, 15.0)
    assert price.tiered
    assert price.grade == "exact"
    assert price.source == "genai-prices"
    assert answer.cost.calculated_usd == pytest.approx(0.0105, abs=1e-12)
    assert answer.cost.recalculated_usd == pytest.approx(0.0105, abs=1e-12)
    assert answer.cost.recorded_requests == 0


def test_recorded_and_calculated_amounts_stand_side_by_side(store: Store) -> None:
    """What Codex wrote down is not mixed with our estimate, and each mode says which it shows."""
    answer = explain(store, since="2026-11-19", client="codex")
    assert answer.cost.recorded_usd == pytest.approx(0.005)
    assert answer.cost.recorded_requests == 1
    assert answer.cost.calculated_usd != pytest.approx(0.005)
    assert answer.totals.cost_usd == pytest.approx(answer.cost.calculated_usd)
    shown = explain(store, since="2026-11-19", client="codex", mode="display")
    assert shown.totals.cost_usd == pytest.approx(0.005)
    assert shown.cost.mode == "display"


def test_the_query_gives_the_total(store: Store, tmp_path: Path) -> None:
    """The SQL that is shown, run by hand on the file, gives the tokens of the answer."""
    for asked in (
        {"since": "2026-11-19", "model": SONNET},
        {"window": "all"},
        {"window": "all", "account": "codex-cli"},
        {"window": "all", "agent": "main", "branch": ""},
        {"window": "all", "agent": "subagent"},
    ):
        answer = explain(store, **asked)
        with sqlite3.connect(tmp_path / "db" / "t.db") as connection:
            connection.row_factory = sqlite3.Row
            row = connection.execute(answer.query).fetchone()
        kinds = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
        assert sum(row[kind] or 0 for kind in kinds) == answer.totals.total_tokens, asked


def test_channels_say_who_reported_the_events(store: Store) -> None:
    """An event that a hook completed counts once, under the hook, and is marked as completed."""
    fill(store, [event("2026-11-18T09:00:00+00:00", channel="hook", input=None, output=100)])
    answer = explain(store, window="all")
    counts = {row.channel: (row.events, row.requests, row.completed) for row in answer.channels}
    assert counts == {"hook": (2, 2, 1), "log": (2, 2, 0)}


def test_best_channel_of_mixed_fields() -> None:
    """The best channel of any field, and whether others had a part; 0 is nobody."""
    assert best_channel(2) == (2, False)
    assert best_channel(0b100_010_010) == (4, True)


def test_sessions_add_up_and_events_are_listed_newest_first(store: Store) -> None:
    """The drill-down from a day to its sessions and their turns loses nothing."""
    answer = explain(store, since="2026-11-19", until="2026-11-19", events=10)
    assert [row.session_id for row in answer.sessions] == ["s1", "c1", "s2"]
    assert sum(row.totals.total_tokens for row in answer.sessions) == answer.totals.total_tokens
    assert [row.at for row in answer.events] == [
        "2026-11-19T11:00:00Z", "2026-11-19T10:00:00Z", "2026-11-19T09:00:00Z",
    ]  # fmt: skip
    assert answer.events[0].recorded == pytest.approx(0.005)
    assert answer.events[0].currency == "USD"
    assert answer.events[1].recorded is None
    assert answer.events[1].currency == ""
    assert answer.events_total == 3
    few = explain(store, since="2026-11-19", sessions=1)
    assert (len(few.sessions), few.sessions_total, few.events) == (1, 3, [])


def test_a_session_counts_whole_whatever_the_window(store: Store) -> None:
    """Asked for a session without a range, all of its days are in the answer."""
    answer = explain(store, session="s1", window="1d")
    assert answer.totals.total_tokens == 1100 + 7200
    assert answer.question == {"session": "s1", "window": "all"}
    part = explain(store, session="s1", since="2026-11-18", until="2026-11-18")
    assert part.totals.total_tokens == 1100


def test_what_has_outlived_its_detail_still_counts(store: Store) -> None:
    """After retention the total stands, the requests without detail are named, nothing is faked."""
    while store.run_retention(ms("2026-11-19T00:00:00+00:00")):
        pass
    answer = explain(store, window="all", client="claude_code")
    assert answer.totals.requests == 3
    assert (answer.requests_with_detail, answer.requests_without_detail) == (2, 1)
    assert answer.cost.recalculated_usd is None
    assert any("cannot be listed" in note for note in answer.notes)
    while store.run_retention(ms("2026-11-20T00:00:00+00:00")):
        pass
    session = explain(store, session="s1")
    assert session.totals.total_tokens == 1100 + 7200
    assert session.events_total == 0


def test_both_sessions_of_one_id_outlive_their_detail(store: Store) -> None:
    """Two sources may give one id: with and without detail, the sum is of both."""
    twin = {"source": "codex", "client": "codex", "account_id": "codex-cli", "session_id": "s1"}
    fill(store, [event("2026-11-18T11:00:00+00:00", model="gpt-5", provider="openai", **twin)])
    before = explain(store, session="s1").totals
    while store.run_retention(ms("2026-11-21T00:00:00+00:00")):
        pass
    assert explain(store, session="s1").events_total == 0
    assert explain(store, session="s1").totals == before


def test_names_that_nobody_used_are_refused_with_the_closest(store: Store) -> None:
    """A typing error is no answer of zero."""
    with pytest.raises(InvalidParams, match="did you mean claude-sonnet-4-5"):
        explain(store, model="claude-sonnet-4.5")
    with pytest.raises(InvalidParams, match="did you mean claude-code"):
        explain(store, account="claud-code")
    with pytest.raises(InvalidParams, match="project"):
        explain(store, project="nowhere")
    with pytest.raises(InvalidParams, match="neither main nor subagent"):
        explain(store, agent="boss")
    with pytest.raises(InvalidParams, match="there is no 'zzz'"):
        explain(store, session="zzz")
    with pytest.raises(InvalidParams, match="more than one begins with 's'"):
        explain(store, session="s")
    assert explain(store, session="c").question["session"] == "c1"
    with pytest.raises(InvalidParams, match="events"):
        explain(store, events=10_000)


def test_sources_name_the_files_that_may_hold_the_number(store: Store) -> None:
    """Files of the account written to after the range began; those of another account are not."""

    def cursor(path: str, account: str, day: str) -> SourceCursor:
        return SourceCursor(
            source="claude_code", account_id=account, path=path,
            mtime_ns=ms(f"{day}T12:00:00+00:00") * 1_000_000,
        )  # fmt: skip

    store.apply([WriteBatch(cursors=[
        cursor("/l/old.jsonl", "claude-code", "2026-11-01"),
        cursor("/l/s1.jsonl", "claude-code", "2026-11-19"),
        cursor("/l/new.jsonl", "claude-code", "2026-11-20"),
        cursor("/c/c1.jsonl", "codex-cli", "2026-11-20"),
    ])])  # fmt: skip
    (source,) = explain(store, since="2026-11-19", client="claude_code").sources
    assert (source.account, source.title, source.home) == (
        "claude-code", "Claude Code", "/home/me/.claude",
    )  # fmt: skip
    assert (source.files, source.files_in_range) == (3, 2)
    assert source.names == ["/l/new.jsonl", "/l/s1.jsonl"]
    (one,) = explain(store, session="s1").sources
    assert one.names == ["/l/s1.jsonl"]


def test_deliveries_count_what_changed_nothing(store: Store) -> None:
    """A log that is read twice is new once and repeated once; batches of several are not mixed."""
    deliveries = Deliveries()
    from openusaged.pricing.book import PriceBook
    from openusaged.telemetry.pipeline import Pipeline
    from openusaged.telemetry.repositories import Repositories

    pipeline = Pipeline(PriceBook(shipped()), Repositories())
    batch = WriteBatch(events=pipeline.prepare([event("2026-11-20T08:00:00+00:00")]))
    mixed = WriteBatch(events=pipeline.prepare([
        event("2026-11-20T08:01:00+00:00"), event("2026-11-20T08:02:00+00:00", channel="hook"),
    ]))  # fmt: skip
    for one in (batch, batch, mixed):
        (result,) = store.apply([one])
        deliveries.note(one, result)
    counts = {
        key: (row.new, row.completed, row.repeated) for key, row in deliveries.counts().items()
    }
    assert counts == {("claude_code", "jsonl"): (1, 0, 1), ("claude_code", "several"): (2, 0, 0)}


def test_deliveries_of_an_import_and_of_a_refused_batch() -> None:
    """What a scanner merged counts as the import's; what was not stored counts nowhere."""
    deliveries = Deliveries()
    staged = Staged(data=b"", events=3)
    cursor = SourceCursor(source="codex", account_id="c", path="/c")
    other = SourceCursor(source="claude_code", account_id="a", path="/a")
    done = BatchResult(accepted=2, deduplicated=1)
    deliveries.note(WriteBatch(staged=staged, cursors=[cursor]), done)
    deliveries.note(WriteBatch(staged=staged, cursors=[cursor, other]), done)
    deliveries.note(WriteBatch(staged=staged), BatchResult(error=ValueError("no")))
    deliveries.note(WriteBatch(cursors=[cursor]), BatchResult())
    assert {key: row.new for key, row in deliveries.counts().items()} == {
        ("codex", "import"): 2,
        ("several", "import"): 2,
    }
