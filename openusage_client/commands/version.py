"""`openusage version`: the client's version and, when one runs, the daemon's."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from typing import Any, Final

from openusage_client.arguments import add_connection_flags, add_json_flag
from openusage_client.errors import ClientError, UsageError
from openusage_client.rpc import Connection
from openusage_proto import VERSION, methods
from openusage_proto.errors import RpcError

RELEASES_URL: Final = "https://pypi.org/pypi/openusage/json"
CHECK_TIMEOUT_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 16 << 20
_VERSION: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6}){0,4})[a-z0-9.+]*")
_INSTALLERS: Final = {
    "/uv/tools/": "uv tool upgrade openusage",
    "/pipx/venvs/": "pipx upgrade openusage",
    "/Cellar/": "brew upgrade openusage",
}
"""Where each keeps what it has installed -> how it brings that up to date."""
_EPILOG: Final = """\
examples:
  openusage version --json
  openusage version --check      nobody is asked without it (or ui.check_for_updates)
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Describe the command's flags."""
    parser.epilog = _EPILOG
    add_json_flag(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="ask the package index whether there is a newer release (only then is it asked)",
    )
    add_connection_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Print the versions; a daemon that does not run is no failure."""
    daemon = _daemon()
    newest = newest_release() if getattr(options, "check", False) else None
    answer = version_json(daemon, newest)
    print(json.dumps(answer, indent=2) if options.json else "\n".join(version_lines(answer)))
    return 0


def version_json(daemon: dict[str, object] | None, newest: str | None) -> dict[str, Any]:
    """
    What is known of versions.

    Args:
        daemon: `version` and `protocol` of the running one.
        newest: the newest release, where it was asked for.
    """
    answer: dict[str, Any] = {
        "version": VERSION,
        "protocol": methods.PROTOCOL_VERSION,
        "daemon": daemon,
    }
    if newest is not None:
        newer = is_newer(newest, VERSION)
        answer |= {
            "newest": newest,
            "newer": newer,
            "upgrade": upgrade_command() if newer else None,
        }
    return answer


def version_lines(answer: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    daemon = answer["daemon"]
    lines = [
        f"openusage {answer['version']} (protocol {answer['protocol']})",
        "openusaged is not running"
        if daemon is None
        else f"openusaged {daemon['version']} (protocol {daemon['protocol']})",
    ]
    if "newest" in answer:
        newest, upgrade = answer["newest"], answer["upgrade"]
        lines.append(
            f"{newest} is out; upgrade: {upgrade}"
            if answer["newer"]
            else f"there is nothing newer (newest: {newest})"
        )
    return lines


def newest_release(timeout_s: float = CHECK_TIMEOUT_S) -> str:
    """
    The newest release as the index has it; the one thing that this client asks a network for.

    Raises:
        ClientError: the index cannot be asked, or answers something else.
    """
    # 20 ms of imports that no other command pays for.
    from urllib.request import Request, urlopen

    url = os.environ.get("OPENUSAGE_RELEASES_URL", RELEASES_URL)
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise UsageError("OPENUSAGE_RELEASES_URL: an https address is wanted")
    request = Request(url, headers={"User-Agent": "openusage", "Accept": "application/json"})  # noqa: S310
    try:
        with urlopen(request, timeout=timeout_s) as response:  # noqa: S310  # checked above
            found = json.loads(response.read(MAX_ANSWER_BYTES))
        version = found["info"]["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClientError(f"cannot tell whether there is a newer release: {error}") from error
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ClientError("cannot tell whether there is a newer release: the index names none")
    return version


def upgrade_command(prefix: str = sys.prefix) -> str:
    """What brings a copy that lies at `prefix` up to date, by who has put it there."""
    for folder, command in _INSTALLERS.items():
        if folder in prefix:
            return command
    return shlex.join([sys.executable, "-m", "pip", "install", "--upgrade", "openusage"])


def is_newer(one: str, other: str) -> bool:
    """Whether a version comes after another; an unknown one is older than any."""
    return _numbers(one) > _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    match = _VERSION.match(version)
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()


def _daemon() -> dict[str, object] | None:
    try:
        with Connection(timeout_s=2.0) as connection:
            status = connection.call(methods.STATUS)
    except (ClientError, RpcError):
        return None
    return {"version": status.get("version"), "protocol": status.get("protocol")}
