"""
Integrations as the wire has them: state of each tool, whether its events arrive, wiring it.

Methods run in the greenlet of whoever asked; files are a worker thread's job.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, TypeVar

from openusage_proto import locations
from openusage_proto.integration_messages import (
    CALLER_VARIABLES,
    IntegrationChange,
    IntegrationInfo,
    IntegrationInstallParams,
    IntegrationOption,
    IntegrationPlace,
    IntegrationResult,
    Integrations,
    IntegrationsParams,
    IntegrationUninstallParams,
    StatuslineInstallParams,
    StatuslineUninstallParams,
    StatuslineWiring,
)
from openusage_proto.values import dataclass
from openusaged.core.windows import iso
from openusaged.integrations import claude_statusline, scripts, wiring
from openusaged.integrations.base import (
    BROKEN,
    MISSING,
    PARTIAL,
    READY,
    Integration,
    Site,
)
from openusaged.integrations.ledger import Ledger
from openusaged.integrations.wiring import Outcome, Overview
from openusaged.providers.base import Machine
from openusaged.usecases.accounts import Found
from openusaged.usecases.hook_news import HookNews

log = logging.getLogger(__name__)

T = TypeVar("T")

NEVER: Final = "never"
DELIVERING: Final = "delivering"
SILENT: Final = "silent"
SILENT_AFTER_MS: Final = 600_000
"""A log may grow for a whole long turn before the hook at its end."""

_PROBE_TIMEOUT_S: Final = 5.0
_VERSION: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


class Work(Protocol):
    """Runs a function in a worker thread while the calling greenlet waits."""

    def __call__(self, fn: Callable[[], T], /) -> T:
        """The function's result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """What the running daemon knows."""

    machine: Machine
    now_ms: Callable[[], int]
    work: Work
    found: Callable[[], Found]
    programs: Callable[[], Mapping[str, str]]
    """Paths of the programs that detection has found, by provider id."""
    log_changes: Callable[[], Mapping[str, int]]
    """When an account's logs last grew, as far as this run has seen it."""
    news: HookNews
    declined: Callable[[str], bool]
    """Whether the user does not want hooks for a tool."""


