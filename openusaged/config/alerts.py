"""
`alerts` and `budgets`: what the user wants to be told about, when, and by which way.

Separate from `settings` because a rule has fields of its own for each kind of condition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import urlsplit

from openusage_proto.values import dataclass
from openusaged.config.accounts import expand
from openusaged.config.reading import Section

LIMIT: Final = "limit"
BALANCE: Final = "balance"
PACE: Final = "pace"
RESET: Final = "reset"
SPEND: Final = "spend"
STALE: Final = "stale"

_SCOPE: Final = ("account", "provider")
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    LIMIT: (*_SCOPE, "metric", "window", "at"),
    BALANCE: (*_SCOPE, "metric", "below"),
    PACE: (*_SCOPE, "metric", "window", "at"),
    RESET: (*_SCOPE, "metric", "window", "at"),
    SPEND: (*_SCOPE, "project", "model", "amount", "currency", "period"),
    STALE: (*_SCOPE, "minutes"),
}
"""What a rule of each kind may have beside `on` and `enabled`."""
KINDS: Final = tuple(FIELDS)
PERIODS: Final = ("day", "week", "month")
_AT: Final = {LIMIT: 80.0, PACE: 20.0, RESET: 80.0}
DEFAULT_STALE_MINUTES: Final = 120
DEFAULT_COOLDOWN_MINUTES: Final = 15
DEFAULT_BUDGET_AT: Final = (80.0, 100.0)
MAX_AMOUNT: Final = 1e9
MAX_NAMED: Final = 100
"""Rules, and budgets: more than that is a mistake of a program."""

_BUDGET_FIELDS: Final = (
    *(_SCOPE),
    *("project", "model", "amount", "currency", "period", "alert_at"),
)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_QUIET: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")
_LOOPBACK: Final = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")

BUILT_IN_RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "limit-80": {"on": LIMIT, "at": 80},
    "limit-95": {"on": LIMIT, "at": 95},
    "pace": {"on": PACE},
    "reset": {"on": RESET},
}
"""Rules by id that are there from the start; the user's says what of one is different, or, where it
says what it is `on`, replaces it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """
    One condition; an empty text is anything of its kind.

    `at` is per cent of a limit used: the condition of `limit`; for `pace` and `reset` what makes
    them worth telling.  `below` is in the metric's own unit.
    """

    on: str
    enabled: bool = True
    account: str = ""
    provider: str = ""
    metric: str = ""
    window: str = ""
    project: str = ""
    model: str = ""
    at: float = 80.0
    below: float = 0.0
    amount: float = 0.0
    currency: str = "USD"
    period: str = "day"
    minutes: int = DEFAULT_STALE_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent in a calendar period, and at which shares (per cent) to say so."""

    amount: float
    currency: str = "USD"
    period: str = "month"
    account: str = ""
    provider: str = ""
    project: str = ""
    model: str = ""
    alert_at: tuple[float, ...] = DEFAULT_BUDGET_AT


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where alerts are posted; `url_env` names a variable that holds an address that is secret."""

    url: str = ""
    url_env: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """`alerts`; nothing is watched unless it is enabled."""

    enabled: bool = False
    cooldown_minutes: int = DEFAULT_COOLDOWN_MINUTES
    """A condition that comes and goes is told again after this."""
    quiet_hours: str = ""
    """`22:00-07:00` of the local clock; what happens then is told afterwards if it still holds."""
    desktop: bool = True
    tmux: bool = False
    command: tuple[str, ...] = ()
    webhook: WebhookSettings = WebhookSettings()
    rules: Mapping[str, AlertRule] = field(default_factory=lambda: read_rules(_built_in([])))

    @property
    def quiet_minutes(self) -> tuple[int, int] | None:
        """Begin and end of the quiet hours in minutes of the day; None without any."""
        found = _QUIET.fullmatch(self.quiet_hours)
        if found is None:
            return None
        hour, minute, end_hour, end_minute = (int(part) for part in found.groups())
        return hour * 60 + minute, end_hour * 60 + end_minute


def read(section: Section, env: Mapping[str, str]) -> AlertSettings:
    """The settings of `alerts`; `env` gives HOME for the command's path."""
    rules = section.section("rules").over_each(BUILT_IN_RULES, unless="on")
    return AlertSettings(
        enabled=section.flag("enabled", default=False),
        cooldown_minutes=section.integer(
            "cooldown_minutes", DEFAULT_COOLDOWN_MINUTES, 0, 7 * 24 * 60
        ),
        quiet_hours=_quiet_hours(section),
        desktop=section.flag("desktop", default=True),
        tmux=section.flag("tmux", default=False),
        command=_argv(section, env),
        webhook=_webhook(section.section("webhook")),
        rules=read_rules(rules),
    )


def _built_in(warnings: list[str]) -> Section:
    return Section(BUILT_IN_RULES, "alerts.rules", warnings)


