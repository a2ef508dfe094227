"""The service's environment file: which variables, from where, and how they are written."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage_proto import locations
from openusaged.providers.base import Machine
from openusaged.service import environment

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\n\r\0"), min_size=1, max_size=30
)


def machine(**env: str) -> Machine:
    return Machine(env={**os.environ, **env}, home=os.environ["HOME"])


class TestWantedNames:
    def test_dmn_09_only_variables_of_accounts(self, isolated_home: str) -> None:
        """A key that is set makes an account; a service that is not used brings no variable."""
        names = environment.wanted_names(machine(GROQ_API_KEY="x"))
        assert "GROQ_API_KEY" in names
        assert "HTTPS_PROXY" in names
        assert not names & {"OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "GH_TOKEN", "PATH", "HOME"}

    def test_companions_of_a_key_come_along(self, isolated_home: str) -> None:
        """Azure needs its address beside its key."""
        names = environment.wanted_names(machine(AZURE_OPENAI_API_KEY="x"))
        assert {"AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"} <= names

    def test_a_tool_that_is_here_brings_its_variables(self, isolated_home: str) -> None:
        """Codex with a home of its own is found through its variable."""
        os.makedirs(os.path.join(isolated_home, ".codex", "sessions"))
        assert "CODEX_HOME" in environment.wanted_names(machine())

    def test_a_custom_variable_of_the_settings(self, isolated_home: str) -> None:
        """`api_key_env` names it, so the service gets it."""
        path = locations.settings_path()
        os.makedirs(os.path.dirname(path))
        accounts = [{"id": "work", "provider": "openai", "api_key_env": "WORK_OPENAI_API_KEY"}]
        Path(path).write_text(json.dumps({"accounts": accounts}), "utf-8")
        assert "WORK_OPENAI_API_KEY" in environment.wanted_names(machine())


class TestSnapshot:
    def test_the_shell_wins_and_the_file_survives(self) -> None:
        """A key of an earlier installation stays when this shell lacks it, unless unused."""
        held = environment.snapshot(
            {"A": "new", "C": "", "X": "not asked for"},
            ["A", "B", "C", "D"],
            {"A": "old", "B": "kept", "C": "kept too", "GONE": "1"},
        )
        assert held.values == {"A": "new", "B": "kept", "C": "kept too"}
        assert held.dropped == ("GONE",)

    def test_a_line_break_is_told(self) -> None:
        """Such a value cannot be written and is not written half."""
        held = environment.snapshot({"A": "x\ny", "B": "b"}, ["A", "B"])
        assert (held.values, held.unusable) == ({"B": "b"}, ("A",))

    def test_differing(self) -> None:
        """A key that was changed or added is told; one that this shell lacks is not."""
        now = {"A": "1", "B": "2", "C": "3"}
        assert environment.differing(now, ["A", "B", "D"], {"A": "1", "B": "x"}) == ["B"]


class TestFile:
    @given(st.dictionaries(NAMES, VALUES, max_size=4))
    def test_round_trip(self, values: dict[str, str]) -> None:
        """Every value comes back as it was; so systemd's quoting and ours are one."""
        assert environment.parse(environment.render(values)) == values

    def test_a_shell_reads_it_alike(self) -> None:
        """The file follows the rules systemd shares with the shell."""
        values = {"A": "a b $HOME `id` \"q\" \\ 'x' %h"}
        script = environment.render(values) + 'printf %s "$A"'
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == values["A"]

    def test_what_a_user_may_have_written(self) -> None:
        """Other quotes, `export`, comments and nonsense are taken as systemd takes them."""
        text = "# x\n\nexport A='1 2'\nB=plain\n=x\n1C=2\nno equals\nD=\"\n"
        assert environment.parse(text) == {"A": "1 2", "B": "plain", "D": '"'}

    def test_dmn_09_mode_and_links(self, tmp_path: Path) -> None:
        """The file is its owner's alone, even where an open one stood; a link stays a link."""
        real, link = tmp_path / "dotfiles.env", tmp_path / "c" / "service.env"
        real.write_text("OLD=1\n")
        real.chmod(0o644)
        link.parent.mkdir()
        link.symlink_to(real)
        environment.write(os.fspath(link), {"KEY": "sk-planted-0001"})
        assert link.is_symlink()
        assert stat.S_IMODE(real.stat().st_mode) == 0o600
        assert environment.read(os.fspath(link)) == {"KEY": "sk-planted-0001"}

    def test_missing(self, tmp_path: Path) -> None:
        """No file, no variables."""
        assert environment.read(os.fspath(tmp_path / "none")) == {}


def test_a_broken_provider_does_not_matter(
    isolated_home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plug-in that raises while looking around keeps no service from being installed."""
    from dataclasses import replace
    from types import MappingProxyType

    from openusaged.providers import registry

    def explode(_machine: Machine) -> list[object]:
        raise RuntimeError("broken plug-in")

    loaded = dict(registry.load_all())
    loaded["groq"] = replace(loaded["groq"], discover=explode)
    monkeypatch.setattr(registry, "load_all", lambda: MappingProxyType(loaded))
    assert "GROQ_API_KEY" not in environment.wanted_names(machine())
