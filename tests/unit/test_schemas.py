"""The formats that scripts read: the schemas agree with the code, real output agrees with them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from jsonschema import Draft202012Validator

from openusage_client import openmetrics, report_csv
from openusage_client.commands import export, reconcile, report
from openusage_client.redaction import Redactor
from openusage_proto.report_messages import (
    ReconcileRow,
    ReconcileSide,
    Reconciliation,
    Report,
    ReportRow,
    ReportSource,
)
from tests.support import wire_samples
from tests.support.json_schemas import NAMES, SCHEMAS, problems, schema
from tests.support.wire_json import plain


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_schemas(name: str) -> None:
    """Each file is a valid schema of its dialect."""
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize(
    ("name", "path", "kind"),
    [
        ("report", (), Report),
        ("report", ("$defs", "row"), ReportRow),
        ("report", ("properties", "sources", "items"), ReportSource),
        ("reconcile", (), Reconciliation),
        ("reconcile", ("$defs", "row"), ReconcileRow),
        ("reconcile", ("$defs", "side"), ReconcileSide),
    ],
)
def test_schema_has_the_fields_of_the_wire(name: str, path: tuple[str, ...], kind: type) -> None:
    """Nothing is in the one and not in the other; `offline` is the client's own."""
    part = schema(name)
    for step in path:
        part = part[step]
    assert set(part["properties"]) - {"offline"} == {field.name for field in fields(kind)}


@pytest.mark.parametrize(
    "sample",
    [
        wire_samples.daily,
        wire_samples.session,
        wire_samples.blocks,
        wire_samples.vendor_blocks,
        wire_samples.models,
        wire_samples.branches,
    ],
)
def test_reports_follow_their_schema(sample: Callable[[], Report]) -> None:
    """H14: what `--json` prints of each kind is what the schema promises."""
    document = report.without_empty(plain(sample()))
    assert problems("report", document) == []
    assert problems("report", document | {"offline": True}) == []


def test_reconciliation_follows_its_schema() -> None:
    """What `reconcile --json` prints is what the schema promises."""
    assert problems("reconcile", reconcile.known_only(plain(wire_samples.reconciliation()))) == []


def test_export_follows_its_schema() -> None:
    """H17: what `export` writes, redacted or not, is what the schema promises."""
    model = wire_samples.read_model()
    document = json.loads(json.dumps(export.export_document(model, "0.1.0")))
    assert problems("export", document) == []
    redacted = export.export_document(Redactor().model(replace(model, demo=True)), "0.1.0")
    assert problems("export", json.loads(json.dumps(redacted | {"redacted": True}))) == []


def test_a_wrong_document_is_noticed() -> None:
    """The check itself can fail: a type, a missing and an unknown field."""
    document = report.without_empty(plain(wire_samples.daily()))
    del document["timezone"]
    document["totals"]["requests"] = "5"
    document["extra"] = 1
    assert len(problems("report", document)) == 3


def columns_of(heading: str) -> list[str]:
    text = (SCHEMAS / "README.md").read_text("utf-8")
    part = text[text.index(f"## {heading}") :]
    line = next(line for line in part.splitlines() if line.startswith("`") and ", `" in line)
    return re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", line))


def test_columns_are_those_of_the_page() -> None:
    """Both CSV formats have exactly the documented columns, in order."""
    assert columns_of("Reports as CSV") == list(report_csv.COLUMNS)
    assert columns_of("Snapshots as CSV") == list(export.CSV_COLUMNS)


def test_metrics_are_those_of_the_page() -> None:
    """M12: every metric family is documented, and nothing else is."""
    text = (SCHEMAS / "README.md").read_text("utf-8").partition("## Snapshots as OpenMetrics")[2]
    assert set(re.findall(r"`(openusage_\w+)`", text)) == {
        family.name for family in openmetrics.FAMILIES
    }


def test_report_csv_is_readable() -> None:
    """Every line has every column; unpriced and unknown are empty, children name their row."""
    out = io.StringIO()
    report_csv.write(plain(wire_samples.models()), out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [(row["key"], row["child"]) for row in rows] == [
        ("claude-opus-4-5-20251101", ""),
        ("claude-opus-4-5-20251101", "claude_code"),
        ("gpt-5.1-codex", ""),
        ("mystery-1", ""),
        ("(others)", ""),
    ]
    assert rows[3]["cost_usd"] == ""
    assert rows[2]["requests"] == "1200"
    assert rows[0]["active"] == ""
    blocks = io.StringIO()
    report_csv.write(plain(wire_samples.vendor_blocks()), blocks)
    assert [row["active"] for row in csv.DictReader(io.StringIO(blocks.getvalue()))] == ["", "true"]
