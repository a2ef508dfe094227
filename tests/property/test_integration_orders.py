"""
In whatever order a user wires and unwires the tools, in the end every foreign byte is there.

Files are there, empty, blank, missing, behind links, read-only; a stranger edits in between.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openusaged.core.errors import ConfigError, InvalidParams
from openusaged.integrations import claude_statusline, wiring
from tests.support.memory import in_memory
from tests.support.tool_configs import (
    HOOKS,
    LINKED,
    MODES,
    NOTIFY,
    SETTINGS,
    STYLES,
    TABLES,
    TOML_LINE,
    place,
    toml,
)
from tests.support.tool_home import NOW_MS, ToolHome, snapshot

BLANK = st.sampled_from([b"", b"\n", b"  \r\n", b"\xef\xbb\xbf", b"\t\n\n"])
ABSENT = st.none()
CLAUDE = ABSENT | BLANK | st.builds(lambda style, value: style.json(value), STYLES, SETTINGS)
CODEX = (
    ABSENT
    | BLANK
    | st.builds(
        lambda style, *parts: style.data(toml(*parts)),
        STYLES,
        st.lists(TOML_LINE, max_size=4),
        NOTIFY,
        st.integers(0, 4),
        TABLES,
    )
)
CODEX_HOOKS = ABSENT | BLANK | st.builds(lambda style, hooks: style.json(hooks), STYLES, HOOKS)
OPENCODE = ABSENT | st.sampled_from(
    [b"{}", b'{\r\n  // mine\r\n  "plugin": ["a", "./b.ts",], /* x */\r\n}\r\n', b"", b"broken {"]
)
FILES = st.fixed_dictionaries(
    {
        ".claude/settings.json": CLAUDE,
        ".codex/config.toml": CODEX,
        ".codex/hooks.json": CODEX_HOOKS,
        ".config/opencode/opencode.json": OPENCODE,
    }
)
PARTS = {"claude_code": ["tools", "statusline"], "codex": ["hooks"], "opencode": []}
TOOLS = st.sampled_from(sorted(PARTS))
STEP = st.one_of(
    TOOLS.flatmap(
        lambda tool: st.tuples(
            st.just("install"),
            st.just(tool),
            st.lists(st.sampled_from(PARTS[tool]), unique=True) if PARTS[tool] else st.just([]),
        )
    ),
    st.tuples(st.sampled_from(["upgrade", "age", "uninstall"]), TOOLS, st.just([])),
    st.tuples(
        st.just("line"), st.just("claude_code"), st.sampled_from([["replace"], ["chain"], []])
    ),
    st.tuples(st.just("no line"), st.just("claude_code"), st.just([])),
)


def written(
    directory: str, files: Mapping[str, bytes | None], mode: int, *, linked: bool
) -> ToolHome:
    """A home with these files."""
    home = ToolHome(Path(directory) / "a home")
    for path, data in files.items():
        if data is not None:
            place(home, path, data, mode, linked=linked)
    return home


def carry_out(home: ToolHome, verb: str, tool: str, words: Sequence[str]) -> None:
    """One command of the user's."""
    site = home.site()
    now: Any = {"dry_run": False, "expected": "", "now_ms": NOW_MS}
    if verb == "install":
        home.install(tool, words)
    elif verb == "uninstall":
        home.uninstall(tool)
    elif verb == "upgrade":
        home.install(tool, upgrade=True)
    elif verb == "line":
        foreign = words[0] if words else ""
        claude_statusline.install(site, arguments=["--ascii"], foreign=foreign, **now)
    elif verb == "no line":
        claude_statusline.uninstall(site, **now)
    else:
        age(home, tool)


def carry_out_or_be_refused(home: ToolHome, verb: str, tool: str, words: Sequence[str]) -> None:
    """As `carry_out`; what has to be refused has to leave everything as it is."""
    foreign_line = verb == "line" and not words and has_foreign_line(home)
    if foreign_line or (verb == "upgrade" and home.state(tool) in ("missing", "partial")):
        before = snapshot(home.root, without=())
        try:
            carry_out(home, verb, tool, words)
        except (ConfigError, InvalidParams):
            assert snapshot(home.root, without=[".config/openusage/hooks.lock"]) == {
                path: what for path, what in before.items() if not path.endswith("hooks.lock")
            }
        else:
            assert not foreign_line
    else:
        carry_out(home, verb, tool, words)


