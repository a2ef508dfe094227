"""
Changes that the settings screen makes, as functions of the settings as they are.

A list is written as a whole, so each change keeps what it does not concern: an account's word on
its costs, accounts and sections that are not on screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openusage_client.tui.changes import Change
from openusage_client.tui.settings.option_table import Path
from openusage_client.tui.settings.options import value_of

PROVIDERS: Path = ("dashboard", "providers")
Entry = dict[str, Any]


def set_value(path: Path, value: Any) -> Change:
    """One value; None takes it out of the file."""
    return lambda _settings: patch(path, value)


def patch(path: Path, value: Any) -> dict[str, Any]:
    """A merge patch that sets one value."""
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def switch_account(account_id: str, *, on: bool, known: Sequence[str] = ()) -> Change:
    """Whether an account is collected, asked and shown; `known` keeps its place in the order."""

    def change(settings: Mapping[str, Any]) -> Mapping[str, Any]:
        entries = _complete(settings, PROVIDERS, "account_id", [*known, account_id])
        return patch(
            PROVIDERS,
            [
                {**entry, "enabled": on} if entry["account_id"] == account_id else entry
                for entry in entries
            ],
        )

    return change


def move_account(account_id: str, step: int, known: Sequence[str]) -> Change:
    """An account `step` places further down; `known` is the order on screen."""

    def change(settings: Mapping[str, Any]) -> Mapping[str, Any]:
        entries = _complete(settings, PROVIDERS, "account_id", known)
        return patch(PROVIDERS, moved(entries, "account_id", account_id, step))

    return change


def switch_section(path: Path, section: str, known: Sequence[str]) -> Change:
    """A section of the tiles or of the detail screen on, or off."""

    def change(settings: Mapping[str, Any]) -> Mapping[str, Any]:
        entries = _complete(settings, path, "id", known)
        return patch(
            path,
            [
                {**entry, "enabled": entry.get("enabled") is False}
                if entry["id"] == section
                else entry
                for entry in entries
            ],
        )

    return change


def move_section(path: Path, section: str, step: int, known: Sequence[str]) -> Change:
    """A section `step` places further down; `known` is the built-in order."""

    def change(settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return patch(path, moved(_complete(settings, path, "id", known), "id", section, step))

    return change


def set_link(source: str, provider_id: str | None, built_in: Iterable[str] = ()) -> Change:
    """Usage under the name `source` belongs to a provider's account; None takes the link away."""
    # A link that comes with the program can only be outvoted, by an empty one.
    gone: str | None = "" if source in set(built_in) else None
    return lambda _settings: patch(
        ("telemetry", "provider_links", source), gone if provider_id is None else provider_id
    )


def moved(entries: Sequence[Entry], key: str, name: str, step: int) -> list[Entry]:
    """The entries with one of them `step` places further down, as far as there are places."""
    out = list(entries)
    at = next((place for place, entry in enumerate(out) if entry[key] == name), None)
    if at is not None:
        entry = out.pop(at)
        out.insert(max(0, min(len(out), at + step)), entry)
    return out


def ordered(
    settings: Mapping[str, Any], path: Path, key: str, known: Sequence[str]
) -> list[tuple[str, bool]]:
    """Names with whether they are on: as listed, then those of `known` that are not listed."""
    return [
        (entry[key], entry.get("enabled") is not False)
        for entry in _complete(settings, path, key, known)
    ]


def _complete(
    settings: Mapping[str, Any], path: Path, key: str, known: Sequence[str]
) -> list[Entry]:
    """The list at `path` as a file would have it, completed by what is known and not in it."""
    listed = value_of(settings, path)
    entries = [
        {name: value for name, value in entry.items() if value is not None}
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, Mapping) and isinstance(entry.get(key), str)
    ]
    names = {entry[key] for entry in entries}
    return [*entries, *({key: name} for name in dict.fromkeys(known) if name not in names)]
