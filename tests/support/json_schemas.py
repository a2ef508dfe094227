"""The schemas of `spec/schemas`, and what is wrong with a document by one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

SCHEMAS = Path(__file__).resolve().parents[2] / "spec" / "schemas"
NAMES = tuple(sorted(path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.json")))


def schema(name: str) -> dict[str, Any]:
    """A schema by its name."""
    document: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    return document


def problems(name: str, document: Any) -> list[str]:
    """Every way in which a document breaks its schema."""
    validator = Draft202012Validator(schema(name), format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
