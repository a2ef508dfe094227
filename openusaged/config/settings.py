"""
The user's settings: every key typed, defaulted and checked on its own.

A wrong value gives its key's default and a warning; it never stops the daemon and never touches
other keys.  Keys this version does not know are left alone (`settings_file` patches the document).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from openusaged.config.reading import Section
from openusaged.core.models import Account

WINDOWS: Final = ("1d", "3d", "7d", "30d", "all")
DEFAULT_THEME: Final = "openusage-dark"
MIN_REFRESH_S: Final = 10
MAX_REFRESH_S: Final = 86_400
MAX_RETENTION_DAYS: Final = 3650

BUILT_IN_LINKS: Final[Mapping[str, str]] = {
    "anthropic": "claude_code",
    "google": "gemini_api",
    "github-copilot": "copilot",
    "azure": "azure_openai",
}
"""Provider names in events -> the provider module whose account they belong to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UiSettings:
    """`ui`: how often vendors are asked, and from where gauges change colour."""

    refresh_interval_seconds: int = 300
    """Between two polls of an account; a provider's own minimum wins."""
    warn_threshold: float = 0.20
    """Fraction of a limit that remains when its gauge turns to warning."""
    crit_threshold: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """`data`: the window shown first, and how long full detail is kept."""

    time_window: str = "30d"
    retention_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """`telemetry`: which account foreign events belong to; whether vendors are polled."""

    provider_links: Mapping[str, str] = field(default_factory=lambda: dict(BUILT_IN_LINKS))
    poll: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardProvider:
    """One entry of `dashboard.providers`: order of the list is the order of the tiles."""

    account_id: str
    enabled: bool = True
    hide_costs: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSettings:
    """`dashboard`: which accounts are shown (and polled), and whether costs are."""

    providers: tuple[DashboardProvider, ...] = ()
    hide_costs: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationSettings:
    """One entry of `integrations`: what was installed, or that the user declined it."""

    installed: bool = False
    version: str = ""
    installed_at: str = ""
    declined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings this version knows, effective values."""

    auto_detect: bool = True
    theme: str = DEFAULT_THEME
    ui: UiSettings = UiSettings()
    data: DataSettings = DataSettings()
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    dashboard: DashboardSettings = DashboardSettings()
    integrations: Mapping[str, IntegrationSettings] = field(default_factory=dict)
    accounts: tuple[Account, ...] = ()
    """Accounts the user configured and did not disable."""
    disabled_accounts: frozenset[str] = frozenset()
    """Ids that are neither collected, polled nor shown."""

    def as_document(self) -> dict[str, Any]:
        """The effective settings as JSON values, for `settings_get`."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        document["disabled_accounts"] = sorted(self.disabled_accounts)
        return document