class Integrating:
    """Use cases of `integrations`, `integration_install` and `integration_uninstall`."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.states: dict[str, str] = {}
        """State of each tool when it was last looked at."""

    def overview(self, params: IntegrationsParams) -> Integrations:
        """Every tool that can be wired, and how it is."""
        return self._daemon.work(lambda: self._overview(params.environment))

    def install(self, params: IntegrationInstallParams) -> IntegrationResult:
        """Wire one tool, or say what that would change."""
        integration = wiring.named(params.id)

        def work() -> IntegrationResult:
            site = self._site(params.environment)
            outcome = wiring.install(
                site,
                integration,
                options=params.options,
                upgrade=params.upgrade,
                dry_run=params.dry_run,
                expected=params.plan,
                now_ms=self._daemon.now_ms(),
            )
            return self._result(site, integration, outcome, dry_run=params.dry_run)

        return self._daemon.work(work)

    def uninstall(self, params: IntegrationUninstallParams) -> IntegrationResult:
        """Take one tool's wiring out, or say what that would change."""
        integration = wiring.named(params.id)

        def work() -> IntegrationResult:
            site = self._site(params.environment)
            outcome = wiring.uninstall(
                site,
                integration,
                dry_run=params.dry_run,
                expected=params.plan,
                now_ms=self._daemon.now_ms(),
            )
            return self._result(site, integration, outcome, dry_run=params.dry_run)

        return self._daemon.work(work)

    def install_statusline(self, params: StatuslineInstallParams) -> StatuslineWiring:
        """Put our status line in, or say what that would change or what is in its way."""

        def work() -> StatuslineWiring:
            site = self._site(params.environment)
            if not params.foreign and (foreign := _foreign(site)):
                nothing = Outcome(action=wiring.UNCHANGED, changes=[], notes=[], plan="")
                return self._statusline_wiring(
                    site, nothing, dry_run=params.dry_run, foreign=foreign
                )
            outcome = claude_statusline.install(
                site,
                arguments=params.arguments,
                foreign=params.foreign,
                dry_run=params.dry_run,
                expected=params.plan,
                now_ms=self._daemon.now_ms(),
            )
            return self._statusline_wiring(site, outcome, dry_run=params.dry_run)

        return self._daemon.work(work)

    def uninstall_statusline(self, params: StatuslineUninstallParams) -> StatuslineWiring:
        """Take our status line out, or say what that would change."""

        def work() -> StatuslineWiring:
            site = self._site(params.environment)
            outcome = claude_statusline.uninstall(
                site,
                dry_run=params.dry_run,
                expected=params.plan,
                now_ms=self._daemon.now_ms(),
            )
            foreign = "" if outcome.changes else _foreign(site)
            return self._statusline_wiring(site, outcome, dry_run=params.dry_run, foreign=foreign)

        return self._daemon.work(work)

    def log_hints(self) -> None:
        """Name in the log what would wire each tool of this machine that is not wired."""
        for info in self._daemon.work(lambda: self._overview({})).integrations:
            if info.detected and info.state != READY and not self._daemon.declined(info.id):
                verb = "install" if info.state in (MISSING, PARTIAL) else "upgrade"
                log.info(
                    "event=hooks_%s tool=%s fix='openusage integrations %s %s'",
                    info.state,
                    info.id,
                    verb,
                    info.id,
                )

    # ---------------------------------------------------------- worker thread

    def _site(self, environment: Mapping[str, str]) -> Site:
        daemon = self._daemon
        given = {name: value for name, value in environment.items() if name in CALLER_VARIABLES}
        machine = Machine(
            env={**daemon.machine.env, **given},
            home=daemon.machine.home,
            platform=daemon.machine.platform,
        )
        hooks_dir = os.path.join(
            locations.config_dir({**daemon.machine.env, "HOME": daemon.machine.home}), "hooks"
        )
        return Site(
            machine=machine,
            hooks_dir=hooks_dir,
            python=scripts.hook_python(machine),
            statusline=scripts.statusline_command(machine),
            ledger=Ledger(hooks_dir),
            accounts=daemon.found().plain,
            program_version=self._program_version,
        )

    def _program_version(self, provider_id: str) -> tuple[int, ...] | None:
        path = self._daemon.programs().get(provider_id, "")
        if not path:
            return None
        try:
            done = subprocess.run(
                [path, "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PROBE_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        match = _VERSION.search(done.stdout)
        return tuple(int(part) for part in match.groups() if part) if match else None

    def _overview(self, environment: Mapping[str, str]) -> Integrations:
        site = self._site(environment)
        infos = [self._info(site, integration) for integration in wiring.ALL]
        self.states = {info.id: info.state for info in infos if info.detected}
        return Integrations(integrations=infos)

    def _info(self, site: Site, integration: Integration) -> IntegrationInfo:
        found = wiring.overview(site, integration)
        name = integration.id
        accounts = [account for account in site.accounts if account.provider_id == name]
        changes = self._daemon.log_changes()
        changed = [changes[account.id] for account in accounts if account.id in changes]
        delivery, reason = self._delivery(found, max(changed, default=None))
        return IntegrationInfo(
            id=name,
            title=integration.title,
            state=found.state,
            detected=bool(accounts)
            or name in self._daemon.programs()
            or any(report.place.used for report in found.reports),
            version=found.version,
            shipped_version=scripts.version_of(integration.script.read()) or 0,
            reasons=found.reasons,
            places=[
                IntegrationPlace(
                    home=report.place.home,
                    config=report.place.config,
                    state=report.state,
                    reasons=list(report.reasons),
                    options=list(report.options),
                )
                for report in found.reports
            ],
            available_options=[
                IntegrationOption(name=option, summary=words)
                for option, words in integration.options.items()
            ],
            last_event_at=iso(self._daemon.news.last_ms(name)),
            last_log_change_at=iso(max(changed, default=None)),
            delivery=delivery,
            delivery_reason=reason,
        )

    def _delivery(self, found: Overview, changed_ms: int | None) -> tuple[str, str]:
        """What has become of events, and why nothing comes."""
        if all(report.state == MISSING for report in found.reports):
            return "", ""
        last_ms = self._daemon.news.last_ms(found.integration.id)
        since = max(last_ms or 0, found.installed_ms or 0)
        if changed_ms is not None and changed_ms - since > SILENT_AFTER_MS:
            return SILENT, "; ".join([*_causes(found), found.integration.silent])
        if last_ms is not None:
            return DELIVERING, ""
        return NEVER, "the first event comes at the end of the next turn"

    def _statusline_wiring(
        self, site: Site, outcome: Outcome, *, dry_run: bool, foreign: str = ""
    ) -> StatuslineWiring:
        integration = wiring.named("claude_code")
        return StatuslineWiring(
            result=self._result(site, integration, outcome, dry_run=dry_run),
            foreign=foreign,
            commands=[line.command for line in claude_statusline.lines(site)],
        )

    def _result(
        self, site: Site, integration: Integration, outcome: Outcome, *, dry_run: bool
    ) -> IntegrationResult:
        """What came of a change, and how the tool is wired now."""
        now = wiring.overview(site, integration)
        self.states = {**self.states, integration.id: now.state}
        return IntegrationResult(
            id=integration.id,
            title=integration.title,
            action=outcome.action,
            dry_run=dry_run,
            state=now.state,
            version=now.version,
            changes=[
                IntegrationChange(
                    path=change.path, action=change.action, diff=change.diff, backup=change.backup
                )
                for change in outcome.changes
            ],
            notes=outcome.notes,
            plan=outcome.plan,
        )


def _foreign(site: Site) -> str:
    """Somebody else's status line."""
    for line in claude_statusline.lines(site):
        if line.present and not line.ours:
            return line.command or "something that is no command"
    return ""


def _causes(found: Overview) -> Iterator[str]:
    """What in the wiring itself explains that nothing comes."""
    for report in found.reports:
        if report.state == BROKEN or report.reasons:
            yield from report.reasons
