"""The documents of `openusage alerts` and `openusage budget`: schemas, wire and output agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from openusage_client.commands.alerts import print_json
from openusage_proto.alert_messages import (
    AlertChannel,
    AlertEntry,
    AlertFacts,
    AlertRuleState,
    Alerts,
    Budgets,
    BudgetState,
)
from tests.support import alert_samples
from tests.support.json_schemas import problems, schema
from tests.support.wire_json import plain


@pytest.mark.parametrize(
    ("name", "path", "kind"),
    [
        ("alerts", (), Alerts),
        *(
            ("alerts", ("$defs", kind.__name__), kind)
            for kind in (AlertRuleState, AlertChannel, AlertEntry, AlertFacts)
        ),
        ("budget", (), Budgets),
        ("budget", ("$defs", "BudgetState"), BudgetState),
    ],
)
def test_schema_has_the_fields_of_the_wire(name: str, path: tuple[str, ...], kind: type) -> None:
    """Nothing is in the one and not in the other; the version is the client's own."""
    part = schema(name)
    for step in path:
        part = part[step]
    assert set(part["properties"]) - {"schema_version"} == {field.name for field in fields(kind)}


@pytest.mark.parametrize(
    ("name", "sample"), [("alerts", alert_samples.alerts), ("budget", alert_samples.budgets)]
)
def test_output_follows_its_schema(
    name: str, sample: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """What `--json` prints is what the schema promises; a wrong document is noticed."""
    print_json(plain(sample()))
    document = json.loads(capsys.readouterr().out)
    assert problems(name, document) == []
    del document["timezone"]
    assert len(problems(name, document | {"extra": 1})) == 2
