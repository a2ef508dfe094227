"""
Whatever a user's configuration looks like, installing and uninstalling leaves every byte of it.

Configurations are written at random: other hooks, comments where the tool has them, odd
indentation, tabs, CRLF, a byte order mark, empty containers, links, modes; and broken ones.
"""

from __future__ import annotations

import json
import re
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openusaged.core.errors import ConfigError
from openusaged.integrations import claude_code, codex, wiring
from tests.support.memory import in_memory
from tests.support.tool_configs import (
    HOOKS,
    JSONC,
    LINKED,
    MODES,
    NOTIFY,
    SETTINGS,
    STYLES,
    TABLES,
    TOML_LINE,
    Style,
    place,
    toml,
)
from tests.support.tool_home import ToolHome, snapshot


def cycle(home: ToolHome, tool: str, options: list[str]) -> None:
    """Install, install, upgrade; only an older script makes a further one change anything."""
    assert home.install(tool, options).action == "installed"
    wired = snapshot(home.root)
    assert home.state(tool) == "ready", home.reasons(tool)
    assert home.install(tool, options).action == "unchanged"
    assert home.install(tool, upgrade=True).action == "unchanged"
    script = Path(wiring.named(tool).copies(home.site(), [])[0])
    script.write_bytes(re.sub(rb"hook-version: \d+", b"hook-version: 0", script.read_bytes()))
    assert home.state(tool) == "outdated"
    assert home.install(tool, upgrade=True).action == "upgraded"
    assert snapshot(home.root) == wired


@given(
    settings=SETTINGS,
    style=STYLES,
    mode=MODES,
    linked=LINKED,
    options=st.lists(st.sampled_from(sorted(claude_code.INTEGRATION.options)), unique=True),
)
@example({}, Style(None, (", ", ": "), "\n", False, ""), 0o600, False, ["statusline"])
@example({"hooks": {}}, Style(2, (",", ": "), "\r\n", True, "\n"), 0o644, True, ["tools"])
@example({"hooks": {"Stop": []}}, Style("\t", (",", ":"), "\n", False, ""), 0o600, False, [])
def test_claude_settings_come_back_to_the_byte(settings, style, mode, linked, options) -> None:
    """Settings of any shape and style: wired, and after uninstalling exactly what they were."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        home = ToolHome(Path(directory) / "a home")
        place(home, ".claude/settings.json", style.json(settings), mode, linked=linked)
        before = snapshot(home.root)
        cycle(home, "claude_code", options)
        text = (home.root / ".claude/settings.json").read_bytes()
        assert text.startswith(b"\xef\xbb\xbf") == style.bom
        wired = json.loads(text.decode("utf-8-sig"))
        assert foreign(wired, claude_code.SCRIPT.installed) == foreign(
            settings, claude_code.SCRIPT.installed, statusline="statusline" not in options
        )
        assert home.uninstall("claude_code").action == "uninstalled"
        assert snapshot(home.root) == before
        assert home.state("claude_code") == "missing"


def foreign(settings, script: str, *, statusline: bool = True):
    """Settings without our entries and without containers that are empty without them."""
    rest = {key: value for key, value in settings.items() if key not in ("hooks", "statusLine")}
    line = settings.get("statusLine")
    if line is not None and statusline and "openusage" not in line["command"]:
        rest["statusLine"] = line
    hooks = {
        event: [group for group in groups or () if script not in json.dumps(group)]
        for event, groups in settings.get("hooks", {}).items()
    }
    rest["hooks"] = {event: groups for event, groups in hooks.items() if groups}
    return rest


@given(settings=SETTINGS, style=STYLES, more=SETTINGS)
def test_what_is_written_between_stays(settings, style, more) -> None:
    """A user edits between installing and uninstalling: the edits stay, only ours goes."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        home = ToolHome(directory)
        file = home.write(".claude/settings.json", style.json(settings))
        home.install("claude_code")
        now = json.loads(file.read_bytes().decode("utf-8-sig"))
        edited = {**more, **now, "env": {"A": "b"}}
        edited["hooks"] = {
            event: [*(now["hooks"].get(event) or ()), *(more.get("hooks", {}).get(event) or ())]
            for event in {**now["hooks"], **more.get("hooks", {})}
        }
        file.write_bytes(style.json(edited))
        home.uninstall("claude_code")
        left = json.loads(file.read_bytes().decode("utf-8-sig"))
        assert foreign(left, "claude.py") == foreign(edited, "claude.py")
        assert "claude.py" not in json.dumps(left)


