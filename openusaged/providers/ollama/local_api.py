"""
Asks a local Ollama server what it has and holds, and reads its log and settings.

A server that does not answer is not running, which is no failure of anything.  The cloud is asked
for (through the server, which is signed in) only where the machine has models of the cloud:
a local-only user's server is never made to call out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from openusaged.core.errors import ProviderError, Unreachable, UpstreamChanged
from openusaged.core.models import (
    ACCOUNT_OK,
    ACCOUNT_UNKNOWN,
    Account,
    UsageSnapshot,
)
from openusaged.providers.base import FetchContext, ProviderSpec
from openusaged.providers.ollama.cloud_user import note_user
from openusaged.providers.ollama.estimates import note_estimates
from openusaged.providers.ollama.model_names import is_cloud_model
from openusaged.providers.ollama.paths import host_url
from openusaged.providers.ollama.server_log import note_requests
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.json_values import as_list, as_object, as_text, count_or_zero
from openusaged.providers.shared.key_probe import status_of
from openusaged.providers.shared.places import expand

TIMEOUT_S: Final = 3.0
MAX_CONFIG_BYTES: Final = 64 << 10


def fetch(context: FetchContext, account: Account, spec: ProviderSpec) -> UsageSnapshot:
    """One poll of a server; raises what its version call says."""
    base = account.base_url.rstrip("/") or host_url(context.machine.env.get("OLLAMA_HOST", ""))
    server = _Server(context, base, context.secret_of(account).strip())
    figures = Figures(spec)
    try:
        version = server.version()
    except Unreachable as error:
        if server.has_answered:
            raise
        return figures.snapshot(
            context, account, status=ACCOUNT_UNKNOWN, message=f"Ollama is not running: {error}"
        )
    figures.note("cli_version", version)
    is_off = _note_cloud_switch(figures, server, context, account)
    has_cloud_models = _note_models(figures, server)
    _note_loaded(figures, server)
    if has_cloud_models and not is_off:
        _note_cloud_user(figures, server, context.now_ms())
    _note_records(figures, context, account)
    status = status_of(figures.metrics.values()) if figures.metrics else ACCOUNT_OK
    return figures.snapshot(context, account, status=status, message=_message(figures))


class _Server:
    """The calls of one local server."""

    def __init__(self, context: FetchContext, base: str, key: str) -> None:
        self._context = context
        self._base = base
        self._headers = {"User-Agent": context.user_agent}
        if key:  # a server behind a proxy that wants one
            self._headers["Authorization"] = f"Bearer {key}"
        self.has_answered = False

    def version(self) -> str:
        """
        The version, which proves that this is an Ollama server.

        Raises:
            ProviderError: as the call failed; UpstreamChanged when something else answers.
        """
        response = self._send("GET", "/api/version")
        self.has_answered = True
        response.require_ok(self._context.now_ms() / 1000)
        version = as_text(as_object(response.json()).get("version"))
        if not version:
            raise UpstreamChanged(f"{response.place} $.version", "no Ollama server answers here")
        return version

    def ask(self, path: str, method: str = "GET") -> Mapping[str, Any]:
        """The object that a further call answers."""
        response = self._send(method, path)
        response.require_ok(self._context.now_ms() / 1000)
        return as_object(response.json())

    def _send(self, method: str, path: str) -> Any:
        return self._context.http.send(
            method,
            self._base + path,
            headers=self._headers,
            body=b"" if method == "POST" else None,
            timeout_s=TIMEOUT_S,
        )


def _note_cloud_switch(
    figures: Figures, server: _Server, context: FetchContext, account: Account
) -> bool:
    """Whether the user has turned the cloud off, by the server or by its settings file."""
    disabled: object = None
    try:
        cloud = as_object(server.ask("/api/status").get("cloud"))
        disabled = cloud.get("disabled")
    except ProviderError:
        pass  # servers before 0.15 do not have the call: the settings file tells
    if not isinstance(disabled, bool):
        disabled = _settings(context, account).get("disable_ollama_cloud")
    if isinstance(disabled, bool):
        figures.note("cloud_disabled", "true" if disabled else "false")
    return disabled is True


def _settings(context: FetchContext, account: Account) -> Mapping[str, Any]:
    path = account.paths.get("server_config", "")
    if not path:
        return {}
    try:
        with open(expand(path, context.machine), "rb") as file:
            return as_object(msgspec.json.decode(file.read(MAX_CONFIG_BYTES)))
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
        return {}


def _note_models(figures: Figures, server: _Server) -> bool:
    """The models that are there; whether some of them run in the cloud."""
    try:
        listed = server.ask("/api/tags").get("models")
    except ProviderError as error:
        figures.failed("tags", error)
        return False
    cloud = storage = total = 0
    for entry in as_list(listed):
        model = as_object(entry)
        name = as_text(model.get("name")) or as_text(model.get("model"))
        if not name:
            continue
        total += 1
        remote = as_text(model.get("remote_host")) or as_text(model.get("remote_model"))
        if remote or is_cloud_model(name.lower()):
            cloud += 1
        else:
            storage += count_or_zero(model.get("size"))
    figures.add("models_total", used=total)
    figures.add("models_local", used=total - cloud)
    figures.add("models_cloud", used=cloud)
    figures.add("model_storage_bytes", used=storage)
    return cloud > 0


def _note_loaded(figures: Figures, server: _Server) -> None:
    try:
        listed = server.ask("/api/ps").get("models")
    except ProviderError as error:
        figures.failed("ps", error)
        return
    loaded = [as_object(entry) for entry in as_list(listed)]
    figures.add("loaded_models", used=len(loaded))
    sums = {
        "loaded_model_bytes": sum(count_or_zero(model.get("size")) for model in loaded),
        "loaded_vram_bytes": sum(count_or_zero(model.get("size_vram")) for model in loaded),
        "context_window": max(
            (count_or_zero(model.get("context_length")) for model in loaded), default=0
        ),
    }
    for key, value in sums.items():
        if value:
            figures.add(key, used=value)


def _note_cloud_user(figures: Figures, server: _Server, now_ms: int) -> None:
    try:
        user = server.ask("/api/me", "POST")
    except ProviderError as error:
        # Signed out is the usual reason, and no fault of a local server.
        figures.failed("cloud", error)
        return
    note_user(figures, user, now_ms)


def _note_records(figures: Figures, context: FetchContext, account: Account) -> None:
    """What the machine's own files tell; a server elsewhere has none here."""
    now_ms = context.now_ms()
    logs, database = account.paths.get("logs"), account.paths.get("database")
    if logs:
        note_requests(figures, expand(logs, context.machine), context.machine, now_ms)
    if database:
        note_estimates(figures, expand(database, context.machine), now_ms)


def _message(figures: Figures) -> str:
    def said(key: str, words: str) -> list[str]:
        metric = figures.metrics.get(key)
        return [] if metric is None else [f"{metric.used or 0:.0f} {words}"]

    parts = said("models_total", "models") + said("loaded_models", "loaded")
    return " · ".join(parts + said("requests_1d", "requests in 24 h")) or "Ollama is running"