def parse(document: Mapping[str, Any], env: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """
    Settings of a decoded `settings.json`, and a warning for every value that cannot be used.

    `env` gives HOME and variables for `~` and `$NAME` in paths.
    """
    warnings: list[str] = []
    top = Section(document, "", warnings)
    ui, data = top.section("ui"), top.section("data")
    telemetry = top.section("telemetry")
    accounts, disabled = _accounts(top, env)
    dashboard = _dashboard(top.section("dashboard"))
    disabled |= {entry.account_id for entry in dashboard.providers if not entry.enabled}
    settings = Settings(
        auto_detect=top.flag("auto_detect", default=True),
        theme=top.text("theme", DEFAULT_THEME),
        ui=UiSettings(
            refresh_interval_seconds=ui.integer(
                "refresh_interval_seconds", 300, MIN_REFRESH_S, MAX_REFRESH_S
            ),
            warn_threshold=ui.number("warn_threshold", 0.20, 0.0, 1.0),
            crit_threshold=ui.number("crit_threshold", 0.05, 0.0, 1.0),
        ),
        data=DataSettings(
            time_window=data.choice("time_window", "30d", WINDOWS),
            retention_days=data.integer("retention_days", 30, 1, MAX_RETENTION_DAYS),
        ),
        telemetry=TelemetrySettings(
            provider_links=_links(telemetry.section("provider_links")),
            poll=telemetry.flag("poll", default=True),
        ),
        dashboard=dashboard,
        integrations=dict(_integrations(top.section("integrations"))),
        accounts=tuple(account for account in accounts if account.id not in disabled),
        disabled_accounts=frozenset(disabled),
    )
    if settings.ui.crit_threshold > settings.ui.warn_threshold:
        warnings.append(
            f"ui.crit_threshold: {settings.ui.crit_threshold:g} is above ui.warn_threshold "
            f"({settings.ui.warn_threshold:g}), so nothing is ever shown as a mere warning"
        )
    return settings, warnings


def _links(section: Section) -> dict[str, str]:
    """The built-in links under the user's; a blank target takes a built-in one away."""
    links = dict(BUILT_IN_LINKS)
    for key, value in section.items():
        source = key.strip().lower()
        if not isinstance(value, str):
            section.warn(key, value, "a provider's id", "ignored")
        elif source and value.strip():
            links[source] = value.strip().lower()
        else:
            links.pop(source, None)
    return links


def _dashboard(section: Section) -> DashboardSettings:
    entries: dict[str, DashboardProvider] = {}
    for item in section.sections("providers", "account_id"):
        account_id = item.text("account_id")
        if account_id and account_id not in entries:
            entries[account_id] = DashboardProvider(
                account_id=account_id,
                enabled=item.flag("enabled", default=True),
                hide_costs=item.optional_flag("hide_costs"),
            )
    return DashboardSettings(
        providers=tuple(entries.values()), hide_costs=section.optional_flag("hide_costs")
    )


def _integrations(section: Section) -> Iterator[tuple[str, IntegrationSettings]]:
    for key in section.names():
        item = section.section(key)
        yield (
            key,
            IntegrationSettings(
                installed=item.flag("installed", default=False),
                version=item.text("version"),
                installed_at=item.text("installed_at"),
                declined=item.flag("declined", default=False),
            ),
        )


def _accounts(top: Section, env: Mapping[str, str]) -> tuple[list[Account], set[str]]:
    """Configured accounts, first of an id wins, and the ids that are switched off."""
    accounts: dict[str, Account] = {}
    disabled: set[str] = set()
    for item in top.sections("accounts", "id"):
        ident, provider = item.text("id"), item.text("provider")
        if not ident or not provider:
            missing = "id" if not ident else "provider"
            item.warn(missing, item.raw(missing), "a text", "the account is ignored")
            continue
        if ident in accounts:
            item.warn("id", ident, "unique", "the first account of that name is used")
            continue
        for key in ("token", "api_key", "key"):
            item.refuse(key, "secrets do not belong here: name a variable in api_key_env")
        if not item.flag("enabled", default=True):
            disabled.add(ident)
        paths = item.texts("provider_paths") or item.texts("paths")
        accounts[ident] = Account(
            id=ident,
            provider_id=provider,
            title=item.text("title"),
            home=expand(item.text("home"), env),
            paths={key: expand(value, env) for key, value in paths.items()},
            api_key_env=item.secret_name("api_key_env"),
            base_url=item.text("base_url").rstrip("/"),
            options=item.texts("options"),
            origin="settings",
        )
    return list(accounts.values()), disabled


def expand(path: str, env: Mapping[str, str]) -> str:
    """`~` and `$NAME` of a path by the given environment; unknown variables stay as they are."""
    if path == "~" or path.startswith("~/"):
        path = env.get("HOME", "~") + path[1:]
    return (
        re.sub(
            r"\$(?:\{(\w+)\}|(\w+))",
            lambda match: env.get(match[1] or match[2], match[0]),
            path,
        ).rstrip(os.sep)
        or path
    )
