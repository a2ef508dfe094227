"""Keys that other agents keep: OpenCode's `auth.json` and the API key in Codex's `auth.json`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from openusaged.detect.findings import MATCHED, MISSED, UNREADABLE, KeyFinding, Look, Variable
from openusaged.detect.reading import Unreadable, read_json
from openusaged.providers.base import Machine
from openusaged.providers.shared.json_values import as_object, as_text
from openusaged.providers.shared.places import application_support, data_home, listed

OPENCODE: Final = "opencode_auth_json"
CODEX: Final = "codex_auth_json"

# Name in OpenCode's file -> account.  Of two names for one account the earlier wins.
_OPENCODE_NAMES: Final = (
    ("moonshotai", "moonshot-ai"),
    ("openrouter", "openrouter"),
    ("zai", "zai"),
    ("opencode", "opencode"),
    ("opencode-go", "opencode"),
    ("ollama-cloud", "ollama-cloud"),
    ("openai", "openai"),
    ("anthropic", "anthropic"),
    ("groq", "groq"),
    ("mistral", "mistral"),
    ("deepseek", "deepseek"),
    ("xai", "xai"),
    ("google", "gemini-api"),
)


def opencode_files(machine: Machine) -> list[str]:
    """Where OpenCode keeps its credentials."""
    if not machine.home:
        return []
    places = [data_home(machine), os.path.join(machine.home, ".local", "share")]
    if machine.platform == "darwin":
        places.append(application_support(machine))
    return list(dict.fromkeys(os.path.join(place, "opencode", "auth.json") for place in places))


def codex_files(machine: Machine) -> list[str]:
    """Where Codex keeps its sign-in, per home."""
    if not machine.home:
        return []
    homes = listed("CODEX_HOME", machine) or [os.path.join(machine.home, ".codex")]
    return [os.path.join(home, "auth.json") for home in homes]


def opencode_keys(
    machine: Machine, variables: Sequence[Variable]
) -> tuple[list[KeyFinding], list[Look]]:
    """The API keys of the first file that exists; sign-ins by OAuth are no keys."""
    looks: list[Look] = []
    providers = {variable.account_id: variable.provider_id for variable in reversed(variables)}
    for path in opencode_files(machine):
        try:
            document = read_json(path)
        except Unreadable as error:
            looks.append(Look(source="opencode", place=path, outcome=UNREADABLE, detail=str(error)))
            break
        if document is None:
            looks.append(Look(source="opencode", place=path, outcome=MISSED, detail="no such file"))
            continue
        found: list[KeyFinding] = []
        for name, account_id in _OPENCODE_NAMES:
            entry = as_object(as_object(document).get(name))
            key = as_text(entry.get("key")) if entry.get("type") == "api" else ""
            taken = any(finding.account_id == account_id for finding in found)
            if key and account_id in providers and not taken:
                found.append(
                    KeyFinding(
                        account_id=account_id,
                        provider_id=providers[account_id],
                        value=key,
                        source=OPENCODE,
                    )
                )
        detail = ", ".join(finding.account_id for finding in found) or "holds no API key"
        outcome = MATCHED if found else MISSED
        looks.append(Look(source="opencode", place=path, outcome=outcome, detail=detail))
        return found, looks
    return [], looks


def codex_keys(
    machine: Machine, variables: Sequence[Variable]
) -> tuple[list[KeyFinding], list[Look]]:
    """The OpenAI key that `codex login --with-api-key` has left, of the first home that has one."""
    looks: list[Look] = []
    owner = next((item for item in variables if item.name == "OPENAI_API_KEY"), None)
    if owner is None:
        return [], looks
    for path in codex_files(machine):
        try:
            document = read_json(path)
        except Unreadable as error:
            looks.append(Look(source="codex", place=path, outcome=UNREADABLE, detail=str(error)))
            continue
        key = as_text(as_object(document).get("OPENAI_API_KEY"))
        if document is None:
            detail = "no such file"
        else:
            detail = owner.account_id if key else "holds no API key"
        outcome = MATCHED if key else MISSED
        looks.append(Look(source="codex", place=path, outcome=outcome, detail=detail))
        if key:
            finding = KeyFinding(
                account_id=owner.account_id,
                provider_id=owner.provider_id,
                value=key,
                source=CODEX,
            )
            return [finding], looks
    return [], looks
