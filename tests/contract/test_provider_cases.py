"""Every recorded machine gives what was worked out by hand for it: accounts, events, figures."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
import pytest

from openusaged.core.merge import CountedEvent
from openusaged.providers import registry
from tests.support.provider_case import Case, cases, counted, iso_ms, open_case, read_home

_SUMMED = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "requests",
    "cost_nano",
    "calc_nano",
    "lines_added",
    "lines_removed",
)


COLLECTING = [(name, case) for name, case in cases() if registry.load(name).collect is not None]


@pytest.fixture
def case(request, tmp_path):
    """One recorded machine."""
    provider_id, name = request.param
    with open_case(provider_id, name, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("case", cases(), ids="/".join, indirect=True)
def test_case_gives_what_its_reference_says(case: Case) -> None:
    """Detection, reading and polling of the recorded machine equal the hand-made result."""
    expected = case.document["expected"]
    assert set(expected) <= {"accounts", "events", "totals", "snapshot", "requests"}
    before = read_home(case.machine.home)
    if "accounts" in expected:
        found = case.found()
        wanted = case._filled(expected["accounts"])
        assert len(found) == len(wanted), found
        for account, fields in zip(found, wanted, strict=True):
            assert_fields(msgspec.to_builtins(account), fields, f"account {account.id}")
    accounts = case.accounts()
    events: list[CountedEvent] = []
    snapshots = []
    for account in accounts:
        read = case.read(account, {}) if case.provider.collect else []
        if case.provider.fetch is not None and (
            "snapshot" in expected or "routes" in case.document
        ):
            snapshot, polled = case.poll(account)
            snapshots.append(snapshot)
            read += polled
        events += counted(read, account.id)
    if "events" in expected:
        assert_events(events, case._filled(expected["events"]))
    if "totals" in expected:
        assert totals(events) == expected["totals"]
    if "snapshot" in expected:
        assert_snapshot(msgspec.to_builtins(snapshots[0]), expected["snapshot"])
    if "requests" in expected:
        assert case.server.requests == expected["requests"]
    assert read_home(case.machine.home) == before, "reading has changed the tool's files"


@pytest.mark.parametrize("case", COLLECTING, ids="/".join, indirect=True)
def test_case_is_read_once_however_it_is_read(case: Case) -> None:
    """Unchanged input brings nothing; in small pieces or all over again it is the same usage."""
    for account in case.accounts():
        cursors: dict[str, Any] = {}
        whole = case.read(account, cursors)
        assert case.read(account, cursors) == [], "unchanged input was read again"
        pieces = case.read(account, {}, chunk_events=1)
        assert counted(pieces, account.id) == counted(whole, account.id)
        assert counted(whole + pieces, account.id) == counted(whole, account.id)


def totals(events: list[CountedEvent]) -> dict[str, dict[str, int]]:
    """Sums per model of what is known; a figure that is zero or unknown everywhere is left out."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in events:
        if event.event_type != "message_usage":
            continue
        sums[event.model]["events"] += 1
        for name in _SUMMED:
            sums[event.model][name] += getattr(event, name) or 0
    return {
        model: {key: value for key, value in one.items() if value} for model, one in sums.items()
    }


def assert_events(events: list[CountedEvent], wanted: list[dict[str, Any]]) -> None:
    """Every event, in order of time, in the fields that are given."""
    shown = [msgspec.to_builtins(event) for event in events]
    order = sorted(
        wanted,
        key=lambda one: (
            iso_ms(one["at"]),
            one.get("model", ""),
            one.get("event_type", "message_usage"),
            one.get("tool_name", ""),
        ),
    )
    assert len(shown) == len(order), [
        (event["ts_ms"], event["event_type"], event["model"], event["input"], event["output"])
        for event in shown
    ]
    for number, (event, fields) in enumerate(zip(shown, order, strict=True)):
        fields = {**fields, "ts_ms": iso_ms(fields["at"])}
        del fields["at"]
        assert_fields(event, fields, f"event {number}")


def assert_snapshot(snapshot: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Status, part of the message, figures and attributes."""
    assert set(wanted) <= {
        "status",
        "message",
        "metrics",
        "no_metrics",
        "attributes",
        "reported",
        "retry_after_s",
    }
    assert snapshot["status"] == wanted["status"], snapshot
    assert wanted.get("message", "") in snapshot.get("message", "")
    metrics = {metric["key"]: metric for metric in snapshot.get("metrics", ())}
    for key, fields in wanted.get("metrics", {}).items():
        assert key in metrics, sorted(metrics)
        fields = dict(fields)
        if "resets_at" in fields:
            fields["resets_at_ms"] = iso_ms(fields.pop("resets_at"))
        assert_fields(metrics[key], fields, f"metric {key}")
    for key in wanted.get("no_metrics", ()):
        assert key not in metrics, metrics[key]
    assert_fields(snapshot.get("attributes", {}), wanted.get("attributes", {}), "attributes")
    if "retry_after_s" in wanted:
        assert snapshot["retry_after_s"] == wanted["retry_after_s"]
    if "reported" in wanted:
        reported = snapshot.get("reported", ())
        assert len(reported) == len(wanted["reported"]), reported
        for number, (one, fields) in enumerate(zip(reported, wanted["reported"], strict=True)):
            assert_fields(one, fields, f"reported {number}")


def assert_fields(found: dict[str, Any], wanted: dict[str, Any], what: str) -> None:
    """Each wanted field as it is; `null` means unknown or absent."""
    for name, value in wanted.items():
        actual = found.get(name)
        if isinstance(value, float):
            assert actual == pytest.approx(value, rel=1e-12), f"{what}: {name}"
        else:
            assert actual == value, f"{what}: {name} of {found}"
