"""The examples of spec/jsonrpc.md, and what "the same shape" means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPEC = Path(__file__).resolve().parents[2] / "spec" / "jsonrpc.md"
_BLOCK = re.compile(r"^```json rpc\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A line to send and the answer the spec shows, at a line of the document."""

    request: bytes
    response: Any
    line: int


def examples() -> Iterator[Example]:
    """Every request/response pair, in the order of the document."""
    text = SPEC.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        rows = block[1].splitlines()
        for number in range(0, len(rows), 2):
            sent, received = rows[number], rows[number + 1]
            assert sent.startswith("--> "), sent
            assert received.startswith("<-- "), received
            yield Example(sent[4:].encode(), json.loads(received[4:]), line + number)


def differences(shown: Any, actual: Any, path: str = "$") -> Iterator[str]:
    """
    Where an answer has not the shape that the spec shows.

    Errors must agree in code and message, ids exactly; otherwise every member that is shown must
    be there with the same JSON type.  Lists are compared by their first elements when both have
    one, because how many there are depends on the machine.
    """
    if isinstance(shown, dict):
        if not isinstance(actual, dict):
            yield f"{path}: expected an object, got {actual!r}"
            return
        for key, value in shown.items():
            if key not in actual:
                yield f"{path}.{key}: missing in {sorted(actual)}"
            elif path.endswith(".error") and key in ("code", "message"):
                if actual[key] != value:
                    yield f"{path}.{key}: expected {value!r}, got {actual[key]!r}"
            elif path in ("$", "$[]") and key == "id":
                if actual[key] != value:
                    yield f"{path}.id: expected {value!r}, got {actual[key]!r}"
            else:
                yield from differences(value, actual[key], f"{path}.{key}")
    elif isinstance(shown, list):
        if not isinstance(actual, list):
            yield f"{path}: expected a list, got {actual!r}"
        elif path == "$":
            if len(shown) != len(actual):
                yield f"{path}: expected {len(shown)} answers, got {len(actual)}"
            for one, other in zip(shown, actual, strict=False):
                yield from differences(one, other, "$[]")
        elif shown and actual:
            yield from differences(shown[0], actual[0], f"{path}[]")
    elif _kind(shown) != _kind(actual) and shown is not None and actual is not None:
        yield f"{path}: expected {_kind(shown)}, got {actual!r}"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__
