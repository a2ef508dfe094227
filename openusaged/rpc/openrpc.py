"""
The OpenRPC 1.3 document of the wire, generated from the methods and their dataclasses.

`python -m openusaged.rpc.openrpc` prints it; it is checked in as `spec/openrpc.json` and is what
`rpc.discover` answers.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from openusage_proto import errors, methods
from openusage_proto.messages import ReadModelChanged
from openusaged.rpc.registry import MethodSpec, load_methods

OPENRPC_VERSION: Final = "1.3.2"
_REF: Final = "#/components/schemas/{name}"


def build(specs: Mapping[str, MethodSpec]) -> dict[str, Any]:
    """The document, JSON values only."""
    kinds = [kind for spec in specs.values() for kind in (spec.params, spec.result)]
    named = [kind for kind in dict.fromkeys((*kinds, ReadModelChanged)) if _is_message(kind)]
    _, components = msgspec.json.schema_components(named, ref_template=_REF)
    for kind in named:
        schema = components.get(kind.__name__)
        if schema is not None:
            schema["description"] = _text(kind)
    return {
        "openrpc": OPENRPC_VERSION,
        "info": {
            "title": "OpenUsage daemon",
            "version": str(methods.PROTOCOL_VERSION),
            "description": (
                "Newline-delimited JSON-RPC 2.0 on a Unix domain socket; see jsonrpc.md."
            ),
            "license": {"name": "MIT"},
        },
        "methods": [_method(spec) for spec in specs.values()],
        "components": {
            "schemas": dict(sorted(components.items())),
            "errors": {
                slug: {"code": code, "message": slug} for slug, code in errors.CODES.items()
            },
        },
        "x-notifications": [
            {
                "name": methods.READ_MODEL_CHANGED,
                "summary": _text(ReadModelChanged).split("\n", 1)[0],
                "params": _params(ReadModelChanged),
            }
        ],
    }


def render(document: Mapping[str, Any]) -> str:
    """The document as it is checked in."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _method(spec: MethodSpec) -> dict[str, Any]:
    result: dict[str, Any] = {"type": "object"}
    name = "result"
    if _is_message(spec.result):
        name = spec.result.__name__
        result = {"$ref": _REF.format(name=name)}
    return {
        "name": spec.name,
        "summary": spec.summary,
        "paramStructure": "by-name",
        "params": _params(spec.params),
        "result": {"name": name, "schema": result},
        "errors": [
            {"$ref": f"#/components/errors/{slug}"}
            for slug in (errors.INVALID_PARAMS, errors.SHUTTING_DOWN, errors.INTERNAL_ERROR)
        ],
    }


def _params(kind: type[Any]) -> list[dict[str, Any]]:
    """One content descriptor per field; the schema of each comes from its type alone."""
    hints = typing.get_type_hints(kind)
    out = []
    for field in dataclasses.fields(kind):
        (schema,), _ = msgspec.json.schema_components([hints[field.name]], ref_template=_REF)
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if field.default is not dataclasses.MISSING:
            schema = {**schema, "default": field.default}
        out.append({"name": field.name, "required": required, "schema": schema})
    return out


def _is_message(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _text(kind: type[Any]) -> str:
    return (inspect.getdoc(kind) or kind.__name__).strip()


def main() -> int:
    """Print the document."""
    sys.stdout.write(render(build(load_methods())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
