"""The pipeline checks, links, prices and identifies; what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from openusaged.core.errors import InvalidEvent
from openusaged.core.identity import identity_of
from openusaged.core.models import MESSAGE_USAGE, TOOL_USAGE, TURN_COMPLETED, UsageEvent
from openusaged.pricing.book import PriceBook
from openusaged.pricing.catalogue import shipped
from openusaged.telemetry.pipeline import MAX_TEXT, MAX_TOKENS, Pipeline, normalise
from openusaged.telemetry.repositories import Repositories

EVENT = UsageEvent(
    source="claude_code",
    channel="jsonl",
    event_type=MESSAGE_USAGE,
    ts_ms=1_795_000_000_000,
    provider="anthropic",
    model="claude-sonnet-4-5",
    message_id="m1",
    input=1000,
    output=100,
)

HINTS = {field.name: field.type for field in msgspec.structs.fields(UsageEvent)}
NUMBERS = [name for name, hint in HINTS.items() if hint == int | None and name != "cost_nano"]
TEXTS = [
    name
    for name, hint in HINTS.items()
    if hint is str and name not in ("channel", "event_type", "status")
]


def change(**fields: object) -> UsageEvent:
    return msgspec.structs.replace(EVENT, **fields)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(PriceBook(shipped()), Repositories())


def test_message_is_priced_linked_and_identified(pipeline: Pipeline, tmp_path: Path) -> None:
    """A message gets its list price, its repository and its identity."""
    (tmp_path / ".git").mkdir()
    (prepared,) = pipeline.prepare([change(cwd=str(tmp_path / "src"))], "acct")
    assert prepared.cost_nano == 1000 * 3000 + 100 * 15000
    assert prepared.price_source == "genai-prices"
    assert prepared.project == str(tmp_path)
    assert prepared.identity == identity_of(EVENT)
    assert prepared.event.account_id == "acct"
    assert prepared.event.client == "claude_code"


def test_own_account_and_client_are_kept(pipeline: Pipeline) -> None:
    """An event that names its account, client or repository keeps them."""
    event = change(account_id="mine", client="ide", repo_root="/r", cwd="/r/src")
    (prepared,) = pipeline.prepare([event], "acct")
    assert (prepared.event.account_id, prepared.event.client) == ("mine", "ide")
    assert prepared.project == "/r"


@pytest.mark.parametrize(
    "event",
    [
        change(event_type=TOOL_USAGE, tool_name="Bash"),
        change(event_type=TURN_COMPLETED),
        change(input=0, output=None),
        change(model="unheard-of"),
    ],
)
def test_nothing_to_price_has_no_price(pipeline: Pipeline, event: UsageEvent) -> None:
    """Tools, turns, empty messages and unknown models have no cost, which is not a cost of zero."""
    (prepared,) = pipeline.prepare([event])
    assert prepared.cost_nano is None
    assert prepared.price_source == ""


@pytest.mark.parametrize("ts_ms", [0, 1_000, 1_795_000_000_000_000])
def test_impossible_times_are_left_out(pipeline: Pipeline, ts_ms: int) -> None:
    """A record without a believable time is not stamped with now; it is left out."""
    assert pipeline.prepare([change(ts_ms=ts_ms)]) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"source": " "}, "source"),
        ({"event_type": "x"}, "event_type"),
        ({"channel": "x"}, "channel"),
        ({"status": "x"}, "status"),
        ({"ts_ms": 0}, "occurred_at"),
        ({"input": -1}, "input"),
        ({"cache_write_1h": 10**13}, "cache_write_1h"),
        ({"model": "m" * 5000}, "model"),
        ({"output": 5, "reasoning": 6}, "reasoning_tokens"),
    ],
)
def test_bad_field_is_named(fields: dict[str, object], field: str) -> None:
    """A rejected event names the field and the reason."""
    with pytest.raises(InvalidEvent) as caught:
        normalise(change(**fields))
    assert caught.value.field == field
    assert caught.value.reason


def test_normalise_trims_and_lowers() -> None:
    """Ids are trimmed, the provider is lower case, a clean event stays the same object."""
    event = normalise(change(provider=" Anthropic ", message_id=" m1 "))
    assert (event.provider, event.message_id) == ("anthropic", "m1")
    assert normalise(EVENT) is EVENT


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\u00a0", "\u3000"])
def test_every_text_is_trimmed(name: str, blank: str) -> None:
    """No text keeps blanks around it, of whatever kind; those within it stay."""
    event = change(**{name: f"{blank}a{blank}b{blank}"})
    assert getattr(normalise(event), name) == f"a{blank}b"


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_is_bounded(name: str) -> None:
    """Each text has its own limit: many long ones pass together, a longer one is named."""
    full = dict.fromkeys(TEXTS, "x" * MAX_TEXT)
    assert getattr(normalise(change(**full)), name) == "x" * MAX_TEXT
    with pytest.raises(InvalidEvent) as caught:
        normalise(change(**{**full, name: "x" * (MAX_TEXT + 1)}))
    assert caught.value.field == name


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_is_bounded(name: str) -> None:
    """Zero and the limit pass, what lies beyond is named."""
    for number in (0, MAX_TOKENS, None):
        normalise(change(output=MAX_TOKENS, **{name: number}) if name != "output" else EVENT)
    for number in (-1, MAX_TOKENS + 1):
        with pytest.raises(InvalidEvent) as caught:
            normalise(change(**{name: number}))
        assert caught.value.field == name
