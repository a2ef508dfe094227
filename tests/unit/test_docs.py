"""The manual says what the code does: generated parts are current, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from openusage_client.cli import COMMANDS

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


def test_provider_table_is_current() -> None:
    """docs/providers.md is what the providers say of themselves."""
    tables = load(ROOT / "docs" / "make_tables.py")
    page = tables.PAGE.read_text("utf-8")
    assert page == tables.render(page), "run `make docs`"


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
