"""
How answers change what the settings screen knows, and what is said about them.

Topics are the names under which questions are asked; a failure is kept by topic, so that a tab can
say why it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from openusage_client.decode import decode
from openusage_client.errors import ProtocolError
from openusage_client.tui.asking import Reply
from openusage_client.tui.dialog import Choice, Dialog
from openusage_client.tui.settings.model import SettingsState
from openusage_proto.integration_messages import IntegrationChange, IntegrationResult, Integrations
from openusage_proto.messages import Accounts, SettingsResult
from openusage_proto.methods import INTEGRATION_UNINSTALL
from openusage_proto.setup_messages import CredentialResult

ACCOUNT_LIST: Final = "accounts"
SETTINGS: Final = "settings"
INTEGRATION_LIST: Final = "integrations"
KEY_STORED: Final = "key"
KEY_DELETED: Final = "key-deleted"
INTEGRATED: Final = "integrated"
PLANNED: Final = "planned"
INSTALL: Final = "install"
UNINSTALL: Final = "uninstall"
"""Purposes of the questions that a planned change asks."""

_LISTS: Final = frozenset({ACCOUNT_LIST, SETTINGS, INTEGRATION_LIST})
"""Topics that are asked for by opening a tab: their failures stand in the tab."""


def receive(settings: SettingsState, reply: Reply, notice: str) -> tuple[SettingsState, str]:
    """The settings screen after an answer, and the words to show (`notice` when there are none)."""
    topic = reply.ask.topic
    busy = settings.busy if topic in _LISTS else ""
    settings = replace(settings, busy=busy)
    if reply.error:
        if topic in _LISTS:
            failures = {**settings.failures, topic: reply.error}
            return replace(settings, failures=failures), notice
        return settings, _refused(topic, reply.error)
    failures = {name: words for name, words in settings.failures.items() if name != topic}
    settings = replace(settings, failures=failures)
    take = _TAKE.get(topic)
    if take is None:
        return settings, notice
    try:
        settings, words = take(settings, reply)
    except ProtocolError as error:
        return settings, f"the daemon's answer is not understood: {error}"
    return settings, words or notice


def _refused(topic: str, words: str) -> str:
    said = {
        KEY_STORED: "not stored: ",
        KEY_DELETED: "not deleted: ",
        INTEGRATED: "not changed: ",
        PLANNED: "not possible: ",
    }
    start = said.get(topic, "")
    # The daemon's words may begin like ours.
    return words if start and words.startswith(start.rstrip(": ")) else start + words


def _accounts(settings: SettingsState, reply: Reply) -> tuple[SettingsState, str]:
    found = decode(reply.result, Accounts)
    return replace(settings, accounts=tuple(found.accounts), browsers=tuple(found.browsers)), ""


def _settings(settings: SettingsState, reply: Reply) -> tuple[SettingsState, str]:
    found = decode(reply.result, SettingsResult)
    return replace(settings, path=found.path, warnings=tuple(found.warnings)), ""


def _stored(settings: SettingsState, reply: Reply) -> tuple[SettingsState, str]:
    result = decode(reply.result, CredentialResult)
    checked = result.status.lower().replace("_", " ")
    words = f"stored {result.credential} for {result.account_id}"
    said = f"the vendor says: {checked}" if checked else "not checked: there is nothing to ask"
    words += f", {said}"
    if result.shadowed_by:
        words += f"; the key from {result.shadowed_by} counts before it"
    return settings, words


def _deleted(settings: SettingsState, reply: Reply) -> tuple[SettingsState, str]:
    result = decode(reply.result, CredentialResult)
    return settings, f"forgot what was stored for {result.account_id}"


def _integrations(settings: SettingsState, reply: Reply) -> tuple[SettingsState, str]:
    found = decode(reply.result, Integrations)
    return replace(settings, integrations=tuple(found.integrations)), ""


def _integrated(settings: SettingsState, reply: Reply) -> tuple[SettingsState, str]:
    result = decode(reply.result, IntegrationResult)
    words = f"{result.title}: {result.action}"
    backups = [change.backup for change in result.changes if change.backup]
    if backups:
        words += f"; the file before is {backups[0]}"
    return settings, "; ".join([words, *result.notes])


def question(reply: Reply) -> Dialog | None:
    """What an answer makes the screen ask: whether the change that was planned is wanted."""
    if reply.ask.topic != PLANNED or reply.error:
        return None
    try:
        result = decode(reply.result, IntegrationResult)
    except ProtocolError:
        return None
    if not result.changes:
        return None
    removing = reply.ask.method == INTEGRATION_UNINSTALL
    lines = [*result.notes, *(part for change in result.changes for part in _difference(change))]
    doing = "Take the hooks out of" if removing else "Wire the hooks of"
    return Dialog(
        purpose=UNINSTALL if removing else INSTALL,
        subject=result.id,
        title=f"{doing} {result.title}?",
        kind="choice",
        lines=tuple(lines),
        choices=(
            Choice(value="", label="No, change nothing"),
            Choice(value=result.plan, label="Yes, do this (a copy of each file is kept)"),
        ),
        keys="Enter chooses, Esc cancels",
    )


def _difference(change: IntegrationChange) -> list[str]:
    lines = [line for line in change.diff.splitlines() if line[:3] not in ("---", "+++", "@@ ")]
    return [f"{change.action} {change.path}", *lines]


def _planned(settings: SettingsState, reply: Reply) -> tuple[SettingsState, str]:
    result = decode(reply.result, IntegrationResult)
    words = "" if result.changes else f"{result.title}: there is nothing to change"
    return settings, "; ".join([words, *result.notes]) if words else ""


_Take = Callable[[SettingsState, Reply], tuple[SettingsState, str]]
_TAKE: Final[Mapping[str, _Take]] = {
    ACCOUNT_LIST: _accounts,
    SETTINGS: _settings,
    INTEGRATION_LIST: _integrations,
    KEY_STORED: _stored,
    KEY_DELETED: _deleted,
    INTEGRATED: _integrated,
    PLANNED: _planned,
}
