"""OpenCode's plugin file, and entries of its configuration that name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusaged.core.errors import ConfigError
from openusaged.integrations.opencode import SCRIPT
from tests.support.tool_home import ToolHome

PLUGIN = ".config/opencode/plugins/openusage.ts"


@pytest.fixture
def home(tmp_path: Path) -> ToolHome:
    """A home in which OpenCode has been used."""
    home = ToolHome(tmp_path / "a home")
    home.write(".config/opencode/opencode.json", "{}")
    return home


def test_the_plugin_is_put_where_opencode_loads_it(home: ToolHome) -> None:
    """One file, no entry in the configuration; afterwards no directory of ours."""
    outcome = home.install("opencode")
    assert (home.root / PLUGIN).read_bytes() == SCRIPT.read()
    assert b"dispose" in SCRIPT.read()
    assert "plugin package" in outcome.notes[0]
    assert home.state("opencode") == "ready"
    assert (home.root / ".config/opencode/opencode.json").read_text() == "{}"
    home.uninstall("opencode")
    assert not (home.root / PLUGIN).parent.exists()
    assert home.state("opencode") == "missing"
    assert home.uninstall("opencode").action == "unchanged"


def test_another_configuration_directory(tmp_path: Path) -> None:
    """XDG_CONFIG_HOME moves it."""
    home = ToolHome(tmp_path / "h", {"XDG_CONFIG_HOME": str(tmp_path / "cfg")})
    home.install("opencode")
    assert (tmp_path / "cfg/opencode/plugins/openusage.ts").exists()


def test_a_foreign_file_of_that_name_is_left_alone(home: ToolHome) -> None:
    """It may be anything; it is neither replaced nor removed."""
    file = home.write(PLUGIN, "export default 1\n")
    assert home.state("opencode") == "broken"
    assert "no plugin of ours" in home.reasons("opencode")
    with pytest.raises(ConfigError, match="no hook of ours"):
        home.install("opencode")
    home.uninstall("opencode")
    assert file.read_text() == "export default 1\n"


def test_copies_in_other_places_are_told(home: ToolHome) -> None:
    """A plugin by hand works, and two are loaded both."""
    home.write(".config/opencode/plugin/openusage.ts", SCRIPT.read())
    assert home.state("opencode") == "ready"
    assert "loaded from" in home.reasons("opencode")
    extra = home.write("extra/plugins/openusage.ts", SCRIPT.read())
    home.env["OPENCODE_CONFIG_DIR"] = str(extra.parent.parent)
    assert str(extra) in home.reasons("opencode")


def test_an_unreadable_configuration_does_not_keep_the_plugin(home: ToolHome) -> None:
    """What could not be searched is said; the plugin goes all the same."""
    home.install("opencode")
    config = home.write(".config/opencode/opencode.json", "{ nonsense")
    outcome = home.uninstall("opencode")
    assert f"{config} could not be searched" in outcome.notes[0]
    assert not (home.root / PLUGIN).exists()
    assert config.read_text() == "{ nonsense"


@pytest.mark.parametrize("text", ["[]", '{"plugin": "x"}', '{"plugin": [1, [], null]}'])
def test_odd_configurations_are_left_alone(home: ToolHome, text: str) -> None:
    """Only a list with our path in it is touched."""
    home.install("opencode")
    config = home.write(".config/opencode/opencode.json", text)
    home.uninstall("opencode")
    assert config.read_text() == text
