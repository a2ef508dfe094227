"""What the tools of the protocol server make of the daemon's answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from openusage_client.mcp import answers
from openusage_client.mcp.tools import GROUPS, PERIODS, TOOLS
from openusage_client.rpc import Connection
from openusage_proto import methods
from openusage_proto.messages import ReportSource
from tests.support import wire_samples
from tests.support.scripted_peer import ScriptedPeer

NEW_YEAR = date(2027, 1, 1)
"""A Friday."""


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("today", "2027-01-01", "2027-01-01"),
        ("yesterday", "2026-12-31", "2026-12-31"),
        ("week", "2026-12-28", "2027-01-01"),
        ("month", "2027-01-01", "2027-01-01"),
        ("7d", "2026-12-26", "2027-01-01"),
        ("30d", "2026-12-03", "2027-01-01"),
    ],
)
def test_periods_are_local_days(period: str, first: str, last: str) -> None:
    """A named period begins and ends where people say it does, across a year's end."""
    assert answers.days_of(period, NEW_YEAR) == (
        date.fromisoformat(first),
        date.fromisoformat(last),
    )


def test_everything_has_no_bounds() -> None:
    """`all` is the one period without days, and every period is known."""
    unbounded = [name for name in PERIODS if answers.days_of(name, NEW_YEAR) == (None, None)]
    assert unbounded == ["all"]


def ask(tool: str, method: str, answer: Any, **given: Any) -> dict[str, Any]:
    with ScriptedPeer({method: answer}) as peer, Connection(peer.path) as connection:
        found = answers.ANSWERS[tool](connection, given)
    (schema,) = (item.output_schema for item in TOOLS if item.name == tool)
    assert list(Draft202012Validator(schema).iter_errors(found)) == []
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_usage_follows_its_schema_for_every_group(group: str) -> None:
    """Whatever the rows are of, the answer is what the tool promises."""
    kinds = {"session": wire_samples.session, "block": wire_samples.vendor_blocks}
    sample = kinds.get(group, wire_samples.daily)()
    found = ask("usage", methods.REPORT, sample, group=group, period="all")
    assert len(found["rows"]) == (0 if group == "total" else len(sample.rows))


def test_unreadable_records_are_named_without_their_place() -> None:
    """A source that could not be read is said, the path in its message is not."""
    source = ReportSource(
        account="opencode", provider="opencode", status="error", note="/home/me/x.db: no database"
    )
    found = ask("usage", methods.REPORT, replace(wire_samples.daily(), sources=[source]))
    assert any(
        note.startswith("opencode: its records could not all be read") for note in found["notes"]
    )
    assert "/home/me" not in str(found)


def test_limits_and_balances_of_every_sample_account() -> None:
    """Limits and bare figures are told apart, unknown numbers stay null."""
    model = wire_samples.read_model()
    found = ask("limits", methods.READ_MODEL, model)
    assert [item["account"] for item in found["accounts"]] == [
        account.account_id for account in model.accounts
    ]
    one = model.accounts[0]
    only = ask("limits", methods.READ_MODEL, model, account=one.account_id)
    assert [item["account"] for item in only["accounts"]] == [one.account_id]
    assert only["accounts"][0]["limits"]
