"""
One run of all detectors over a machine, in the documented order.

Blocking (stat calls, small files, on macOS a subprocess every ten minutes): a worker thread's job.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from openusage_proto.values import dataclass
from openusaged.detect import (
    agent_auth,
    binaries,
    environment,
    project_files,
    shell_rc,
    sign_ins,
)
from openusaged.detect.findings import (
    MATCHED,
    MISSED,
    SKIPPED,
    Binary,
    Detection,
    KeyFinding,
    Look,
    Presence,
    Variable,
)
from openusaged.providers.base import Machine, ProviderSpec

PROBE_EVERY_MS: Final = 600_000

_Found = tuple[list[KeyFinding], list[Look]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What may be read, as the settings say, and for whom."""

    specs: Sequence[ProviderSpec]
    extra_variables: Sequence[Variable] = ()
    """Variables that accounts of the settings name."""
    read_shell_rc: bool = True
    read_dotenv: bool = False
    directories: Sequence[str] = ()
    """Project directories for `.env` and Aider's files."""


class Detector:
    """Runs detection; remembers only when the subprocess probes were made and what they said."""

    def __init__(
        self,
        machine: Machine,
        now_ms: Callable[[], int],
        run: sign_ins.Run = sign_ins.run_quietly,
    ) -> None:
        self._machine = machine
        self._now_ms = now_ms
        self._run = run
        self._probed: tuple[int, tuple[list[Presence], list[Look]]] | None = None

    def detect(self, wanted: Wanted) -> Detection:
        """Everything the machine tells; never raises over odd files."""
        variables = variables_of(wanted.specs, wanted.extra_variables)
        programs, looks = _programs(self._machine, wanted.specs)
        keys: list[KeyFinding] = []
        files: list[str] = []
        for places, (found, seen) in self._key_sources(wanted, variables):
            files += places
            keys += found
            looks += seen
        files += sign_ins.files(self._machine)
        presences, seen = self._presences()
        return Detection(
            binaries=programs,
            keys=keys,
            presences=presences,
            looks=[*looks, *seen],
            files=list(dict.fromkeys(files)),
        )

    def _key_sources(
        self, wanted: Wanted, variables: Sequence[Variable]
    ) -> Iterator[tuple[Iterable[str], _Found]]:
        """Per source the files it depends on and what it found; the order is the precedence."""
        machine, directories = self._machine, wanted.directories
        yield (), environment.keys(machine, variables)
        yield agent_auth.codex_files(machine), agent_auth.codex_keys(machine, variables)
        if wanted.read_shell_rc:
            yield shell_rc.files(machine), shell_rc.keys(machine, variables)
        else:
            yield (), _left_alone(_switched_off("shell_rc", "shell start-up files"))
        if wanted.read_dotenv:
            places = project_files.dotenv_files(machine, directories)
            yield places, project_files.dotenv_keys(machine, variables, directories)
        else:
            yield (), _left_alone(_switched_off("dotenv", ".env files"))
        yield agent_auth.opencode_files(machine), agent_auth.opencode_keys(machine, variables)
        if binaries.which(["aider"], binaries.search_path(machine)):
            places = project_files.aider_files(machine, directories)
            yield places, project_files.aider_keys(machine, variables, directories)
        else:
            yield (), _left_alone(project_files.aider_missing())

    def _presences(self) -> tuple[list[Presence], list[Look]]:
        now_ms = self._now_ms()
        if self._probed is None or not 0 <= now_ms - self._probed[0] < PROBE_EVERY_MS:
            self._probed = (now_ms, sign_ins.keychain(self._machine, self._run))
        known, looks = self._probed[1]
        found, seen = sign_ins.from_files(self._machine)
        return [*known, *found], [*looks, *seen]


def variables_of(specs: Iterable[ProviderSpec], extra: Iterable[Variable] = ()) -> list[Variable]:
    """The variables of all providers, then those that only the settings name."""
    known = [
        Variable(
            name=key.name,
            provider_id=spec.id,
            account_id=key.account_id,
            short_names=key.short_names,
        )
        for spec in specs
        for key in spec.keys
    ]
    pairs = {(variable.name, variable.account_id) for variable in known}
    return known + [item for item in extra if (item.name, item.account_id) not in pairs]


def stamps(files: Iterable[str]) -> dict[str, tuple[int, int, int] | None]:
    """What `stat` says of files; differs from an earlier answer when one has changed."""
    found: dict[str, tuple[int, int, int] | None] = {}
    for path in files:
        try:
            info = os.stat(path)
        except OSError:
            found[path] = None
        else:
            found[path] = (info.st_ino, info.st_size, info.st_mtime_ns)
    return found


def _programs(machine: Machine, specs: Iterable[ProviderSpec]) -> tuple[list[Binary], list[Look]]:
    directories = binaries.search_path(machine)
    found: list[Binary] = []
    looks: list[Look] = []
    for spec in specs:
        if not spec.binaries:
            continue
        path = binaries.which(spec.binaries, directories)
        if path:
            found.append(Binary(provider_id=spec.id, name=os.path.basename(path), path=path))
        looks.append(
            Look(
                source="binary",
                place=path or " or ".join(spec.binaries),
                outcome=MATCHED if path else MISSED,
                provider_id=spec.id,
                detail="" if path else f"not in {len(directories)} directories",
            )
        )
    return found, looks


def _left_alone(look: Look) -> _Found:
    return [], [look]


def _switched_off(setting: str, what: str) -> Look:
    return Look(
        source=setting,
        place=what,
        outcome=SKIPPED,
        detail=f"switched off by the setting detect.{setting}",
    )
