"""The machine-readable contract is the one that is served, and it hangs together."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openusage_proto.errors import CODES
from openusaged.rpc import openrpc
from openusaged.rpc.registry import load_methods

ROOT = Path(__file__).resolve().parents[4]
DOCUMENT = openrpc.build(load_methods())


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_checked_in_document_is_current() -> None:
    """spec/openrpc.json is what the code generates; `make docs` rewrites it."""
    assert (ROOT / "spec" / "openrpc.json").read_text() == openrpc.render(DOCUMENT)


def test_every_reference_resolves() -> None:
    """No schema or error that is named is missing."""
    components = DOCUMENT["components"]
    for reference in references(DOCUMENT):
        _, _, kind, name = reference.split("/")
        assert name in components[kind], reference


def test_parameters_state_name_type_and_default() -> None:
    """Required parameters come without a default, the others with theirs."""
    methods = {entry["name"]: entry for entry in DOCUMENT["methods"]}
    params = {entry["name"]: entry for entry in methods["read_model"]["params"]}
    assert params["window"]["schema"]["default"] == "30d"
    assert set(params["window"]["schema"]["enum"]) == {"1d", "3d", "7d", "30d", "all"}
    assert params["window"]["required"] is False
    source = methods["ingest_turn"]["params"][0]
    assert (source["name"], source["required"]) == ("source", True)
    assert "default" not in source["schema"]
    assert methods["status"]["params"] == []
    assert methods["read_model"]["result"]["schema"] == {"$ref": "#/components/schemas/ReadModel"}


def test_errors_are_listed() -> None:
    """Every documented error is a component."""
    listed = DOCUMENT["components"]["errors"]
    assert {slug: entry["code"] for slug, entry in listed.items()} == CODES


def test_command_prints_the_document() -> None:
    """`python -m openusaged.rpc.openrpc` is how it is regenerated."""
    done = subprocess.run(
        [sys.executable, "-m", "openusaged.rpc.openrpc"],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == json.loads(openrpc.render(DOCUMENT))
