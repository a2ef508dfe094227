"""States and peers for tests of the settings screen; the settings are checked by the daemon's code."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from openusage_client import preferences
from openusage_client.tui.settings import model
from openusage_client.tui.settings.model import SettingsState
from openusage_client.tui.state import AppState
from openusage_client.tui.theme_files import read as read_themes
from openusage_proto import methods
from openusage_proto.integration_messages import (
    IntegrationChange,
    IntegrationInfo,
    IntegrationPlace,
    IntegrationResult,
    Integrations,
)
from openusage_proto.messages import AccountInfo, Accounts, ProviderInfo, Providers, Widget
from openusage_proto.setup_messages import CredentialResult
from openusaged.config import settings, settings_file, updating
from openusaged.core.errors import ConfigError
from tests.support import screen_samples as samples
from tests.support.scripted_peer import ModelPeer, Refusal


def document(**changes: Any) -> dict[str, Any]:
    """The effective settings of a file with these values."""
    parsed, warnings = settings.parse(changes, {"HOME": "/home/user"})
    assert warnings == []
    return json.loads(json.dumps(parsed.as_document()))


def provider(ident: str, title: str, auth: str = "api_key", **more: Any) -> ProviderInfo:
    """A service."""
    return ProviderInfo(
        id=ident, title=title, kind="api", auth=auth, description="", capabilities=[],
        dashboard_widget=Widget(), detail_widget=Widget(), **more,
    )  # fmt: skip


PROVIDERS = [
    provider("claude_code", "Claude Code", "oauth", accounts=["claude-1"]),
    provider("codex", "Codex", "oauth", accounts=["codex-1"]),
    provider("opencode", "OpenCode", "local", accounts=["opencode-1"]),
    provider("openai", "OpenAI", variables=["OPENAI_API_KEY"], accounts=["openai"]),
    provider("groq", "Groq", variables=["GROQ_API_KEY"], accounts=["groq"]),
    provider("mistral", "Mistral", variables=["MISTRAL_API_KEY"]),
    provider("cursor", "Cursor", "cookie", cookie_domain=".cursor.com", cookie_name="session",
             accounts=["cursor"]),
    provider("perplexity", "Perplexity", "cookie", cookie_domain="perplexity.ai",
             cookie_name="token"),
]  # fmt: skip


def info(ident: str, provider_id: str, **more: Any) -> AccountInfo:
    """An account as `accounts` lists it."""
    given = {"title": "", "home": "", "origin": "default", "enabled": True, **more}
    return AccountInfo(account_id=ident, provider_id=provider_id, **given)


ACCOUNTS = [
    info("claude-1", "claude_code", title="Claude Code"),
    info("codex-1", "codex", title="Codex"),
    info("opencode-1", "opencode", title="OpenCode"),
    info("openai", "openai", title="OpenAI", credential="sk-p...0001", source="credentials.json"),
    info("groq", "groq", title="Groq", credential="gsk_...9f3a", variable="GROQ_API_KEY",
         source="env"),
    info("cursor", "cursor", title="Cursor", credential="abcd...wxyz",
         source="firefox cookie, expired", status="AUTH_REQUIRED"),
]  # fmt: skip

INTEGRATIONS = [
    IntegrationInfo(
        id="claude_code", title="Claude Code", state="ready", detected=True, version=1,
        shipped_version=1, delivery="delivering", last_event_at="2026-03-12T10:48:00Z",
        places=[IntegrationPlace(home="/home/user/.claude",
                                 config="/home/user/.claude/settings.json", state="ready")],
    ),
    IntegrationInfo(id="codex", title="Codex", state="outdated", detected=True, version=1,
                    shipped_version=2, reasons=["the script is older than this program's"]),
    IntegrationInfo(
        id="opencode", title="OpenCode", state="broken", detected=True, shipped_version=1,
        places=[IntegrationPlace(home="/home/user/.config/opencode",
                                 config="/home/user/.config/opencode/plugin/openusage.ts",
                                 state="broken", reasons=["line 3, column 7: no JSON"])],
    ),
]  # fmt: skip


def state(tab: str = model.ACCOUNTS, cursor: int = 0, **changes: Any) -> AppState:
    """The settings screen on a tab; `settings` and `document` may be given."""
    given: Mapping[str, Any] = changes.pop("document", None) or document()
    more = changes.pop("settings", {})
    known = SettingsState(
        tab=tab,
        cursors={tab: cursor},
        accounts=tuple(ACCOUNTS),
        integrations=tuple(INTEGRATIONS),
        catalogue=read_themes({"HOME": "/nonexistent"}),
        path="/home/user/.config/openusage/settings.json",
    )
    return samples.state(
        samples.accounts(3),
        screens=("main", "settings"),
        providers={item.id: item for item in PROVIDERS},
        preferences=preferences.parse(given),
        settings=dataclasses.replace(known, **more),
        **changes,
    )


class SettingsPeer(ModelPeer):
    """A daemon whose settings are a real file, checked by the daemon's own code."""

    def __init__(self, path: str, directory: str, **answers: Any) -> None:
        self.file = os.path.join(directory, "settings.json")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("{}\n")
        given = {
            methods.PROVIDERS: Providers(providers=PROVIDERS),
            methods.ACCOUNTS: Accounts(accounts=ACCOUNTS),
            methods.INTEGRATIONS: Integrations(integrations=INTEGRATIONS),
            methods.SETTINGS_GET: lambda _params: self._view(),
            methods.SETTINGS_UPDATE: self._update,
            methods.CREDENTIAL_SET: lambda params: CredentialResult(
                account_id=params["account_id"], provider_id="openai", stored=True,
                credential="sk-p...0002", status="OK",
            ),
            methods.CREDENTIAL_DELETE: lambda params: CredentialResult(
                account_id=params["account_id"], provider_id="openai", stored=False
            ),
            methods.INTEGRATION_INSTALL: lambda params: self._integrate(params, "installed"),
            methods.INTEGRATION_UNINSTALL: lambda params: self._integrate(params, "uninstalled"),
        }  # fmt: skip
        super().__init__(path, samples.model(samples.accounts(3)), **{**given, **answers})

    def written(self) -> dict[str, Any]:
        """What the file says now."""
        with open(self.file, encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
            return found

    def _view(self) -> dict[str, Any]:
        loaded = settings_file.load(self.file, {"HOME": "/home/user"})
        return {
            "path": self.file,
            "settings": loaded.settings.as_document(),
            "warnings": list(loaded.warnings),
        }

    def _update(self, params: Mapping[str, Any]) -> Any:
        try:
            updating.update(self.file, {"HOME": "/home/user"}, **params)
        except ConfigError as error:
            return Refusal(1007, "config_invalid", {"detail": str(error)})
        return self._view()

    def _integrate(self, params: Mapping[str, Any], action: str) -> IntegrationResult:
        change = IntegrationChange(
            path="/home/user/.codex/config.toml", action="change",
            diff="--- a\n+++ b\n@@ -1 +1,2 @@\n model = 'x'\n+notify = ['openusage']\n",
            backup="" if params.get("dry_run") else "/home/user/.codex/config.toml.1",
        )  # fmt: skip
        return IntegrationResult(
            id=params["id"], title="Codex", action=action, dry_run=bool(params.get("dry_run")),
            state="outdated", changes=[change], notes=["start a new session"], plan="plan-1",
        )  # fmt: skip
