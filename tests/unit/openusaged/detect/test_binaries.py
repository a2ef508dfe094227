"""Programs: on PATH, in the usual places, never in a directory or without the execute bit."""

from __future__ import annotations

import os
from pathlib import Path

from openusaged.detect.binaries import search_path, which
from openusaged.providers.base import Machine
from tests.support.key_table import program


def machine(home: Path, **env: str) -> Machine:
    return Machine(env=env, home=str(home))


def test_path_comes_first_and_only_absolute_parts_count(tmp_path: Path) -> None:
    """Relative and empty parts of PATH would depend on the working directory."""
    found = search_path(machine(tmp_path, PATH=f"{tmp_path}/a::relative: {tmp_path}/b "))
    assert found[:2] == [f"{tmp_path}/a", f"{tmp_path}/b"]
    assert all(os.path.isabs(place) for place in found)
    assert len(found) == len(set(found))


def test_places_of_installers_are_looked_into(tmp_path: Path) -> None:
    """A service's short PATH names none of the directories that installers use."""
    for folder in (".bun/bin", ".volta/bin", ".cargo/bin", ".local/share/pnpm", ".local/bin"):
        name = folder.replace("/", "-")
        path = program(tmp_path / folder / name)
        assert which([name], search_path(machine(tmp_path))) == str(path)


def test_newest_node_version_counts(tmp_path: Path) -> None:
    """Versions are compared as numbers: v9 is older than v22."""
    for version in ("v9.11.2", "v22.1.0", "v22.10.0", "v22.9.9"):
        program(tmp_path / ".nvm/versions/node" / version / "bin/claude")
    found = which(["claude"], search_path(machine(tmp_path)))
    assert found == str(tmp_path / ".nvm/versions/node/v22.10.0/bin/claude")


def test_override_replaces_the_usual_places(tmp_path: Path) -> None:
    """With the variable set, even empty, only PATH and its directories count."""
    program(tmp_path / ".local/bin/x")
    given = program(tmp_path / "given/y")
    env = {"OPENUSAGE_DETECT_BIN_DIRS": str(tmp_path / "given"), "PATH": str(tmp_path / "p")}
    found = search_path(machine(tmp_path, **env))
    assert found == [f"{tmp_path}/p", f"{tmp_path}/given"]
    assert which(["x"], found) == ""
    assert which(["x", "y"], found) == str(given)
    assert search_path(machine(tmp_path, OPENUSAGE_DETECT_BIN_DIRS="")) == []


def test_what_cannot_be_run_is_no_program(tmp_path: Path) -> None:
    """A directory and a file without the execute bit are passed over."""
    (tmp_path / "a/tool").mkdir(parents=True)
    plain = program(tmp_path / "b/tool")
    plain.chmod(0o644)
    last = program(tmp_path / "c/tool")
    places = [str(tmp_path / name) for name in "abc"]
    assert which(["tool"], places) == str(last)


def test_no_home(tmp_path: Path) -> None:
    """Without a home only the system's directories are left."""
    found = search_path(Machine(env={}, home=""))
    assert "/usr/bin" in found
    assert not any(".bun" in place for place in found)
