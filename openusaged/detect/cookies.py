"""
Finds one cookie of one site in one browser: asked for by name, never by looking into all of them.

Firefox keeps cookies in the clear and is read here; the others encrypt them with a key of the
operating system and are read by the optional library, in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import field
from typing import Any, Final

from openusage_proto.values import dataclass
from openusaged.core.errors import AuthRequired
from openusaged.detect import firefox
from openusaged.providers.base import Machine
from openusaged.providers.shared.json_values import as_number, as_object, as_text

TIMEOUT_S: Final = 30.0
FIREFOX: Final = "firefox"
BROWSERS: Final = ("firefox", "safari", "edge", "brave", "vivaldi", "opera", "chrome", "chromium")
"""Canonical names; a longer name is one of them when it contains it, in this order."""
PROMPTING: Final = frozenset({"edge", "brave", "vivaldi", "opera", "chrome", "chromium"})
"""Those whose key the operating system may ask the user for."""
EXTRA: Final = "openusage[browser]"
MISSING_LIBRARY: Final = 3
"""Exit code of the child process when the optional library is not installed."""


class CookieUnavailable(AuthRequired):
    """No such cookie, or the browser cannot be read; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One cookie; `expires_s` 0 means a session cookie."""

    host: str
    name: str
    value: str = field(repr=False)
    expires_s: float = 0.0


def canonical(browser: str) -> str:
    """
    The name of a browser as it is listed.

    Raises:
        CookieUnavailable: it is none of those known.
    """
    wanted = browser.strip().lower()
    for name in BROWSERS:
        if name in wanted:
            return name
    raise CookieUnavailable(f"{browser!r} is no known browser: {', '.join(BROWSERS)}")


def matches(host: str, domain: str) -> bool:
    """Whether a cookie of `host` is sent to `domain`; without a leading dot only to itself."""
    host, domain = host.lower(), domain.lower().lstrip(".")
    if not host.startswith("."):
        return host == domain
    bare = host[1:]
    return domain == bare or domain.endswith("." + bare)


def best(cookies: Iterable[Cookie], domain: str, name: str) -> Cookie | None:
    """Of the cookies that fit the one that lasts longest; a session cookie only without others."""
    fitting = [
        cookie
        for cookie in cookies
        if cookie.name == name and cookie.value and matches(cookie.host, domain)
    ]
    return max(fitting, key=lambda cookie: cookie.expires_s, default=None)


def read(machine: Machine, browser: str, domain: str, name: str) -> Cookie:
    """
    The cookie `name` that `browser` sends to `domain`.

    Raises:
        CookieUnavailable: not there, or the browser cannot be read.
    """
    browser = canonical(browser)
    if browser == FIREFOX:
        try:
            rows = firefox.cookies(machine, name)
        except firefox.FirefoxError as error:
            raise CookieUnavailable(str(error)) from error
        found = [Cookie(host=h, name=n, value=v, expires_s=e) for h, n, v, e in rows]
    else:
        found = _by_library(machine, browser, domain, name)
    cookie = best(found, domain, name)
    if cookie is None:
        raise CookieUnavailable(
            f"no {name} cookie found in {browser}: log into the site there and try again"
        )
    return cookie


def _by_library(machine: Machine, browser: str, domain: str, name: str) -> list[Cookie]:
    """Ask the child process: it can be ended, and its libraries do not stay in our memory."""
    command = [sys.executable, "-m", "openusaged.detect.browser_library"]
    question = json.dumps({"browser": browser, "domain": domain.lstrip("."), "name": name})
    try:
        done = subprocess.run(
            command,
            input=question.encode(),
            capture_output=True,
            timeout=TIMEOUT_S,
            env={**os.environ, **machine.env},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CookieUnavailable(
            f"{browser} did not give its cookies within {TIMEOUT_S:g} s (an unanswered prompt?)"
        ) from error
    except OSError as error:
        raise CookieUnavailable(f"{browser}: {error.strerror or error}") from error
    if done.returncode == MISSING_LIBRARY:
        raise CookieUnavailable(
            f"reading {browser} needs an optional library: pip install '{EXTRA}'"
            " (Firefox works without it)"
        )
    if done.returncode != 0:
        # its words may repeat paths and cookie names, never values; the last line says it
        why = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["failed"]
        raise CookieUnavailable(f"{browser}: {why[0][:200]}")
    return [_cookie(as_object(item)) for item in json.loads(done.stdout or b"[]")]


def _cookie(item: Any) -> Cookie:
    return Cookie(
        host=as_text(item.get("host")),
        name=as_text(item.get("name")),
        value=as_text(item.get("value")),
        expires_s=as_number(item.get("expires_s")) or 0.0,
    )
