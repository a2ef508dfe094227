"""Whether events of a wired tool arrive, and what is said when they do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from openusage_proto.integration_messages import (
    IntegrationInfo,
    IntegrationInstallParams,
    IntegrationsParams,
    IntegrationUninstallParams,
)
from openusaged.core.errors import ConfigError, InvalidParams
from openusaged.core.models import Account
from openusaged.providers.base import Machine
from openusaged.usecases.accounts import Found
from openusaged.usecases.hook_news import HookNews
from openusaged.usecases.integrating import SILENT_AFTER_MS, Daemon, Integrating

T = TypeVar("T")


def at_once(fn: Callable[[], T], /) -> T:
    return fn()


class Running:
    """Integrations of a daemon whose knowledge a test sets."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.programs: dict[str, str] = {}
        self.changes: dict[str, int] = {}
        self.news = HookNews(str(home / "times.json"))
        account = Account(id="codex-cli", provider_id="codex", title="", home=f"{home}/.codex")
        self.accounts = [account]
        self.declined: set[str] = set()
        self.integrating = Integrating(
            Daemon(
                machine=Machine(env={"HOME": str(home)}, home=str(home)),
                now_ms=lambda: 0,
                work=at_once,
                found=lambda: Found(accounts=[(item, None) for item in self.accounts], warnings=[]),  # type: ignore[misc]
                programs=lambda: self.programs,
                log_changes=lambda: self.changes,
                news=self.news,
                declined=lambda name: name in self.declined,
            )
        )

    def info(self, name: str = "codex") -> IntegrationInfo:
        answer = self.integrating.overview(IntegrationsParams())
        return next(item for item in answer.integrations if item.id == name)

    def install(self, name: str = "codex", **params: object) -> None:
        self.integrating.install(IntegrationInstallParams(id=name, **params))  # type: ignore[arg-type]

    @property
    def installed_ms(self) -> int:
        script = self.home / ".config/openusage/hooks/codex.py"
        return int(script.stat().st_mtime * 1000)


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """A daemon that knows one Codex account."""
    return Running(tmp_path)


class TestDelivery:
    """From `never` to `silent`."""

    def test_of_what_is_not_wired(self, running: Running) -> None:
        """Nothing is expected, so nothing is missed."""
        running.changes["codex-cli"] = 10**12
        info = running.info()
        assert (info.state, info.detected, info.delivery) == ("missing", True, "")

    def test_before_the_first_event(self, running: Running) -> None:
        """It is said when it will come."""
        running.install()
        info = running.info()
        assert info.delivery == "never"
        assert "next turn" in info.delivery_reason
        running.changes["codex-cli"] = running.installed_ms + SILENT_AFTER_MS
        assert running.info().delivery == "never"

    def test_with_events(self, running: Running) -> None:
        """The last one is told."""
        running.install()
        running.news.note("codex", 1_767_225_600_000)
        info = running.info()
        assert (info.delivery, info.last_event_at) == ("delivering", "2026-01-01T00:00:00Z")

    def test_of_a_log_that_grows_without_a_word(self, running: Running) -> None:
        """Later than a long turn takes, the hook is silent, and what to look at is named."""
        running.install()
        running.changes["codex-cli"] = running.installed_ms + SILENT_AFTER_MS + 1
        info = running.info()
        assert info.delivery == "silent"
        assert "must have been started since" in info.delivery_reason
        assert info.last_log_change_at is not None
        running.news.note("codex", running.changes["codex-cli"])
        assert running.info().delivery == "delivering"

    def test_names_the_cause_it_can_see(self, running: Running) -> None:
        """A reason in the wiring itself comes before general advice."""
        running.install()
        script = running.home / ".config/openusage/hooks/codex.py"
        running.changes["codex-cli"] = running.installed_ms + SILENT_AFTER_MS + 1
        config = running.home / ".codex/config.toml"
        config.write_text(f'notify = ["/gone", "{script}"]\n')
        assert "/gone does not exist any more" in running.info().delivery_reason

    def test_of_another_account_does_not_count(self, running: Running) -> None:
        """Only this tool's logs say something about its hook."""
        running.install()
        running.changes["claude-code"] = running.installed_ms + 10**9
        assert running.info().delivery == "never"


class TestDetected:
    """Whether a tool is on the machine."""

    def test_by_its_program_or_its_directory(self, running: Running) -> None:
        """An account is not needed."""
        assert not running.info("claude_code").detected
        running.programs["claude_code"] = "/usr/bin/claude"
        assert running.info("claude_code").detected
        assert not running.info("opencode").detected
        (running.home / ".config/opencode").mkdir(parents=True)
        assert running.info("opencode").detected


class TestVersionOfTheProgram:
    """Codex is asked for its version before its hooks are wired."""

    @pytest.mark.parametrize(
        ("script", "refused"),
        [
            ("echo codex-cli 0.130.0", True),
            ("echo codex-cli 0.169.0", False),
            ("echo hello", False),
            ("exit 1", False),
        ],
    )
    def test_decides(self, running: Running, script: str, refused: bool) -> None:
        """Too old is refused; what cannot be told is left to Codex."""
        program = running.home / "codex"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        running.programs["codex"] = str(program)
        if refused:
            with pytest.raises(ConfigError, match=r"0\.130\.0 runs no hooks"):
                running.install(options=["hooks"])
        else:
            running.install(options=["hooks"])
            assert (running.home / ".codex/hooks.json").exists()

    def test_of_a_program_that_cannot_be_run(self, running: Running) -> None:
        """Gone since it was found, or never found."""
        running.install(options=["hooks"])
        running.programs["codex"] = str(running.home / "gone")
        (running.home / ".codex/hooks.json").unlink()
        running.install(options=["hooks"])


def test_hints_for_what_is_detected_and_wanted(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """One line per tool that is not ready, none for a tool that the user declined."""
    caplog.set_level("INFO")
    running.integrating.log_hints()
    assert [record.getMessage() for record in caplog.records] == [
        "event=hooks_missing tool=codex fix='openusage integrations install codex'"
    ]
    caplog.clear()
    running.install()
    (running.home / ".config/openusage/hooks/codex.py").unlink()
    running.integrating.log_hints()
    assert "integrations upgrade codex" in caplog.text
    caplog.clear()
    running.declined.add("codex")
    running.integrating.log_hints()
    assert caplog.text == ""


def test_results_tell_what_was_done(running: Running) -> None:
    """Changes, notes, the state before and after."""
    params = IntegrationInstallParams(id="codex", dry_run=True)
    shown = running.integrating.install(params)
    assert (shown.action, shown.state, shown.version) == ("installed", "missing", None)
    result = running.integrating.install(IntegrationInstallParams(id="codex", plan=shown.plan))
    assert (result.action, result.state, result.version) == ("installed", "ready", 2)
    assert [change.action for change in result.changes] == ["create", "create", "create"]
    gone = running.integrating.uninstall(IntegrationUninstallParams(id="codex"))
    assert (gone.action, gone.state, gone.version) == ("uninstalled", "missing", None)
    assert json.dumps(gone.plan)


def test_an_unknown_tool(running: Running) -> None:
    """Refused before anything is looked at."""
    with pytest.raises(InvalidParams):
        running.install("gemini")
    with pytest.raises(InvalidParams):
        running.integrating.uninstall(IntegrationUninstallParams(id="gemini"))