def has_foreign_line(home: ToolHome) -> bool:
    return any(line.present and not line.ours for line in claude_statusline.lines(home.site()))


def without_copies(home: ToolHome, before: Mapping[str, object]) -> dict[str, object]:
    """What there is besides our own directory, copies, and new directories that only hold copies."""
    for copy in [*home.root.rglob("*.bak")]:
        if not copy.is_relative_to(home.hooks_dir):
            copy.unlink()
            for directory in copy.parents:
                if str(directory.relative_to(home.root)) in (".", *before):
                    break
                if any(directory.iterdir()):
                    break
                directory.rmdir()
    return snapshot(home.root)


def age(home: ToolHome, tool: str) -> None:
    """The installed script is of an older release."""
    integration = wiring.named(tool)
    for path in map(Path, integration.copies(home.site(), integration.places(home.site()))):
        if path.exists():
            path.write_bytes(re.sub(rb"hook-version: \d+", b"hook-version: 0", path.read_bytes()))


@given(files=FILES, mode=MODES, linked=LINKED, steps=st.lists(STEP, max_size=8))
# the copy of a changed plugin lies two new directories deep
@example(
    files={".claude/settings.json": None, ".config/opencode/opencode.json": None},
    mode=0o600,
    linked=False,
    steps=[("install", "opencode", []), ("age", "opencode", [])],
)
def test_any_order_of_commands_gives_everything_back(files, mode, linked, steps) -> None:
    """After any commands, uninstalling all brings back each byte, mode, link and absence."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        home = written(directory, files, mode, linked=linked)
        before = snapshot(home.root)
        for step in steps:
            carry_out_or_be_refused(home, *step)
        for tool in PARTS:
            home.uninstall(tool)
        # copies of files that were changed twice stay, and with them the directory they lie in
        assert without_copies(home, before) == before
        assert {tool: home.state(tool) for tool in PARTS} == dict.fromkeys(PARTS, "missing")
        assert not [path for path in home.hooks_dir.rglob("*") if path.suffix != ".bak"]


@given(files=FILES, mode=st.sampled_from([0o400, 0o444, 0o555]), linked=LINKED, tool=TOOLS)
def test_what_is_read_only_is_left_alone(files, mode, linked, tool) -> None:
    """A protected file is refused by name, and not even a directory or a script of ours is made."""
    concerned = {"claude_code": [".claude/settings.json"], "codex": [".codex/config.toml"]}
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        home = written(directory, files, mode, linked=linked)
        before = snapshot(home.root)
        protected = [path for path in concerned.get(tool, ()) if files[path] is not None]
        if protected:
            with pytest.raises(ConfigError, match=rf"{home.root / protected[0]}.*: is read-only"):
                home.install(tool)
            assert snapshot(home.root) == before
            assert not home.hooks_dir.exists()
        else:
            home.install(tool)
            assert home.uninstall(tool).action == "uninstalled"
            assert snapshot(home.root) == before


@given(settings=SETTINGS, style=STYLES, tail=st.sampled_from(["", "\n"]))
def test_several_homes_are_wired_and_come_back(settings, style, tail) -> None:
    """Every directory that the variable names is wired alike, one of them without a file yet."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        home = ToolHome(Path(directory) / "h", {})
        first = home.write("one/settings.json", style.json(settings))
        second = home.write("two two/settings.json", "{}" + tail)
        (home.root / "three").mkdir()
        names = ("one", "two two", "three")
        home.env["CLAUDE_CONFIG_DIR"] = ",".join(str(home.root / name) for name in names)
        before = snapshot(home.root)
        home.install("claude_code", ["statusline"])
        for file in (first, second, home.root / "three" / "settings.json"):
            wired = json.loads(file.read_bytes().decode("utf-8-sig"))
            assert "Stop" in wired["hooks"]
            assert wired["statusLine"]["command"] == "openusage statusline"
        assert home.state("claude_code") == "ready"
        home.uninstall("claude_code")
        assert snapshot(home.root) == before
