"""
`.env` files and Aider's settings: where they are looked for, and what keys stand in them.

Both lie in project directories, so both are asked for: `.env` files by a setting, Aider's files by
Aider being installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from openusaged.detect.findings import (
    MATCHED,
    MISSED,
    SKIPPED,
    UNREADABLE,
    KeyFinding,
    Look,
    Variable,
)
from openusaged.detect.reading import Unreadable, read_text
from openusaged.detect.shell_rc import from_files
from openusaged.providers.base import Machine

DOTENV: Final = "dotenv"
AIDER_YAML: Final = "aider_yaml"
AIDER_DOTENV: Final = "aider_dotenv"
YAML_NAME: Final = ".aider.conf.yml"
ENV_NAME: Final = ".env"

_SCALARS: Final = {"openai-api-key": "openai", "anthropic-api-key": "anthropic"}


def scopes(machine: Machine, directories: Iterable[str]) -> list[str]:
    """Each directory, the root of the repository it lies in, then the home; each once."""
    found: list[str] = []
    for directory in directories:
        # A service runs in "/": that is nobody's project.
        if os.path.isabs(directory) and os.path.dirname(directory) != directory:
            found += [directory, *_repository(directory)]
    if machine.home:
        found.append(machine.home)
    return list(dict.fromkeys(found))


def dotenv_files(machine: Machine, directories: Iterable[str]) -> list[str]:
    """The `.env` files that would be read, existing or not."""
    return [os.path.join(scope, ENV_NAME) for scope in scopes(machine, directories)]


def aider_files(machine: Machine, directories: Iterable[str]) -> list[str]:
    """Aider's files in their order: per scope the settings, then the `.env`."""
    return [
        os.path.join(scope, name)
        for scope in scopes(machine, directories)
        for name in (YAML_NAME, ENV_NAME)
    ]


def dotenv_keys(
    machine: Machine, variables: Sequence[Variable], directories: Iterable[str]
) -> tuple[list[KeyFinding], list[Look]]:
    """Keys in `.env` files, the nearest first."""
    return from_files(dotenv_files(machine, directories), variables, DOTENV)


def aider_keys(
    machine: Machine, variables: Sequence[Variable], directories: Iterable[str]
) -> tuple[list[KeyFinding], list[Look]]:
    """Keys in Aider's files, the nearest scope first and in it the settings before the `.env`."""
    found: list[KeyFinding] = []
    looks: list[Look] = []
    for path in aider_files(machine, directories):
        if path.endswith(ENV_NAME):
            more, seen = from_files([path], variables, AIDER_DOTENV)
        else:
            more, seen = _from_yaml(path, variables)
        found += more
        looks += seen
    return found, looks


def aider_missing() -> Look:
    """Why Aider's files were left alone."""
    return Look(
        source="aider", place=YAML_NAME, outcome=SKIPPED, detail="the program aider was not found"
    )


def _from_yaml(path: str, variables: Sequence[Variable]) -> tuple[list[KeyFinding], list[Look]]:
    try:
        text = read_text(path)
        document = None if text is None else _yaml(text)
    except Unreadable as error:
        return [], [Look(source="aider", place=path, outcome=UNREADABLE, detail=str(error))]
    if document is None:
        return [], [Look(source="aider", place=path, outcome=MISSED, detail="no such file")]
    found = []
    for name, value in _pairs(document):
        variable = next((item for item in variables if name in item.short_names), None)
        # unknown names are not repeated: what stands before `=` could be the key itself
        if variable is not None and value:
            found.append(
                KeyFinding(
                    account_id=variable.account_id,
                    provider_id=variable.provider_id,
                    value=value,
                    source=f"{AIDER_YAML}:{path}",
                    variable=variable.name,
                )
            )
    detail = ", ".join(finding.account_id for finding in found) or "names no known key"
    outcome = MATCHED if found else MISSED
    return found, [Look(source="aider", place=path, outcome=outcome, detail=detail)]


def _yaml(text: str) -> Mapping[str, Any]:
    # only where there is such a file: the library costs 2 MB
    import yaml

    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Unreadable("not YAML") from error
    return document if isinstance(document, dict) else {}


def _pairs(document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """(short name, key) of the scalar settings, then of the `api-key` list (or single text)."""
    for setting, name in _SCALARS.items():
        value = document.get(setting)
        if isinstance(value, str):
            yield name, value.strip()
    entries = document.get("api-key")
    for entry in [entries] if isinstance(entries, str) else entries or ():
        if isinstance(entry, str) and "=" in entry:
            name, _, value = entry.partition("=")
            yield name.strip().lower(), value.strip()


def _repository(directory: str) -> list[str]:
    """The nearest directory upwards that has a `.git` (a directory, or the file of a worktree)."""
    while True:
        if os.path.lexists(os.path.join(directory, ".git")):
            return [directory]
        parent = os.path.dirname(directory)
        if parent == directory:
            return []
        directory = parent