def read_rules(section: Section) -> dict[str, AlertRule]:
    """Rules by id; one that cannot be used is left out with a warning."""
    found = {}
    for name in _names(section):
        rule = _rule(section.section(name))
        if rule is not None:
            found[name] = rule
    return found


def _rule(section: Section) -> AlertRule | None:
    enabled = section.flag("enabled", default=True)
    on = section.raw("on")
    if on not in KINDS:
        section.warn("on", on, f"one of {', '.join(KINDS)}", "the rule is ignored")
        return None
    fields = FIELDS[on]
    needed = {BALANCE: "below", SPEND: "amount"}.get(on)
    if _is_misspelt(section, ("on", "enabled", *fields), needed, f"rule on {on}"):
        return None
    return AlertRule(
        on=on,
        enabled=enabled,
        **_texts(section, fields),
        at=section.number("at", _AT.get(on, 0.0), 1.0, 1000.0) if "at" in fields else 0.0,
        below=section.number("below", 0.0, 0.0, MAX_AMOUNT) if on == BALANCE else 0.0,
        amount=section.number("amount", 0.0, 0.01, MAX_AMOUNT) if on == SPEND else 0.0,
        currency=_currency(section),
        period=section.choice("period", "day", PERIODS),
        minutes=section.integer("minutes", DEFAULT_STALE_MINUTES, 5, 30 * 24 * 60),
    )


def read_budgets(section: Section) -> dict[str, Budget]:
    """Budgets by id; one without an amount is left out with a warning."""
    found = {}
    for name in _names(section):
        item = section.section(name)
        if _is_misspelt(item, _BUDGET_FIELDS, "amount", "budget"):
            continue
        found[name] = Budget(
            amount=item.number("amount", 0.01, 0.01, MAX_AMOUNT),
            currency=_currency(item),
            period=item.choice("period", "month", PERIODS),
            **_texts(item, _BUDGET_FIELDS),
            alert_at=item.numbers("alert_at", DEFAULT_BUDGET_AT, 1.0, 1000.0),
        )
    return found


def _names(section: Section) -> list[str]:
    """Ids that can stand on a command line and in a file."""
    names: list[str] = []
    for name in section.names():
        if not _ID.fullmatch(name):
            section.warn(
                name, name, "an id of up to 40 letters, digits, `.`, `_` and `-`", "ignored"
            )
        elif len(names) >= MAX_NAMED:
            section.warn(name, name, f"one of the first {MAX_NAMED}", "ignored")
        else:
            names.append(name)
    return names


def _is_misspelt(section: Section, known: tuple[str, ...], needed: str | None, what: str) -> bool:
    """Whether fields make a rule or budget unusable: without one it meant it would be wider."""
    unknown = [name for name in section.names() if name not in known]
    for name in unknown:
        section.warn(name, name, f"a field of a {what}", f"the {what} is ignored")
    missing = needed is not None and not section.is_number(needed)
    if needed is not None and missing:
        section.warn(needed, section.raw(needed), "a number", f"the {what} is ignored")
    return bool(unknown) or missing


def _texts(section: Section, fields: tuple[str, ...]) -> dict[str, str]:
    names = ("account", "provider", "metric", "window", "project", "model")
    return {name: section.text(name) for name in names if name in fields}


def _currency(section: Section) -> str:
    text = section.text("currency", "USD")
    return text.upper() if len(text) == len("USD") else text


def _quiet_hours(section: Section) -> str:
    text = section.text("quiet_hours")
    if text and not _QUIET.fullmatch(text):
        section.warn("quiet_hours", text, "two times like 22:00-07:00", "there are none")
        return ""
    return text


def _argv(section: Section, env: Mapping[str, str]) -> tuple[str, ...]:
    """A program and its arguments, each as it stands: no shell ever reads them."""
    value = section.raw("command")
    if value is None or value == []:
        return ()
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        section.warn("command", value, "a list of texts (program, argument ...)", "ignored")
        return ()
    if not value[0].strip() or any("\0" in word for word in value):
        section.warn("command", value, "a program and its arguments", "ignored")
        return ()
    return (expand(value[0], env) if value[0].startswith(("~", "$")) else value[0], *value[1:])


def _webhook(section: Section) -> WebhookSettings:
    url, url_env = section.text("url"), section.secret_name("url_env")
    if url and (problem := webhook_problem(url)):
        section.refuse("url", problem)
        url = ""
    if url and url_env:
        section.refuse("url_env", "give either url or url_env")
        url_env = ""
    return WebhookSettings(url=url, url_env=url_env)


def webhook_problem(url: str) -> str:
    """Why nothing is posted to an address; empty when it can be."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        has_login = parts.username is not None or parts.password is not None
        _ = parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not host:
        return "must begin with https://, or http:// on this machine"
    if has_login:
        return "holds a user name or a password; name a variable with the address in url_env"
    if parts.scheme == "http" and not _LOOPBACK.fullmatch(host):
        return "another machine is only reached by https://"
    return ""
