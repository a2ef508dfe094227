"""The manual says what the code does: generated parts are current, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields
from pathlib import Path

import pytest

from openusage_client.cli import COMMANDS
from openusaged.config.tmux import TmuxAlerts, TmuxSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *ROOT.glob("hooks/*/*.md"),
        ROOT / "spec/jsonrpc.md",
    ]
)


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["providers.md", "statusbars.md"])
def test_generated_tables_are_current(name: str) -> None:
    """Services, and names that templates know, are listed as the code has them."""
    tables = load(ROOT / "docs" / "make_tables.py")
    page = ROOT / "docs" / name
    assert page.read_text("utf-8") == tables.render(page), "run `make docs`"
    assert {one.name for one in tables.PAGES} == {"providers.md", "statusbars.md"}


def test_every_variable_of_ours_is_documented() -> None:
    """docs/configuration.md names each OPENUSAGE_ variable that the product reads, and no other."""
    sources = [
        path
        for folder in ("openusage_proto", "openusaged", "openusage_client", "hooks", "bin")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".ts") or path.parent.name == "bin"
    ]
    read = set()
    for path in sources:
        read |= set(re.findall(r"OPENUSAGE_[A-Z][A-Z_]*[A-Z]", path.read_text("utf-8")))
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert set(re.findall(r"OPENUSAGE_[A-Z][A-Z_]*[A-Z]", page)) == read


def test_settings_of_status_bars_are_documented() -> None:
    """docs/statusbars.md has every key of `tmux` in the settings, and no other."""
    page = (ROOT / "docs" / "statusbars.md").read_text("utf-8")
    known = {field.name.removesuffix("_s") for field in fields(TmuxSettings)} - {"alerts"}
    known |= {f"alerts.{field.name}" for field in fields(TmuxAlerts)}
    named = set(re.findall(r"`tmux\.([a-z_.]+)`", page)) - {"conf"}
    assert named == known


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file that exists."""
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [
        target
        for target in targets
        if "://" not in target and not (page.parent / target).resolve().exists()
    ]
    assert missing == []


def test_readme_is_short_and_names_every_command() -> None:
    """The first page has under 150 lines and every command that users can type."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) < 150
    assert [
        command.name
        for command in COMMANDS
        if f"`{command.name}`" not in text and f"openusage {command.name}" not in text
    ] == []


def test_the_manual_lists_every_page() -> None:
    """docs/README.md leads to each page of the manual, and the first page to it."""
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs/README.md").read_text("utf-8")))
    assert listed == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert "](docs/README.md)" in (ROOT / "README.md").read_text("utf-8")


def test_architecture_names_modules_that_exist() -> None:
    """Every module path in docs/architecture.md is a file, so that the page stays a map."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)+)/?`", text))
    missing = []
    for name in named:
        places = [ROOT / base / name for base in ("", "openusaged")]
        if not any(place.is_dir() or place.with_suffix(".py").is_file() for place in places):
            missing.append(name)
    assert sorted(missing) == []


def test_make_targets_of_the_pages_exist() -> None:
    """A page never tells a reader to run a target that the Makefile lacks."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        used = set(re.findall(r"`make ([a-z0-9-]+)`", page.read_text("utf-8")))
        assert used <= targets, page
