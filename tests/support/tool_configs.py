"""Configurations of the three tools as users write them: every shape, style and place."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.support.tool_home import ToolHome

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-9, 99) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.sampled_from(["Stop", "SubagentStop", "SessionEnd", "PreToolUse", "Notification"])
FOREIGN_HANDLER = st.fixed_dictionaries(
    {
        "type": st.just("command"),
        "command": st.sampled_from(["say done", "~/bin/x 'a b'", "'", ""]),
    },
    optional={"timeout": st.integers(1, 9), "async": st.booleans()},
)
FOREIGN_GROUP = st.fixed_dictionaries(
    {"hooks": st.lists(FOREIGN_HANDLER, max_size=2)},
    optional={"matcher": st.sampled_from(["*", "", "Bash|Edit"]), "note": TEXT},
)
HOOKS = st.dictionaries(EVENTS, st.none() | st.lists(FOREIGN_GROUP, max_size=2), max_size=3)
SETTINGS = st.builds(
    lambda base, extra: {**base, **extra},
    st.dictionaries(
        TEXT.filter(lambda key: key not in ("hooks", "statusLine")), VALUES, max_size=3
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "hooks": HOOKS,
            "statusLine": st.fixed_dictionaries(
                {"type": st.just("command"), "command": st.sampled_from(["ccusage", "x y", ""])}
            ),
            "model": TEXT,
        },
    ),
)


@dataclass(frozen=True)
class Style:
    """How a text is written down."""

    indent: int | str | None
    separators: tuple[str, str]
    newline: str
    bom: bool
    tail: str

    def data(self, text: str) -> bytes:
        body = (text + self.tail).replace("\n", self.newline).encode()
        return (b"\xef\xbb\xbf" if self.bom else b"") + body

    def json(self, value: object) -> bytes:
        return self.data(
            json.dumps(value, indent=self.indent, separators=self.separators, ensure_ascii=False)
        )


STYLES = st.builds(
    Style,
    indent=st.sampled_from([None, 0, 1, 2, 3, 4, "\t"]),
    separators=st.sampled_from([(", ", ": "), (",", ":"), (" ,", " : "), (",", ": ")]),
    newline=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    tail=st.sampled_from(["", "\n", "\n\n", "  "]),
)
MODES = st.sampled_from([0o600, 0o644, 0o640, 0o664])
LINKED = st.booleans()


def place(home: ToolHome, path: str, data: bytes, mode: int, *, linked: bool) -> None:
    """Write a file, behind a link when that is wanted."""
    where = f"dotfiles/{Path(path).name}" if linked else path
    file = home.write(where, data)
    file.chmod(mode)
    if linked:
        link = home.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(file, link.parent))


TOML_VALUES = st.sampled_from(
    [
        '"x"',
        "'a # b'",
        "1",
        "true",
        "[1, 2]",
        '[\n  "a", # c\n  "]",\n]',
        '"""\n[t]\n"""',
        "{ a = 1 }",
    ]
)
TOML_LINE = st.one_of(
    st.sampled_from(["", "# a comment", "  # notify = [1]", "\t"]),
    st.tuples(
        st.sampled_from(["model", '"a.b"', "notify_x", "x.notify", "'q'"]),
        st.sampled_from([" = ", "=", "   =  "]),
        TOML_VALUES,
        st.sampled_from(["", "  # c"]),
    ).map("".join),
)
NOTIFY = st.sampled_from(
    [
        "",
        'notify = ["say", "done"]',
        "notify=['a b', \"c\"]  # mine",
        'notify = [\n    "n", # why\n\n    "--x",\n]',
        "notify = []",
        '"notify" = ["q"]',
    ]
)
TABLES = st.sampled_from(
    ["", '[mcp]\nnotify = ["inner"]\n', "# about t\n[t]\na = 1\n\n[[u]]\nb = 2", "[t.x]\n"]
)


def toml(lines: list[str], notify: str, at: int, tables: str) -> str:
    """A document in which no key stands twice."""
    seen: set[str] = set()
    head = []
    for line in lines:
        key = line.split("=")[0].strip()
        if "=" in line and not line.strip().startswith("#"):
            if key in seen:
                continue
            seen.add(key)
        head.append(line)
    head.insert(min(at, len(head)), notify)
    return "\n".join([*head, tables])


JSONC = st.sampled_from(
    [
        '{\n  // mine\n  "plugin": ["a", "PLUGIN",], /* x */\n}\n',
        '{"plugin": ["PLUGIN"]}',
        '{\n\t"plugin": [\n\t\t"a", // first\n\t\t["PLUGIN", {"x": 1}],\n\t\t"b"\n\t]\n}',
    ]
)
