"""
JSON schemas of what list commands print with `--json`, generated from the wire's dataclasses.

`python -m openusaged.rpc.schemas DIRECTORY` writes them; they are checked in under `spec/schemas`
beside those written by hand, of formats that the client itself makes.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from openusage_proto.explain_messages import Explanation
from openusage_proto.integration_messages import Integrations
from openusage_proto.line_messages import LineCatalog, LinePreset
from openusage_proto.messages import Accounts, Providers, Status
from openusage_proto.price_messages import Pricing
from openusage_proto.privacy_messages import Privacy
from openusage_proto.setup_messages import DetectResult

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REF: Final = "#/$defs/{name}"


class Output(NamedTuple):
    """What a command prints: the schema's file, the command as typed, the type on the wire."""

    file: str
    command: str
    kind: Any


OUTPUTS: Final = (
    Output("accounts", "openusage accounts --json", Accounts),
    Output("detect", "openusage detect --json", DetectResult),
    Output("explain", "openusage explain REPORT [KEY] --json", Explanation),
    Output("integrations", "openusage integrations list --json", Integrations),
    Output("pricing", "openusage pricing --json", Pricing),
    Output("privacy", "openusage privacy --json", Privacy),
    Output("providers", "openusage providers --json", Providers),
    Output("status", "openusage status --json", Status),
    Output("tmux-presets", "openusage tmux presets --json", list[LinePreset]),
    Output("tmux-variables", "openusage tmux variables --json", LineCatalog),
)


def schema_of(output: Output) -> dict[str, Any]:
    """The schema of one output: closed objects, every field present."""
    (root,), components = msgspec.json.schema_components([output.kind], ref_template=_REF)
    kinds = _messages(output.kind)
    definitions = {name: _closed(schema, kinds[name]) for name, schema in components.items()}
    name = str(root.get("$ref", "")).rpartition("/")[2]
    # No other type mentions the one that is printed, so it is the root itself.
    body = definitions.pop(name) if name else root
    head = {"$schema": DIALECT, "title": output.command}
    return head | body | ({"$defs": dict(sorted(definitions.items()))} if definitions else {})


def _closed(schema: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """The daemon writes every field, those with a default, too."""
    properties = {
        name: {key: value for key, value in part.items() if key != "default"}
        for name, part in schema["properties"].items()
    }
    return {
        "description": inspect.getdoc(kind),
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _messages(kind: Any) -> dict[str, type[Any]]:
    """Every dataclass within a type, by its name."""
    found: dict[str, type[Any]] = {}

    def look(part: Any) -> None:
        if isinstance(part, type) and dataclasses.is_dataclass(part):
            if part.__name__ in found:
                return
            found[part.__name__] = part
            hints = inspect.get_annotations(part, eval_str=True)
            for item in dataclasses.fields(part):
                look(hints[item.name])
        for inner in getattr(part, "__args__", ()):
            look(inner)

    look(kind)
    return found


def render(output: Output) -> str:
    """A schema as it is checked in."""
    return msgspec.json.format(msgspec.json.encode(schema_of(output)), indent=2).decode() + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write every schema into the named directory."""
    (directory,) = arguments
    for output in OUTPUTS:
        path = os.path.join(directory, f"{output.file}.schema.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(render(output))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
