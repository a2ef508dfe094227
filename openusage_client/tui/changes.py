"""
Changes to the settings, as functions of the settings as they are.

Whoever saves reads the file's present values first, so that a list which is replaced as a whole
loses nothing that another program has written meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from openusage_proto.values import dataclass

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Effective settings -> a JSON merge patch for `settings_update`."""


@dataclass(frozen=True, slots=True)
class SaveSettings:
    """Effect: have the daemon change the settings file; `words` are said when it is done."""

    change: Change
    words: str = ""


def set_view(view: str) -> Change:
    """The dashboard opens in this view."""
    return lambda _settings: {"dashboard": {"view": view}}


def set_remaining(*, shown: bool) -> Change:
    """Limits say what is left of them, or what is used."""
    return lambda _settings: {"dashboard": {"show_remaining": shown}}


def set_costs(account_id: str, *, hidden: bool | None) -> Change:
    """An account's own word on its costs; None leaves it to the common rule again."""

    def change(settings: Mapping[str, Any]) -> Mapping[str, Any]:
        dashboard = settings.get("dashboard")
        listed = dashboard.get("providers") if isinstance(dashboard, dict) else None
        entries = [_without_blanks(entry) for entry in listed or () if isinstance(entry, dict)]
        entry = next((one for one in entries if one.get("account_id") == account_id), None)
        if entry is None:
            entry = {"account_id": account_id}
            entries.append(entry)
        if hidden is None:
            entry.pop("hide_costs", None)
        else:
            entry["hide_costs"] = hidden
        return {"dashboard": {"providers": entries}}

    return change


def _without_blanks(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as a file would have it: what is not set is not there."""
    return {key: value for key, value in entry.items() if value is not None}
