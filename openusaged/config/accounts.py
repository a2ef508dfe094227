"""
`accounts`: what a user configured by hand, one verdict per key; keys themselves are refused.

Separate from `settings` because an account's record has the most rules: paths are expanded, an old
name of a key is understood, and nothing that looks like a secret may stay in this file.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Mapping
from typing import Final

from openusaged.config.reading import Section
from openusaged.core.models import Account

COOKIE_DOMAIN: Final = "cookie_domain"
COOKIE_NAME: Final = "cookie_name"
COOKIE_BROWSER: Final = "cookie_browser"
PROBE_MODEL: Final = "probe_model"

_SECRETS: Final = ("token", "api_key", "key", "cookie", "password", "secret")
_LOOKS_SECRET: Final = re.compile(
    r"(?i)(?:^|_)(?:token|key|secret|password|cookie)$|^(?:sk|gsk|xai|pplx|ghp|gho)[-_]"
)
_NOT_SECRET: Final = frozenset({"public_key"})
_REFUSED: Final = "secrets do not belong here: name a variable in api_key_env"


def read(top: Section, env: Mapping[str, str]) -> tuple[list[Account], set[str]]:
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
        for key in _SECRETS:
            item.refuse(key, _REFUSED)
        if not item.flag("enabled", default=True):
            disabled.add(ident)
        paths = item.texts("provider_paths") or item.texts("paths")
        accounts[ident] = Account(
            id=ident,
            provider_id=provider,
            title=item.text("title"),
            home=expand(item.text("home"), env),
            paths={key: _expanded_list(value, env) for key, value in paths.items()},
            api_key_env=item.secret_name("api_key_env"),
            base_url=_base_url(item),
            options=_options(item, env),
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


def _expanded_list(value: str, env: Mapping[str, str]) -> str:
    """A path, or several in a list such as `db_paths` (separated as in PATH)."""
    return os.pathsep.join(expand(part, env) for part in value.split(os.pathsep))


def _base_url(item: Section) -> str:
    """An address without user name and password: those would be shown with it."""
    value = item.text("base_url").rstrip("/")
    if not value:
        return ""
    try:
        parts = urllib.parse.urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        secret = bool(parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        usable = secret = False
    if secret:
        item.refuse("base_url", "an address holds no user name, password or query")
        return ""
    if not usable:
        item.warn("base_url", value, "an http or https address", "ignored")
        return ""
    return value


def _options(item: Section, env: Mapping[str, str]) -> dict[str, str]:
    """`options`, and under their own names the record's further keys that providers look up."""
    options: dict[str, str] = {}
    inner = item.section("options")
    for name, value in inner.items():
        if _LOOKS_SECRET.search(name) and name not in _NOT_SECRET:
            inner.refuse(name, _REFUSED)
        elif isinstance(value, str):
            options[name] = expand(value, env) if value.startswith(("~", "$")) else value
        else:
            inner.warn(name, value, "a text", "ignored")
    for name in ("binary", PROBE_MODEL):
        value = item.text(name)
        if value:
            options.setdefault(name, expand(value, env) if name == "binary" else value)
    cookie = item.section("browser_cookie")
    cookie.refuse("value", "a cookie's value is never kept in the settings")
    for name, option in (
        ("domain", COOKIE_DOMAIN),
        ("cookie_name", COOKIE_NAME),
        ("source_browser", COOKIE_BROWSER),
    ):
        value = cookie.text(name)
        if value:
            options.setdefault(option, value)
    return options
