"""
Signs that somebody is signed in to a tool: that a secret is there, never the secret.

macOS keeps sign-ins of Claude Code and Codex in the keychain; `security` is asked whether the
entry exists (without `-g` and `-w` it shows nothing and prompts for nothing).  `gh` is not run:
its newest versions offer to download Copilot when asked about it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Final

from openusaged.detect.findings import MATCHED, MISSED, UNREADABLE, Look, Presence
from openusaged.detect.reading import Unreadable, read_json, read_text
from openusaged.providers.base import Machine
from openusaged.providers.shared.json_values import as_object, as_text
from openusaged.providers.shared.places import config_home

PROBE_TIMEOUT_S: Final = 5.0
SECURITY: Final = "/usr/bin/security"

_KEYCHAIN: Final = (
    ("Claude Code-credentials", "claude-code", "claude_code", ".claude"),
    ("Codex Auth", "codex-cli", "codex", ".codex"),
)

Run = Callable[[list[str]], int | None]
"""Exit code of a command, None when it cannot be run or takes too long."""


def run_quietly(command: list[str]) -> int | None:
    """Run a probe for at most `PROBE_TIMEOUT_S`; its output is thrown away."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return None


def keychain(machine: Machine, run: Run = run_quietly) -> tuple[list[Presence], list[Look]]:
    """Entries of the macOS keychain; nothing on other systems."""
    if machine.platform != "darwin" or not machine.home:
        return [], []
    found: list[Presence] = []
    looks: list[Look] = []
    for service, account_id, provider_id, folder in _KEYCHAIN:
        code = run([SECURITY, "find-generic-password", "-s", service])
        outcome = {0: MATCHED, None: UNREADABLE}.get(code, MISSED)
        looks.append(
            Look(source="keychain", place=service, outcome=outcome, provider_id=provider_id)
        )
        if code == 0:
            found.append(
                Presence(
                    account_id=account_id,
                    provider_id=provider_id,
                    source=f"keychain:{service}",
                    home=os.path.join(machine.home, folder),
                )
            )
    return found, looks


def files(machine: Machine) -> list[str]:
    """The files that tell of a sign-in."""
    if not machine.home:
        return []
    return [path for path, *_ in _probes(machine)]


def from_files(machine: Machine) -> tuple[list[Presence], list[Look]]:
    """Sign-ins that Claude Code, gh and gcloud keep in files."""
    found: list[Presence] = []
    looks: list[Look] = []
    if not machine.home:
        return found, looks
    for path, has_sign_in, presences in _probes(machine):
        try:
            signed_in = has_sign_in(path)
        except Unreadable as error:
            looks.append(Look(source="file", place=path, outcome=UNREADABLE, detail=str(error)))
            continue
        for presence in presences(path):
            looks.append(
                Look(
                    source="file",
                    place=path,
                    outcome=MATCHED if signed_in else MISSED,
                    provider_id=presence.provider_id,
                )
            )
            if signed_in:
                found.append(presence)
    return found, looks


_Probe = tuple[str, Callable[[str], bool], Callable[[str], list[Presence]]]


def _probes(machine: Machine) -> Iterator[_Probe]:
    claude = os.path.join(machine.home, ".claude")
    if machine.platform != "darwin":
        yield (
            os.path.join(claude, ".credentials.json"),
            _claude_signed_in,
            lambda path: [_made("claude-code", "claude_code", path, claude)],
        )
    yield (
        os.path.join(config_home(machine), "gh", "hosts.yml"),
        _gh_signed_in,
        lambda path: [_made("copilot", "copilot", path)],
    )
    yield (
        os.path.join(config_home(machine), "gcloud", "application_default_credentials.json"),
        _gcloud_signed_in,
        lambda path: [
            _told("gemini-api", "gemini_api", f"gcloud_adc=file:{path}"),
            _told("gemini-cli", "gemini_cli", f"gcloud_adc=file:{path}"),
        ],
    )


def _made(account_id: str, provider_id: str, path: str, home: str = "") -> Presence:
    return Presence(
        account_id=account_id, provider_id=provider_id, source=f"file:{path}", home=home
    )


def _told(account_id: str, provider_id: str, source: str) -> Presence:
    return Presence(
        account_id=account_id, provider_id=provider_id, source=source, makes_account=False
    )


def _claude_signed_in(path: str) -> bool:
    document = as_object(read_json(path))
    nested = as_object(document.get("claudeAiOauth"))
    return bool(as_text(nested.get("accessToken")) or as_text(document.get("accessToken")))


def _gh_signed_in(path: str) -> bool:
    text = read_text(path)
    if not text:
        return False
    import yaml  # only where gh is configured

    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Unreadable("not YAML") from error
    host = as_object(as_object(document).get("github.com"))
    # newer versions keep the token in the keyring and only the names of the users here
    users = as_object(host.get("users"))
    return bool(as_text(host.get("oauth_token")) or users or as_text(host.get("user")))


def _gcloud_signed_in(path: str) -> bool:
    document = as_object(read_json(path))
    return document.get("type") == "authorized_user" and bool(
        as_text(document.get("refresh_token"))
    )