@given(
    lines=st.lists(TOML_LINE, max_size=5),
    notify=NOTIFY,
    at=st.integers(0, 5),
    tables=TABLES,
    style=STYLES,
    mode=MODES,
    linked=LINKED,
    hooks=st.none() | st.fixed_dictionaries({}, optional={"hooks": HOOKS}),
    options=st.lists(st.sampled_from(["hooks"]), unique=True),
)
def test_codex_configuration_comes_back_to_the_byte(
    lines, notify, at, tables, style, mode, linked, hooks, options
) -> None:
    """With and without tables and a notifier of the user's own, and with hooks beside it."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        home = ToolHome(Path(directory) / "a home")
        data = style.data(toml(lines, notify, at, tables))
        place(home, ".codex/config.toml", data, mode, linked=linked)
        if hooks is not None:
            home.write(".codex/hooks.json", style.json(hooks))
        before = snapshot(home.root)
        cycle(home, "codex", options)
        command = home.site().hook_command(codex.SCRIPT)
        values = codex.TomlText(
            (home.root / ".codex/config.toml").read_bytes().decode("utf-8-sig")
        ).values
        assert values["notify"][: len(command)] == command
        home.uninstall("codex")
        assert snapshot(home.root) == before


@given(text=JSONC, style=STYLES)
def test_opencode_entries_that_name_the_plugin_go_with_it(text, style) -> None:
    """Comments, trailing commas and other plugins stay in OpenCode's configuration."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        home = ToolHome(Path(directory) / "a home")
        plugin = f"file://{home.root}/.config/opencode/plugins/openusage.ts"
        config = home.write(
            ".config/opencode/opencode.json", style.data(text.replace("PLUGIN", plugin))
        )
        home.install("opencode")
        assert home.state("opencode") == "ready"
        home.uninstall("opencode")
        left = config.read_bytes().decode("utf-8-sig")
        assert "openusage.ts" not in left
        for kept in ("// mine", "/* x */", '"a"', "// first", '"b"'):
            assert (kept in left) == (kept in text)


BROKEN_JSON = st.sampled_from(
    ['{"hooks": ', "{\n  // c\n}", '{"a": 1,}', "[]", '"x"', '{"hooks": []}', '{"hooks": {"Stop": 1}}',
     "{}}", '{"hooks": {"Stop": {}}}', "nonsense", b"\xff\xfe{}\x00"]
)  # fmt: skip
BROKEN_TOML = st.sampled_from(
    ["a = ", "[t", "a = 1\na = 2", "x", 'notify = "one string"', "notify = [1]", b'a = "\xff"',
     'notify = ["a",\n']
)  # fmt: skip


@given(broken=BROKEN_JSON, style=STYLES, mode=MODES)
def test_broken_settings_are_refused_untouched(broken, style, mode) -> None:
    """Nothing is changed anywhere, and the place of the mistake is told."""
    data = broken if isinstance(broken, bytes) else style.data(broken)
    refused("claude_code", ".claude/settings.json", data, mode)


@given(broken=BROKEN_TOML, style=STYLES, mode=MODES)
def test_broken_codex_configuration_is_refused_untouched(broken, style, mode) -> None:
    """Nothing is changed anywhere, and the place of the mistake is told."""
    data = broken if isinstance(broken, bytes) else style.data(broken)
    refused("codex", ".codex/config.toml", data, mode)


def refused(tool: str, path: str, data: bytes, mode: int) -> None:
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        home = ToolHome(directory)
        file = home.write(path, data)
        file.chmod(mode)
        before = snapshot(home.root)
        with pytest.raises(ConfigError, match=rf"{file}:\d+.*: ") as caught:
            home.install(tool)
        assert "nothing was changed" in str(caught.value) or "not UTF-8" in str(caught.value)
        assert snapshot(home.root) == before
        assert not home.hooks_dir.exists()
        assert not list(home.root.rglob("*.bak"))
        assert stat.S_IMODE(file.stat().st_mode) == mode
