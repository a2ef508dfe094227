"""
The contract of an integration: one tool, one module, one exported `INTEGRATION`.

`inspect` reads only; `install` and `uninstall` put what they want into a plan and write nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NoReturn

from openusage_proto.values import dataclass
from openusaged.core.errors import ConfigError
from openusaged.core.models import Account
from openusaged.integrations import scripts
from openusaged.integrations.json_syntax import SyntaxProblem
from openusaged.integrations.ledger import Ledger, Record
from openusaged.integrations.plan import Plan
from openusaged.integrations.scripts import Copy, Script
from openusaged.providers.base import Machine

MISSING: Final = "missing"
PARTIAL: Final = "partial"
READY: Final = "ready"
OUTDATED: Final = "outdated"
BROKEN: Final = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything an integration depends on besides the files it looks at."""

    machine: Machine
    hooks_dir: str
    """Where copies of the scripts lie."""
    python: str
    statusline: str
    ledger: Ledger
    accounts: Sequence[Account] = ()
    program_version: Callable[[str], tuple[int, ...] | None] = lambda _: None
    """The version a tool's program says it has, by provider id; None when it cannot be asked."""

    def copy_path(self, script: Script) -> str:
        """Where the copy of a script lies."""
        return os.path.join(self.hooks_dir, script.installed)

    def hook_command(self, script: Script) -> list[str]:
        """The words of the command that runs a hook."""
        return [self.python, *scripts.FLAGS, self.copy_path(script)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One home of a tool."""

    home: str
    config: str
    """The file that is edited, or the script where the tool wants a file of ours."""

    @property
    def used(self) -> bool:
        """Whether the tool has ever been there."""
        return os.path.isdir(self.home)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How it is wired in one place."""

    place: Place
    state: str
    reasons: tuple[str, ...] = ()
    """Why it is in that state, and what else keeps events from coming."""
    options: tuple[str, ...] = ()
    """Optional parts that are wired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One tool that can be wired."""

    id: str
    title: str
    script: Script
    places: Callable[[Site], list[Place]]
    inspect: Callable[[Site, Place], Report]
    install: Callable[[Site, Place, frozenset[str], Plan], None]
    uninstall: Callable[[Site, Place, Plan], None]
    options: Mapping[str, str]
    """Optional parts and what they are."""
    silent: str
    """What to look at when nothing comes although everything is wired."""
    loads_script: bool = False
    """The tool loads the script from where it lies: a place's file is the copy itself."""

    def copies(self, site: Site, places: Iterable[Place]) -> list[str]:
        """Paths of the copies of the script: one for all places, or one in each."""
        if self.loads_script:
            return [place.config for place in places]
        return [site.copy_path(self.script)]


def unique_places(homes: Iterable[tuple[str, str]]) -> list[Place]:
    """Places from pairs of home and file, each real file once."""
    places: dict[str, Place] = {}
    for home, config in homes:
        places.setdefault(os.path.realpath(config), Place(home=home, config=config))
    return list(places.values())


def refuse_syntax(path: str, problem: SyntaxProblem) -> NoReturn:
    """
    Leave a broken file as it is.

    Raises:
        ConfigError: always, with line and column.
    """
    raise ConfigError(
        f"{path}:{problem.line}:{problem.column}: {problem.reason}; nothing was changed"
    ) from problem


def judge(
    wired: Iterable[str],
    wanted: Iterable[str],
    wrong: Sequence[str],
    copy: Copy,
    strays: Sequence[str] = (),
) -> str:
    """
    The state of one place: what is wired of what is wanted, and by a script of which state.

    `strays` are scripts of ours that are run from elsewhere than the installed copy.
    """
    have, want = set(wired), set(wanted)
    if not have:
        return MISSING
    if wrong or copy.state in (scripts.ABSENT, scripts.FOREIGN):
        return BROKEN
    if not want <= have:
        return PARTIAL
    return OUTDATED if strays or copy.state in (scripts.OLDER, scripts.EDITED) else READY


def stray_reasons(strays: Iterable[str]) -> list[str]:
    """A sentence for each script that is run from elsewhere."""
    return [f"runs another copy of the script: {path}" for path in strays]


def copy_reason(copy: Copy, script: Script) -> list[str]:
    """A sentence about a copy that is not the shipped script."""
    shipped = scripts.version_of(script.read())
    is_module = os.path.basename(copy.path) != script.installed
    return {
        scripts.ABSENT: [f"{copy.path} does not exist"] if is_module else [],
        scripts.OLDER: [f"{copy.path} has version {copy.version}, version {shipped} is there"],
        scripts.EDITED: [f"{copy.path} was changed by hand; an upgrade keeps a copy of it"],
        scripts.NEWER: [f"{copy.path} is of a newer release (version {copy.version}); it is kept"],
    }.get(copy.state, [])


def put_copy(site: Site, script: Script, plan: Plan) -> None:
    """
    Have the script's copy in the hooks directory, never an older one than is there.

    Raises:
        ConfigError: a foreign file has its name.
    """
    path = site.copy_path(script)
    copy = scripts.inspect(script, path)
    scripts.refuse_foreign(copy)
    if copy.state == scripts.NEWER:
        plan.note(copy_reason(copy, script)[0])
    elif copy.state != scripts.CURRENT:
        plan.put_script(path, script)


def record_of(path: str, integration: str, home: str, plan: Plan) -> Record:
    """The record of a file that is about to get an entry of ours."""
    record = plan.ledger.record(path, integration, home)
    if plan.draft(path).file.data is None:
        record.created = True
    return record
