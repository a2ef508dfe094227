"""Exported usage: strict about what it takes for a usage export, and read once."""

from __future__ import annotations

import pytest

from openusaged.core.errors import UpstreamChanged
from openusaged.core.models import API, Account
from openusaged.providers.base import CollectContext, Machine
from openusaged.providers.cursor import PROVIDER
from openusaged.providers.cursor.csv_export import rows
from openusaged.providers.cursor.usage_log import event_of

HEADER = (
    "Date,Kind,Model,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,Output Tokens,"
    "Total Tokens,Cost to you\n"
)
LINE = "2026-11-14T10:00:05.000Z,Included,gpt-5.2,1500,800,300,900,3500,$0.10\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Date,Model\n", "no column"),
        (HEADER.replace("Kind", "Model"), "twice"),
        (HEADER + '"' + "x" * 200_000, "field larger"),
    ],
)
def test_other_tables_are_refused_by_name(text, reason):
    """A file that is no usage export says what is wrong with it."""
    with pytest.raises(UpstreamChanged, match=reason):
        list(rows(text))


def test_empty_file_holds_nothing():
    """An export that was never written is no error."""
    assert list(rows("")) == []


def test_exported_request_is_the_fetched_one():
    """The same request from the export and from the account's log is one."""
    [exported] = rows(HEADER + LINE)
    fetched = event_of(
        {
            "timestamp": "1794650405000",
            "model": "gpt-5.2",
            "conversationId": "c-1",
            "chargedCents": 10,
            "tokenUsage": {
                "inputTokens": "800",
                "cacheWriteTokens": "1500",
                "cacheReadTokens": 300,
                "outputTokens": 900,
            },
        }
    )
    assert fetched is not None
    assert exported.message_id == fetched.message_id
    assert exported.ts_ms == fetched.ts_ms
    assert (exported.cost_nano, exported.channel) == (fetched.cost_nano, API)


def test_export_is_one_file_and_only_its_news_are_sent(tmp_path):
    """Appended rows of a named file are read; those of before are not sent again."""
    export = tmp_path / "usage.csv"
    export.write_text(HEADER + LINE)
    machine = Machine(env={}, home=str(tmp_path))
    account = Account(id="x", provider_id="cursor", paths={"csv_export": "~/usage.csv"})
    context = CollectContext(machine=machine, max_chunk_events=1)
    [unit] = PROVIDER.units(account, machine)
    assert unit == PROVIDER.locate(account, str(export), machine)
    chunks = list(PROVIDER.collect(account, unit, None, context))
    assert sum(len(chunk.events) for chunk in chunks) == 1
    assert chunks[-1].cursor.size == unit.size
    export.write_text(HEADER + LINE + LINE.replace("05.000Z", "06.000Z"))
    [unit] = PROVIDER.units(account, machine)
    events = [
        event
        for chunk in PROVIDER.collect(account, unit, chunks[-1].cursor, context)
        for event in chunk.events
    ]
    assert [event.ts_ms for event in events] == [1_794_650_406_000]
