"""
Versions: a daemon that an upgrade has left running, and a newer release.

Neither is a matter of the socket: the first is answered by another program, the second by the
package index, which is asked only when `ui.check_for_updates` is switched on.  All of this takes
its time and runs in a thread of its own.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from openusage_client.tui.dialog import YES, Choice, Dialog
from openusage_client.tui.text import clean
from openusage_proto import VERSION

REPLACE: Final = "replace-daemon"
"""Purpose of the question whether the daemon shall be replaced."""
LOOK_TIMEOUT_S: Final = 1.2
_RESTART_TIMEOUT_S: Final = 60.0
_BY_HAND: Final = "`openusaged restart`"


def aside(work: Callable[[], str], say: Callable[[str], None]) -> None:
    """Do something in a thread; the words that come of it are said, unless they are empty."""

    def run() -> None:
        words = work()
        if words:
            say(words)

    threading.Thread(target=run, name="tui-aside", daemon=True).start()


# --------------------------------------------------------------- the daemon


def difference(theirs: str) -> tuple[str, Dialog | None]:
    """
    Words about a daemon of another version, and the question whether to replace an older one.

    Empty when it is this version, or one that does not know what it is.
    """
    from openusage_client.commands.version import is_newer

    ours, theirs = VERSION, clean(theirs)
    if theirs in (ours, "unknown"):
        return "", None
    words = f"the daemon is version {theirs}, this is {ours}"
    if not is_newer(ours, theirs):
        return f"{words}: open the dashboard of the newer one", None
    question = Dialog(
        purpose=REPLACE,
        title="Replace the daemon?",
        kind="choice",
        lines=(f"It is version {theirs}, from before an upgrade; this is {ours}.",
               "It ends what it is doing first; nothing is lost.",
               f"{_BY_HAND} does the same later."),
        value=YES,
        choices=(Choice(value=YES, label=f"Yes, run {ours} instead"),
                 Choice(value="", label=f"No, go on with {theirs}")),
        keys="Enter chooses, Esc leaves it",
    )  # fmt: skip
    return f"{words}: {_BY_HAND} replaces it", question


def replace_daemon() -> str:
    """
    Run this program's daemon instead of the one that runs; words when that has failed.

    When it has not, the poller says that it is connected again.
    """
    import json

    try:
        installed = json.loads(_openusaged("install", "--check").stdout).get("installed")
    except (OSError, ValueError):
        installed = False
    try:
        # A service is renewed as a whole: its files may name the program of the version before.
        done = _openusaged("install" if installed else "restart")
    except OSError as error:
        return f"not replaced: {error}; try {_BY_HAND}"
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        return f"not replaced: {clean(said[-1]) if said else 'no reason given'}; try {_BY_HAND}"
    return ""


def _openusaged(*arguments: str) -> Any:
    import subprocess

    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", "openusaged", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_RESTART_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"no end within {_RESTART_TIMEOUT_S:g} s") from error


# -------------------------------------------------------------- the release


def wants_check(settings: Mapping[str, Any]) -> bool:
    """Whether the settings allow the package index to be asked."""
    section = settings.get("ui")
    return isinstance(section, dict) and section.get("check_for_updates") is True


def newer_release() -> str:
    """A line about a newer release and how to get it; empty without one or without an answer."""
    from openusage_client.commands.version import is_newer, newest_release
    from openusage_client.errors import ClientError, UsageError

    try:
        newest = newest_release(LOOK_TIMEOUT_S)
    except (ClientError, UsageError):
        # Nobody asked just now, so nobody waits for the answer: `openusage version --check` says.
        return ""
    if not is_newer(newest, VERSION):
        return ""
    return f"OpenUsage {newest} is out, this is {VERSION}: {upgrade_command(sys.prefix, _origin())}"


def upgrade_command(prefix: str, origin: str) -> str:
    """
    What upgrades a program that is installed in `prefix`, by the way it came there.

    `origin` is the text of its `direct_url.json` (PEP 610), empty when it came from an index.
    """
    parts = prefix.replace("\\", "/").split("/")
    if "pipx" in parts:
        return "pipx upgrade openusage"
    if "uv" in parts and "tools" in parts:
        return "uv tool upgrade openusage"
    if '"editable": true' in origin:
        return "git pull && make setup"
    return f"{sys.executable} -m pip install --upgrade openusage"


def _origin() -> str:
    from importlib import metadata

    try:
        return metadata.distribution("openusage").read_text("direct_url.json") or ""
    except metadata.PackageNotFoundError:  # a source tree that was never installed
        return ""
