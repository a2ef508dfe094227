"""Redaction: one name is one number everywhere, and nothing that names somebody is left."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from openusage_client.redaction import Redactor
from openusage_proto.messages import Metric, NamedCount, NamedTotals, ReportSource, Usage
from tests.support import wire_samples

SECRETS = ("acme", "jane", "topsecret", "PLANTED")


def test_m16_nothing_personal_is_left_in_a_model() -> None:
    """M16: accounts, projects, messages, attributes, keys' names, tools: numbers or nothing."""
    model = wire_samples.read_model()
    totals = wire_samples.totals(10)
    account = replace(
        model.accounts[0],
        account_id="acme-prod",
        title="Acme production",
        message="signed in as jane",
        stale_since="2026-03-07T00:00:00Z",
        stale_reason="jane's key was refused",
        attributes={"plan_type": "max", "organization": "acme"},
        metrics=[Metric(key="spend:acme-key", unit="USD", label="acme key")],
        usage=Usage(
            totals=totals,
            today=totals,
            projects=[NamedTotals(name="/home/jane/topsecret", label="topsecret", totals=totals)],
            tools=[NamedCount(name="mcp__acme__deploy", calls=1)],
            mcp=[NamedCount(name="acme", calls=1)],
        ),
    )
    redacted = Redactor().model(replace(model, accounts=[account, account]))
    text = json.dumps(asdict(redacted)).lower()
    assert [word for word in SECRETS if word.lower() in text] == []
    first, second = redacted.accounts
    assert first.account_id == second.account_id == "account-1"
    assert first.attributes == {"plan_type": "max"}
    assert first.metrics[0].key == "spend"
    assert first.provider_id == "claude_code"


def test_reports_share_the_numbers_of_the_model() -> None:
    """A row's account has the number it has in the model; folded rows keep their words."""
    redactor = Redactor()
    redactor.model(wire_samples.read_model())
    rows = [
        wire_samples.row("/home/jane/acme@main", 5, label="acme · main", project="acme",
                         branch="main", account="claude_code"),
        wire_samples.row("(others)", 5, label="(3 others)"),
    ]  # fmt: skip
    source = ReportSource(
        account="claude_code", provider="x", status="error", note="/home/jane: no"
    )
    report = redactor.report(wire_samples.report("branches", rows, sources=[source]))
    first, others = report.rows
    assert (first.key, first.label) == ("project-1@branch-1", "project-1 · branch-1")
    assert (first.project, first.branch) == ("project-1", "branch-1")
    sessions = redactor.report(wire_samples.session())
    assert [row.label for row in sessions.rows] == ["session-1", "session-2"]
    projects = wire_samples.report("projects", [*rows[:1], wire_samples.row("", 1)])
    assert [row.label for row in redactor.report(projects).rows] == ["project-1", "(no project)"]
    assert first.account == redactor.name("account", "claude_code")
    assert others.label == "(3 others)"
    assert "jane" not in json.dumps(asdict(report))


def test_days_and_models_keep_their_names() -> None:
    """What a report is about stays readable."""
    report = Redactor().report(wire_samples.daily())
    assert [row.key for row in report.rows] == [row.key for row in wire_samples.daily().rows]
    assert Redactor().name("project", "") == ""
