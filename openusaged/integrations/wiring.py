"""
Looks at, installs and removes integrations: what is common to all tools.

Blocking (files, at most one subprocess); a worker thread's job.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Final

from openusage_proto.values import dataclass
from openusaged.config import atomic_file
from openusaged.core.errors import ConfigError, InvalidParams
from openusaged.integrations import claude_code, codex, opencode, scripts
from openusaged.integrations.base import (
    BROKEN,
    MISSING,
    OUTDATED,
    PARTIAL,
    READY,
    Integration,
    Place,
    Report,
    Site,
)
from openusaged.integrations.ledger import Ledger
from openusaged.integrations.plan import Change, Plan

ALL: Final = (claude_code.INTEGRATION, codex.INTEGRATION, opencode.INTEGRATION)
INSTALLED: Final = "installed"
UPGRADED: Final = "upgraded"
UNINSTALLED: Final = "uninstalled"
UNCHANGED: Final = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One tool over all its homes."""

    integration: Integration
    state: str
    version: int | None
    reports: list[Report]
    reasons: list[str] = field(default_factory=list)
    installed_ms: int | None = None
    """When the script was put in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done, or would be."""

    action: str
    changes: list[Change]
    notes: list[str]
    plan: str


def named(name: str) -> Integration:
    """
    The integration of that id.

    Raises:
        InvalidParams: there is none.
    """
    for integration in ALL:
        if integration.id == name:
            return integration
    known = ", ".join(integration.id for integration in ALL)
    raise InvalidParams(f"id: no integration {name!r}; known: {known}")


def overview(site: Site, integration: Integration) -> Overview:
    """How a tool is wired, over all homes."""
    places = integration.places(site)
    reports = [integration.inspect(site, place) for place in places]
    copies = [
        scripts.inspect(integration.script, path) for path in integration.copies(site, places)
    ]
    there = [copy for copy in copies if copy.version is not None]
    states = {report.state for report in reports if report.place.used or report.state != MISSING}
    state = _over_all(states or {MISSING})
    reasons = []
    if state == MISSING and there:
        state = PARTIAL
        reasons.append(f"{there[0].path} is there, but nothing runs it")
    elif state == PARTIAL:
        reasons += [
            f"not wired in {report.place.home}" for report in reports if report.state == MISSING
        ]
    installed = None
    if there:
        with contextlib.suppress(OSError):
            installed = int(os.stat(there[0].path).st_mtime * 1000)
    return Overview(
        integration=integration,
        state=state,
        version=there[0].version if there else None,
        reports=reports,
        reasons=reasons,
        installed_ms=installed,
    )


def _over_all(states: Iterable[str]) -> str:
    """The state of a tool from those of its homes: the worst one, `partial` for a mixture."""
    found = set(states)
    for state in (BROKEN, OUTDATED):
        if state in found:
            return state
    if found == {READY}:
        return READY
    return MISSING if found == {MISSING} else PARTIAL


def install(
    site: Site,
    integration: Integration,
    *,
    options: Sequence[str],
    upgrade: bool,
    dry_run: bool,
    expected: str,
    now_ms: int,
) -> Outcome:
    """
    Wire a tool in every home that it uses (in its usual one when it uses none).

    Raises:
        InvalidParams: an option that the tool does not have; `upgrade` of what is not installed.
        ConfigError: a file is broken, protected, or not what was shown; nothing was changed then.
    """
    for option in options:
        if option not in integration.options:
            known = ", ".join(integration.options) or "none"
            raise InvalidParams(f"options: {integration.id} has no {option!r}; known: {known}")
    with alone(site, dry_run=dry_run):
        before = overview(site, integration)
        places = _targets(before, upgrade=upgrade)
        plan = Plan(site.ledger)
        for place in places:
            integration.install(site, place, frozenset(options), plan)
        action = INSTALLED if before.state in (MISSING, PARTIAL) else UPGRADED
        return carry_out(plan, action, dry_run=dry_run, expected=expected, now_ms=now_ms)


def _targets(before: Overview, *, upgrade: bool) -> list[Place]:
    if upgrade:
        wired = [report.place for report in before.reports if report.state != MISSING]
        if not wired or before.state == MISSING:
            raise InvalidParams(
                f"id: {before.integration.id} is not installed, so there is nothing to upgrade"
            )
        return wired
    places = [report.place for report in before.reports]
    return [place for place in places if place.used] or places[:1]


def uninstall(
    site: Site, integration: Integration, *, dry_run: bool, expected: str, now_ms: int
) -> Outcome:
    """
    Take a tool's entries out of every home, then the script.

    Raises:
        ConfigError: a file is broken, protected, or not what was shown; nothing was changed then.
    """
    with alone(site, dry_run=dry_run):
        places = integration.places(site)
        plan = Plan(site.ledger)
        for place in places:
            integration.uninstall(site, place, plan)
        for path in integration.copies(site, places):
            plan.drop_script(path, integration.script)
        outcome = carry_out(plan, UNINSTALLED, dry_run=dry_run, expected=expected, now_ms=now_ms)
        if not dry_run:
            records = site.ledger.records.items()
            plan.forget([path for path, item in records if item.integration == integration.id])
            for path in integration.copies(site, places):
                scripts.drop_bytecode(integration.script, path)
            with contextlib.suppress(OSError):
                os.rmdir(site.hooks_dir)
        return outcome


def carry_out(plan: Plan, action: str, *, dry_run: bool, expected: str, now_ms: int) -> Outcome:
    """
    Do what is planned, when it is what was shown.

    Raises:
        ConfigError: it is not, or a file must not be written.
    """
    digest = plan.digest()
    if expected and expected != digest:
        raise ConfigError("the files have changed since they were shown; look again")
    plan.check()
    changes = plan.changes() if dry_run else plan.apply(now_ms)
    return Outcome(
        action=action if changes else UNCHANGED,
        changes=changes,
        notes=plan.notes if changes else [],
        plan=digest,
    )


@contextlib.contextmanager
def alone(site: Site, *, dry_run: bool) -> Iterator[None]:
    """Keep other installations out, and know what the last one wrote down."""
    if site.machine.platform == "win32":
        raise ConfigError("hooks talk over a Unix socket, which Windows programs of ours lack")
    if dry_run:
        yield
        return
    try:
        os.makedirs(os.path.dirname(site.hooks_dir), mode=0o700, exist_ok=True)
        with atomic_file.locked(site.hooks_dir):
            site.ledger.records = Ledger(site.hooks_dir).records
            yield
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from error
