"""
What an OpenCode key tells: that it works, and the windows of the Go plan.

The list of models is public enough to prove nothing; the usage of the Go plan is not, and refuses a
good key without the plan in other words than a bad one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from openusage_proto.values import dataclass
from openusaged.core.errors import AuthRequired, ProviderError, UpstreamChanged
from openusaged.core.models import Account
from openusaged.providers.base import FetchContext, Machine
from openusaged.providers.shared.api import bearer
from openusaged.providers.shared.figures import Figures
from openusaged.providers.shared.http_response import HttpResponse
from openusaged.providers.shared.json_values import (
    as_epoch_ms,
    as_list,
    as_number,
    as_object,
    as_text,
)
from openusaged.providers.shared.places import data_home, expand

MAX_AUTH_BYTES: Final = 1 << 20

_WINDOWS: Final = (
    ("rolling", "usage_five_hour"),
    ("weekly", "usage_weekly"),
    ("monthly", "usage_monthly"),
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The key of Zen and that of the Go plan, which may be one; never kept."""

    zen: str
    go: str

    def __repr__(self) -> str:
        return "Keys(...)"

    def __bool__(self) -> bool:
        return bool(self.zen or self.go)


def keys_of(context: FetchContext, account: Account) -> Keys:
    """Keys given to us, else those that OpenCode itself is signed in with."""
    auth = _auth_file(account, context.machine)
    stored = {name: _api_key(auth.get(name)) for name in ("opencode", "opencode-go")}
    zen = context.secret_of(account).strip() or stored["opencode"]
    return Keys(zen or stored["opencode-go"], stored["opencode-go"] or zen)


def note_key(figures: Figures, context: FetchContext, base: str, keys: Keys) -> bool:
    """
    Put models and windows among the figures; whether the key is proven to be good.

    Raises:
        AuthRequired: the key is refused.
        RateLimited, Unreachable, UpstreamChanged: as the list of models failed.
    """
    url = f"{base}/zen/v1/models"
    models = as_object(context.http.get_json(url, headers=bearer(keys.zen, context))).get("data")
    if not isinstance(models, list):
        raise UpstreamChanged("/zen/v1/models $.data", "no list of models in the answer")
    figures.note("available_models_count", str(len(as_list(models))))
    try:
        return _note_go_plan(figures, context, base, keys.go)
    except AuthRequired:
        raise
    except ProviderError as error:
        figures.failed("go_usage", error)
        return False


def _note_go_plan(figures: Figures, context: FetchContext, base: str, key: str) -> bool:
    response = context.http.send("GET", f"{base}/zen/go/v1/usage", headers=bearer(key, context))
    if _error_type(response) == "EntitlementError":
        figures.note("go_plan", "none")
        return True
    response.require_ok(context.now_ms() / 1000)
    usage = as_object(as_object(response.json()).get("usage"))
    found = False
    for name, metric in _WINDOWS:
        window = as_object(usage.get(name))
        percent = as_number(window.get("percent"))
        if percent is not None:
            found = True
            figures.add_percent(metric, percent, as_epoch_ms(window.get("resetsAt")))
    if not found:
        raise UpstreamChanged(f"{response.place} $.usage", "no windows in the answer")
    figures.note("go_plan", "active")
    return True


def _error_type(response: HttpResponse) -> str:
    if response.status == HTTPStatus.OK:
        return ""
    try:
        body = as_object(response.json())
    except UpstreamChanged:
        return ""
    return as_text(as_object(body.get("error")).get("type"))


def _auth_file(account: Account, machine: Machine) -> Mapping[str, Any]:
    """What OpenCode keeps of its sign-ins; nothing when it is missing or damaged."""
    home = account.home or os.path.join(data_home(machine), "opencode")
    path = account.paths.get("auth") or os.path.join(home, "auth.json")
    try:
        with open(expand(path, machine), "rb") as file:
            return as_object(msgspec.json.decode(file.read(MAX_AUTH_BYTES)))
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError):
        return {}


def _api_key(entry: object) -> str:
    """The key of an entry; those of other kinds (OAuth) belong to other services."""
    found = as_object(entry)
    return as_text(found.get("key")) if found.get("type") == "api" else ""
