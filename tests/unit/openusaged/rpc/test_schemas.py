"""Schemas of list commands are generated from the wire and hold what the samples say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from openusage_proto.messages import Accounts
from openusaged.rpc import schemas
from tests.support import setup_samples, wire_samples
from tests.support.json_schemas import SCHEMAS, problems, schema

SAMPLES = {
    "accounts": setup_samples.accounts(),
    "detect": setup_samples.detection(),
    "privacy": setup_samples.privacy(),
    "providers": setup_samples.providers(),
    "status": wire_samples.status(),
    "tmux-variables": setup_samples.line_catalog(),
}


@pytest.mark.parametrize("output", schemas.OUTPUTS, ids=lambda output: output.file)
def test_checked_in_schema_is_current(output: schemas.Output) -> None:
    """spec/schemas holds what the code generates; `make docs` rewrites it."""
    path = SCHEMAS / f"{output.file}.schema.json"
    assert path.read_text("utf-8") == schemas.render(output)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_follow_their_schema(name: str) -> None:
    """An answer is valid; with a field more, a field less or another type it is not."""
    document: dict[str, Any] = asdict(SAMPLES[name])
    assert problems(name, document) == []
    first = next(iter(document))
    assert problems(name, {**document, "surprise": 1})
    assert problems(name, {key: value for key, value in document.items() if key != first})
    assert problems(name, {**document, first: object})


def test_every_field_is_required_and_described() -> None:
    """A reader may rely on each field; objects within say what they are."""
    found = schema("accounts")
    assert found["required"] == [field.name for field in fields(Accounts)]
    assert found["description"] == Accounts.__doc__ or "browsers" in found["description"]
    assert all(part["description"] for part in found["$defs"].values())


def test_command_writes_every_schema(tmp_path: Path) -> None:
    """`python -m openusaged.rpc.schemas DIRECTORY` is how they are made again."""
    subprocess.run(
        [sys.executable, "-m", "openusaged.rpc.schemas", str(tmp_path)],
        cwd=SCHEMAS.parents[1],
        timeout=60,
        check=True,
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{output.file}.schema.json" for output in schemas.OUTPUTS
    }
