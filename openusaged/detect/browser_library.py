"""
The child process that reads browsers with encrypted cookies: `python -m ...`, question on stdin.

A process of its own: the library and its cryptography need not stay in the daemon's memory, and one
that waits for an unanswered prompt of the operating system can be ended.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from openusaged.detect.cookies import MISSING_LIBRARY

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
    try:
        jar: Any = getattr(browser_cookie3, browser)(domain_name=_registrable(domain))
    except Exception as error:  # noqa: BLE001  # whatever the library meets is told in one line
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
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


def _registrable(domain: str) -> str:
    """The last two labels: a cookie of the parent domain is sent to the host as well."""
    return ".".join(domain.split(".")[-2:])


if __name__ == "__main__":
    sys.exit(main())
