"""
The child process that reads browsers with encrypted cookies: `python -m ...`, question on stdin.

A process of its own: the library and its cryptography need not stay in the daemon's memory, and one
that waits for an unanswered prompt of the operating system can be ended.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final

from openusaged.detect.cookies import MISSING_LIBRARY

_BUS: Final = "DBUS_SESSION_BUS_ADDRESS"
_READERS: Final = ("safari", "edge", "brave", "vivaldi", "opera", "chrome", "chromium")


def main() -> int:
    """Answer with the cookies of one name that one browser holds for one domain."""
    question = json.load(sys.stdin)
    browser, domain, name = question["browser"], question["domain"], question["name"]
    if browser not in _READERS:
        sys.stderr.write("this browser cannot be read\n")
        return 1
    try:
        import browser_cookie3
    except ImportError:
        return MISSING_LIBRARY
    _find_session_bus()
    try:
        jar: Any = getattr(browser_cookie3, browser)(domain_name=_registrable(domain))
    except Exception as error:  # noqa: BLE001  # whatever the library meets is told in one line
        sys.stderr.write(f"{_words(error)}\n")
        return 1
    found = [
        {
            "host": cookie.domain,
            "name": cookie.name,
            "value": cookie.value,
            "expires_s": cookie.expires or 0,
        }
        for cookie in jar
        if cookie.name == name
    ]
    json.dump(found, sys.stdout)
    return 0


def _find_session_bus() -> None:
    """On Linux the browser's key comes over D-Bus, whose address a service may lack."""
    if sys.platform != "linux" or _BUS in os.environ:
        return
    path = f"/run/user/{os.getuid()}/bus"
    if os.path.exists(path):
        os.environ[_BUS] = f"unix:path={path}"


def _words(error: Exception) -> str:
    if isinstance(error, KeyError) and error.args == (_BUS,):
        return "the key store cannot be asked: there is no desktop session (D-Bus) here"
    return f"{type(error).__name__}: {error}"


def _registrable(domain: str) -> str:
    """The last two labels: a cookie of the parent domain is sent to the host as well."""
    return ".".join(domain.split(".")[-2:])


if __name__ == "__main__":
    sys.exit(main())
