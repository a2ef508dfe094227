"""Built-in providers and plug-ins: found without a list, checked, and none can break the others."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from openusaged.core.errors import ProviderError
from openusaged.providers import registry
from tests.support.plugin_package import example, install

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What is installed is looked at anew in each test."""
    registry.forget()
    yield
    registry.forget()


def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *change: str) -> None:
    """The example plug-in on the import path."""
    module, project = example()
    if change:
        module, project = module.replace(*change), project.replace(*change)
    monkeypatch.syspath_prepend(str(install(tmp_path, module, project)))
    monkeypatch.delitem(sys.modules, "openusage_acme", raising=False)


def test_plug_in_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By its id, among all, with its package named, and it is none of ours."""
    installed(monkeypatch, tmp_path)
    assert registry.load("acme").spec.title == "Acme Cloud"
    assert registry.load_all()["acme"] is registry.load("acme")
    assert registry.origin("acme") == "openusage-acme 1.0"
    assert registry.origin("codex") == "built-in"
    assert registry.origin("nobody") == "built-in"
    assert "acme" not in registry.provider_ids()
    assert not any("acme" in problem for problem in registry.problems())
    assert registry.for_source("acme") is registry.load("acme")


def test_built_in_id_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A plug-in cannot take the place of a provider of ours."""
    installed(monkeypatch, tmp_path, "acme = ", "codex = ")
    with caplog.at_level(logging.WARNING):
        assert registry.load_all()["codex"].spec.title == "Codex"
    assert "event=plugin_clash provider=codex" in caplog.text
    assert any("plug-in codex" in problem for problem in registry.problems())


@pytest.mark.parametrize(
    "change",
    [
        ("PROVIDER = Provider(", "raise ImportError('half')\nx = ("),
        ("PROVIDER = ", "OTHER = "),
        ('id="acme"', 'id="other"'),
        ("PROVIDER = Provider(spec=SPEC, fetch=fetch)", "PROVIDER = SPEC"),
    ],
)
def test_broken_plug_in_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: tuple[str, str]
) -> None:
    """It is logged, named for the user, and the others are there."""
    installed(monkeypatch, tmp_path, *change)
    assert "acme" not in registry.load_all()
    assert "codex" in registry.load_all()
    assert any(
        problem.startswith("provider acme (openusage-acme 1.0) cannot be loaded")
        for problem in registry.problems()
    )


def test_damaged_environment_costs_only_the_plug_ins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When the installed packages cannot be listed, ours still work."""

    def fail(**_: str) -> None:
        raise ValueError("bad metadata")

    installed(monkeypatch, tmp_path)
    monkeypatch.setattr(metadata, "entry_points", fail)
    assert "codex" in registry.load_all()
    assert "event=plugins_unreadable" in caplog.text


def test_unknown_id() -> None:
    """What nobody brings is said."""
    with pytest.raises(ProviderError, match="no provider 'nobody'"):
        registry.load("nobody")


def test_plug_in_in_an_archive_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wheel that is put on the import path as it is counts as installed."""
    module, project = example()
    site = install(tmp_path, module, project)
    archive = shutil.make_archive(str(tmp_path / "plug-ins"), "zip", site)
    monkeypatch.syspath_prepend(archive)
    monkeypatch.delitem(sys.modules, "openusage_acme", raising=False)
    assert registry.load_all()["acme"].spec.title == "Acme Cloud"


def test_without_plug_ins_nobody_lists_packages(tmp_path: Path) -> None:
    """A daemon in an ordinary environment starts without loading importlib.metadata."""
    code = (
        "import sys; import openusaged.app; from openusaged.providers import registry;"
        f"sys.path += ['', {str(tmp_path / 'gone')!r}];"
        "print(len(registry.load_all()) > 20, 'importlib.metadata' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]


def test_own_providers_load_without_looking_at_packages() -> None:
    """A scanner process that reads one of our sources does not pay for listing packages."""
    code = (
        "import sys; from openusaged.providers import registry; registry.load('codex');"
        "print('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
