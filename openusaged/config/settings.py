"""
The user's settings: every key typed, defaulted and checked on its own.

A wrong value gives its key's default and a warning; it never stops the daemon and never touches
other keys.  Keys this version does not know are left alone (`settings_file` patches the document).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

import msgspec

from openusage_proto.values import dataclass
from openusaged.config import accounts, alerts, dashboard, tmux
from openusaged.config.accounts import expand
from openusaged.config.alerts import AlertSettings, Budget
from openusaged.config.dashboard import DashboardSettings
from openusaged.config.reading import Section
from openusaged.config.tmux import TmuxSettings
from openusaged.core.model_identity import ModelNames, NameRule
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
    """`ui`: how often vendors are asked, where gauges change colour, news of releases."""

    refresh_interval_seconds: int = 300
    """Between two polls of an account; a provider's own minimum wins."""
    warn_threshold: float = 0.20
    """Fraction of a limit that remains when its gauge turns to warning."""
    crit_threshold: float = 0.05
    check_for_updates: bool = False
    """Whether the dashboard may ask the package index for a newer release when it starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """`data`: the window shown first, and how long full detail is kept."""

    time_window: str = "30d"
    retention_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentalSettings:
    """`experimental`: screens that are not finished."""

    analytics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSettings:
    """`detect`: which files of the user are read for keys; secrets found stay in memory."""

    shell_rc: bool = True
    dotenv: bool = False
    directories: tuple[str, ...] = ()
    """Project directories for `.env` files and Aider's settings: a service has no directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """`telemetry`: which account foreign events belong to; whether vendors are polled."""

    provider_links: Mapping[str, str] = field(default_factory=lambda: dict(BUILT_IN_LINKS))
    poll: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PricingSettings:
    """`pricing`: whether a list of new models' prices is fetched once a day, and from where."""

    refresh: bool = True
    catalogue_url: str = ""
    """Empty: where LiteLLM publishes its catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizationOverride:
    """What one raw model name stands for."""

    raw_model_id: str
    canonical_lineage_id: str
    provider: str = ""
    canonical_release_id: str = ""
    canonical_model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizationSettings:
    """`model_normalization`: how model names are grouped on screen."""

    enabled: bool = True
    group_by: str = "lineage"
    min_confidence: float = 0.80
    overrides: tuple[NormalizationOverride, ...] = ()

    def names(self) -> ModelNames:
        """The same as the rules by which a report groups."""
        return ModelNames(
            enabled=self.enabled,
            by_release=self.group_by == "release",
            min_confidence=self.min_confidence,
            rules=tuple(
                NameRule(
                    raw=one.raw_model_id,
                    lineage=one.canonical_lineage_id,
                    provider=one.provider,
                    release=one.canonical_release_id,
                    shown=one.canonical_model,
                )
                for one in self.overrides
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationSettings:
    """One entry of `integrations`: what was installed, or that the user declined it."""

    installed: bool = False
    version: str = ""
    installed_at: str = ""
    declined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """`export`: kept for other versions; this daemon sends nothing to a hub."""

    target: str = ""
    interval_seconds: int = 60
    machine_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """`hub`: kept for other versions; this daemon listens on no network."""

    listen_addr: str = ":9190"
    stale_timeout_seconds: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings this version knows, effective values."""

    auto_detect: bool = True
    theme: str = DEFAULT_THEME
    ui: UiSettings = UiSettings()
    data: DataSettings = DataSettings()
    experimental: ExperimentalSettings = ExperimentalSettings()
    detect: DetectSettings = DetectSettings()
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    pricing: PricingSettings = PricingSettings()
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    model_normalization: NormalizationSettings = NormalizationSettings()
    integrations: Mapping[str, IntegrationSettings] = field(default_factory=dict)
    export: ExportSettings = ExportSettings()
    hub: HubSettings = HubSettings()
    tmux: TmuxSettings = field(default_factory=TmuxSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
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
    telemetry, detect = top.section("telemetry"), top.section("detect")
    configured, disabled = accounts.read(top, env)
    shown = dashboard.read(top.section("dashboard"))
    disabled |= {entry.account_id for entry in shown.providers if not entry.enabled}
    settings = Settings(
        auto_detect=top.flag("auto_detect", default=True),
        theme=top.text("theme", DEFAULT_THEME),
        ui=UiSettings(
            refresh_interval_seconds=ui.integer(
                "refresh_interval_seconds", 300, MIN_REFRESH_S, MAX_REFRESH_S
            ),
            warn_threshold=ui.number("warn_threshold", 0.20, 0.0, 1.0),
            crit_threshold=ui.number("crit_threshold", 0.05, 0.0, 1.0),
            check_for_updates=ui.flag("check_for_updates", default=False),
        ),
        data=DataSettings(
            time_window=data.choice("time_window", "30d", WINDOWS),
            # 0 or -1 is how some programs say "for ever": it must not delete all but a day.
            retention_days=data.integer("retention_days", 30, 1, MAX_RETENTION_DAYS, too_low=30),
        ),
        experimental=ExperimentalSettings(
            analytics=top.section("experimental").flag("analytics", default=False)
        ),
        detect=DetectSettings(
            shell_rc=detect.flag("shell_rc", default=True),
            dotenv=detect.flag("dotenv", default=False),
            directories=tuple(_directories(detect, env)),
        ),
        telemetry=TelemetrySettings(
            provider_links=_links(telemetry.section("provider_links")),
            poll=telemetry.flag("poll", default=True),
        ),
        pricing=_pricing(top.section("pricing")),
        dashboard=shown,
        model_normalization=_normalization(top.section("model_normalization")),
        integrations=dict(_integrations(top.section("integrations"))),
        export=_export(top.section("export")),
        hub=_hub(top.section("hub")),
        tmux=tmux.read(top.section("tmux")),
        alerts=alerts.read(top.section("alerts"), env),
        budgets=alerts.read_budgets(top.section("budgets")),
        accounts=tuple(account for account in configured if account.id not in disabled),
        disabled_accounts=frozenset(disabled),
    )
    if settings.ui.crit_threshold > settings.ui.warn_threshold:
        warnings.append(
            f"ui.crit_threshold: {settings.ui.crit_threshold:g} is above ui.warn_threshold "
            f"({settings.ui.warn_threshold:g}), so nothing is ever shown as a mere warning"
        )
    return settings, warnings


def _pricing(section: Section) -> PricingSettings:
    return PricingSettings(
        refresh=section.flag("refresh", default=True),
        catalogue_url=section.text("catalogue_url"),
    )


def unknown_keys(document: Mapping[str, Any]) -> list[str]:
    """
    Keys of the first two levels that this version does not know.

    For whoever is about to set one: a file keeps them, but a misspelt one would do nothing.
    """
    known = Settings().as_document()
    known.pop("disabled_accounts")
    found = []
    for key, value in document.items():
        if key not in known:
            found.append(key)
        elif isinstance(value, Mapping) and isinstance(known[key], dict) and known[key]:
            inner = {*known[key], *_WRITTEN_OTHERWISE.get(key, ())}
            found += [f"{key}.{name}" for name in value if name not in inner]
    return found


_WRITTEN_OTHERWISE: Final[Mapping[str, tuple[str, ...]]] = {"tmux": ("recency_window",)}
"""Keys of the file whose effective value goes by another name."""


def _directories(section: Section, env: Mapping[str, str]) -> Iterator[str]:
    """Project directories; a relative one would mean something else for each process."""
    for given in section.words("directories"):
        path = expand(given, env)
        if path.startswith("/"):
            yield path
        else:
            section.warn("directories", given, "an absolute path", "ignored")


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


def _normalization(section: Section) -> NormalizationSettings:
    overrides = []
    for item in section.sections("overrides", "raw_model_id"):
        raw, lineage = item.text("raw_model_id"), item.text("canonical_lineage_id")
        if not raw or not lineage:
            missing = "canonical_lineage_id" if raw else "raw_model_id"
            item.warn(missing, item.raw(missing), "a text", "the override is ignored")
            continue
        overrides.append(
            NormalizationOverride(
                raw_model_id=raw,
                canonical_lineage_id=lineage,
                provider=item.text("provider"),
                canonical_release_id=item.text("canonical_release_id"),
                canonical_model=item.text("canonical_model"),
            )
        )
    return NormalizationSettings(
        enabled=section.flag("enabled", default=True),
        group_by=section.choice("group_by", "lineage", ("lineage", "release")),
        min_confidence=section.number("min_confidence", 0.80, 0.0, 1.0),
        overrides=tuple(overrides),
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


def _export(section: Section) -> ExportSettings:
    settings = ExportSettings(
        target=section.text("target").rstrip("/"),
        interval_seconds=section.integer("interval_seconds", 60, 1, 86_400),
        machine_name=section.text("machine_name"),
    )
    if settings.target:
        section.refuse("target", "this version sends nothing to a hub")
    return settings


def _hub(section: Section) -> HubSettings:
    return HubSettings(
        listen_addr=section.text("listen_addr", ":9190"),
        stale_timeout_seconds=section.integer("stale_timeout_seconds", 300, 1, 86_400),
    )
