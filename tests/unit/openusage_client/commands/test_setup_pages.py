"""Pages about the machine at every width: doctors, disclosure, templates, versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import pytest

from openusage_client import tmux_live
from openusage_client.commands import doctor, privacy, tmux, version
from openusage_client.terminal import Style
from openusage_proto import methods
from tests.support import setup_samples, wire_samples
from tests.support.json_schemas import problems
from tests.support.scripted_peer import ScriptedPeer

Run = Callable[..., tuple[int, str, str]]
Check = Callable[[str, str, int], None]
PLAIN = Style(color=False, unicode=True)
WIDTHS = pytest.mark.parametrize("width", [60, 80, 120])
CHECKS = [
    {"name": "daemon", "state": "ok", "found": "running, pid 4242", "fix": ""},
    {
        "name": "database",
        "state": "warning",
        "found": "/home/me/.local/state/openusage/telemetry.db may be read by others (0644)",
        "fix": "chmod 600 /home/me/.local/state/openusage/telemetry.db",
    },
    {
        "name": "settings",
        "state": "failed",
        "found": "/home/me/.config/openusage/settings.json:3:7: expected a comma or a brace",
        "fix": "mend the file; until then its last good version is used",
    },
]
FINDINGS = [
    ("ok", "tmux 3.4", ""),
    ("warning", "the terminal does not say that it has true colours", "--color-mode 256"),
    (
        "failed",
        "/home/me/programs/bin/openusage, which they run, is gone",
        "openusage tmux install --write",
    ),
]


def page(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


@WIDTHS
def test_doctor_golden(width: int, check_screen: Check) -> None:
    """Findings and fixes keep their columns; a path too long for a line goes on below."""
    check_screen("doctor", page(doctor.check_lines(CHECKS, width)), width)


def test_doctor_without_findings() -> None:
    """When all is well, one line says so."""
    assert doctor.check_lines(CHECKS[:1], None)[-1] == "everything looks fine"


@WIDTHS
def test_tmux_doctor_golden(width: int, check_screen: Check) -> None:
    """The same for the line of tmux."""
    check_screen("tmux-doctor", page(tmux_live.finding_lines(FINDINGS, width)), width)


@WIDTHS
def test_privacy_golden(width: int, check_screen: Check) -> None:
    """Every place, host and field in full; services that are not here only when asked for."""
    found = setup_samples.privacy()
    lines = privacy.privacy_lines(found, everything=False, width=width)
    check_screen("privacy", page(lines), width)
    everything = privacy.privacy_lines(found, everything=True, width=width)
    assert "Perplexity" in everything
    assert "Perplexity" not in lines


@WIDTHS
def test_tmux_presets_and_variables_golden(width: int, check_screen: Check) -> None:
    """Samples and descriptions give way first, names never."""
    catalog = asdict(setup_samples.line_catalog())
    presets = tmux.preset_lines(catalog["presets"], width, PLAIN)
    check_screen("tmux-presets", page(presets), width)
    variables = tmux.variable_lines(catalog, width, PLAIN)
    check_screen("tmux-variables", page(variables), width)
    assert all(any(name in line for line in variables) for name in ("plan_pct", "block", "bar"))


VERSIONS = {
    "version": "1.4.0",
    "protocol": 1,
    "daemon": {"version": "1.3.2", "protocol": 1},
    "newest": "1.5.0",
    "newer": True,
    "upgrade": "pipx upgrade openusage",
}


@WIDTHS
def test_version_golden(width: int, check_screen: Check) -> None:
    """Client, daemon, and what is out since."""
    check_screen("version", page(version.version_lines(VERSIONS)), width)


def test_version_follows_its_schema() -> None:
    """With and without a daemon, with and without a look at the releases."""
    assert problems("version", VERSIONS) == []
    assert problems("version", version.version_json(None, None)) == []
    assert problems("version", version.version_json(None, "0.0.1")) == []
    assert problems("version", {**VERSIONS, "upgrade": 5}) != []
    assert version.version_lines(version.version_json(None, "0.0.1"))[1:] == [
        "openusaged is not running",
        "there is nothing newer (newest: 0.0.1)",
    ]


def test_commands_print_pages_and_json(run: Run) -> None:
    """What is printed is the page; with `--json` the daemon's answer, as its schema says."""
    answers = {
        methods.PRIVACY: setup_samples.privacy(),
        methods.LINE_CATALOG: setup_samples.line_catalog(),
    }
    with ScriptedPeer(wire_samples.answers(**answers)):
        assert "Claude Code" in run("privacy")[1]
        assert json.loads(run("privacy", "--json")[1]) == asdict(setup_samples.privacy())
        assert "ascii-safe" in run("tmux", "presets")[1]
        assert "plan_pct" in run("tmux", "variables")[1]
        assert "| `plan_pct` | percent |" in run("tmux", "variables", "--markdown")[1]
        shown = json.loads(run("tmux", "presets", "--show", "compact")[1])
        assert problems("tmux-presets", [shown]) == []
        code, _, err = run("tmux", "presets", "--show", "compcat")
        assert code == 2
        assert "known: compact, ascii-safe" in err
